"""What lists say of a sample, by evaluation, from worked examples; and prompts that come out as they went in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from persona_metrics.personas import ATTRIBUTES
from persona_metrics.report import summaries
from persona_metrics.report.bodies import COMPARED, FAILED, MISSING, NO, PICKED, TIED, YES
from persona_metrics.report.sent import Sent


def _variants(**outcomes: int) -> list[dict[str, Any]]:
    names = {name.replace("_", " "): code for name, code in outcomes.items()}
    return [
        {"name": n, "outcome": c, "agreement": None, "votes": [], "missing": None, "failure": None, "answer": f"A. {c}"}
        for n, c in names.items()
    ]


@pytest.mark.parametrize(
    ("evaluation", "outcomes", "said"),
    [
        ("main", {"whole": YES}, ""),
        ("leave_one_out", {"whole": YES, "without_income": NO, "without_age": FAILED}, "fits · flips: income, age"),
        ("leave_one_out", {"whole": NO, "without_age": MISSING}, "needs revision · no flips"),
        ("leave_one_out", {"whole": MISSING, "without_age": NO}, "no verdict · no flips"),
        ("pass_at_k", {"attempt_1": YES, "attempt_2": NO, "attempt_3": YES}, "2 of 3"),
        ("pass_at_k", {"attempt_1": YES, "attempt_2": MISSING}, "1 of 1, 1 without a verdict"),
        ("contrast", {"whole": YES, "another_person": NO}, "fits own · not another"),
        ("choice", {"whole": YES, "changed: age": YES, "unrelated: sex": YES, "no persona": NO}, "adapts · stays"),
        ("choice", {"whole": YES, "changed: age": NO, "unrelated: sex": NO}, "does not adapt · does not stay"),
        ("choice", {"whole": FAILED, "changed: age": YES, "unrelated: sex": YES}, "does not adapt"),
        ("opinion", {"reply 1": PICKED, "reply 2": PICKED}, ""),
        (
            "contrast",
            {"whole": NO, "another_person": YES, "nobody": YES},
            "not own · fits another · without a persona: fits",
        ),
        ("contrast", {"whole": YES, "another_person": YES}, "fits own · another too"),
        ("contrast", {"whole": YES, "another_person": MISSING}, "fits own · another: no verdict"),
        (
            "pairwise",
            {"whole": COMPARED, "another_person": YES, "no_persona": TIED},
            "beats the one for another person · ties with the one for nobody",
        ),
    ],
)
def test_summary_says_what_came_of_a_sample(evaluation: str, outcomes: dict[str, int], said: str) -> None:
    assert summaries.summary(evaluation, _variants(**outcomes)) == said


def test_reason_is_the_first_and_without_details() -> None:
    variants = _variants(whole=YES, other=MISSING)
    variants[1]["missing"] = "HTTP 500: upstream said no"
    assert summaries.reason(variants) == "HTTP 500"
    assert summaries.reason(_variants(whole=YES)) == ""


def _sample(prompt: str, persona: dict[str, Any], question: str) -> dict[str, Any]:
    chat = json.dumps([{"role": "user", "content": prompt}])
    return {
        "doc": {"persona": persona, "question": question},
        "arguments": {"gen_args_0": {"arg_0": [chat], "arg_1": {"temperature": 0.0}}},
    }


def _expanded(template: str, persona: dict[str, Any], question: str) -> str:
    for number, name in enumerate(ATTRIBUTES):
        template = template.replace(f"\ue000{number}\ue001", f"{name}: {persona.get(name)}")
    return template.replace("\ue000q\ue001", question)


def test_prompts_are_held_once_and_come_out_whole() -> None:
    kept = Sent({name: number for number, name in enumerate(ATTRIBUTES)})
    seen = set()
    for age in ("41", "62"):
        persona, question = {"age": age, "religion": "age: 41\nnone"}, f"What at {age}?"
        prompt = f"Known:\n- age: {age}\n- religion: age: 41\nnone\n\nAnswer:\n{question}\n"
        found = kept.of(_sample(prompt, persona, question), 0, 1)
        ((role, template),) = json.loads(kept.texts[found[0]])
        assert role == "user"
        assert _expanded(template, persona, question) == prompt
        seen.add(found[0])
    assert len(seen) == 1


def test_prompt_with_the_pages_own_marks_stays_a_text() -> None:
    kept = Sent({name: number for number, name in enumerate(ATTRIBUTES)})
    found = kept.of(_sample("a \ue0000\ue001 b", {"age": "41"}, ""), 0, 1)
    assert json.loads(kept.texts[found[0]]) == [["user", "a ?0? b"]]
    assert kept.of({"doc": {}}, 0, 1) == []
