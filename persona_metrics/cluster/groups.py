"""Pairs of several rows that stand together: spans that hold whole pairs, and what all of them have in common.

Knows no Ray and no critic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..dataset.questions import of_document
from ..dataset.sources import Pair
from ..errors import PersonaError, shorten
from ..evaluations.base import WHOLE
from ..evaluations.leave_one_out import LeaveOneOut
from ..evaluations.pass_at_k import PassAtK
from ..personas import in_order
from ..scoring.asked import mark
from ..scoring.given import missing_answers, what_to_do
from ..scoring.pieces import Terms, everybody, require
from ..scoring.survey import Survey
from ..scoring.table import (
    another_further_up,
    built_of,
    pair_in,
    record_of,
    require_known,
    text_of,
    there_twice,
)
from .spans import ROWS, File, Span, object_of, rows_of

GROUPED = (LeaveOneOut.name, PassAtK.name)
"""Evaluations whose pairs have several rows each."""
Said = tuple[Pair, dict[str, str]]
"""A pair with its answers or replies by variant."""


def cut_whole(file: File, rows: int = ROWS) -> list[Span]:
    """Return a JSONL's spans of so many rows or a few more: each ends where a pair does.

    Raises ``PersonaError`` for Parquet, where a pair's rows may lie in two row groups.
    """
    if file.path.endswith(".parquet"):
        raise PersonaError(
            f"{shorten(file.path)}: a pair's rows may lie in two row groups of Parquet; give JSONL, or score in one process"
        )
    if file.path.endswith(".gz"):  # nothing can begin in the middle of it
        whole = Span(0, file.path, 0, 0)
        return [replace(whole, rows=sum(1 for _ in rows_of(whole)))]
    spans: list[Span] = []
    at = start = held = first = 0
    begun, before = 1, None
    with file.open() as lines:
        for line, text in enumerate(lines, 1):
            if text.strip():
                key = _key(object_of(text, f"{file.path}:{line}"))
                if held >= rows and key != before:
                    spans.append(Span(len(spans), file.path, first, held, start, at, begun))
                    start, begun, first, held = at, line, first + held, 0
                held, before = held + 1, key
            at += len(text)
    return [*spans, Span(len(spans), file.path, first, held, start, at, begun)] if held else spans


def _key(row: Mapping[str, Any]) -> Any:
    """Return what two rows that follow one another share where they are one pair's."""
    if row.get("pair_id") is not None:
        return row["pair_id"]
    return row.get("persona_id") or row.get("persona"), row.get("question_id") or row.get("question")


def pairs_of(span: Span, evaluation: str, model: str | None, found: Survey | None = None) -> Iterator[Said]:
    """Yield a span's pairs in their order, of ``model``'s rows alone where it is given; tell ``found`` of the rows.

    Raises ``PersonaError`` as scoring in one process does.
    """
    attempts = evaluation == PassAtK.name
    said: dict[str, Said] = {}
    for number, where, row in rows_of(span):
        if model is not None and row.get("model") != model:
            continue
        pair = pair_in(row, where, None if attempts else number, {} if found is None else found.unknown)
        known, replies = said.setdefault(pair.id, (pair, {}))
        if (known.persona, known.question.text) != (pair.persona, pair.question.text):
            raise another_further_up(where, pair)
        text, extracted = text_of(row, where)
        name = f"attempt {len(replies) + 1}" if attempts else str(row.get("variant") or WHOLE)
        if name in replies:
            raise there_twice(where, pair, name)
        replies[name] = text
        if found is not None:
            found.rows += 1
            found.kinds[extracted] = None
            found.columns = in_order((found.columns, pair.persona.attributes))
            if row.get("model") is not None:
                found.models[str(row["model"])] = None
            if row.get("columns") is not None:
                found.apart = found.apart or f"{where}: columns of the question"
    yield from said.values()


@dataclass
class Groups:
    """What the pairs of some spans have in common; ids are kept as eight bytes each."""

    found: Survey = field(default_factory=Survey)
    sizes: list[int] = field(default_factory=list)
    """Pairs of each span."""
    marks: list[tuple[int, int, int]] = field(default_factory=list)
    """Of each pair the marks of its id, its person's and its question's."""
    names: dict[str, None] = field(default_factory=dict)
    longest: int = 0
    sets: dict[frozenset[str], tuple[int, str]] = field(default_factory=dict)
    """By the variants that a pair has how many have just these, and the id of the first."""

    def add(self, span: Span, evaluation: str, model: str | None) -> None:
        """Look through a span."""
        before = len(self.marks)
        for pair, replies in pairs_of(span, evaluation, model, self.found):
            self.marks.append((mark(pair.id), mark(pair.persona.id), mark(pair.question.id)))
            self.names |= dict.fromkeys(replies)
            self.longest = max(self.longest, len(replies))
            count, first = self.sets.get(frozenset(replies), (0, pair.id))
            self.sets[frozenset(replies)] = count + 1, first
        self.sizes.append(len(self.marks) - before)

    def joined(self, other: Groups) -> Groups:
        """Return what both have in common, the other's spans behind."""
        made = Groups(self.found.joined(other.found), self.sizes + other.sizes, self.marks + other.marks)
        made.names, made.longest = {**self.names, **other.names}, max(self.longest, other.longest)
        made.sets = dict(self.sets)
        for names, (count, first) in other.sets.items():
            before = made.sets.get(names, (0, first))
            made.sets[names] = before[0] + count, before[1]
        return made

    @property
    def starts(self) -> tuple[int, ...]:
        """Each span's first pair, counted through all of them."""
        return tuple(int(start) for start in np.cumsum([0, *self.sizes])[:-1])


def look(spans: Sequence[Span], evaluation: str, model: str | None) -> Groups:
    """Return what the pairs of some spans have in common."""
    made = Groups()
    for span in spans:
        made.add(span, evaluation, model)
    return made


def terms(
    task: str, evaluation: str, groups: Groups, overrides: Mapping[str, Any], model: str | None, origin: str
) -> Terms:
    """Return the terms of all pairs; raise ``PersonaError`` for what is wrong with them as a whole."""
    found, path = groups.found, Path(origin)
    require(found, overrides, origin)
    ids, people, questions = np.asarray(groups.marks, np.int64).reshape(-1, 3).T
    if len(np.unique(ids)) < len(ids):
        raise PersonaError(
            f"--engine ray: {origin}: the rows of a pair do not stand together; sort them by pair, or score them in one"
            " process"
        )
    recorded = record_of(evaluation, path, list(groups.names), groups.longest, len(ids))
    somebody = Pair("", everybody(found.columns), of_document({"question_id": "", "question": ""}))
    chosen, built = built_of(evaluation, recorded, overrides, [somebody], path)
    wanted = [variant.name for variant in built.variants_of(somebody.persona, "")]
    require_known(groups.names, wanted, task, path)
    lacking = {names: one for names, one in groups.sets.items() if not names.issuperset(wanted)}
    if lacking:
        names, (_, first) = next(iter(lacking.items()))
        name = next(name for name in wanted if name not in names)
        answers = sum((len(wanted) - len(held)) * count for held, (count, _) in lacking.items())
        pairs = sum(count for count, _ in lacking.values())
        raise missing_answers(origin, answers, pairs, f"{first}/{name}", f"{what_to_do(partial=False)} in one process")
    return Terms(
        task,
        built,
        chosen,
        found.columns,
        min(len(np.unique(people)), len(np.unique(questions))) < len(ids),
        next(iter(found.kinds), True),
        model or next(iter(found.models), "elsewhere"),
        origin,
        recorded=recorded,
    )
