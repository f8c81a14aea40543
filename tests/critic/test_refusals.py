"""Refusals and finish reasons in the words of many servers: asked once, and nobody else's request changes."""

from __future__ import annotations

from typing import Any

import pytest

from persona_metrics.critic import Reason
from tests.critic.helpers import judged, judgements, pointing_at
from tests.critic.scripted import Scripted, reply, vote


def message(**parts: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", **parts}, "finish_reason": "stop"}]}


REFUSALS: list[tuple[int, Any]] = [
    (
        400,
        {"error": {"message": "Content Exists Risk", "type": "invalid_request_error", "code": "invalid_request_error"}},
    ),
    (400, {"detail": "Content Exists Risk"}),
    (
        400,
        {
            "error": {
                "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
                "code": "content_filter",
                "innererror": {"code": "ResponsibleAIPolicyViolation"},
            }
        },
    ),
    (400, {"error": {"code": "data_inspection_failed", "message": "Input data may contain inappropriate content."}}),
    (
        403,
        {
            "error": {
                "code": 403,
                "message": "openai/x requires moderation on OpenAI. Your input was flagged",
                "metadata": {"reasons": ["violence"], "flagged_input": "json_schema"},
            }
        },
    ),
    (403, {"code": "The caller does not have permission", "error": "Content violates usage guidelines."}),
    (
        400,
        {
            "error": {
                "code": "1301",
                "message": "系统检测到输入或生成内容可能包含不安全或敏感内容",
                "type": "sensitive content",
            }
        },
    ),
    (422, {"message": "Blocked by guardrail policy violation"}),
]


@pytest.mark.parametrize(("status", "body"), REFUSALS)
def test_a_refusal_of_one_prompt_is_a_refusal_and_changes_nothing_for_the_others(status: int, body: Any) -> None:
    with Scripted((status, body, {})) as server:
        verdicts = judged(server, judgements(20), critic_concurrency=1, critic_max_failures=1)
        kinds = [sent["response_format"]["type"] for _, sent, _ in server.log]
    assert kinds == ["json_schema"] * 20
    assert [v.missing.reason if v.missing else None for v in verdicts] == [Reason.REFUSED, *[None] * 19]


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("MAX_TOKENS", Reason.CUT),
        ("max_output_tokens", Reason.CUT),
        ("model_length", Reason.CUT),
        ("ERROR_LIMIT", Reason.CUT),
        ("SAFETY", Reason.REFUSED),
        ("content_filter: PROHIBITED_CONTENT", Reason.REFUSED),
        ("RECITATION", Reason.REFUSED),
        ("BLOCKLIST", Reason.REFUSED),
        ("SPII", Reason.REFUSED),
        ("guardrail_intervened", Reason.REFUSED),
        ("content_filtered", Reason.REFUSED),
        ("ERROR_TOXIC", Reason.REFUSED),
        ("sensitive", Reason.REFUSED),
        ("refusal", Reason.REFUSED),
    ],
)
def test_finish_reasons_of_other_providers_are_understood(finish: str, reason: Reason) -> None:
    with Scripted(*[reply("", finish)] * 9) as server:
        cast = vote(pointing_at(server, critic_max_tokens=100))
        assert len(server.log) == (2 if reason is Reason.CUT else 1)
    assert cast.missing is not None
    assert cast.missing.reason is reason


@pytest.mark.parametrize(
    "body",
    [
        {"choices": [{"message": {"content": [{"type": "refusal", "refusal": "No."}]}}]},
        {"choices": [], "promptFeedback": {"blockReason": "SAFETY"}},
        message(content="I'm sorry, but I can't help with that."),
        message(content="I cannot judge people."),
        {"choices": [{"message": None, "finish_reason": "content_filter"}]},
        {"choices": [{"stop_reason": "refusal", "message": {"content": ""}}]},
    ],
)
def test_refusals_in_other_places_are_asked_once(body: Any) -> None:
    with Scripted(*[(200, body, {})] * 5) as server:
        cast = vote(pointing_at(server))
        assert len(server.log) == 1
    assert cast.missing is not None
    assert cast.missing.reason is Reason.REFUSED
