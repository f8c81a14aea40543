"""Scores answers one pair after the other in this process, as they are read.

Whatever their number, what is held is what is in flight, a byte a row and pair, and the people's and questions' names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..consoles import say
from ..critic import Judged, check_once, judge_each
from ..critic.budget import Ledger
from ..critic.protocol import Prompt
from ..critic.request import key, panel
from ..critic.store import Store
from ..dataset.sources import Pool
from ..errors import PersonaError, shorten
from ..files import check_folder, unwritable
from ..harness import record
from ..harness.so_far import SoFar
from ..harness.spending import entered
from ..harness.yamls import read_task
from .again import rewritten
from .given import scored
from .jobs import Job
from .pieces import Piece, Terms
from .stream import Hashes, Stream


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


def announce(terms: Terms, pairs: int, answers: int, unknown: Sequence[str]) -> None:
    """Say what is scored, and what makes it mean less than it seems to."""
    if unknown:
        say(f"not shown to the critic, since no attribute of a person: {shorten(', '.join(unknown))}")
    say(scored(terms.task, pairs, answers, terms.model, terms.left_out))
    for warning in record.warnings(terms.settings, terms.model):
        say(f"warning: {warning}")


def score(job: Job, out: Path) -> list[Path]:
    """Judge the answers, write results_*.json and samples_*.jsonl under ``out``, and return what was written.

    Raises ``PersonaError`` as ``replay.score`` does, and for a line that is wrong when its turn comes: what is judged by then
    is kept.
    """
    agreed = job.terms
    check_folder(out)
    panel(agreed.settings)
    announce(agreed, job.pairs, job.answers, job.unknown)
    held = out / f".{Path(agreed.origin).stem}-{id(agreed):x}.part"
    going = SoFar(out, agreed.model)
    try:
        with held.open("wb", buffering=0) as samples:
            going.begin(agreed.task, _known(job), {}, job.pairs)
            going.link(agreed.task, held)
            hashes, book, tried = Hashes(), Ledger(), Ledger()

            def write(made: Piece) -> None:
                hashes.add(made)
                samples.write(json.dumps(made.sample(agreed), ensure_ascii=False).encode("utf-8", "replace") + b"\n")

            stream = Stream(agreed, job.items, write, job.make)
            with entered(book):
                judge_each(
                    checked((one for _, one in stream.judgements()), agreed, tried),
                    agreed.settings,
                    stream.deliver,
                    total=job.judgements,
                    description=f"critic {agreed.task}",
                    room=stream.room,
                )
            stream.flush()
        _inform(stream, held)
        for remark in stream.remarks():
            say(f"warning: {remark}")
        return _close(stream, hashes, book.since(tried), out, held)
    except OSError as error:
        raise PersonaError(f"--out {unwritable(out, error)}; the verdicts are kept in the store") from None
    finally:
        going.close()
        with suppress(OSError):
            held.unlink(missing_ok=True)


def _known(job: Job) -> dict[str, Any]:
    """Return what the results will record of the task, as far as it is known before the lines are read."""
    agreed = job.terms
    config = read_task(agreed.task) or read_task(agreed.evaluation.task)
    told = record.metadata(config["metadata"], agreed.settings, agreed.evaluation, Pool((), (), "", "file", "file"), ())
    return {**told, "n": job.pairs, "model_name": agreed.model, "answer_template": None}


def _inform(stream: Stream, samples: Path) -> None:
    """Make the rows anew where the evaluation has learned from all pairs what a single one's rows lean on."""
    if stream.outcomes is None:
        return
    informed = stream.terms.evaluation.informed(stream.outcomes)
    if informed is not stream.terms.evaluation:
        stream.rows = rewritten(samples, stream.terms, informed)
        stream.terms = replace(stream.terms, evaluation=informed)


def _close(stream: Stream, hashes: Hashes, book: Ledger, out: Path, samples: Path) -> list[Path]:
    from . import outcome  # lm-eval takes seconds to import, and the critic need not wait for it

    assert stream.first is not None
    whole = outcome.Whole.of(stream.rows, hashes.pairs, hashes.samples, book, stream.terms.support)
    digest = hashes.data()
    raw = outcome.raw_of(lambda some, n: stream.terms.given(some, n, digest), stream.first, whole)
    written = outcome.save(raw, out, whole, samples)
    print(outcome.shown(raw))
    return written
