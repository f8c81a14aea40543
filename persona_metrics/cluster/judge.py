"""The actor: reads a span of answers, has it judged by our own client, writes verdicts, samples and what they add up to.

A plain class with an async call; Ray is not imported here, so that any engine that keeps an object alive may hold it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import pickle
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..critic.budget import Ledger, OverBudget, ledger
from ..critic.session import Session
from ..critic.tally import Tally
from ..errors import PersonaError
from ..scoring.given import Answered
from ..scoring.outcomes import Outcomes
from ..scoring.pieces import Piece, Terms
from ..scoring.stream import Stream
from .inside import Held
from .orders import Orders
from .shards import Shard, found, own_path
from .spans import Span

SAMPLES = "samples"
"""Where the samples' shards lie, below ``--out``."""
GROUP = 500
"""Samples of a row group."""
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("pair_id", "persona_id", "question_id", "topic", "answer")),
        ("doc_id", pa.int64()),
        ("personalized", pa.float64()),
        ("missing", pa.string()),
        ("sample", pa.string()),
    ]
)
"""``sample`` is the line of lm-eval's samples file; the rest is in it, too, and stands apart to be searched for."""


@dataclass
class Summary:
    """What a span adds up to; ``named`` and ``hashes`` are what the whole's hashes are made of, in order."""

    span: int
    stopped: str | None = None
    pairs: int = 0
    rows: dict[str, Counter[float]] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)
    """The pairs' values of rows that are no mean."""
    outcomes: Outcomes | None = None
    replies: int = 0
    judged: list[tuple[float, str, str]] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    hashes: bytes = b""
    data: str = ""
    failed: int = 0
    example: str | None = None
    first: Answered | None = None
    missing: Counter[str] = field(default_factory=Counter)
    """Missing verdicts by reason."""
    stored: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Votes that earlier runs have paid for, by critic and endpoint."""
    actor: str = ""
    spent: Ledger | None = None
    """All that this actor has taken until now."""

    def packed(self) -> bytes:
        """Return it as bytes."""
        return zlib.compress(pickle.dumps(self), 1)

    @classmethod
    def unpacked(cls, data: bytes) -> Summary:
        """Return what ``packed`` packed; only what our own actors sent is to be given here."""
        made = pickle.loads(zlib.decompress(data))
        assert isinstance(made, cls)
        return made


class TillPurse:
    """The purse of all actors: asked before each request, where there is a limit at all."""

    def __init__(self, till: Any, who: str, limited: bool) -> None:
        self._till, self._who, self._limited = till, who, limited

    async def reached(self) -> str | None:
        """Return which limit is reached, in words, or None."""
        if not self._limited:
            return None
        reached = await self._till.reached.remote(self._who, ledger.tokens, ledger.cost)
        return None if reached is None else str(reached)


class Judge:
    """One actor. Made once; called for span after span, several of them at once."""

    def __init__(self, orders: Orders, till: Any, again: bool = False) -> None:
        self.orders, self._till = orders, till
        chosen = orders.terms.settings
        path = own_path(orders.out, orders.run)
        self.name = path.stem
        # One that takes another's place also reads what that one, and everybody else, has written meanwhile.
        stores = dict.fromkeys((*orders.stores, *(map(str, found(orders.out)) if again else ())))
        limited = chosen.critic_max_cost is not None or chosen.max_tokens_total is not None
        self._shard = Shard(path, list(stores), orders.run)
        purse = TillPurse(till, self.name, limited)
        self._session: Session | Held = (
            Session(chosen, self._shard, orders.share, purse)
            if orders.missing is None
            else Held(chosen, self._shard, orders.missing)
        )
        self._tally = Tally(None, chosen.critic_max_failures)
        self._stop: str | None = None
        ledger.reset()

    async def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[bytes]]:
        """Judge the spans of a batch of their fields; return a packed summary of each."""
        columns = zip(*(_plain(column) for column in batch.values()), strict=True)
        spans = [Span(**dict(zip(batch, values, strict=True))) for values in columns]  # in whatever order they come
        return {"summary": [(await self.judge(span)).packed() for span in spans]}

    async def judge(self, span: Span) -> Summary:
        """Judge a span; where everybody is to stop, what is in flight ends and is kept, and no samples are written."""
        made = Summary(span.number, actor=self.name)
        self._stop = self._stop or await self._till.stopped.remote()
        if self._stop is None:
            try:
                await self._judge(span, made)
            except PersonaError as error:
                # Said once, by the driver; raised here it would end the other actors with what they have in flight.
                self._stop = self._stop or str(error)
                await self._till.end.remote(self._stop)
        made.stopped, made.spent = self._stop, ledger.snapshot()
        return made

    async def _judge(self, span: Span, made: Summary) -> None:
        with _Samples(self.orders.out, span) as samples:
            orders = self.orders
            stream = Stream(orders.terms, orders.lines(span), lambda one: self._take(one, made, samples), orders.make)
            try:
                await self._all(stream, made)
                if self._stop is None:
                    stream.flush()
                    samples.close()
                    _sum(stream, made)
            finally:
                stream.stop()

    async def _all(self, stream: Stream, made: Summary) -> None:
        waiting = stream.judgements()
        workers = [asyncio.ensure_future(self._work(stream, waiting, made)) for _ in range(self._session.window)]
        done = await asyncio.gather(*workers, return_exceptions=True)
        for one in done:
            if isinstance(one, BaseException):
                raise one

    async def _work(self, stream: Stream, waiting: Iterator[tuple[int, Any]], made: Summary) -> None:
        for position, judgement in waiting:
            try:
                verdict = await self._session.verdict(judgement)
            except OverBudget as reached:
                self._stop = self._stop or str(reached)
                return
            stop = self._tally.add(judgement, verdict)
            stream.deliver(position, verdict)
            made.stored.update((vote.critic, vote.endpoint) for vote in verdict.votes if vote.stored)
            await asyncio.sleep(0)  # of one that was there already nothing was waited for
            if verdict.missing is not None:
                made.missing[verdict.missing.kind] += 1
                self._shard.note()
                told = await self._till.lost.remote(made.span, dict(made.missing))
                if stop is not None:
                    await self._till.end.remote(stop)
                self._stop = self._stop or stop or told
            if self._stop is not None:
                return

    def _take(self, one: Piece, made: Summary, samples: _Samples) -> None:
        pair = one.pair
        made.named.append(f"{pair.id}/{pair.persona.id}/{pair.question.id}")
        made.hashes += bytes.fromhex(one.doc_hash)
        data = [pair.persona.id, dict(pair.persona.attributes), pair.question.id, pair.question.text]
        made.data = hashlib.sha256(f"{made.data}{json.dumps(data, sort_keys=True)}".encode()).hexdigest()
        headline = self.orders.terms.evaluation.headline
        if headline in one.rows:
            made.judged.append((float(one.rows[headline]), pair.persona.id, pair.question.id))
        samples.add(one, self.orders.terms)


def _plain(column: Any) -> list[Any]:
    return [value.item() if hasattr(value, "item") else value for value in column]


def _sum(stream: Stream, made: Summary) -> None:
    made.pairs, made.failed, made.example, made.first = (
        stream.rows.pairs,
        stream.failed,
        stream.example,
        stream.first,
    )
    made.rows = {name: column.counts() for name, column in stream.rows.columns.items()}
    made.outcomes, made.replies = stream.outcomes, stream.replies
    made.texts = {name: list(texts) for name, texts in stream.rows.texts.items()}


class _Samples:
    """A span's Parquet file, which has its name once it is whole."""

    def __init__(self, out: Path, span: Span) -> None:
        folder = out / SAMPLES
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"part-{span.number:08d}.parquet"
        self._part = folder / f".{self.path.name}-{id(self):x}.part"
        self._writer: pq.ParquetWriter | None = None
        self._held: list[dict[str, Any]] = []

    def add(self, piece: Piece, terms: Terms) -> None:
        """Add a finished line."""
        verdict = piece.results[0][0]["verdict"] or {}
        text = json.dumps(piece.sample(terms), ensure_ascii=False).encode("utf-8", "replace").decode()
        self._held.append(
            {
                "doc_id": piece.number,
                "pair_id": piece.pair.id,
                "persona_id": piece.pair.persona.id,
                "question_id": piece.pair.question.id,
                "topic": piece.pair.question.topic,
                "answer": piece.results[0][0]["answer"],
                "personalized": piece.rows.get("personalized"),
                "missing": verdict.get("missing"),
                "sample": text,
            }
        )
        if len(self._held) >= GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._part, SCHEMA, compression="zstd")
        self._writer.write_table(pa.Table.from_pylist(self._held, SCHEMA))
        self._held.clear()

    def close(self) -> None:
        """Finish the file and give it its name."""
        if self._held or self._writer is None:
            self._flush()
        assert self._writer is not None
        self._writer.close()
        self._writer = None
        self._part.replace(self.path)

    def __enter__(self) -> _Samples:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._writer is not None:
            self._writer.close()
        self._part.unlink(missing_ok=True)
