from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from persona_metrics import settings
from persona_metrics.errors import PersonaError


def test_later_sources_win(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.load().n == 300
    Path(".env").write_text("PERSONA_N=10\nPERSONA_SEED=4\nGENERATE_MODE=baseline\n")
    assert (settings.load().n, settings.load().seed, settings.load().mode) == (10, 4, "baseline")
    monkeypatch.setenv("PERSONA_N", "20")
    assert settings.load().n == 20
    assert settings.load({"n": 30}).n == 30
    assert settings.source_of("n") == "environment PERSONA_N"
    assert settings.source_of("seed") == ".env PERSONA_SEED"
    assert settings.source_of("mode") == ".env GENERATE_MODE"
    assert settings.source_of("k") == "default"


def test_keys_of_lm_eval_and_of_the_model_are_left_alone() -> None:
    loaded = settings.load(
        {"pretrained": "gpt2", "model": "x", "base_url": "http://h/v1", "max_seq_lengths": [1], "n": 3}
    )
    assert loaded.n == 3


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("critic_modle", "critic_model"),
        ("critic_tempreature", "critic_temperature"),
        ("personnas", "personas"),
        ("qestions", "questions"),
        ("min_suport", "min_support"),
    ],
)
def test_misspelt_key_names_the_nearest(key: str, hint: str) -> None:
    with pytest.raises(PersonaError, match=rf"unknown key '{key}' \(did you mean '{hint}'\?\)"):
        settings.load({key: "x"}, where="--metadata")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mode": "chain_of_thougt"}, "mode: 'chain_of_thougt' is none of baseline.*did you mean 'chain_of_thought'"),
        ({"n": 0}, "n: '0' is wrong"),
        ({"n": -3}, "n: '-3' is wrong"),
        ({"n": "many"}, "n: 'many' is wrong"),
        ({"k": 0}, "k: '0' is wrong"),
        ({"by": "sex,relgion"}, "did you mean 'religion'"),
        ({"source": "hubb"}, "source: 'hubb' is none of embedded, hub"),
        ({"yardstick": "half"}, "yardstick: 'half' is none of whole, reduced"),
        ({"critic_temperature": -1}, "critic_temperature"),
    ],
)
def test_wrong_value_is_one_line(given: dict[str, object], message: str) -> None:
    with pytest.raises(PersonaError, match=message) as raised:
        settings.load(given)
    assert "\n" not in str(raised.value)


def test_wrong_value_of_the_environment_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONA_N", "zero")
    with pytest.raises(PersonaError, match=r"n \(from environment PERSONA_N\): 'zero' is wrong"):
        settings.load()


def test_blank_is_unset_but_blank_by_is_no_breakdown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONA_N", "")
    assert settings.load().n == 300
    assert settings.load({"by": ""}).by == ()
    assert settings.load({"by": ["sex", "religion"]}).by == ("sex", "religion")
    assert settings.load({"by": "sex+religion"}).by == ("sex", "religion")


def test_key_is_taken_from_the_environment_only_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    loaded = settings.load()
    assert loaded.critic_api_key is not None
    assert loaded.critic_api_key.get_secret_value() == "sk-secret"
    assert "sk-secret" not in repr(loaded) + str(loaded.masked()) + loaded.model_dump_json()
    monkeypatch.setenv("PERSONA_CRITIC_API_KEY", "sk-own")
    own = settings.load().critic_api_key
    assert own is not None
    assert own.get_secret_value() == "sk-own"
    with pytest.raises(PersonaError, match="would be written into the results") as raised:
        settings.load({"critic_api_key": "sk-secret"}, where="--metadata")
    assert "sk-secret" not in str(raised.value)


def test_env_example_lists_every_setting() -> None:
    example = (Path(__file__).parents[2] / ".env.example").read_text()
    for field in settings.Settings.model_fields:
        assert settings.environment_names(field)[0] in example, field


def test_unknown_environment_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONA_CRITIC_MODL", "x")
    (line,) = settings.unknown_environment()
    assert "PERSONA_CRITIC_MODL sets nothing" in line
    assert "PERSONA_CRITIC_MODEL" in line


@pytest.mark.parametrize("name", ["by", "attributes", "cross", "columns", "kind", "bears", "language"])
@pytest.mark.parametrize(
    "value", [3, True, 1.5, "[" * 5000, [3], b"x"], ids=["int", "bool", "float", "deep", "list", "bytes"]
)
def test_what_is_no_name_is_no_crash(name: str, value: object) -> None:
    with suppress(PersonaError):
        assert isinstance(getattr(settings.load({name: value}), name), (str, tuple, type(None)))


def test_number_for_a_name_is_one_line() -> None:
    with pytest.raises(PersonaError, match="'3'"):
        settings.load({"by": 3})


@pytest.mark.parametrize("name", ["loo_json", "intersection_json"])
def test_what_json_cannot_hold_is_one_line(name: str) -> None:
    with pytest.raises(PersonaError, match=f"{name}: no JSON"):
        settings.load({name: {"a": object()}})
