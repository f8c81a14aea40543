"""What is to be judged of a file of answers, read as it is judged: the terms, and the pairs one after the other.

Evaluations whose pairs have several lines look the file through for who belongs to whom; lines may stand in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..consoles import say
from ..dataset.questions import of_document
from ..dataset.sources import Pair
from ..evaluations import Evaluation
from ..evaluations.contrast import Contrast
from ..evaluations.intersectionality import Intersectionality
from ..evaluations.leave_one_out import LeaveOneOut
from ..evaluations.main import Main
from ..evaluations.pass_at_k import PassAtK
from ..personas import in_order
from ..settings import load
from . import contrast
from .given import each_line, missing_answers, what_to_do
from .pairs import Pairs
from .people import Grouped, wanted_by
from .pieces import Piece, Terms, drawn, everybody, of_pair, require, terms
from .stream import Hashes
from .survey import Survey, survey
from .table import built_of, record_of, require_known

Line = tuple[str, Mapping[str, Any]]
STREAMED = (Main.name, Contrast.name, LeaveOneOut.name, Intersectionality.name, PassAtK.name)
"""Evaluations whose lines are judged as they are read."""


@dataclass(frozen=True)
class Job:
    """The terms; what ``make`` makes a piece of, with the terms (else ``pieces.piece``); how many of what there are."""

    terms: Terms
    items: Iterable[Any]
    pairs: int
    answers: int
    judgements: int
    unknown: tuple[str, ...]
    make: Callable[..., Piece] | None = None


def of_lines(
    path: Path,
    task: str,
    evaluation: str,
    overrides: Mapping[str, Any],
    model: str | None,
    partial: bool = False,
    baseline: Path | None = None,
) -> Job | None:
    """Return the job of a file's lines, None where all of them have to be held; raise ``PersonaError`` for what is wrong."""
    if evaluation == Main.name:
        found, only = look(path, model)
        return None if found.apart else _of_main(path, task, found, overrides, model, only)
    return _of_pairs(path, task, evaluation, overrides, model, partial, baseline)


def look(path: Path, model: str | None) -> tuple[Survey, str | None]:
    """Return what the lines have in common, and the model whose lines alone are meant where several are there."""
    found = survey(each_line(path))
    if len(found.models) > 1 and model in found.models:
        return survey(_of_model(each_line(path), model)), model
    return found, None


def _of_model(lines: Iterable[Line], model: str | None) -> Iterator[Line]:
    return ((where, row) for where, row in lines if model is None or row.get("model") == model)


def _of_main(
    path: Path, task: str, found: Survey, overrides: Mapping[str, Any], model: str | None, only: str | None
) -> Job:
    agreed = terms(task, found, overrides, model, path.name)
    numbered = ((number, *line) for number, line in enumerate(_of_model(each_line(path), only)))
    return Job(agreed, numbered, found.rows, found.rows, found.rows, tuple(found.unknown))


def _of_pairs(
    path: Path,
    task: str,
    evaluation: str,
    overrides: Mapping[str, Any],
    model: str | None,
    partial: bool,
    baseline: Path | None,
) -> Job | None:
    first = next(each_line(path))[1]
    grouped = None
    if evaluation == Intersectionality.name:
        stated = first.get("persona")
        grouped = Grouped(
            wanted_by(load({"n": 1, **overrides}, where="--metadata"), stated if isinstance(stated, Mapping) else ())
        )
    pairs = Pairs(path, evaluation, None, baseline, grouped)
    if len(pairs.found.models) > 1 and model in pairs.found.models:
        grouped = None if grouped is None else Grouped(grouped.wanted)
        pairs = Pairs(path, evaluation, model, baseline, grouped)
    found = pairs.found
    require(found, overrides, path.name, contrast.CHOICES if pairs.contrasted else ())
    if found.apart:
        say(f"{found.apart}: all answers are held at once")
        return None
    if pairs.contrasted and not pairs.for_nobody:
        say(contrast.LIFT)
    recorded = record_of(evaluation, path, pairs.names, pairs.longest, len(pairs))
    somebody = Pair("", everybody(found.columns), of_document({"question_id": "", "question": ""}))
    people = grouped.people if grouped is not None else pairs.people() if pairs.contrasted else None
    chosen, built = built_of(evaluation, recorded, overrides, [somebody], path, people, pairs.names)
    wanted = tuple(variant.name for variant in built.variants_of(somebody.persona, ""))
    if not pairs.attempts:
        require_known(pairs.names, wanted, task, path)
    left_out = _left_out(pairs, wanted, partial, path)
    kept = len(pairs) - int(left_out.sum())
    columns, digest = (found.columns, None) if kept == len(pairs) else _looked_through(pairs, left_out)
    agreed = Terms(
        task,
        drawn(built),
        chosen,
        columns,
        pairs.repeats(left_out),
        next(iter(found.kinds), True),
        model or next(iter(found.models), "elsewhere"),
        path.name,
        digest=digest,
        recorded=recorded,
        left_out=len(pairs) - kept,
        support=built.support(grouped.people) if grouped is not None else {},
    )
    each = _judgements(built, somebody)
    items = ((number, pairs, rank) for number, rank in enumerate(pairs.ranks(left_out)))
    return Job(agreed, items, kept, kept * len(wanted), kept * each, tuple(found.unknown), _read)


def _judgements(built: Evaluation, somebody: Pair) -> int:
    if isinstance(built, Contrast):  # nobody has to be drawn to count them
        return 1 + built.others + built.baseline
    return built.judgements(somebody.persona, "")


def _left_out(pairs: Pairs, wanted: tuple[str, ...], partial: bool, path: Path) -> Any:
    """Return which pairs lack answers; raise ``PersonaError`` where some do and ``partial`` is not set, or all do."""
    lacking = pairs.lacking(wanted)
    left_out = lacking.any(axis=1)
    if left_out.any() and not (partial and not left_out.all()):
        rank = int(np.flatnonzero(left_out)[0])
        name = f"{pairs.pair(rank).id}/{wanted[int(np.flatnonzero(lacking[rank])[0])]}"
        raise missing_answers(path, int(lacking.sum()), int(left_out.sum()), name, what_to_do(partial))
    return left_out


def _looked_through(pairs: Pairs, left_out: Any) -> tuple[tuple[str, ...], str]:
    """Return what the people state whose pairs are not left out, and the hash of all people and questions."""
    columns: tuple[str, ...] = ()
    hashes = Hashes()
    for rank in range(len(pairs)):
        pair = pairs.pair(rank)
        hashes.add_content(pair)
        columns = columns if left_out[rank] else in_order((columns, pair.persona.attributes))
    return columns, hashes.data()


def _read(agreed: Terms, number: int, pairs: Pairs, rank: int) -> Piece:
    return of_pair(agreed, number, *pairs.said(rank))
