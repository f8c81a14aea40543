"""Who goes first in the event loop: whoever is to be sent waits behind a few of a burst of replies, not behind all."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Iterator
from types import FrameType

import pytest

from persona_metrics.critic.loop import Turns, all_or_none, in_own_loop, settled


def test_a_burst_goes_on_a_few_at_a_time_in_the_order_in_which_it_came() -> None:
    went: list[int] = []
    between: list[int] = []

    async def one(turns: Turns, number: int) -> None:
        await turns.mine()
        went.append(number)

    async def sent() -> None:
        while len(went) < 20:
            before = len(went)
            await asyncio.sleep(0)
            between.append(len(went) - before)

    async def burst() -> None:
        turns = Turns(at_once=3)
        asked = [asyncio.ensure_future(one(turns, i)) for i in range(20)]
        await asyncio.gather(sent(), *asked)

    asyncio.run(burst())
    assert went == list(range(20))
    assert max(between) == 3


def test_one_that_gives_up_takes_no_turn_and_a_later_burst_has_its_own() -> None:
    went: list[str] = []

    async def one(turns: Turns, name: str) -> None:
        await turns.mine()
        went.append(name)

    async def burst() -> None:
        turns = Turns(at_once=1)
        asked = [asyncio.ensure_future(one(turns, name)) for name in "abc"]
        await asyncio.sleep(0)
        asked[1].cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        await one(turns, "d")

    asyncio.run(burst())
    assert went == ["a", "c", "d"]


def test_collection_is_as_before_once_the_run_is_over() -> None:
    before = gc.get_freeze_count()
    with settled():
        assert gc.get_freeze_count() > before
    assert gc.get_freeze_count() == 0


def _of_ones_own(number: int, frame: FrameType | None) -> None:
    signal.default_int_handler(number, frame)


@pytest.fixture(params=[signal.default_int_handler, _of_ones_own], ids=["python's", "one's own"])
def handler(request: pytest.FixtureRequest) -> Iterator[object]:
    """Have the handler that a program begins with, and the command line's kind."""
    before = signal.signal(signal.SIGINT, request.param)
    yield request.param
    signal.signal(signal.SIGINT, before)


async def _pressed() -> None:
    signal.raise_signal(signal.SIGINT)
    await asyncio.sleep(60)


def test_an_interrupt_in_the_middle_of_a_step_lets_the_work_clean_up(
    handler: object, caplog: pytest.LogCaptureFixture
) -> None:
    went: list[str] = []

    async def work() -> None:
        try:
            await all_or_none([asyncio.sleep(60), _pressed()])
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)
            went.append("cleaned up")
            raise

    with caplog.at_level(logging.ERROR), pytest.raises(KeyboardInterrupt):
        in_own_loop(work())
    assert went == ["cleaned up"]
    assert caplog.text == ""
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_second_interrupt_does_not_wait_for_the_cleaning_up(
    handler: object, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        try:
            await all_or_none([asyncio.sleep(60), _pressed()])
        finally:
            await _pressed()

    with caplog.at_level(logging.ERROR), pytest.raises(KeyboardInterrupt):
        in_own_loop(work())
    gc.collect()
    assert caplog.text == ""
    assert signal.getsignal(signal.SIGINT) is handler


def test_an_interrupt_that_the_work_outlives_is_not_lost(handler: object) -> None:
    async def work() -> str:
        signal.raise_signal(signal.SIGINT)
        return "done"

    with pytest.raises(KeyboardInterrupt):
        in_own_loop(work())
    assert signal.getsignal(signal.SIGINT) is handler


def test_work_that_nobody_interrupts_returns_or_raises_as_it_is(handler: object) -> None:
    assert in_own_loop(asyncio.sleep(0, "done")) == "done"

    async def cancelled() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        in_own_loop(cancelled())
    assert signal.getsignal(signal.SIGINT) is handler
