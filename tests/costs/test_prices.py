"""Prices come from the user's file, then from genai-prices; one that nobody knows is None, never 0."""

from __future__ import annotations

from pathlib import Path

import pytest

from persona_metrics.costs import prices
from persona_metrics.costs.prices import Price
from persona_metrics.errors import PersonaError

OPENAI = "https://api.openai.com/v1"


@pytest.fixture
def write(tmp_path: Path):  # type: ignore[no-untyped-def]
    def _write(text: str) -> str:
        path = tmp_path / "prices.yaml"
        path.write_text(text)
        return str(path)

    return _write


def test_a_price_is_dollars_for_a_million_tokens() -> None:
    assert Price(0.15, 0.60).of(2_000_000, 500_000) == pytest.approx(0.60)


def test_the_endpoint_goes_before_the_name_and_the_name_before_a_provider(write) -> None:  # type: ignore[no-untyped-def]
    file = write(
        "m@10.0.0.1:8000: {input: 1, output: 2}\nm: {input: 3, output: 4}\nopenai/m: {input: 5, output: 6}\n"
        "openai/n: {input: 7, output: 8, input_cache_read: 1}\nazure/n: {input: 9, output: 9}\n"
    )

    def found(model: str, address: str) -> tuple[float, float] | None:
        price = prices.find(model, address, file)
        return None if price is None else (price.prompt, price.completion)

    assert found("m", "http://10.0.0.1:8000/v1") == (1, 2)
    assert found("m", OPENAI) == (3, 4)
    assert found("n", OPENAI) == (7, 8)
    assert found("n", "https://x.azure.com/v1") == (9, 9)
    assert found("other", "http://10.0.0.1:8000/v1") is None
    with pytest.raises(PersonaError, match=r"openai/n and azure/n have different prices; name the one.*n@10\.0\.0\.1"):
        found("n", "http://10.0.0.1/v1")


def test_a_local_endpoint_is_free_only_if_the_file_says_so(write) -> None:  # type: ignore[no-untyped-def]
    here = "http://127.0.0.1:8000/v1"
    assert prices.find("llama", here) is None
    assert prices.find("gpt-4o-mini", here) is None
    assert prices.find("llama", here, write("llama: {input: 0, output: 0}")) == Price(0, 0, "prices.yaml")
    assert prices.find("embedded", here) == prices.FREE


def test_a_batch_has_a_price_of_its_own_or_none(write) -> None:  # type: ignore[no-untyped-def]
    both = write("m: {input: 2, output: 4, batch_input: 1, batch_output: 2}")
    assert prices.find("m", OPENAI, both, batch=True) == Price(1, 2, "prices.yaml")
    assert prices.find("m", OPENAI, write("m: {input: 2, output: 4}"), batch=True) is None
    # What is free is so in batches, too.
    assert prices.find("m", OPENAI, write("m: {input: 0, output: 0}"), batch=True) == Price(0, 0, "prices.yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n- b\n", "must map names of models"),
        ("m: 3\n", r"m: write \{input"),
        ("m: {input: cheap, output: 1}\n", "input must be US dollars"),
        ("m: {input: -1, output: 1}\n", "input must be"),
        ("m: {input: .nan, output: 1}\n", "input must be"),
        ("m: {input: true, output: 1}\n", "input must be"),
        ("m: {input: 1}\n", "output must be"),
        ("m: {input: [1, output\n", "no YAML"),
        ("!!python/object/apply:os.system [ls]\n", "no YAML"),
    ],
)
def test_what_is_no_price_is_said_in_one_line(write, text: str, said: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(PersonaError, match=said) as error:
        prices.find("m", OPENAI, write(text))
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(PersonaError, match="cannot be read: No such file"):
        prices.find("m", OPENAI, str(tmp_path / "none.yaml"))


@pytest.mark.parametrize("text", ["1", "a,b", "-1,2", "1,2,3", "nan,1"])
def test_a_price_on_the_command_line_is_two_numbers(text: str) -> None:
    with pytest.raises(PersonaError, match="write IN,OUT"):
        prices.read(text)


def test_what_genai_prices_lists_is_found_by_endpoint_and_model() -> None:
    pytest.importorskip("genai_prices")
    found = prices.find("gpt-4o-mini", OPENAI)
    assert found is not None
    assert (found.prompt, found.completion) == (0.15, 0.6)
    assert found.source.startswith("genai-prices 0.")
    assert prices.find("no-such-model-9", OPENAI) is None
    batch = prices.find("gpt-4o-mini", OPENAI, batch=True)
    assert batch is not None
    assert (batch.prompt, batch.completion) == (0.075, 0.3)
    assert batch.source.endswith(", batch")


@pytest.mark.parametrize(
    ("model", "address"),
    [("deepseek-chat", "https://api.deepseek.com/v1"), ("claude-sonnet-4-5", "https://api.anthropic.com/v1")],
)
def test_a_batch_price_that_is_not_listed_is_not_the_standard_one(model: str, address: str) -> None:
    pytest.importorskip("genai_prices")
    plain, batch = prices.find(model, address), prices.find(model, address, batch=True)
    assert plain is not None
    # Of some models the data has the batch price of one side alone.
    assert batch is None or (batch.prompt < plain.prompt and batch.completion < plain.completion)


def test_amounts_are_words() -> None:
    assert [prices.dollars(x) for x in (None, 0.0, 0.00042, 1234.5)] == [
        "no price known",
        "$0.00",
        "$0.00042",
        "$1,234.50",
    ]
