"""Lines of answers through the critic: pieces go out in the lines' order, whatever order verdicts come in. Knows no file."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from tempfile import TemporaryFile
from typing import IO, Any

from ..critic import Judged, Verdict
from ..dataset.sources import Pair
from ..harness.remarks import of_sums
from .given import Answered
from .outcomes import Outcomes, leans_on_others
from .pieces import EMPTY, Piece, Terms, piece
from .rows import Rows

AHEAD = 4_000
"""So many lines are held at most: where one takes longer than so many behind it, they wait for it."""


class Hashes:
    """What names the pairs and samples in lm-eval's results, fed with one after the other."""

    def __init__(self) -> None:
        self._pairs, self._samples, self._data = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
        self._questions: IO[bytes] = TemporaryFile()  # noqa: SIM115 - they come behind all people, and may be many
        self._first = True

    def add(self, one: Piece) -> None:
        """Add a finished line."""
        pair = one.pair
        self.add_named(f"{pair.id}/{pair.persona.id}/{pair.question.id}", one.doc_hash)
        self.add_content(pair)

    def add_content(self, pair: Pair) -> None:
        """Add a pair's person and question."""
        self._data.update(json.dumps([pair.persona.id, dict(pair.persona.attributes)], sort_keys=True).encode())
        self._questions.write(json.dumps([pair.question.id, pair.question.text]).encode())

    def add_named(self, pair: str, doc_hash: str) -> None:
        """Add a finished line by what names its pair, and lm-eval's hash of its document."""
        self._pairs.update((pair if self._first else f"\n{pair}").encode())
        self._samples.update(f"{doc_hash}{EMPTY}{EMPTY}".encode())
        self._first = False

    def add_data(self, digest: str) -> None:
        """Add the digest of many lines' people and questions, where they are elsewhere; it names the same data otherwise."""
        self._data.update(digest.encode())

    @property
    def pairs(self) -> str:
        """The pairs' hash."""
        return self._pairs.hexdigest()[:12]

    @property
    def samples(self) -> str:
        """lm-eval's hash of the task."""
        return self._samples.hexdigest()

    def data(self) -> str:
        """Return the hash of people and questions; to be asked once."""
        self._questions.seek(0)
        while part := self._questions.read(1 << 20):
            self._data.update(part)
        self._questions.close()
        return self._data.hexdigest()[:12]


class Stream:
    """Lines in, finished pieces out, in the lines' order whatever order verdicts arrive in.

    ``lines`` are pairs of their own, or what ``make`` makes a piece of together with the terms.
    """

    def __init__(
        self,
        terms: Terms,
        lines: Iterable[Any],
        sink: Callable[[Piece], None],
        make: Callable[..., Piece] | None = None,
    ) -> None:
        self.terms, self.rows = terms, Rows(terms.evaluation.headline, terms.repeats, terms.evaluation.aggregates())
        self.replies = 0
        self.outcomes = Outcomes() if leans_on_others(terms.evaluation) else None
        self.first: Answered | None = None
        self.failed = 0
        self.example: str | None = None
        self._lines, self._sink, self._make = lines, sink, make
        self._waiting: deque[Piece] = deque()
        self._places: dict[int, tuple[Piece, int]] = {}
        self._asked = 0
        self._writer: asyncio.Task[None] | None = None
        self._error: Exception | None = None

    def judgements(self) -> Iterator[tuple[int, Judged]]:
        """Yield what the critic is asked, line by line, each with its position."""
        for line in self._lines:
            made = (self._make or piece)(self.terms, *line)
            self.first = self.first or made.said
            self._waiting.append(made)
            if made.complete and self._waiting[0] is made and self._writer is None:
                self._finish(self._waiting.popleft())  # nothing is asked of it: nobody would come to hand it on
                continue
            for place, judgement in enumerate(made.judgements):
                self._places[self._asked] = (made, place)
                self._asked += 1
                yield self._asked - 1, judgement
        self.flush()

    def room(self) -> bool:
        """Return whether another line may be begun."""
        return len(self._waiting) < AHEAD

    def deliver(self, position: int, verdict: Verdict) -> None:
        """Take a verdict; lines that wait for none before them are handed on soon, from within the running loop."""
        if self._error is not None:
            raise self._error
        made, place = self._places.pop(position)
        made.verdicts[place] = verdict
        if self._writer is None and self._waiting[0].complete:
            self._writer = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        # Replies come in bursts. Whoever waits to be sent must not wait until a whole burst is written.
        try:
            while self._waiting and self._waiting[0].complete:
                self._finish(self._waiting.popleft())
                await asyncio.sleep(0)
        except Exception as error:  # whoever delivers next hears of it
            self._error = error
        finally:
            self._writer = None

    def stop(self) -> None:
        """Hand on nothing more."""
        if self._writer is not None:
            self._writer.cancel()

    def flush(self) -> None:
        """Hand on the lines in front that are complete, all of them now."""
        if self._error is not None:
            raise self._error
        while self._waiting and self._waiting[0].complete:
            self._finish(self._waiting.popleft())

    def _finish(self, made: Piece) -> None:
        outcomes = made.finish(self.terms)
        self.replies += len(outcomes)
        self.failed += sum(one.answer_failure for one in outcomes)
        self.example = made.unanswered if self.example is None else self.example
        if self.outcomes is not None:
            self.outcomes.add(outcomes)
        self.rows.add(made.rows, made.pair.persona.id, made.pair.question.id)
        self._sink(made)

    def remarks(self) -> Iterator[str]:
        """Yield what makes the numbers mean less than they seem to."""
        rows, chosen = self.rows, self.terms.settings
        ranked, groups = rows.clusters.ranked(), rows.groups()
        yield from of_sums(rows.headline, self.failed, self.replies, chosen, self.example, ranked, groups)
        if self.outcomes is not None:
            yield from self.terms.evaluation.remarks(self.outcomes)
