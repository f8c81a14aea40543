"""Critics that think: what they say before, around and instead of the reply is no reply, live, stored and in batch files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from persona_metrics.critic.debate import DEBATE
from persona_metrics.critic.reply import read
from persona_metrics.critic.store import Store
from persona_metrics.scoring import batchfile
from tests.critic.helpers import expected, judged, judgements, pointing_at, values
from tests.critic.scripted import GOOD, Scripted
from tests.fakes.server import Server

BAD = GOOD.replace("false", "true")


def message(**parts: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", **parts}, "finish_reason": "stop"}]}


THINKING = {
    "think": message(content=f"<think>Is it {{so}}?</think>{GOOD}"),
    "two blocks": message(content=f"<think>a</think>\n<think>b</think>\n\n{GOOD}"),
    "an end alone": message(content=f"Let me see.\n</think>\n\n{GOOD}"),
    "a draft within": message(content=f"<think>{BAD}</think>{GOOD}"),
    "before a fence": message(content=f"<think>a</think>\n```json\n{GOOD}\n```"),
    "inside a fence": message(content=f"```json\n<think>a</think>\n{GOOD}\n```"),
    "an end inside a fence": message(content=f"```\na</think>{GOOD}```"),
    "thinking": message(content=f"<thinking>a</thinking>{GOOD}"),
    "thought": message(content=f"<thought>a</thought>{GOOD}"),
    "seed": message(content=f"<seed:think>a</seed:think>{GOOD}"),
    "mistral": message(content=f"[THINK]a[/THINK]{GOOD}"),
    "kimi": message(content=f"◁think▷a◁/think▷{GOOD}"),
    "harmony": message(
        content=f"<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>{GOOD}<|return|>"
    ),
    "cohere": message(content=f"<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>{GOOD}<|END_RESPONSE|>"),
    "answer tag": message(content=f"<think>a</think><answer>{GOOD}</answer>"),
    "box": message(content=f"<think>a</think><|begin_of_box|>{GOOD}<|end_of_box|>"),
    "end of turn": message(content=f"{GOOD}<|im_end|>"),
    "reasoning_content, no content": message(content=None, reasoning_content=GOOD),
    "reasoning, empty content": message(content="", reasoning=GOOD),
    "reasoning with its end": message(content="", reasoning_content=f"a</think>{GOOD}"),
    "both": message(content=GOOD, reasoning_content=BAD),
    "parts": message(
        content=[{"type": "thinking", "thinking": [{"type": "text", "text": BAD}]}, {"type": "text", "text": GOOD}]
    ),
    "parts of reasoning": message(
        content=[{"type": "reasoning", "reasoning": BAD}, {"type": "output_text", "text": GOOD}]
    ),
    "parts of one text": message(content=[{"type": "text", "text": GOOD[:30]}, {"type": "text", "text": GOOD[30:]}]),
    "parts of plain text": message(content=[GOOD]),
    "one part, no list": message(content={"type": "text", "text": GOOD}),
    "a value within": message(content=[{"type": "text", "text": {"value": GOOD, "annotations": []}}]),
    "thinking in a part of text": message(content=[{"type": "text", "text": f"<think>a</think>{GOOD}"}]),
    "a tag in a reply": message(content=GOOD.replace("bears", "he wrote </think> and <think>")),
    "a tag in a reply behind thinking": message(content=f"<think>a</think>{GOOD.replace('bears', 'x </think> y')}"),
}


@pytest.mark.parametrize("kind", THINKING)
def test_a_critic_that_thinks_is_read_at_once_and_from_the_store(kind: str) -> None:
    with Scripted(*[(200, THINKING[kind], {})] * 2) as server:
        verdicts = judged(server, judgements(1), critic_attempts=1)
        assert values(verdicts) == [True]
        again = judged(server, judgements(1), critic_attempts=1)
        assert len(server.log) == 1
    assert values(again) == [True]
    assert [v.opinion for v in again] == [v.opinion for v in verdicts]


@pytest.mark.parametrize("kind", THINKING)
def test_a_critic_that_thinks_is_read_from_batch_files(kind: str, tmp_path: Path) -> None:
    with Server() as server:
        chosen = pointing_at(server)
    wanted = batchfile.wanted(judgements(1), chosen)
    [key] = wanted
    line = {"custom_id": key, "response": {"status_code": 200, "body": THINKING[kind]}}
    (tmp_path / "done").write_text(json.dumps(line))
    with Store(chosen.critic_store) as store:
        found = batchfile.collect([tmp_path / "done"], wanted, chosen, store, batchfile.Dialects(chosen))
        assert (found.stored, found.reasons) == (1, {})
        assert values(batchfile.offline(chosen, store, {})(judgements(1))) == [True]


@pytest.mark.parametrize("formats", [("json_schema", "json_object", "text"), ("json_object", "text"), ("text",)])
def test_a_critic_that_thinks_is_read_whichever_format_it_takes(formats: tuple[str, ...]) -> None:
    class Thinker(Server):
        def debate(self, fenced: Any) -> str:
            return f"<think>{BAD}</think>\n```json\n{super().debate(fenced)}\n```"

    with Thinker(formats=formats) as server:
        assert values(judged(server, judgements(20), critic_attempts=1)) == expected(judgements(20))


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        (message(content="<think>and so on"), "empty reply"),
        (message(content=f"<think>{GOOD}"), "empty reply"),
        (message(content=f"<think>a</think>{GOOD} or {GOOD}"), "not one object of the schema"),
        (message(content=f"{GOOD}</think>{BAD}</think>x"), "not one object of the schema"),
        (message(content="", reasoning_content="I wonder."), "empty reply"),
        (
            {"choices": [{"message": {"content": "<think>so"}, "finish_reason": "length"}]},
            "cut at the token limit: 9 tokens, all of them thoughts",
        ),
        (
            {"choices": [{"message": {"content": None, "reasoning": "so"}, "finish_reason": "length"}]},
            "cut at the token limit: 9 tokens, all of them thoughts",
        ),
    ],
)
def test_thoughts_alone_are_no_reply(body: Any, missing: str) -> None:
    found = read(body)
    assert found.opinion(DEBATE) is None
    assert found.why_not(9) == missing
