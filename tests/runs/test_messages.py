"""What a request showed, read back from the context that lm-eval's samples files hold."""

from __future__ import annotations

import json
from typing import Any

import pytest

from persona_metrics.runs.messages import messages

CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Tea?"}]
READ = [("system", "Be brief."), ("user", "Tea?")]


@pytest.mark.parametrize("context", [CHAT, [CHAT], json.dumps(CHAT), [json.dumps(CHAT)], f"[ {json.dumps(CHAT)[1:]}"])
def test_chat_is_its_messages(context: Any) -> None:
    assert messages(context) == READ


@pytest.mark.parametrize("context", [CHAT[1:], [CHAT[1:]], json.dumps(CHAT[1:])])
def test_chat_of_one_message(context: Any) -> None:
    assert messages(context) == READ[1:]


@pytest.mark.parametrize(
    "text", ["Tea?", "", "[INST] Tea? [/INST]", "[]", "[1,2]", "[3.140]", '[{"x":1}]', '[{"role": "user"}]', "[" * 5000]
)
def test_text_stays_as_it_was_sent_whatever_it_looks_like(text: str) -> None:
    assert messages(text) == messages([text]) == [("", text)]


def test_content_in_parts_is_json_and_none_is_nothing() -> None:
    parts = [{"type": "text", "text": "Tea?"}]
    assert messages([{"role": "user", "content": parts}]) == [("user", json.dumps(parts))]
    assert messages([{"role": "assistant", "content": None}]) == [("assistant", "")]
