"""Whatever JSON or text a server sends: it is read, or missing with a reason of one line, and never an exception."""

from __future__ import annotations

import json
import time
from timeit import timeit
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_metrics.critic import Missing, Reason
from persona_metrics.critic.debate import DEBATE
from persona_metrics.critic.dialect import Dialect, from_text, room
from persona_metrics.critic.rejection import in_reply, of, read
from persona_metrics.critic.reply import read as reply_of
from persona_metrics.critic.waits import duration, from_body, moment, retry_after

NAMES = st.sampled_from(
    [
        "choices",
        "message",
        "content",
        "text",
        "type",
        "error",
        "errors",
        "code",
        "status",
        "metadata",
        "raw",
        "finish_reason",
        "usage",
        "completion_tokens",
        "refusal",
        "reasoning",
        "reasoning_content",
        "detail",
        "details",
        "retryDelay",
        "retry_after",
        "promptFeedback",
        "blockReason",
        "base_resp",
        "model",
    ]
)
WORDS = st.sampled_from(
    [
        "<think>",
        "</think>",
        "```json",
        "```",
        "{}",
        "max_tokens",
        "at",
        "most",
        "4096",
        "context",
        "length",
        "8192",
        "try",
        "again",
        "in",
        "1m30s",
        "429",
        "SAFETY",
    ]
)
TEXTS = st.one_of(st.text(max_size=40), st.lists(WORDS, max_size=8).map(" ".join))
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS)
BODIES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=25,
)
STATUSES = st.sampled_from([0, 200, 400, 402, 403, 404, 413, 422, 429, 500, 501, 503, 529, 999])


@settings(max_examples=300)
@given(BODIES)
def test_any_body_is_a_reply_or_missing_with_a_reason(body: Any) -> None:
    found = reply_of(body)
    if found.opinion(DEBATE) is None:
        assert isinstance(found.why_not(100), Missing)
    assert all(isinstance(text, str) for text in found.texts)
    in_reply(body)


@settings(max_examples=300)
@given(BODIES, STATUSES, st.integers(1, 100_000))
def test_any_rejection_is_understood_or_left_alone(body: Any, status: int, limit: int) -> None:
    for rejected in (of(body, status), read(status, {}, json.dumps(body).encode())):
        assert isinstance(rejected.message, str)
        assert not (rejected.refused and rejected.passing)
        dialect = Dialect()
        steps = 0
        while dialect.step_down(rejected, dialect.limit(limit)):
            steps += 1
            assert steps < 60
        assert from_text(dialect.to_text()) == dialect
        left = room(rejected, limit)
        assert left is None or 0 < left < limit


@settings(max_examples=300)
@given(
    st.one_of(
        TEXTS, st.sampled_from(Reason).map(lambda r: f"{r.value}: x"), st.sampled_from(["", ": ", "HTTP", "HTTP "])
    )
)
def test_any_reason_in_a_samples_file_reads_as_it_was_written(text: str) -> None:
    assert Missing.read(text) == (text or "unknown")


@settings(max_examples=300)
@given(st.one_of(TEXTS, st.integers().map(str), st.floats().map(str), st.datetimes().map(str)))
def test_any_wait_is_a_number_or_none(text: str) -> None:
    for found in (
        duration(text),
        moment(text),
        retry_after({"retry-after": text}),
        from_body({"retryDelay": text}, text),
    ):
        assert found is None or found >= 0


@pytest.mark.parametrize(
    "text",
    [
        "<|end|>" * 100_000,
        "</think>" * 100_000,
        "<think>" * 100_000,
        "```" * 200_000,
        "</" + " " * 500_000,
        "[" * 500_000,
        "</a" * 200_000,
    ],
)
def test_long_texts_take_no_time_that_grows_with_their_square(text: str) -> None:
    def seconds(said: str) -> float:
        def read() -> None:
            reply_of({"choices": [{"message": {"content": said}}]}).opinion(DEBATE)
            of({"error": {"message": said}}, 400)

        return timeit(read, number=1, timer=time.process_time)

    quarter, whole = seconds(text[: len(text) // 4]), seconds(text)
    assert whole < 12 * quarter + 0.2  # four times as long: quadratic would be sixteen
