"""One endpoint over real HTTP: what is sent, what is retried, what is given up at once, and where keys go."""

from __future__ import annotations

import time
from typing import Any

import pytest

from persona_metrics import settings
from persona_metrics.critic import check, debate
from persona_metrics.critic.request import panel
from persona_metrics.errors import PersonaError
from tests.critic.helpers import expected, judged, judgements, pointing_at, values
from tests.critic.scripted import Scripted, error, reply, vote
from tests.fakes.server import Server


def test_a_vote_says_how_it_was_come_by() -> None:
    with Server() as server:
        cast = vote(pointing_at(server), number=3)
    assert cast.opinion is not None
    assert (cast.critic, cast.endpoint, cast.number) == ("m", server.base_url.split("/")[2], 3)
    assert (cast.attempts, cast.prompt_tokens, cast.completion_tokens, cast.served_model) == (1, 700, 80, "m")
    assert cast.latency is not None
    [(path, sent, headers)] = server.log
    assert path == "/v1/chat/completions"
    assert (sent["model"], sent["temperature"], sent["seed"], sent["max_tokens"]) == ("m", 0.0, 3, 2048)
    assert sent["response_format"]["json_schema"]["schema"] == debate.SCHEMA
    assert "Authorization" not in headers


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 301])
def test_what_will_not_pass_is_asked_once(status: int) -> None:
    script = error(status, "context length exceeded", Location="http://127.0.0.1:9/elsewhere")
    with Scripted(script) as server:
        cast = vote(pointing_at(server, critic_api_key="sk-secret"))
    assert cast.missing is not None
    assert cast.missing.startswith(f"HTTP {status}")
    assert len(server.log) == cast.attempts == 1


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_what_may_pass_is_asked_again(status: int) -> None:
    with Scripted(error(status), error(status)) as server:
        cast = vote(pointing_at(server))
    assert cast.opinion is not None
    assert cast.attempts == 3


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (reply(None), "empty reply"),
        (reply("  \n"), "empty reply"),
        (reply('Sure! {"needs_revision": true}'), "not one object of the schema"),
        (reply(["not", "a debate"]), "not one object of the schema"),
        ((200, "<html>gateway</html>", {}), "unreadable reply"),
        ((200, "[" * 100_000, {}), "unreadable reply"),
        ((200, {"choices": []}, {}), "empty reply"),
        ((200, {"choices": None, "usage": 3}, {}), "empty reply"),
        ((200, [1], {}), "empty reply"),
        ((200, {"error": {"message": "it broke"}}, {}), "error: it broke"),
    ],
)
def test_a_reply_that_is_no_debate_is_asked_again_and_then_missing(answer: Any, reason: str) -> None:
    with Scripted(answer) as server:
        assert vote(pointing_at(server)).attempts == 2
    with Scripted(answer, answer, answer) as server:
        cast = vote(pointing_at(server, critic_attempts=3))
    assert cast.missing is not None
    assert cast.missing.startswith(reason)
    assert cast.attempts == 3


def test_a_refusal_is_kept_with_its_reason_and_not_asked_again() -> None:
    for answer in (
        reply(None, refusal="I cannot judge people."),
        reply("", "content_filter"),
        error(400, "The response was filtered due to content management policy", "content_filter"),
    ):
        with Scripted(answer) as server:
            cast = vote(pointing_at(server))
        assert cast.missing is not None
        assert cast.missing.startswith("the critic refused: ")
        assert len(server.log) == 1
    with Scripted(reply(None, refusal="I cannot judge people.")) as server:
        assert vote(pointing_at(server)).missing == "the critic refused: I cannot judge people."


def test_a_cut_reply_is_asked_once_more_with_twice_the_limit() -> None:
    with Scripted(reply('{"chain_of', "length")) as server:
        cast = vote(pointing_at(server, critic_max_tokens=100, critic_attempts=1))
    assert cast.opinion is not None
    assert [sent["max_tokens"] for _, sent, _ in server.log] == [100, 200]
    with Scripted(*[reply('{"chain_of', "length")] * 9) as server:
        cast = vote(pointing_at(server, critic_max_tokens=100))
    assert cast.missing == "cut at the token limit: 200 tokens"
    assert [sent["max_tokens"] for _, sent, _ in server.log] == [100, 200]


def test_a_reply_that_takes_too_long_is_given_up() -> None:
    with Server(faults={"hang": 1.0}) as server:
        cast = vote(pointing_at(server, critic_timeout=0.2, critic_attempts=2))
    assert cast.missing == "no reply in time: within 0.2 s"


def test_no_answer_at_all_is_a_failed_connection() -> None:
    cast = vote(settings.load({"critic_model": "m", "critic_base_url": "http://127.0.0.1:9/v1", "critic_attempts": 2}))
    assert cast.missing is not None
    assert cast.missing.startswith("connection failed: ")
    assert cast.attempts == 2


def test_a_quota_that_is_spent_is_not_asked_again() -> None:
    with Scripted(error(429, "You exceeded your current quota", "insufficient_quota")) as server:
        cast = vote(pointing_at(server))
    assert cast.missing == "HTTP 429: You exceeded your current quota"
    assert len(server.log) == 1


def test_retry_after_is_waited_for() -> None:
    with Scripted(error(429, Retry_After="0.4")) as server:
        began = time.monotonic()
        assert vote(pointing_at(server)).opinion is not None
        assert time.monotonic() - began >= 0.4


@pytest.mark.parametrize(
    ("message", "parameter"),
    [
        ("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", "max_tokens"),
        ("Unsupported value: 'temperature' does not support 0.0", "temperature"),
        ("unknown field: seed", "seed"),
    ],
)
def test_a_parameter_the_endpoint_rejects_is_left_out(message: str, parameter: str) -> None:
    with Scripted(error(400, message)) as server:
        assert vote(pointing_at(server)).opinion is not None
        assert vote(pointing_at(server)).opinion is not None
    first, second, third = (sent for _, sent, _ in server.log)
    assert parameter in first
    assert parameter not in second
    assert parameter not in third  # learned once
    assert ("max_completion_tokens" in second) == (parameter == "max_tokens")


def test_the_format_steps_down_to_what_the_endpoint_understands() -> None:
    with Server(formats=("text",)) as server:
        assert vote(pointing_at(server)).opinion is not None
    kinds = [sent.get("response_format", {}).get("type") for _, sent, _ in server.log]
    assert kinds == ["json_schema", "json_object", None]


def test_one_bad_request_does_not_change_what_an_endpoint_has_understood() -> None:
    asked = judgements(3)
    with Scripted() as server:
        judged(server, asked[:1])
        server.script = [error(400, "this persona is not allowed here")]
        verdicts = judged(server, asked, critic_concurrency=1, critic_max_failures=1)
        kinds = {sent["response_format"]["type"] for _, sent, _ in server.log}
    assert kinds == {"json_schema"}
    assert [v.missing for v in verdicts] == [None, "HTTP 400: bad request, this persona is not allowed here", None]
    assert values(verdicts)[::2] == expected(asked)[::2]


def test_a_key_that_an_endpoint_repeats_is_struck_out() -> None:
    with Scripted(error(401, "Incorrect API key provided: sk-very-secret")) as server:
        cast = vote(pointing_at(server, critic_api_key="sk-very-secret"))
    assert server.log[0][2]["Authorization"] == "Bearer sk-very-secret"
    assert cast.missing == "HTTP 401: key rejected, Incorrect API key provided: ***"


def test_a_critic_with_an_address_of_its_own_gets_only_a_key_of_its_own() -> None:
    with Server() as first, Server() as second, Server() as third:
        host = second.base_url.split("/")[2]
        chosen = pointing_at(
            first,
            critic_model=f"a,b@{second.base_url},c@{third.base_url},d@{first.base_url}",
            critic_api_key="sk-main",
            critic_api_keys=f"{host}=sk-second",
        )
        assert [critic.secret(chosen) for critic in panel(chosen)] == ["sk-main", "sk-second", None, "sk-main"]
        check(chosen)
    sent = [[headers.get("Authorization") for _, _, headers in server.log] for server in (first, second, third)]
    assert sent == [["Bearer sk-main"] * 2, ["Bearer sk-second"], [None]]


def test_check_names_the_setting_to_change() -> None:
    with Server(key="right") as server, pytest.raises(PersonaError, match="PERSONA_CRITIC_API_KEY") as caught:
        check(pointing_at(server, critic_api_key="wrong-secret"))
    assert "wrong-secret" not in str(caught.value)
    with Server(models=("other",)) as server, pytest.raises(PersonaError, match="PERSONA_CRITIC_MODEL"):
        check(pointing_at(server))
    with pytest.raises(PersonaError, match="PERSONA_CRITIC_BASE_URL"):
        check(settings.load({"critic_model": "m", "critic_base_url": "http://127.0.0.1:9/v1"}))
    with Server() as server:
        check(pointing_at(server))


def test_a_check_that_is_remembered_asks_for_no_debate_while_the_endpoint_accepts_the_key() -> None:
    with Server(key="right") as server:
        chosen = pointing_at(server, critic_api_key="right")
        for _ in range(3):
            check(chosen, remembered=True)
        assert server.counts["critic"] == 1
        check(chosen)
        assert server.counts["critic"] == 2
        with pytest.raises(PersonaError, match="HTTP 401"):
            check(pointing_at(server, critic_api_key="wrong"), remembered=True)
        server.key = "another"
        with pytest.raises(PersonaError, match="HTTP 401"):
            check(chosen, remembered=True)
    with pytest.raises(PersonaError, match="connection failed"):
        check(chosen, remembered=True)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (None, "no critic is configured"),
        ("a,,b", "blank"),
        ("a,b,a", "stands twice"),
        ("a@http://", "must begin with"),
    ],
)
def test_a_critic_that_cannot_be_is_one_line(model: str | None, message: str) -> None:
    with pytest.raises(PersonaError, match=message):
        panel(settings.load({"critic_model": model}))


def test_keys_that_are_no_pairs_are_one_line_without_the_key() -> None:
    chosen = settings.load({"critic_model": "m@http://h/v1", "critic_api_keys": "sk-alone"})
    with pytest.raises(PersonaError, match="host=key") as caught:
        panel(chosen)[0].secret(chosen)
    assert "sk-alone" not in str(caught.value)
