"""Answers to a file of prompts from a fleet of endpoints, in one process: resumable, bounded, every prompt accounted for."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ..consoles import say
from ..costs.prices import Price
from ..costs.usage import Usage
from ..critic.answering import Asked
from ..critic.budget import ledger
from ..critic.fleet import Down, Fleet
from ..critic.loop import all_or_none, in_own_loop
from ..critic.missing import Missing
from ..errors import PersonaError
from . import asked, replies
from .asked import Question
from .served import Served, unreachable

FIRST = 20
"""Where so many prompts, the first to be asked, all fail for one reason, the run stops."""


@dataclass
class Tally:
    """What came of the prompts: how many were answered, and why the others were not, by reason with an example."""

    answered: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, missing: Missing | None) -> str | None:
        """Count one; return why the run should stop, if it should."""
        if missing is None:
            self.answered += 1
            return None
        self.reasons[missing.kind] += 1
        self.examples.setdefault(missing.kind, f"{missing}, prompt {name!r}")
        if not self.answered and len(self.reasons) == 1 and self.reasons.total() == FIRST:
            return f"the first {FIRST} prompts all failed: {missing}"
        return None

    def lines(self) -> list[str]:
        """Return one line a reason, the most frequent first."""
        return [
            f"{count} answers missing: {kind} (for example: {self.examples[kind]})"
            for kind, count in self.reasons.most_common()
        ]


@dataclass(frozen=True)
class Outcome:
    """What a run came to. ``before`` were there when it began; ``usage`` and ``price`` (None: not known) are its own."""

    path: Path
    prompts: int
    before: int
    answers: int
    blank: int
    tally: Tally
    usage: Usage
    price: Price | None
    seconds: float

    @property
    def missing(self) -> int:
        """Return how many prompts have no answer."""
        return self.prompts - self.answers


async def answer(one: Question, fleet: Fleet, part: replies.Part, model: str) -> Missing | None:
    """Ask for an answer and write it; return why there is none, which is written nowhere, so that it is asked again.

    Raises ``Down`` where no endpoint answers any more.
    """
    vote, text = await fleet.ask(Asked.plain(one.messages, one.sampling))
    if vote.missing is None:
        part.add(one.id, text or "", model)
    return vote.missing


def generate(prompts: Path, out: Path, served: Served, *, progress: bool = True, backoff: float = 0.5) -> Outcome:
    """Ask for what ``out`` does not hold yet, and join all answers in ``out/answers.jsonl``.

    Every line of ``prompts`` is looked at before the first call. Raises ``PersonaError`` where a line is no prompt,
    ``out`` cannot be written or holds another model's answers, and where no endpoint answers (any more): what is
    answered by then is kept, and the same command goes on from there.
    """
    wanted = asked.ids(prompts)
    there = replies.prepare(out, served.model)
    done = int(np.isin(wanted.marks, there.marks).sum())
    tally, before, started = Tally(), ledger.snapshot(), time.monotonic()
    stop = None
    if todo := len(wanted) - done:
        waiting = (one for one in asked.read(prompts) if asked.mark(one.id) not in there)
        with tqdm(total=todo, desc="answers", unit="answer", disable=not progress, file=sys.stderr) as bar:
            stop = in_own_loop(_all(waiting, served, out, tally, bar, todo, backoff))
    joined = replies.join(out, wanted)
    if stop is not None:
        raise PersonaError(f"{stop}{kept(joined.answers)}")
    took = ledger.since(before)
    spent = next(iter(took.critics.values()), None)
    return Outcome(
        joined.path,
        len(wanted),
        done,
        joined.answers,
        joined.blank,
        tally,
        took.usage,
        None if spent is None else spent.price,
        time.monotonic() - started,
    )


def kept(answers: int) -> str:
    """Return the end of a line about a run that ended early."""
    return f"; {answers} answers are kept: the same command goes on from there" if answers else ""


async def _all(
    waiting: Iterator[Question],
    served: Served,
    out: Path,
    tally: Tally,
    bar: tqdm[Any],
    todo: int,
    backoff: float,
) -> str | None:
    """Ask everything; return why it ended early, None where it did not."""

    def say_above(text: str) -> None:
        bar.clear()
        say(text)

    fleet = served.fleet(backoff=backoff, say=say_above)
    stopped: list[str] = []

    async def worker(part: replies.Part) -> None:
        for one in waiting:
            if stopped:
                return
            if why := tally.add(one.id, await answer(one, fleet, part, served.model)):
                stopped.append(why)
            bar.update(1)
            bar.set_postfix({"missing": tally.reasons.total()}, refresh=False)

    try:
        await fleet.look()
        with replies.Part(out) as part:
            # Some wait before another attempt, and a free place never waits for work.
            await all_or_none(worker(part) for _ in range(min(todo, 2 * fleet.places)))
    except Down as down:
        return unreachable(str(down))
    except asyncio.CancelledError:
        bar.close()
        say(f"{tally.answered} answers of this run are kept: the same command goes on from there")
        raise
    finally:
        await fleet.close()
    return stopped[0] if stopped else None


__all__ = ["Outcome", "Tally", "answer", "generate", "kept"]
