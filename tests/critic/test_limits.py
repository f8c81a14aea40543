"""The gate: order, limits, backing off for all, and what an endpoint's headers ask for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import pytest

from persona_metrics.critic import limits
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


async def _a_few_turns() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def test_a_cancelled_waiter_leaves_its_place_to_the_next() -> None:
    async def run() -> None:
        gate = Gate(1)
        await gate.enter(0)
        first, second = (asyncio.ensure_future(gate.enter(0)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        gate.leave()
        await _a_few_turns()
        assert second.done()
        # Let in and cancelled in the same turn of the loop: the place must come back.
        third = asyncio.ensure_future(gate.enter(0))
        await asyncio.sleep(0)
        gate.leave()
        third.cancel()
        await asyncio.sleep(0)
        fourth = asyncio.ensure_future(gate.enter(0))
        await _a_few_turns()
        assert fourth.done()

    asyncio.run(run())


def test_overload_halves_the_limit_once_for_all_and_successes_bring_it_back() -> None:
    gate = Gate(64)
    for _ in range(20):
        gate.throttled()
    assert gate.limit == 32
    for _ in range(5000):
        gate.succeeded({})
    assert gate.limit == 64


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time stands still while there is something to do, and goes on to the next alarm when there is not."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 1000.0
        look = self._selector.select  # type: ignore[attr-defined]

        def select(timeout: float | None) -> Any:
            assert timeout is not None, "everybody waits, and no alarm is set"
            self._now += timeout
            return look(0)

        self._selector.select = select  # type: ignore[attr-defined]

    def time(self) -> float:
        return self._now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """The time of gates, too."""
    with closing(Clock()) as loop:
        monkeypatch.setattr(limits, "time", SimpleNamespace(monotonic=loop.time))
        yield loop


def _entered(clock: Clock, gate: Gate) -> list[float]:
    """Return after how many seconds each of four requests is let in, of which none comes back."""
    began = clock.time()

    async def one() -> float:
        await gate.enter(0)
        return clock.time() - began

    async def run() -> list[float]:
        return await asyncio.gather(*(one() for _ in range(4)))

    return clock.run_until_complete(run())


def _paced(clock: Clock, gate: Gate, tokens: int, used: int | None = None) -> list[float]:
    """Return after how many seconds each of three requests of four senders is let in, each of which succeeds at once."""
    began = clock.time()
    entered: list[float] = []

    async def one() -> None:
        for _ in range(3):
            counted = await gate.enter(tokens)
            entered.append(clock.time() - began)
            gate.succeeded({}, counted, used)
            gate.leave()

    async def run() -> None:
        await asyncio.gather(*(one() for _ in range(4)))

    clock.run_until_complete(run())
    return entered


def test_after_a_refusal_nobody_enters_until_the_wait_is_over(clock: Clock) -> None:
    gate = Gate(8)
    gate.throttled(0.2)
    # Then one after the other until one passes, an eighth of the gate's own wait apart.
    assert _entered(clock, gate) == pytest.approx([0.2, 0.2625, 0.325, 0.3875])


def test_an_allowance_that_a_success_reports_used_up_holds_everybody_back(clock: Clock) -> None:
    gate = Gate(8)
    gate.succeeded({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "150ms"})
    assert _entered(clock, gate) == pytest.approx([0.15] * 4)


def test_requests_a_minute_are_spaced_out(clock: Clock) -> None:
    # 1,200 a minute are 20 a second; the first comes at once.
    assert _paced(clock, Gate(100, rpm=1200), 0) == pytest.approx([n / 20 for n in range(12)])


def test_a_pace_begins_with_one_and_counts_a_little_late_as_on_time() -> None:
    pace = Pace(60_000)  # one a millisecond
    assert pace.wait(100.0) <= 0
    pace.take(1, 100.0)
    assert pace.wait(100.0) == pytest.approx(0.001)
    pace.take(1, 100.03)  # 29 ms late: on time
    assert pace.wait(100.03) == pytest.approx(-0.028)
    pace.take(1, 200.0)  # long after: 50 ms are given, and no more
    assert pace.wait(200.0) == pytest.approx(-0.049)


def test_tokens_a_minute_are_spaced_out_by_the_size_of_each_request(clock: Clock) -> None:
    # 120,000 tokens a minute are 2,000 a second: 20 requests of 100.
    assert _paced(clock, Gate(100, tpm=120_000), 100) == pytest.approx([n / 20 for n in range(12)])


def test_tokens_counted_too_many_are_given_back(clock: Clock) -> None:
    assert _paced(clock, Gate(100, tpm=120_000), 1000) == pytest.approx([n / 2 for n in range(12)])
    assert _paced(clock, Gate(100, tpm=120_000), 1000, used=100) == pytest.approx([n / 20 for n in range(12)])
