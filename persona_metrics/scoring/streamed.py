"""Scores a file of answers line by line in this process: the first call goes out before the file is read through.

Whatever the file's size, what is held is what is in flight, a byte a row and pair, and the people's and questions' names.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from ..critic import Judged, Verdict, check_once, judge_each
from ..critic.budget import Ledger
from ..critic.protocol import Prompt
from ..critic.request import key, panel
from ..critic.store import Store
from ..errors import PersonaError, shorten
from ..files import check_folder, unwritable
from ..harness import record
from ..harness.remarks import repeated, unanimous, unanswered
from ..harness.spending import entered
from . import contrast, outcome
from .given import Answered, each_line
from .outcome import Whole
from .pieces import EMPTY, Piece, Terms, piece, terms
from .rows import Rows
from .survey import Survey, survey

Line = tuple[str, Mapping[str, Any]]
Numbered = tuple[int, str, Mapping[str, Any]]


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
    """Lines in, finished pieces out, in the lines' order whatever order verdicts arrive in."""

    def __init__(self, terms: Terms, lines: Iterable[Numbered], sink: Callable[[Piece], None]) -> None:
        self.terms, self.rows = terms, Rows(terms.evaluation.headline, terms.repeats)
        self.first: Answered | None = None
        self.failed = 0
        self.example: str | None = None
        self._lines, self._sink = lines, sink
        self._waiting: deque[Piece] = deque()
        self._places: dict[int, tuple[Piece, int]] = {}
        self._asked = 0

    def judgements(self) -> Iterator[tuple[int, Judged]]:
        """Yield what the critic is asked, line by line, each with its position."""
        for number, where, row in self._lines:
            made = piece(self.terms, number, where, row)
            self.first = self.first or made.said
            self._waiting.append(made)
            for place, judgement in enumerate(made.judgements):
                self._places[self._asked] = (made, place)
                self._asked += 1
                yield self._asked - 1, judgement
        self.flush()

    def deliver(self, position: int, verdict: Verdict) -> None:
        """Take a verdict, and hand on every line that waits for none before it."""
        made, place = self._places.pop(position)
        made.verdicts[place] = verdict
        self.flush()

    def flush(self) -> None:
        """Hand on the lines in front that are complete."""
        while self._waiting and self._waiting[0].complete:
            self._finish(self._waiting.popleft())

    def _finish(self, made: Piece) -> None:
        outcomes = made.finish(self.terms)
        self.failed += sum(one.answer_failure for one in outcomes)
        if self.example is None and any(one.answer_failure for one in outcomes):
            self.example = made.reply
        self.rows.add(made.rows, made.pair.persona.id, made.pair.question.id)
        self._sink(made)

    def remarks(self) -> Iterator[str]:
        """Yield what makes the numbers mean less than they seem to."""
        yield from unanswered(self.failed, self.rows.pairs, self.terms.settings, self.example)
        yield from repeated(self.rows.headline, *self.rows.clusters.ranked())
        yield from unanimous(self.rows.groups())


def checked(judgements: Iterable[Judged], terms: Terms, book: Ledger) -> Iterator[Judged]:
    """Hand on judgements; the critic is checked before the first that the store lacks, and never where it has them all.

    What the check took is entered into ``book``.
    """
    critics, chosen = panel(terms.settings), terms.settings
    waiting = iter(judgements)
    with Store(chosen.critic_store) as store:
        for judgement in waiting:
            prompt = Prompt.of(judgement)
            names = [key(critic, chosen, prompt, n) for critic in critics for n in range(chosen.critic_votes)]
            lacking = any(store.get(name, prompt.protocol) is None for name in names)
            if lacking:
                with entered(book):
                    check_once(chosen)
            yield judgement
            if lacking:
                break
    yield from waiting


def look(path: Path, model: str | None) -> Survey:
    """Return what the lines have in common, those of ``model`` alone where several are there."""
    found = survey(each_line(path))
    if len(found.models) > 1 and model in found.models:
        found = survey(_of_model(each_line(path), model))
    return found


def _of_model(lines: Iterable[Line], model: str) -> Iterator[Line]:
    return ((where, row) for where, row in lines if row.get("model") == model)


def announce(terms: Terms, found: Survey) -> None:
    """Say what is scored, and what makes it mean less than it seems to."""
    if found.unknown:
        contrast.say(f"not shown to the critic, since no attribute of a person: {shorten(', '.join(found.unknown))}")
    contrast.say(f"{terms.task}: {found.rows} pairs, {found.rows} answers of {terms.model}")
    for warning in record.warnings(terms.settings, terms.model):
        contrast.say(f"warning: {warning}")


def score(
    path: Path, task: str, found: Survey, overrides: Mapping[str, Any], model: str | None, out: Path
) -> list[Path]:
    """Judge the lines, write results_*.json and samples_*.jsonl under ``out``, and return what was written.

    Raises ``PersonaError`` as ``replay.score`` does, and for a line that is wrong when its turn comes: what is judged by then
    is kept.
    """
    agreed = terms(task, found, overrides, model, path.name)
    check_folder(out)
    panel(agreed.settings)
    announce(agreed, found)
    lines = each_line(path) if len(found.models) < 2 else _of_model(each_line(path), agreed.model)
    held = out / f".{path.stem}-{id(agreed):x}.part"
    try:
        with held.open("wb") as samples:
            hashes, book, tried = Hashes(), Ledger(), Ledger()

            def write(made: Piece) -> None:
                hashes.add(made)
                samples.write(json.dumps(made.sample(agreed), ensure_ascii=False).encode("utf-8", "replace") + b"\n")

            numbered = ((number, *line) for number, line in enumerate(lines))
            stream = Stream(agreed, numbered, write)
            with entered(book):
                judge_each(
                    checked((one for _, one in stream.judgements()), agreed, tried),
                    agreed.settings,
                    stream.deliver,
                    total=found.rows,
                    description=f"critic {task}",
                )
            stream.flush()
        for remark in stream.remarks():
            contrast.say(f"warning: {remark}")
        return _close(stream, hashes, book.since(tried), out, held)
    except OSError as error:
        raise PersonaError(f"--out {unwritable(out, error)}; the verdicts are kept in the store") from None
    finally:
        with suppress(OSError):
            held.unlink(missing_ok=True)


def _close(stream: Stream, hashes: Hashes, book: Ledger, out: Path, samples: Path) -> list[Path]:
    assert stream.first is not None
    whole = Whole.of(stream.rows, hashes.pairs, hashes.samples, book)
    digest = hashes.data()
    raw = outcome.raw_of(lambda some, n: stream.terms.given(some, n, digest), stream.first, whole)
    written = outcome.save(raw, out, whole, samples)
    print(outcome.shown(raw))
    return written


def scores(path: Path, first: Mapping[str, Any], evaluation: str | None, model: str | None) -> Survey | None:
    """Return the survey of a file whose every line can be judged by itself, None where it takes them together."""
    if evaluation != "main" or not isinstance(first.get("persona"), Mapping) or "question" not in first:
        return None
    found = look(path, model)
    return None if found.apart else found
