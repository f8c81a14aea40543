"""Answers to prompts of any size on a cluster: actors over Ray Data, each with the fleet's client or vLLM beside it.

An actor writes an answer to the folder before it says that it has it. ``out`` has to be a folder that every machine sees.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from ..costs.prices import Price, find
from ..costs.usage import Usage
from ..critic.budget import ledger
from ..critic.fleet import Down, Fleet
from ..errors import PersonaError
from ..scoring import asked, replies
from ..scoring.asked import Ids, Question, mark
from ..scoring.generate import Outcome, Tally, answer, kept
from ..scoring.served import EMBEDDED, Served, unreachable
from . import engine
from .spans import Span, rows_of

ROWS = 200
"""Prompts of a span: one call of an actor."""
SPANS = 8
"""Spans of a block: what an actor is given at once, and asks four of at a time (Ray Data's own number)."""


def questions(span: Span) -> Iterator[Question]:
    """Yield a span's prompts; raise ``PersonaError`` for a row that is none."""
    for _, where, row in rows_of(span):
        yield asked.question(row, where)


def marked(span: Span) -> npt.NDArray[np.int64]:
    """Return the marks of a span's ids, having looked at every prompt."""
    return np.fromiter((mark(one.id) for one in questions(span)), np.int64)


class Actor:
    """Answers spans of prompts: one fleet for all of them, whose concurrency ``share`` actors divide among them."""

    def __init__(self, served: Served, out: str, run: str, share: int, done: Any) -> None:
        import ray

        self._served, self._out, self._run, self._share = served, Path(out), run, share
        self._done = Ids(ray.get(done[0]))
        self._tally, self._told = Tally(), ledger.snapshot()
        self._fleet: Fleet | None = None
        self._stopped = ""
        self._places = asyncio.Semaphore(1)
        self._begun = asyncio.Lock()

    async def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[str]]:
        """Answer the spans of a batch; return a report of each as JSON.

        An error is reported, too: what an actor raises, Ray Data tells of in a text alone.
        """
        return {"report": [json.dumps(await self._report(Span(**json.loads(str(text))))) for text in batch["span"]]}

    async def _report(self, span: Span) -> dict[str, Any]:
        try:
            return {"error": self._stopped} if self._stopped else await self._span(span)
        except (PersonaError, Down) as error:
            self._stopped = unreachable(str(error)) if isinstance(error, Down) else str(error)
            return {"error": self._stopped}

    async def _span(self, span: Span) -> dict[str, Any]:
        fleet = await self._open()
        tally, name = Tally(), f"{self._run}-{span.number}"
        # Another actor may have been killed over this very span.
        there = replies.answered(self._out, name)
        with replies.Part(self._out, name) as part:

            async def one(question: Question) -> None:
                async with self._places:
                    missing = await answer(question, fleet, part, self._served.model)
                tally.add(question.id, missing)
                if why := self._tally.add(question.id, missing):
                    raise PersonaError(why)

            todo = [q for q in questions(span) if (m := mark(q.id)) not in self._done and m not in there]
            asks = [asyncio.ensure_future(one(question)) for question in todo]
            try:
                await asyncio.gather(*asks)
            finally:
                for ask in asks:
                    ask.cancel()
        # Spans overlap: each tells of what nobody has told of yet.
        took, self._told = ledger.since(self._told).usage, ledger.snapshot()
        return {
            "answered": tally.answered + len(there),
            "reasons": tally.reasons,
            "examples": tally.examples,
            "usage": asdict(took),
        }

    async def _open(self) -> Fleet:
        async with self._begun:
            if self._fleet is None:
                fleet = self._served.fleet(share=self._share)
                try:
                    await fleet.look()
                except Down:
                    await fleet.close()
                    raise
                self._fleet, self._places = fleet, asyncio.Semaphore(2 * fleet.places)
        return self._fleet


def generate(
    prompts: str,
    out: Path,
    served: Served,
    *,
    address: str | None = None,
    actors: int = 2,
    progress: bool = True,
    num_cpus: int | None = None,
) -> Outcome:
    """Have the prompts at a path (JSONL or Parquet, a folder, a glob, a bucket) answered by actors.

    As ``scoring.generate``: every prompt is looked at first, ``out`` goes on from where it stands, and ``PersonaError``
    says what is wrong in one line.
    """
    if served.model == EMBEDDED:
        raise PersonaError("--model embedded lives in one process; leave --engine out, or name an endpoint")

    def ask(ray: ModuleType, spans: list[Span], there: Ids, run: str) -> Iterable[Mapping[str, Any]]:
        blocks = [{"span": json.dumps(vars(span))} for span in spans]
        done = [ray.put(there.marks)]
        reports = ray.data.from_items(
            blocks, override_num_blocks=max(-(-len(blocks) // SPANS), min(len(blocks), 4 * actors))
        )
        return reports.map_batches(  # type: ignore[no-any-return]
            Actor,
            batch_size=1,
            zero_copy_batch=False,
            fn_constructor_args=(served, str(out.absolute()), run, actors, done),
            # One block each: an actor that is slow to start would find the others holding all of them.
            compute=ray.data.ActorPoolStrategy(size=actors, max_tasks_in_flight_per_actor=1),
            num_cpus=0.5,
        ).iter_rows()

    price = find(served.model, served.urls[0], served.settings().prices)
    return run(prompts, out, served.model, ask, price, address=address, progress=progress, num_cpus=num_cpus)


def run(
    prompts: str,
    out: Path,
    model: str,
    ask: Any,
    price: Price | None,
    *,
    address: str | None,
    progress: bool,
    num_cpus: int | None,
) -> Outcome:
    """Look at all prompts, have those that ``out`` lacks asked by ``ask(ray, spans, there, run)``, and join what came."""
    started, tally, usage = time.monotonic(), Tally(), Usage()
    with engine.started(address, num_cpus) as ray:
        spans = engine.spans(ray, prompts, ROWS)
        wanted, each = _wanted(ray, spans, prompts)
        there = replies.prepare(out, model)
        open_ = [span for span, marks in zip(spans, each, strict=True) if not np.isin(marks, there.marks).all()]
        before = int(np.isin(wanted.marks, there.marks).sum())
        stop: BaseException | None = None
        with tqdm(
            total=len(wanted) - before, desc="answers", unit="answer", disable=not progress, file=sys.stderr
        ) as bar:
            try:
                for row in ask(ray, open_, there, uuid.uuid4().hex[:8]) if open_ else ():
                    usage = usage.plus(_count(json.loads(row["report"]), tally, bar))
            except Exception as error:  # Ray wraps what an actor raised in types of its own
                stop = engine.cause(error)
        joined = replies.join(out, wanted)
    if stop is not None:
        if not isinstance(stop, PersonaError):
            raise stop
        raise PersonaError(f"{stop}{kept(joined.answers)}")
    seconds = time.monotonic() - started
    return Outcome(joined.path, len(wanted), before, joined.answers, joined.blank, tally, usage, price, seconds)


def _wanted(ray: ModuleType, spans: list[Span], prompts: str) -> tuple[Ids, list[npt.NDArray[np.int64]]]:
    """Return all ids, and those of each span; the cluster looks at the prompts."""
    look = ray.remote(marked)
    try:
        each = list(ray.get([look.remote(span) for span in spans]))
    except Exception as error:
        raise engine.cause(error) from None
    names = lambda: (one.id for span in spans for one in questions(span))  # noqa: E731
    return asked.unique(np.concatenate(each), prompts, names), each


def _count(report: Mapping[str, Any], tally: Tally, bar: tqdm[Any]) -> Usage:
    """Enter an actor's report and return what its calls took; raise ``PersonaError`` where it is of an error."""
    if "error" in report:
        raise PersonaError(report["error"])
    tally.answered += report["answered"]
    tally.reasons.update(report["reasons"])
    tally.examples = {**report["examples"], **tally.examples}
    bar.update(report["answered"] + sum(report["reasons"].values()))
    bar.set_postfix({"missing": tally.reasons.total()}, refresh=False)
    return Usage(**report["usage"])
