"""Judges many answers at once: bounded, resumable, with every judgement accounted for. Knows no metric and no lm-eval."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

from tqdm import tqdm

from ..consoles import say
from ..costs.prices import dollars
from ..errors import PersonaError
from ..settings import Settings
from .budget import Ledger, OverBudget, ledger, require_prices
from .check import located
from .client import Endpoint
from .fleet import endpoint_of
from .loop import Turns, all_or_none, in_own_loop, settled
from .past import CRITIC
from .protocol import Judged, Prompt
from .request import panel
from .store import Store
from .tally import Tally
from .verdict import Verdict, Vote, decide

Deliver = Callable[[int, Verdict], None]
"""Takes a judgement's position and its verdict."""
_PAUSE = 0.02
"""Seconds between two looks for room."""


def judge(
    judgements: Sequence[Judged],
    settings: Settings,
    *,
    share: int = 1,
    progress: bool = True,
    description: str = "critic",
    beside: tuple[int, int] = (0, 0),
    backoff: float = 0.5,
    repeats: bool = False,
    told: Deliver | None = None,
) -> list[Verdict]:
    """Return one verdict a judgement, in their order; ``told`` hears of each as it arrives.

    See ``judge_each``, which does not hold them all.
    """
    verdicts: dict[int, Verdict] = {}

    def deliver(position: int, verdict: Verdict) -> None:
        verdicts[position] = verdict
        if told is not None:
            told(position, verdict)

    judge_each(
        judgements,
        settings,
        deliver,
        total=len(judgements),
        share=share,
        progress=progress,
        description=description,
        beside=beside,
        backoff=backoff,
        repeats=repeats,
    )
    return [verdicts[i] for i in range(len(judgements))]


def judge_each(
    judgements: Iterable[Judged],
    settings: Settings,
    deliver: Deliver,
    *,
    total: int | None = None,
    share: int = 1,
    progress: bool = True,
    description: str = "critic",
    beside: tuple[int, int] = (0, 0),
    backoff: float = 0.5,
    repeats: bool = False,
    room: Callable[[], bool] = lambda: True,
) -> None:
    """Hand every judgement's verdict to ``deliver`` as it arrives, in whatever order they arrive.

    Judgements are taken from the iterable only as places become free, and verdicts are written to the store as they
    arrive, so that memory does not grow with their number. Of identical judgements one is asked. ``share`` is the
    number of processes that divide the concurrency and the caps among them; ``backoff`` is the first wait before a
    retry, in seconds. ``repeats`` says that the votes will be counted apart, so that ties of them all are not told of.
    No judgement is taken while there is no ``room`` for what comes of it. The bar is called ``description``, and counts with
    ``beside`` those judgements of the same run that were before and those that will come behind.

    Raises ``PersonaError`` where the run cannot go on (the first 20 all fail for one reason, more than
    ``critic_max_failures`` of ``total`` fail or tie, the deadline passes, the store breaks), and what the iterable raises,
    once those in flight have ended; what is judged by then is kept, and the message says how to resume.
    """
    waiting = enumerate(judgements)
    first = next(waiting, None)
    if first is None:
        return
    run = _Run(
        settings,
        deliver,
        Tally(total, settings.critic_max_failures, repeats),
        share,
        progress,
        description,
        backoff,
        beside,
        room,
    )
    with settled():
        in_own_loop(run.all(_chain(first, waiting)))


def _chain(first: tuple[int, Judged], rest: Iterator[tuple[int, Judged]]) -> Iterator[tuple[int, Judged]]:
    yield first
    yield from rest


async def votes_on(prompt: Prompt, endpoints: Sequence[Endpoint], each: int, store: Store) -> list[Vote]:
    """Return every endpoint's votes, ``each`` of them, in turn; raise what one of them raised once all have ended."""
    asked = [e.vote(prompt, n, store) for e in endpoints for n in range(each)]
    # All end before one's error is raised: a vote that is paid for is kept.
    made = await asyncio.gather(*asked, return_exceptions=True) if len(asked) > 1 else [await asked[0]]
    for one in made:
        if isinstance(one, BaseException):
            raise one
    return [one for one in made if not isinstance(one, BaseException)]


async def waited_for(votes: Sequence[Vote], turns: Turns) -> None:
    """Return when what follows from votes, which are kept, may go on: those to be sent come first."""
    if all(vote.stored for vote in votes):
        await asyncio.sleep(0)  # nothing was waited for; an interrupt has to get its turn
    else:
        await turns.mine()


class _Stop(Exception):
    """Ends the run; its text is the reason."""


class _Run:
    """One batch."""

    def __init__(
        self,
        settings: Settings,
        deliver: Deliver,
        tally: Tally,
        share: int,
        progress: bool,
        description: str,
        backoff: float,
        beside: tuple[int, int],
        room: Callable[[], bool],
    ) -> None:
        self.settings, self.deliver, self.share, self.backoff = settings, deliver, share, backoff
        self.room = room
        self.tally, self.total = tally, tally.total
        require_prices(settings, panel(settings))
        self.critics = [located(critic, settings) for critic in panel(settings)]
        self.store = Store(settings.critic_store)
        self.turns = Turns()
        self.open: dict[bytes, list[int]] = {}
        """Judgements in flight, and the positions that wait for each."""
        self.missing: dict[bytes, Verdict] = {}
        """What failed is not in the store, and is not asked again in this run."""
        self.reached: OverBudget | None = None
        """Set once the run has taken what it may: nobody begins another judgement, and what is in flight ends."""
        self.wrong: PersonaError | None = None
        """Set once a judgement cannot be made at all, and heeded in the same way."""
        self.undelivered: Exception | None = None
        """Set once a verdict could not be handed on (a full disk), and heeded in the same way."""
        self.bar = tqdm(
            total=None if self.total is None else sum(beside) + self.total,
            initial=beside[0],
            desc=description,
            unit="verdict",
            disable=not progress,
            file=sys.stderr,
        )

    async def all(self, waiting: Iterator[tuple[int, Judged]]) -> None:
        """Judge everything, or raise with the reason to stop."""
        endpoints = [endpoint_of(c, self.settings, share=self.share, backoff=self.backoff) for c in self.critics]
        # Twice as many as may be in flight: some wait before a retry, and a free place never waits for work.
        window = 2 * sum(endpoint.places for endpoint in endpoints)
        for endpoint in endpoints:
            endpoint.recall(self.store)
        stop = None
        started, before = time.monotonic(), ledger.snapshot()
        try:
            workers = all_or_none(self._worker(waiting, endpoints) for _ in range(min(window, self.total or window)))
            async with self.store.leases.kept():
                await asyncio.wait_for(workers, self.settings.critic_deadline)
            stop = str(self.reached) if self.reached else self.tally.stop(self.tally.done)
        except _Stop as reason:
            # Others may have ended in the same moment; the counts should agree with those below.
            stop = self.tally.stop(self.total) or str(reason)
        except asyncio.TimeoutError:
            stop = f"the deadline of {self.settings.critic_deadline:g} s passed (PERSONA_CRITIC_DEADLINE)"
        except asyncio.CancelledError:
            self.bar.close()
            print(f"\npersona-metrics: interrupted; {self._kept()}", file=sys.stderr, flush=True)
            raise
        finally:
            self._show()
            self.bar.close()
            for endpoint in endpoints:
                await endpoint.close()
            self._enter(time.monotonic() - started, before)
            self.store.close()
        for line in self.tally.lines():
            say(line)
        if self.undelivered is not None:
            raise self.undelivered
        if self.wrong is not None:
            raise PersonaError(f"{self.wrong}; {self._kept()}") if self.tally.judged else self.wrong
        if stop is not None:
            raise PersonaError(f"{stop}; {self._kept()}")

    async def _worker(self, waiting: Iterator[tuple[int, Judged]], endpoints: Sequence[Endpoint]) -> None:
        while (following := await self._following(waiting)) is not None:
            position, judgement = following
            prompt = Prompt.of(judgement)
            name = prompt.digest()
            if name in self.open:
                self.open[name].append(position)
                await asyncio.sleep(0)
                continue
            self.open[name] = [position]
            if (verdict := self.missing.get(name)) is not None:
                self._done(name, judgement, verdict)
                continue
            try:
                votes = await votes_on(prompt, endpoints, self.settings.critic_votes, self.store)
                verdict = decide(votes, prompt.protocol.name)
            except OverBudget as reached:
                self.reached = reached
                return
            try:
                await waited_for(votes, self.turns)
            finally:  # whoever is stopped meanwhile counts what is kept
                self._done(name, judgement, verdict)

    def _ends(self) -> bool:
        return any(one is not None for one in (self.reached, self.wrong, self.undelivered))

    async def _following(self, waiting: Iterator[tuple[int, Judged]]) -> tuple[int, Judged] | None:
        # Of what was stopped nothing comes, and so no room either.
        while not (self._ends() or self.room()):
            await asyncio.sleep(_PAUSE)
        if self._ends():
            return None
        try:
            return next(waiting, None)
        except PersonaError as error:  # those in flight are paid for, and end first
            self.wrong = error
            return None

    def _done(self, name: bytes, judgement: Judged, verdict: Verdict) -> None:
        positions = self.open.pop(name)
        if verdict.missing is not None:
            self.missing[name] = verdict
        try:
            for position in positions if self.undelivered is None else ():
                self.deliver(position, verdict)
        except Exception as error:  # those in flight are paid for, and are kept
            self.undelivered = error
        stop = self.tally.add(judgement, verdict, len(positions))
        self.bar.update(len(positions))
        if self.tally.asked % 25 == 1:
            self._show()
        if stop is not None:
            raise _Stop(stop)

    def _show(self) -> None:
        judged = self.tally.judged
        rate = f"{self.tally.counted / judged:.2f}" if judged else "–"
        counts: dict[str, object] = {"failed": self.tally.failed, self.tally.counts: rate}
        if self.tally.tied and not self.tally.repeats:
            counts["tied"] = self.tally.tied
        if ledger.cost:
            counts["price"] = dollars(ledger.cost)
        self.bar.set_postfix(counts, refresh=False)

    def _enter(self, seconds: float, before: Ledger) -> None:
        """Enter what came of the batch into the ledger, and its calls into the store."""
        for (model, host), spent in ledger.since(before).critics.items():
            with suppress(sqlite3.Error):  # the verdicts are kept; of a full disk the next write will tell
                self.store.past.add(CRITIC, model, host, spent.usage)
        ledger.judged += self.tally.judged
        ledger.missing.update(self.tally.reasons)
        ledger.seconds += seconds

    def _kept(self) -> str:
        if self.store.path is None:
            return f"{self.tally.judged} verdicts are lost, since the verdict store is off (PERSONA_CRITIC_STORE)"
        return (
            f"{self.tally.judged} verdicts are kept; {'raise it, and ' if self.reached else ''}run the same command again to"
            " go on from there (lm_eval: with --use_cache)"
        )
