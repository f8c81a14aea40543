"""Who goes first in the event loop: whoever is to be sent waits behind a few of a burst of replies, not behind all."""

from __future__ import annotations

import asyncio
import gc

from persona_metrics.critic.loop import Turns, settled


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
