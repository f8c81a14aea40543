"""Which lines of a file make which pair, in whatever order they stand: some numbers a line, and none of its text.

What is wrong with the file as a whole is said here, before the first judgement. Knows no lm-eval and no critic.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..dataset.people import read_person
from ..dataset.sources import Pair
from ..errors import PersonaError, shorten
from ..evaluations.base import WHOLE
from ..evaluations.contrast import NOBODY, Contrast
from ..evaluations.pass_at_k import PassAtK
from ..personas import Persona, in_order
from . import contrast
from .lines import Lines, Place
from .people import Drawn, Grouped
from .survey import Survey
from .table import another_further_up, pair_in, text_of, there_twice

Numbers = npt.NDArray[np.int64]
_NO_LINE = -1


class Pairs:
    """The pairs of a file for one evaluation, of ``model``'s lines alone where several models are there.

    ``baseline`` are answers written for nobody, in another file. ``names`` are the variants in the order in which pairs have
    them, ``longest`` is how many lines the largest pair has. Raises ``PersonaError`` for a line that has no answer, question
    or persona, for a pair that has two personas, and for a variant that stands there twice.
    """

    def __init__(
        self,
        path: Path,
        evaluation: str,
        model: str | None = None,
        baseline: Path | None = None,
        grouped: Grouped | None = None,
    ) -> None:
        self.attempts, self.contrasted = evaluation == PassAtK.name, evaluation == Contrast.name
        self.files = [Lines(path), *([] if baseline is None else [Lines(baseline)])]
        self.found = Survey()
        self._only, self._grouped = model, grouped
        self._at, self._line, self._of = array("q"), array("q"), array("q")
        self._content, self._person, self._question = array("q"), array("q"), array("q")
        self._variant, self._codes = array("i"), dict[str, int]()
        self._nobody: list[tuple[int, Place]] = []
        self._read(baseline)
        self._order()

    # -- reading -------------------------------------------------------------------------------------------------------

    def _read(self, baseline: Path | None) -> None:
        models = self.found.models
        for place, where, row in self.files[0]:
            if self._only is not None and row.get("model") != self._only:
                continue
            if row.get("model") is not None:
                models[str(row["model"])] = None
            self._add(place, where, row)
        if len(models) > 1:
            return  # which one is still to be chosen
        if baseline is not None:
            before, named = len(self._nobody), self._only or next(iter(models), "elsewhere")
            for place, where, row in self.files[1]:
                if named in (row.get("model", named), "elsewhere"):
                    self._take_for_nobody(1, place, where, row)
            if len(self._nobody) == before:
                raise PersonaError(f"--baseline: no line there is of the model {shorten(named, 40)!r}")
        if not self._at:
            raise PersonaError(
                f"{self.files[0].path}: every answer was written for nobody; add those written with the persona"
            )

    def _add(self, place: Place, where: str, row: Mapping[str, Any]) -> None:
        if self.contrasted and contrast.for_nobody(row):
            self._take_for_nobody(0, place, where, row)
            return
        pair = self._pair(len(self._at), where, row)
        if row.get("columns") is not None and self.found.apart is None:
            self.found.apart = f"{where}: columns of the question"
        self.found.kinds[text_of(row, where)[1]] = None
        attributes = pair.persona.attributes
        if not set(self.found.columns).issuperset(attributes):
            self.found.columns = in_order((self.found.columns, attributes))
        for values, value in (
            *((self._at, place[0]), (self._line, place[1]), (self._of, hash(pair.id))),
            *((self._person, hash(pair.persona.id)), (self._question, hash(pair.question.id))),
        ):
            values.append(value)
        self._content.append(hash((pair.persona.id, frozenset(attributes.items()), pair.question.text)))
        name = "" if self.attempts else str(row.get("variant") or WHOLE)
        self._variant.append(self._codes.setdefault(name, len(self._codes)))
        if self._grouped is not None:
            self._grouped.add(attributes)

    def _take_for_nobody(self, file: int, place: Place, where: str, row: Mapping[str, Any]) -> None:
        self.found.kinds[text_of(row, where)[1]] = None
        self._nobody.append((file, place))

    def _pair(self, number: int, where: str, row: Mapping[str, Any]) -> Pair:
        return pair_in(row, where, None if self.attempts else number, self.found.unknown)

    # -- putting in order ----------------------------------------------------------------------------------------------

    def _order(self) -> None:
        self._places = np.asarray(self._at, np.int64), np.asarray(self._line, np.int64)
        _, first, which = np.unique(np.asarray(self._of, np.int64), return_index=True, return_inverse=True)
        rank = np.empty(len(first), np.int64)
        rank[np.argsort(first, kind="stable")] = np.arange(len(first))
        pair = rank[which.reshape(-1)]
        self._first: Numbers = np.sort(first)
        self._lines: Numbers = np.argsort(pair, kind="stable")
        self._ends: Numbers = np.cumsum(np.bincount(pair, minlength=len(first)))
        self._require_one_content(pair)
        variant = np.asarray(self._variant, np.int64)
        self._require_each_once(pair, variant)
        self._seen = pair, variant
        named = list(self._codes)
        in_turn = variant[self._lines]
        self.names = [named[in_turn[i]] for i in np.sort(np.unique(in_turn, return_index=True)[1])]
        self.longest = int(np.bincount(pair).max(initial=0))
        self.found.rows = len(first)
        self.found.repeats = self.repeats(np.zeros(len(first), bool))
        self._own_nobody: Numbers | None = self._joined() if self._nobody and len(self.found.models) < 2 else None
        if self._own_nobody is not None:
            self.names.append(NOBODY)

    def _require_one_content(self, pair: Numbers) -> None:
        content = np.asarray(self._content, np.int64)
        if len(wrong := np.flatnonzero(content != content[self._first][pair])):
            raise another_further_up(*self._named(int(wrong[0])))

    def _require_each_once(self, pair: Numbers, variant: Numbers) -> None:
        if self.attempts:
            return
        both = pair * max(1, len(self._codes)) + variant
        kept = np.zeros(len(both), bool)
        kept[np.unique(both, return_index=True)[1]] = True
        if len(again := np.flatnonzero(~kept)):
            raise there_twice(*self._named(int(again[0])), list(self._codes)[variant[again[0]]])

    def _named(self, line: int) -> tuple[str, Pair]:
        where, row = self.files[0].at(self._place(line))
        return where, self._pair(line, where, row)

    def _place(self, line: int) -> Place:
        return int(self._places[0][line]), int(self._places[1][line])

    def _joined(self) -> Numbers:
        """Return for each pair which of the answers written for nobody is its own (see ``contrast.by_pair``)."""
        by_id: dict[int, int] = {}
        by_content: dict[int, list[int]] = {}
        for rank, line in enumerate(self._first):
            _, pair = self._named(int(line))
            by_id[hash(pair.id)] = rank
            for attributes in (None, frozenset(pair.persona.attributes.items())):
                by_content.setdefault(hash((pair.question.text, attributes)), []).append(rank)
        found = np.full(len(self._first), _NO_LINE, np.int64)
        for number, (file, place) in enumerate(self._nobody):
            where, row = self.files[file].at(place)
            given = row.get("persona")
            stated = read_person(given, where)[0] if isinstance(given, Mapping) else None
            mine = by_id.get(hash(str(row["pair_id"]))) if row.get("pair_id") is not None else None
            content = row.get("question"), frozenset(stated.items()) if stated else None
            ranks = [mine] if mine is not None else by_content.get(hash(content), [])
            if not ranks:
                raise contrast.nobody_asked(where, row, bool(stated))
            for rank in ranks:
                if found[rank] != _NO_LINE:
                    raise contrast.asked_twice(where, self.pair(rank).id)
                found[rank] = number
        return found

    # -- what is there -------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._first)

    def repeats(self, left_out: npt.NDArray[np.bool_]) -> bool:
        """Return whether a person or a question stands twice among the pairs that are not left out."""
        kept = self._first[~left_out]
        return any(len(np.unique(np.asarray(of, np.int64)[kept])) < len(kept) for of in (self._person, self._question))

    @property
    def for_nobody(self) -> bool:
        """Whether there are answers written for nobody."""
        return bool(self._nobody)

    def lacking(self, wanted: tuple[str, ...]) -> npt.NDArray[np.bool_]:
        """Return for each pair how which of the ``wanted`` variants it lacks: an array of pairs × variants."""
        missing = np.ones((len(self), len(wanted)), bool)
        if self.attempts:
            sizes = np.diff(self._ends, prepend=0)
            return np.asarray(np.arange(len(wanted))[None, :] >= sizes[:, None])
        pair, variant = self._seen
        for column, name in enumerate(wanted):
            if name == NOBODY and self._own_nobody is not None:
                missing[:, column] = self._own_nobody == _NO_LINE
            elif name in self._codes:
                missing[pair[variant == self._codes[name]], column] = False
        return missing

    def pair(self, rank: int) -> Pair:
        """Return a pair without its answers."""
        return self._named(int(self._first[rank]))[1]

    def said(self, rank: int) -> tuple[Pair, dict[str, str]]:
        """Return a pair, and its answers or replies by variant."""
        start = int(self._ends[rank - 1]) if rank else 0
        replies: dict[str, str] = {}
        pair: Pair | None = None
        for line in self._lines[start : int(self._ends[rank])]:
            where, row = self.files[0].at(self._place(int(line)))
            pair = pair or self._pair(int(line), where, row)
            name = f"attempt {len(replies) + 1}" if self.attempts else str(row.get("variant") or WHOLE)
            replies[name] = text_of(row, where)[0]
        assert pair is not None
        if self._own_nobody is not None and (number := int(self._own_nobody[rank])) != _NO_LINE:
            file, place = self._nobody[number]
            where, row = self.files[file].at(place)
            replies[NOBODY] = text_of(row, where)[0]
        return pair, replies

    def people(self) -> Drawn:
        """Return the people, each once by their id, who are read when they are drawn."""
        of = np.asarray(self._person, np.int64)[self._first]
        _, first, which = np.unique(of, return_index=True, return_inverse=True)
        latest = np.zeros(len(first), np.int64)
        np.maximum.at(latest, which.reshape(-1), self._first)
        return Drawn(latest[np.argsort(first, kind="stable")], self._somebody)

    def _somebody(self, line: Any) -> Persona:
        return self._named(int(line))[1].persona

    def ranks(self, left_out: npt.NDArray[np.bool_]) -> Iterator[int]:
        """Yield the pairs that are not left out, in their order."""
        return (int(rank) for rank in np.flatnonzero(~left_out))
