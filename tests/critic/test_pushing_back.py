"""Errors with status 200, and endpoints that push back: waits in headers and bodies, in the words of many servers."""

from __future__ import annotations

import time
from typing import Any

import pytest
from aiohttp import web

from persona_metrics.critic import Reason
from persona_metrics.critic.rejection import of
from persona_metrics.critic.waits import from_body, moment, retry_after
from tests.critic.helpers import expected, judged, judgements, pointing_at, values
from tests.critic.scripted import Scripted, vote
from tests.fakes.server import Server

SERVED: list[tuple[Any, str]] = [
    ({"error": {"message": "Rate limit exceeded", "code": 429}}, "HTTP 429"),
    (
        {
            "error": {
                "message": "Provider returned error",
                "code": 502,
                "metadata": {"raw": '{"error":{"message":"upstream broke"}}'},
            }
        },
        "HTTP 502",
    ),
    (
        {
            "choices": [
                {
                    "error": {"message": "Upstream idle timeout", "code": 504},
                    "message": {"content": ""},
                    "finish_reason": "error",
                }
            ]
        },
        "HTTP 504",
    ),
    ({"error": "model is overloaded", "error_type": "overloaded"}, "overloaded"),
    ([{"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}], "HTTP 503"),
    ({"object": "error", "message": "CUDA out of memory", "type": "internal_error", "code": 50002}, "50002"),
    ({"base_resp": {"status_code": 1002, "status_msg": "rate limit"}, "choices": None}, "1002"),
    ({"detail": "Service restarting"}, "error"),
    ({"success": False, "errors": [{"code": 3040, "message": "Capacity temporarily exceeded"}]}, "error"),
    ({"error_code": 336501, "error_msg": "Rpm rate limit reached"}, "336501"),
    ({"choices": [], "error": {"message": "Internal", "code": "server_error"}}, "server_error"),
]


@pytest.mark.parametrize(("body", "kind"), SERVED)
def test_an_error_with_status_200_is_asked_again_and_says_what_it_is(body: Any, kind: str) -> None:
    with Scripted((200, body, {})) as server:
        cast = vote(pointing_at(server))
        assert (cast.missing, cast.attempts) == (None, 2)
    with Scripted(*[(200, body, {})] * 500) as server:
        cast = vote(pointing_at(server, critic_attempts=2))
    assert cast.missing is not None
    assert cast.missing.kind == kind


def test_what_a_gateway_hides_is_said() -> None:
    body = {
        "error": {
            "message": "Provider returned error",
            "code": 400,
            "metadata": {"raw": '{"error":{"message":"bad thing"}}'},
        }
    }
    assert of(body, 400).message == "Provider returned error: bad thing"


# -- pushing back --------------------------------------------------------------------------------------------------

GEMINI = [
    {
        "error": {
            "code": 429,
            "message": "You exceeded your current quota, please check your plan and billing details. Please retry in 0.3s.",
            "status": "RESOURCE_EXHAUSTED",
            "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.3s"}],
        }
    }
]


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (GEMINI, 0.3),
        ({"error": {"message": "Rate limit reached … Please try again in 17s."}}, 17),
        ({"error": {"message": "Please try again in 1m30s. Visit https://x/9"}}, 90),
        ({"error": {"message": "Please try again in 250ms."}}, 0.25),
        ({"error": {"message": "Please try again in 50.597142857s."}}, 50.597142857),
        ({"error": {"message": "Please try again in 7m12.48s."}}, 432.48),
        ({"error": {"message": "Please retry after 45 seconds."}}, 45),
        ({"error": {"message": "Rate limit is exceeded. Try again in 50 seconds."}}, 50),
        ({"error": {"message": "Limit reached, retry in 2 minutes and 5 seconds"}}, 125),
        ({"error": {"message": "slow down", "retry_after": 3}}, 3),
        ({"error": {"message": "slow down", "retry_after_ms": 300}}, 0.3),
        ({"message": "Throttled", "retryAfter": "2s"}, 2),
        ({"error": {"message": "Limit 7000, Used 0, Requested 12903."}}, None),
        ({"error": {"message": "Try again later, see error 429"}}, None),
        ({"error": {"message": "Throttled, retry after 17."}}, 17),
        ({"error": {"message": "no"}}, None),
    ],
)
def test_a_wait_in_a_body_is_read(body: Any, seconds: float | None) -> None:
    found = from_body(body, of(body, 429).text)
    assert found == (None if seconds is None else pytest.approx(seconds))


def test_waits_in_headers_of_other_shapes_are_read() -> None:
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60))
    assert retry_after(
        {"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-reset": soon}
    ) == pytest.approx(60, abs=2)
    milliseconds = str(int((time.time() + 60) * 1000))
    assert retry_after({"x-ratelimit-remaining": "0", "x-ratelimit-reset": milliseconds}) == pytest.approx(60, abs=2)
    assert retry_after({"ratelimit-remaining": "0", "ratelimit-reset": "30"}) == 30
    assert retry_after({"x-ratelimit-remaining-requests-day": "5", "x-ratelimit-reset-requests-day": "86000"}) is None
    assert moment(str(int(time.time()) + 30)) == pytest.approx(30, abs=2)


def test_a_wait_in_the_body_is_waited_for() -> None:
    with Scripted((429, GEMINI, {})) as server:
        began = time.monotonic()
        assert vote(pointing_at(server, critic_attempts=1)).opinion is not None
        assert time.monotonic() - began >= 0.3


class Minute(Server):
    """Lets nothing pass for its first ``closed`` seconds, and says nothing of how long."""

    closed = 0.7

    async def _answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if time.monotonic() - self.first < self.closed:
            self.counts["limited"] += 1
            return web.json_response({"error": {"message": "Resource has been exhausted"}}, status=429)
        return await super()._answer(request, body)


def test_an_endpoint_that_lets_nothing_pass_for_a_while_is_waited_for_with_few_requests() -> None:
    with Minute() as server:
        verdicts = judged(server, judgements(60), critic_attempts=2)
        assert server.counts["critic"] == 60
        assert 32 <= server.counts["limited"] < 120  # all that were in flight, and then one after the other
    assert values(verdicts) == expected(judgements(60))


def test_an_allowance_of_tomorrow_is_not_waited_for() -> None:
    body = {"error": {"message": "Rate limit reached on tokens per day. Please try again in 8h2m."}}
    with Scripted(*[(429, body, {})] * 9) as server:
        cast = vote(pointing_at(server))
        assert len(server.log) == 1
    assert cast.missing is not None
    assert "try again in 8h2m" in cast.missing


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (402, {"error": {"message": "Insufficient Balance", "code": "invalid_request_error"}}),
        (402, {"error": {"message": "Insufficient credits", "code": 402}}),
        (429, {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}),
        (
            400,
            {
                "error": {
                    "type": "invalid_request_error",
                    "message": "Your credit balance is too low to access the API.",
                }
            },
        ),
        (429, {"error": {"message": "Your account is suspended", "type": "exceeded_current_quota_error"}}),
    ],
)
def test_an_account_with_nothing_left_is_asked_once(status: int, body: Any) -> None:
    with Scripted((status, body, {})) as server:
        cast = vote(pointing_at(server))
        assert len(server.log) == 1
    assert cast.missing is not None
    assert cast.missing.reason is Reason.QUOTA
