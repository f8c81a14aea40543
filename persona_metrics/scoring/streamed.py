"""Scores a file of answers line by line in this process: the first call goes out before the file is read through.

Whatever the file's size, what is held is what is in flight, a byte a row and pair, and the people's and questions' names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..critic import Judged, check_once, judge_each
from ..critic.budget import Ledger
from ..critic.protocol import Prompt
from ..critic.request import key, panel
from ..critic.store import Store
from ..errors import PersonaError, shorten
from ..files import check_folder, unwritable
from ..harness import record
from ..harness.spending import entered
from . import contrast
from .given import each_line
from .pieces import Piece, Terms, terms
from .stream import Hashes, Stream
from .survey import Survey, survey

Line = tuple[str, Mapping[str, Any]]


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
                    room=stream.room,
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
    from . import outcome  # lm-eval takes seconds to import, and the critic need not wait for it

    assert stream.first is not None
    whole = outcome.Whole.of(stream.rows, hashes.pairs, hashes.samples, book)
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
