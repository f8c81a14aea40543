# ruff: noqa: E501 – what servers say is quoted as they say it
"""Formats, roles and limits that a server rejects, in its own words: only what they are about changes, and only once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from persona_metrics.critic import Missing, client
from persona_metrics.critic.dialect import Dialect, from_text
from persona_metrics.critic.store import Store
from persona_metrics.scoring import batchfile
from tests.critic.helpers import expected, judged, judgements, pointing_at, values
from tests.critic.scripted import Scripted, error, vote
from tests.fakes.server import Server

FORMATS: list[tuple[int, Any]] = [
    (
        400,
        {
            "error": {
                "message": "Invalid schema for response_format 'debate': In context=(), 'additionalProperties' is required to be supplied and to be false."
            }
        },
    ),
    (400, {"error": {"message": "In context=(): schema keyword not allowed"}}),
    (400, {"error": {"message": "This response_format type is unavailable now", "code": "invalid_request_error"}}),
    (
        422,
        {
            "error": {
                "message": "Failed to deserialize the JSON body into the target type: response_format: response_format.type `json_schema` is unavailable now at line 1 column 1193"
            }
        },
    ),
    (404, {"error": {"message": "No endpoints found that can handle the requested parameters.", "code": 404}}),
    (500, {"error": {"code": 500, "message": "failed to parse grammar", "type": "server_error"}}),
    (501, {"error": {"message": "structured outputs are not implemented"}}),
    (501, "Not Implemented"),
    (400, {"error": {"message": "Bad Request"}}),
    (500, {"detail": "xgrammar: unsupported"}),
    (
        422,
        {
            "detail": [
                {
                    "type": "extra_forbidden",
                    "loc": ["body", "response_format", "json_schema"],
                    "msg": "Extra inputs are not permitted",
                }
            ]
        },
    ),
    (
        400,
        {
            "error": {
                "message": "Provider returned error",
                "metadata": {"raw": '{"message": "json_schema is not supported by this model"}'},
            }
        },
    ),
]


class Picky(Server):
    """Rejects structured output with one response, as long as the format is the schema."""

    rejection: tuple[int, Any] = (400, "")

    async def _answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if (body.get("response_format") or {}).get("type") == "json_schema":
            self.log.append((request.path, body, dict(request.headers)))
            status, said = self.rejection
            return web.Response(status=status, text=said if isinstance(said, str) else json.dumps(said))
        return await super()._answer(request, body)


@pytest.mark.parametrize(("status", "body"), FORMATS)
def test_a_format_that_is_rejected_is_stepped_down_once_for_all(status: int, body: Any) -> None:
    with Picky() as server:
        server.rejection = (status, body)
        verdicts = judged(server, judgements(20), critic_concurrency=1, critic_attempts=3)
        kinds = [(sent.get("response_format") or {}).get("type") for _, sent, _ in server.log]
    assert values(verdicts) == expected(judgements(20))
    # Where the words say nothing, the one that waited behind the first may find out for itself.
    assert kinds.count("json_schema") in (1, 2)
    assert kinds.count("json_object") == 20


def test_a_format_that_fails_without_a_word_is_found_out_by_retries() -> None:
    with Picky() as server:
        server.rejection = (500, {"error": {"message": "Internal Server Error"}})
        verdicts = judged(server, judgements(20), critic_concurrency=1)
        kinds = [(sent.get("response_format") or {}).get("type") for _, sent, _ in server.log]
    assert values(verdicts) == expected(judgements(20))
    assert kinds.count("json_schema") in (4, 5)  # two attempts of two judgements, and one that waited meanwhile


@pytest.mark.parametrize(
    "said",
    [
        {
            "error": {
                "message": "Failed to generate JSON. Please adjust your prompt.",
                "code": "json_validate_failed",
                "failed_generation": '{"response_format": x',
            }
        },
        {"error": {"message": "Failed to validate JSON", "code": "json_validate_failed"}},
        {
            "error": {
                "code": 500,
                "message": "The model produced output that does not match the expected peg-native format",
            }
        },
    ],
)
def test_a_reply_that_broke_the_format_under_way_is_asked_for_again(said: Any) -> None:
    with Scripted((400, said, {}), (400, said, {})) as server:
        cast = vote(pointing_at(server))
        assert (cast.missing, cast.attempts) == (None, 3)
        vote(pointing_at(server))
        kinds = [sent["response_format"]["type"] for _, sent, _ in server.log]
    assert kinds[:2] == ["json_schema"] * 2
    assert kinds[3] == "json_schema"


def test_what_a_critic_proved_is_kept_with_the_verdicts() -> None:
    with Server(formats=("text",)) as server:
        judged(server, judgements(4))
        assert len(server.log) >= 6
        client.dialects.clear()  # as in another process
        before = len(server.log)
        judged(server, judgements(4, start=4))
        assert len(server.log) == before + 4
        assert not any("response_format" in sent for _, sent, _ in server.log[before:])


@pytest.mark.parametrize(
    "text", ["", "{}x", "[]", '{"format": 9}', '{"max_tokens": "x"}', '{"later": 1}', '{"ceiling": "x"}']
)
def test_a_dialect_that_is_scribble_is_left_out(text: str) -> None:
    assert from_text(text) is None
    assert from_text(Dialect(format=2).to_text()) == Dialect(format=2)


SYSTEMS: list[tuple[int, Any]] = [
    (400, {"object": "error", "message": "System role not supported", "type": "BadRequestError", "code": 400}),
    (500, {"error": {"code": 500, "message": "Jinja Exception: System role not supported"}}),
    (
        400,
        {
            "error": {
                "message": "Developer instruction is not enabled for models/gemma-3-27b-it",
                "status": "INVALID_ARGUMENT",
            }
        },
    ),
    (400, {"error": {"message": "Unsupported value: 'messages[0].role' does not support 'system' with this model."}}),
    (400, {"message": "Conversation roles must alternate user/assistant/user/assistant/..."}),
    (400, {"error": {"message": "system message is not supported"}}),
]


@pytest.mark.parametrize(("status", "body"), SYSTEMS)
def test_without_a_system_role_its_words_begin_the_users_message(status: int, body: Any) -> None:
    class Gemma(Server):
        async def _answer(self, request: web.Request, sent: dict[str, Any]) -> web.StreamResponse:
            if any(m["role"] == "system" for m in sent["messages"]):
                self.counts["rejected"] += 1
                return web.json_response(body, status=status)
            return await super()._answer(request, sent)

    with Gemma() as server:
        asked = judgements(10)
        assert values(judged(server, asked, critic_concurrency=1)) == expected(asked)
        assert server.counts["rejected"] == 1
        [only] = server.log[0][1]["messages"]
        assert server.log[0][1]["response_format"]["type"] == "json_schema"
    assert only["role"] == "user"
    both = [judgement.messages() for judgement in asked]
    assert only["content"] in [f"{system['content']}\n\n{user['content']}" for system, user in both]


LIMITS = [
    (
        400,
        "max_tokens is too large: 100000. This model supports at most 4096 completion tokens, whereas you provided 100000.",
        4096,
    ),
    (400, "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", 8192),
    (
        400,
        "`max_tokens` must be less than or equal to `8192`, the maximum value for `max_tokens` is less than the context",
        8192,
    ),
    (400, "Range of max_tokens should be [1, 2000]", 2000),
    (
        400,
        "The parameter `max_tokens` is not valid: integer above maximum value, expected a value <= 12288, but got 100000",
        12288,
    ),
    (422, "max_tokens too large", None),
    (416, "max_tokens is limited for this model: at most 1000", 1000),
    (400, "max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens for this model", 8192),
]


@pytest.mark.parametrize(("status", "said", "taken"), LIMITS)
def test_a_limit_that_is_too_large_steps_down_to_what_is_named(status: int, said: str, taken: int | None) -> None:
    most = taken or 30_000

    class Small(Server):
        async def _answer(self, request: web.Request, sent: dict[str, Any]) -> web.StreamResponse:
            if sent["max_tokens"] > most:
                self.counts["rejected"] += 1
                return web.json_response({"error": {"message": said}}, status=status)
            return await super()._answer(request, sent)

    with Small() as server:
        asked = judgements(6)
        verdicts = judged(server, asked, critic_concurrency=1, critic_max_tokens=100_000, critic_attempts=1)
        assert values(verdicts) == expected(asked)
        assert server.counts["rejected"] == (1 if taken else 2)
        assert {sent["max_tokens"] for _, sent, _ in server.log} == {taken or 25_000}
        assert all(sent["response_format"]["type"] == "json_schema" for _, sent, _ in server.log)


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (
            "This model's maximum context length is 8192 tokens. However, you requested 100900 tokens (900 in the messages, 100000 in the completion).",
            7291,
        ),
        (
            "'max_tokens' or 'max_completion_tokens' is too large: 100000. This model's maximum context length is 40960 tokens and your request has 50 input tokens (100000 > 40960 - 50).",
            40909,
        ),
        (
            "This endpoint's maximum context length is 16384 tokens. However, you requested about 100700 tokens (700 of text input, 100000 in the output).",
            15683,
        ),
        (
            "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 500 `inputs` tokens and 100000 `max_new_tokens`",
            3595,
        ),
    ],
)
def test_where_prompt_and_reply_do_not_fit_together_this_reply_gets_what_is_left(said: str, left: int) -> None:
    with Scripted(error(400, said)) as server:
        assert vote(pointing_at(server, critic_max_tokens=100_000)).opinion is not None
        assert vote(pointing_at(server, critic_max_tokens=100_000)).opinion is not None
        assert [sent["max_tokens"] for _, sent, _ in server.log] == [100_000, left, 100_000]


def test_a_prompt_that_does_not_fit_is_asked_once_and_changes_nothing() -> None:
    said = "This model's maximum context length is 800 tokens. However, you requested 2948 tokens (900 in the messages, 2048 in the completion)."
    with Scripted(error(400, said)) as server:
        cast = vote(pointing_at(server))
        assert len(server.log) == 1
        assert vote(pointing_at(server)).opinion is not None
        assert server.log[1][1]["response_format"]["type"] == "json_schema"
    assert isinstance(cast.missing, Missing)
    assert cast.missing.kind == "HTTP 400"


def test_an_echo_of_the_request_is_not_taken_for_the_servers_words() -> None:
    body = {
        "detail": [
            {
                "type": "extra_forbidden",
                "loc": ["body", "seed"],
                "msg": "Extra inputs are not permitted",
                "input": "content policy, temperature, json_schema",
            }
        ]
    }
    with Scripted((422, body, {})) as server:
        assert vote(pointing_at(server)).opinion is not None
        second = server.log[1][1]
    assert "seed" not in second
    assert "temperature" in second
    assert second["response_format"]["type"] == "json_schema"


def test_many_lines_of_a_batch_that_reject_the_same_are_one_step_down(tmp_path: Path) -> None:
    with Server() as server:
        chosen = pointing_at(server)
    wanted = batchfile.wanted(judgements(9), chosen)
    said = ["response_format json_schema is not supported"] * 6 + ["unknown field: seed"] * 2 + ["Content Exists Risk"]
    lines = [
        {"custom_id": key, "response": {"status_code": 400, "body": {"error": {"message": text}}}}
        for key, text in zip(wanted, said, strict=True)
    ]
    (tmp_path / "done").write_text("\n".join(map(json.dumps, lines)))
    dialects = batchfile.Dialects(chosen)
    with Store(chosen.critic_store) as store:
        found = batchfile.collect([tmp_path / "done"], wanted, chosen, store, dialects)
    assert list(dialects.values()) == [Dialect(format=1, seed=False)]
    assert sorted({missing.kind for missing in found.reasons.values()}) == ["HTTP 400", "the critic refused"]
