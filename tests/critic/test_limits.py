"""The gate: order, limits, backing off for all, and what an endpoint's headers ask for."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate

import pytest

from persona_metrics.critic.limits import Gate, Pace
from persona_metrics.critic.waits import duration, exhausted, retry_after


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1.5", 1.5),
        ("0", 0.0),
        ("6m0s", 360.0),
        ("250ms", 0.25),
        ("1h2m3s", 3723.0),
        ("1d", 86400.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("1.2.3", None),
        ("-5", None),
        ("nan", None),
        ("5x", None),
        ("9" * 400, None),
    ],
)
def test_duration_reads_what_endpoints_send(text: str | None, seconds: float | None) -> None:
    assert duration(text) == seconds


def test_duration_reads_an_http_date_as_the_wait_until_then() -> None:
    assert duration(formatdate(time.time() + 30, usegmt=True)) == pytest.approx(30, abs=1.5)
    assert duration(formatdate(time.time() - 30, usegmt=True)) == 0


def test_retry_after_is_stronger_than_the_rate_limit_headers() -> None:
    limited = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "7s"}
    assert retry_after(limited | {"retry-after": "2"}) == 2
    assert retry_after(limited | {"retry-after-ms": "300", "retry-after": "2"}) == 0.3
    assert retry_after(limited) == 7


def test_only_the_allowance_that_is_used_up_counts() -> None:
    headers = {
        "x-ratelimit-remaining-requests": "9",
        "x-ratelimit-reset-requests": "1h",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "2s",
    }
    assert exhausted(headers) == 2
    assert exhausted({"x-ratelimit-remaining-requests": "9", "x-ratelimit-reset-requests": "1h"}) is None


def test_gate_lets_in_first_come_first_served_and_never_more_than_its_limit() -> None:
    order: list[int] = []
    most = 0

    async def one(gate: Gate, number: int) -> None:
        nonlocal most
        await gate.enter(0)
        order.append(number)
        most = max(most, gate.inflight)
        await asyncio.sleep(0.001)
        gate.leave()

    async def run() -> Gate:
        gate = Gate(3)
        await asyncio.gather(*(one(gate, n) for n in range(20)))
        return gate

    gate = asyncio.run(run())
    assert order == list(range(20))
    assert most == 3
    assert gate.inflight == 0


def test_a_cancelled_waiter_leaves_its_place_to_the_next() -> None:
    async def run() -> None:
        gate = Gate(1)
        await gate.enter(0)
        first, second = (asyncio.ensure_future(gate.enter(0)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        gate.leave()
        await asyncio.wait_for(second, 60)
        # Let in and cancelled in the same turn of the loop: the place must come back.
        third = asyncio.ensure_future(gate.enter(0))
        await asyncio.sleep(0)
        gate.leave()
        third.cancel()
        await asyncio.sleep(0)
        await asyncio.wait_for(gate.enter(0), 60)

    asyncio.run(run())


def test_overload_halves_the_limit_once_for_all_and_successes_bring_it_back() -> None:
    gate = Gate(64)
    for _ in range(20):
        gate.throttled()
    assert gate.limit == 32
    for _ in range(5000):
        gate.succeeded({})
    assert gate.limit == 64


def test_after_a_refusal_nobody_enters_until_the_wait_is_over() -> None:
    async def run() -> list[float]:
        gate = Gate(8)
        began = time.monotonic()
        gate.throttled(0.2)

        async def one() -> float:
            await gate.enter(0)
            return time.monotonic() - began

        return await asyncio.wait_for(asyncio.gather(*(one() for _ in range(4))), 60)

    assert all(entered >= 0.2 for entered in asyncio.run(run()))


def test_an_allowance_that_a_success_reports_used_up_holds_everybody_back() -> None:
    async def run() -> float:
        gate = Gate(8)
        gate.succeeded({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "150ms"})
        began = time.monotonic()
        await gate.enter(0)
        return time.monotonic() - began

    assert asyncio.run(run()) >= 0.149


def _seconds(gate: Gate, entries: int, tokens: int, used: int | None = None) -> float:
    """Return how long so many requests of four senders take to be let in."""

    async def run() -> float:
        entered: list[float] = []

        async def enter() -> None:
            while len(entered) < entries:
                counted = await gate.enter(tokens)
                entered.append(time.monotonic())
                gate.succeeded({}, counted, used)
                gate.leave()
                await asyncio.sleep(0)

        began = time.monotonic()
        await asyncio.wait_for(asyncio.gather(*(enter() for _ in range(4))), 60)
        return entered[entries - 1] - began

    return asyncio.run(run())


LATE = 0.051
"""So late, in seconds, still counts as on time."""


def test_requests_a_minute_are_spaced_out() -> None:
    # 1,200 a minute are 20 a second; the first comes at once.
    assert _seconds(Gate(100, rpm=1200), 10, 0) >= 9 / 20 - LATE


def test_a_pace_begins_with_one_and_counts_a_little_late_as_on_time() -> None:
    pace = Pace(60_000)  # one a millisecond
    assert pace.wait(100.0) <= 0
    pace.take(1, 100.0)
    assert pace.wait(100.0) == pytest.approx(0.001)
    pace.take(1, 100.03)  # 29 ms late: on time
    assert pace.wait(100.03) == pytest.approx(-0.028)
    pace.take(1, 200.0)  # long after: 50 ms are given, and no more
    assert pace.wait(200.0) == pytest.approx(-0.049)


def test_tokens_a_minute_are_spaced_out_by_the_size_of_each_request() -> None:
    # 120,000 tokens a minute are 2,000 a second: 20 requests of 100.
    assert _seconds(Gate(100, tpm=120_000), 10, 100) >= 9 / 20 - LATE


def test_tokens_counted_too_many_are_given_back() -> None:
    counted = _seconds(Gate(100, tpm=120_000), 4, 1000)
    corrected = _seconds(Gate(100, tpm=120_000), 4, 1000, used=100)
    assert counted >= 3 / 2 - LATE
    assert corrected < counted / 2
