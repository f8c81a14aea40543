"""Every spelling that somebody types reaches the setting, or one line says how it is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from persona_metrics import settings
from persona_metrics.cli import main
from persona_metrics.cli.metadata import parse_metadata
from persona_metrics.cli.run import with_metadata
from persona_metrics.errors import PersonaError
from persona_metrics.harness.record import strange_keys


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["n=3,attributes=age"], {"n": "3", "attributes": "age"}),
        (["n=3,attributes=age,sex", "k=2"], {"n": "3", "attributes": "age,sex", "k": "2"}),
        (["attributes=age,sex,n=3"], {"attributes": "age,sex", "n": "3"}),
        (["n=3, by="], {"n": "3", "by": ""}),
        (["critic_model=a,b@http://h/v1,c"], {"critic_model": "a,b@http://h/v1,c"}),
        (["generate_mode=baseline"], {"mode": "baseline"}),
        (["GENERATE_MODE=baseline", "LOO_JSON=x.json"], {"mode": "baseline", "loo_json": "x.json"}),
        (["PERSONA_N=4"], {"n": "4"}),
        (["intersections=i.json", "loo_attributes=age"], {"intersection_json": "i.json", "attributes": "age"}),
        (['{"n": 3, "generate_mode": "baseline"}'], {"n": 3, "mode": "baseline"}),
    ],
)
def test_metadata_of_our_commands_is_read_in_every_spelling(words: list[str], found: dict[str, Any]) -> None:
    assert parse_metadata(words) == found


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["n=3,atributes=age"], r"unknown key 'atributes' \(did you mean 'attributes'\?\)"),
        (["votes=3"], r"unknown key 'votes' \(did you mean 'critic_votes'\?\)"),
        (["modus=x"], r"unknown key 'modus' \(did you mean 'mode'\?\)"),
        (["age,sex"], "write key=value, and a list as a,b"),
        (["[1]"], "write key=value"),
        (["{1}"], "not JSON"),
        (["OPENAI_API_KEY=x"], "would be written into the results"),
        (["openai_api_key=x"], "would be written into the results"),
    ],
)
def test_what_is_none_is_one_line(words: list[str], message: str) -> None:
    with pytest.raises(PersonaError, match=message):
        parse_metadata(words)


@pytest.mark.parametrize(
    "option", ["--model-base-url", "--model_base_url", "--model-base-url=", "--MODEL_BASE_URL", "--Model-Base_Url="]
)
def test_options_take_dashes_and_underscores(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = [f"{option}ftp://h"] if option.endswith("=") else [option, "ftp://h"]
    main(["doctor", *given])
    assert "must begin with http" in capsys.readouterr().out


def test_options_of_nested_commands_take_both_spellings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["store", "prune", "--older_than", "90", "--store", str(tmp_path / "none.sqlite")])
    assert "unrecognized" not in capsys.readouterr().err
    assert main(["score", str(tmp_path), "--batch_out", "x", "--batch_submit", "--out", "y"]) == 2
    assert "--batch-submit writes, sends" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--metadata", "n=3", "by=sex,age", "--limit", "2"], '{"n": "3", "by": "sex,age"}'),
        (
            ["--metadata=n=3,critic_model=a,b@http://h/v1", "--limit", "2"],
            '{"n": "3", "critic_model": "a,b@http://h/v1"}',
        ),
        (["--metadata", '{"n": 3}', "--limit", "2"], '{"n": 3}'),
        (["--metadata", '{"n": 3}', "--limit", "2", "--metadata", "k=2"], '{"n": 3, "k": "2"}'),
        (
            ["--metadata", "max_seq_lengths=[4096,8192]", "tokenizer=gpt2", "deep=true", "--limit", "2"],
            '{"max_seq_lengths": [4096, 8192], "tokenizer": "gpt2", "deep": true}',
        ),
    ],
)
def test_run_hands_metadata_on_as_json(words: list[str], found: str) -> None:
    assert with_metadata(["run", *words]) == ["run", "--limit", "2", "--metadata", found]
    assert with_metadata(["run", "--limit", "2"]) == ["run", "--limit", "2"]


@pytest.mark.parametrize(
    "value", ["a,b@http://h/v1", "[a,b@http://h/v1]", "['a', 'b@http://h/v1']", ["a", "b@http://h/v1"]]
)
def test_panel_in_the_forms_that_lm_eval_s_command_line_lets_through(value: Any) -> None:
    assert settings.load({"critic_model": value}, where="--metadata").critic_model == "a,b@http://h/v1"


def test_alias_is_stronger_than_what_the_task_s_yaml_says() -> None:
    assert settings.load({"generate_mode": "baseline", "mode": "output_only"}).mode == "baseline"


@pytest.mark.parametrize("given", [{"K": 3, "k": 16}, {"PERSONA_K": 3}, {"K": "3", "Generate_Mode": "output_only"}])
def test_capitals_make_no_other_name(given: dict[str, Any]) -> None:
    chosen = settings.load(given, where="--metadata")
    assert (chosen.k, chosen.mode) == (3, "output_only")


@pytest.mark.parametrize(
    ("given", "support"),
    [
        ({}, 30),
        ({"n": 16}, 16),
        ({"n": 31}, 30),
        ({"n": 1}, 1),
        ({"n": 16, "min_support": 20}, 20),
        ({"min_support": 5}, 5),
    ],
)
def test_min_support_that_nobody_set_is_at_most_n(given: dict[str, int], support: int) -> None:
    assert settings.load(given).min_support == support


def test_min_support_of_the_environment_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONA_MIN_SUPPORT", "30")
    monkeypatch.setenv("PERSONA_N", "16")
    assert settings.load().min_support == 30


def test_keys_that_nobody_takes_are_named_with_the_nearest() -> None:
    given = {
        "votes": 3,
        "K": 2,
        "Seed": 1,
        "modus": "x",
        "n": 3,
        "model": "m",
        "zzz": 1,
        "version": 1,
        "generate_mode": "baseline",
    }
    lines = strange_keys(given, {"model"}, others=False)
    assert [line.partition(":")[0] for line in lines] == [f"--metadata {key}=…" for key in ("votes", "modus", "zzz")]
    assert [line.partition("mean ")[2].strip("?)'") for line in lines] == ["critic_votes", "mode", ""]
    # Beside other benchmarks: what is near nothing of ours may be theirs.
    assert len(strange_keys(given, {"model"}, others=True)) == 2
