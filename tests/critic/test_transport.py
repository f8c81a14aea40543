"""Replies that are no HTTP, or too much of it: each is one failed attempt of its own call, and the next goes on."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from persona_metrics.critic import Reason
from persona_metrics.critic.address import credentials, joined, tidy
from persona_metrics.critic.transport import LONGEST_HEADER
from persona_metrics.errors import PersonaError
from tests.critic.helpers import expected, judged, judgements, pointing_at, values
from tests.critic.scripted import GOOD, Raw, Scripted, error, http, vote
from tests.fakes.server import Server

BODY = json.dumps({"choices": [{"message": {"content": GOOD}}]}).encode()
# "close" where a reply is whole: else its connection may be used again in the moment in which it ends.
BROKEN: dict[str, Any] = {
    "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n",
    "chunk without end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n{}",
    "status line": b"HTTP/1.1 two hundred OK\r\n\r\n{}",
    "status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\n{}",
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "another HTTP": b"HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "header too long": http("", "X-Policy: " + "x" * (2 * LONGEST_HEADER)),
    "headers without end": http("", *(f"X-{i}: y" for i in range(5000))),
    "header not ASCII": b"HTTP/1.1 500 \xff\xfe\r\nX-\xff: \xff\xc3(\r\nContent-Length: 2\r\n\r\n{}",
    "two Content-Lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 9\r\n\r\nhello",
    "Content-Length no number": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}",
    "negative Content-Length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
    "cut short": b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
    "no gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\nContent-Length: 4\r\n\r\nzip!",
    "unknown encoding": b"HTTP/1.1 200 OK\r\nContent-Encoding: zebra\r\nConnection: close\r\nContent-Length: 4\r\n\r\nzip!",
    "nothing": b"",
    "wrong charset": http(b"\xff\xfe\x00{", "Content-Type: application/json; charset=none-such", "Connection: close"),
    "a NUL in a header": b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 2\r\n\r\n{}",
    "switching protocols": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "no content": b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
    "redirect to nowhere": b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n",
    "numbers beyond all": http(
        '{"choices": 1e999999, "usage": {"prompt_tokens": ' + "9" * 5000 + "}}", "Connection: close"
    ),
    "half a pair": http('{"choices": [{"message": {"content": "\\ud83d"}}]}', "Connection: close"),
}
COOKIES = (
    "Set-Cookie: =; Path=/",
    "Set-Cookie: a=\x07b; Domain=..; Path=/",
    "Set-Cookie: s=" + "x" * 5000 + "; Path=/; Expires=Fri, 31 Dec 99999 00:00:00 GMT",
    "Set-Cookie: a b=c\xe9; Max-Age=99999999999999999999",
)


@pytest.mark.parametrize("kind", BROKEN)
def test_a_malformed_reply_is_a_failed_attempt_of_its_own_call(kind: str) -> None:
    with Raw(lambda n: http() if n else BROKEN[kind]) as server:
        cast = vote(pointing_at(server))  # type: ignore[arg-type]
        if kind != "redirect to nowhere":
            assert (cast.missing, cast.attempts) == (None, 2)
    with Raw(lambda _: BROKEN[kind]) as server:
        cast = vote(pointing_at(server, critic_attempts=2))  # type: ignore[arg-type]
    assert cast.missing is not None
    assert cast.missing.reason in (Reason.CONNECTION, Reason.UNREADABLE, Reason.EMPTY, Reason.UNFIT, Reason.HTTP)
    assert "\n" not in cast.missing


@pytest.mark.parametrize("kind", ["chunk", "status line", "header too long", "two Content-Lengths"])
def test_one_malformed_reply_among_many_ends_no_run(kind: str) -> None:
    with Raw(lambda n: BROKEN[kind] if n == 7 else http()) as server:
        verdicts = judged(server, judgements(40), critic_concurrency=4)  # type: ignore[arg-type]
    assert values(verdicts) == [True] * 40
    assert len(server.requests) == 41


def test_cookies_are_neither_kept_nor_sent() -> None:
    with Raw(lambda n: http("", COOKIES[n % len(COOKIES)]), keep=True) as server:
        assert values(judged(server, judgements(12), critic_concurrency=2)) == [True] * 12  # type: ignore[arg-type]
    assert not any(b"cookie" in head.lower() for head in server.requests)


def test_bytes_behind_a_reply_are_nobody_elses_reply() -> None:
    lie = BODY.replace(b'needs_revision\\": false', b'needs_revision\\": true')
    assert lie != BODY
    with Raw(lambda n: [http() + http(lie)] if n == 0 else http(), keep=True) as server:
        assert values(judged(server, judgements(6), critic_concurrency=1)) == [True] * 6  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wait", ["Fri, 31 Dec 99999 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "-1", "nan", "1e400", "٣", "soon", ""]
)
def test_a_wait_that_cannot_be_ends_nothing(wait: str) -> None:
    with Raw(
        lambda n: (
            http() if n else http("{}", b"Retry-After: ".decode() + wait.encode().decode("latin-1"), status="500 No")
        )
    ) as server:
        assert vote(pointing_at(server)).missing is None  # type: ignore[arg-type]


@pytest.mark.parametrize("timeout", [0.4, 5.0])
def test_the_limit_is_on_the_whole_reply(timeout: float) -> None:
    dripping = [http()[:20], *(part for byte in http()[20:] for part in (0.05, bytes([byte])))]
    with Raw(lambda n: http() if n else dripping) as server:
        chosen = pointing_at(server, critic_timeout=timeout, critic_attempts=1)  # type: ignore[arg-type]
        began = time.monotonic()
        cast = vote(chosen)
        took = time.monotonic() - began
    assert cast.missing == f"no reply in time: within {timeout:g} s"
    assert took >= timeout
    assert len(server.requests) == 1


def test_a_reply_without_end_is_given_up() -> None:
    endless = [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        *([b"100000\r\n" + b" " * 0x100000 + b"\r\n"] * 40),
    ]
    with Raw(lambda _: endless) as server:
        cast = vote(pointing_at(server, critic_attempts=1))  # type: ignore[arg-type]
    assert cast.missing == "unreadable reply: longer than 32 MB"


def test_a_usage_that_nobody_can_have_had_holds_nobody_up() -> None:
    for claimed in (2**61, 9_999_999, -5, 1e300, "many", 2**70):
        completion = {
            "choices": [{"message": {"content": GOOD}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": claimed, "completion_tokens": claimed},
        }
        with Scripted(*[(200, completion, {})] * 3) as server:
            verdicts = judged(server, judgements(4), critic_tpm=30_000_000, critic_concurrency=1)
        assert None not in values(verdicts)
        assert all((vote.completion_tokens or 0) <= 9_999_999 for verdict in verdicts for vote in verdict.votes)


# -- addresses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pasted", "asked"),
    [
        ("http://h/v1", "http://h/v1/chat/completions"),
        (" http://h/v1/ ", "http://h/v1/chat/completions"),
        ("http://h/v1/chat/completions", "http://h/v1/chat/completions"),
        ("http://h/v1/chat/completions/", "http://h/v1/chat/completions"),
        ("'http://h/v1/models'", "http://h/v1/chat/completions"),
        ("http://h/v1#top", "http://h/v1/chat/completions"),
        ("HTTP://h/v1", "http://h/v1/chat/completions"),
        ("http://user:password@h:81/v1", "http://h:81/v1/chat/completions"),
        (
            "https://a.openai.azure.com/openai/deployments/d?api-version=2024-10-21",
            "https://a.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
        ),
        (
            "https://a.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
            "https://a.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
        ),
    ],
)
def test_an_address_as_people_paste_it_is_the_one_that_is_asked(pasted: str, asked: str) -> None:
    assert joined(tidy(pasted), "/chat/completions") == asked


@pytest.mark.parametrize(
    "pasted", ["h/v1", "ftp://h", "http://", "http://h:port/v1", "http://h:99999/v1", "http://[h", "http://h h/v1"]
)
def test_what_is_no_address_is_one_line(pasted: str) -> None:
    with pytest.raises(PersonaError, match=r"critic_base_url.*must begin with") as caught:
        tidy(pasted)
    assert "\n" not in str(caught.value)


def test_credentials_go_where_the_address_wants_them() -> None:
    assert credentials("https://h/v1", "sk") == {"Authorization": "Bearer sk"}
    assert credentials("https://h/v1", None) == {}
    assert credentials("https://h/d?api-version=1", "sk") == {"api-key": "sk"}
    assert credentials("https://us%40er:pa%3Ass@h/v1", "sk") == {"Authorization": "Basic dXNAZXI6cGE6c3M="}


def test_addresses_with_query_login_and_pasted_end_are_asked_over_http() -> None:
    with Server() as server:
        for url, header in (
            (f"{server.base_url}/chat/completions?api-version=1", ("api-key", "sk-test")),
            (server.base_url.replace("//", "//user:password@") + "/", ("Authorization", "Basic dXNlcjpwYXNzd29yZA==")),
        ):
            asked = judgements(2, start=len(server.log))
            verdicts = judged(server, asked, critic_base_url=url, critic_api_key="sk-test")
            assert values(verdicts) == expected(asked)
            assert server.log[-1][2][header[0]] == header[1]
            assert all(vote.endpoint == server.base_url.split("/")[2] for v in verdicts for vote in v.votes)


def test_a_long_header_of_a_gateway_is_no_fault() -> None:
    with Raw(lambda _: http("", "Content-Security-Policy: " + "x" * 20_000)) as server:
        assert vote(pointing_at(server, critic_attempts=1)).missing is None  # type: ignore[arg-type]


def test_a_redirect_is_not_followed() -> None:
    with Server() as elsewhere, Scripted(error(307, Location=f"{elsewhere.base_url}/chat/completions")) as server:
        cast = vote(pointing_at(server, critic_api_key="sk-secret"))
        assert cast.missing is not None
        assert cast.missing.kind == "HTTP 307"
        assert elsewhere.log == []
