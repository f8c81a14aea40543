"""The promptfoo configuration as plain data: what is asked, who grades, and that no text of a run can be a template."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_metrics.cli import main
from persona_metrics.critic.debate import Judgement
from persona_metrics.export.promptfoo import inert, rubric
from tests.fakes.runs import write_run

BRACED = st.text(alphabet='{}%#"\\ \nax\ud800', max_size=30)


@settings(max_examples=300)
@given(st.one_of(BRACED, st.dictionaries(BRACED, BRACED, max_size=3), st.lists(BRACED, max_size=3)))
def test_inert_json_says_the_same_and_begins_no_template(value: Any) -> None:
    text = inert(value)
    assert not re.search(r"\{[{%#]", text)
    assert text[0] in '"{['
    assert not text.endswith("\n")
    assert json.loads(text) == json.loads(json.dumps(value).replace("\\ud800", "\\ufffd"))


def test_the_rubric_is_the_debate_with_promptfoos_keys() -> None:
    real = Judgement("May I?", {"age": "40"}, "Yes.").messages()
    fence = real[0]["content"].split("marker ")[1].split(",")[0]
    values = {
        "{{ question }}": '"May I?"',
        "{{ persona }}": '{"age": "40"}',
        "{{ fence }}": fence,
        "{{ output | dump }}": '"Yes."',
    }
    for mine, message in zip(rubric(), real, strict=True):
        text = mine["content"]
        for place, value in values.items():
            text = text.replace(place, value)
        assert text.strip().startswith(message["content"].strip())
    assert all(f"{key} (" in rubric()[0]["content"] for key in ("reason", "pass", "score"))


def exported(results: Path, out: Path) -> dict[str, Any]:
    assert main(["export", str(results), "--to", "promptfoo", "--out", str(out)]) == 0
    return dict(yaml.safe_load((out / "promptfooconfig.yaml").read_text(encoding="utf-8")))


def test_every_critic_of_a_panel_grades_and_most_have_to_pass_an_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = write_run(tmp_path, n=3)
    text = json.loads(results.read_text())
    for metadata in (config["metadata"] for config in text["configs"].values()):
        metadata |= {"critic_model": "a,b{{7*7}},c", "critic_votes": 3, "critic_reasoning_effort": "low"}
    results.write_text(json.dumps(text))
    made = exported(results, tmp_path / "out")
    said = capsys.readouterr().out
    asked = [one["provider"] for one in made["defaultTest"]["assert"]]
    assert [one["id"] for one in asked] == ["openai:chat:a", "openai:chat:b__7*7__", "openai:chat:c"]
    assert asked[0]["config"] == {"temperature": 0.0, "max_tokens": 2048, "reasoning_effort": "low"}
    assert 1 / 3 < made["defaultTest"]["threshold"] <= 2 / 3
    assert "asks each critic once" in said
    assert [len(test["vars"]) for test in made["tests"]] == [4] * 3


def test_the_embedded_critic_leaves_the_grading_to_promptfoos_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = write_run(tmp_path, n=2)
    results.write_text(results.read_text().replace('"critic-x"', '"embedded"'))
    [grader] = exported(results, tmp_path / "out")["defaultTest"]["assert"]
    assert "provider" not in grader
    assert "embedded critic lives in this package" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("task", "says"), [("persona_main_chain_of_thought", "answers inside JSON"), ("persona_loo", "one prompt a pair")]
)
def test_what_promptfoo_cannot_grade_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], task: str, says: str
) -> None:
    results = write_run(tmp_path, (task,), n=3)
    assert main(["export", str(results), "--to", "promptfoo", "--out", str(tmp_path / "out")]) == 2
    assert says in capsys.readouterr().err
