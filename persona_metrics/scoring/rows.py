"""Rows of pairs, added up as they come: no list of samples is held. Knows no lm-eval and no critic."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..statistics.clusters import design

CODES = 255
"""So many different values of a row are kept as one byte a pair."""
Value = float | int | str


@dataclass
class Column:
    """One row's values in the order of the pairs: a byte each, the values themselves once."""

    values: list[float] = field(default_factory=list)
    codes: Any = field(default_factory=lambda: array("B"))

    def add(self, value: float) -> None:
        """Add a pair's value."""
        try:
            code = self.values.index(value)
        except ValueError:
            code = len(self.values)
            self.values.append(value)
            if code == CODES:
                self.codes = array("I", self.codes)
        self.codes.append(code)

    def __len__(self) -> int:
        return len(self.codes)

    def __iter__(self) -> Iterator[float]:
        return (self.values[code] for code in self.codes)

    def counts(self) -> Counter[float]:
        """Return how often each value stands there."""
        return Counter({self.values[code]: times for code, times in Counter(self.codes).items()})


class Texts:
    """One row's texts in the order of the pairs, as bytes: what an aggregate of the evaluation's own reads."""

    def __init__(self) -> None:
        self._bytes, self._ends = bytearray(), array("Q")

    def add(self, text: str) -> None:
        """Add a pair's text."""
        self._bytes += text.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._ends)

    def __iter__(self) -> Iterator[str]:
        start = 0
        for end in self._ends:
            yield self._bytes[start:end].decode("utf-8", "surrogatepass")
            start = end


@dataclass
class Clusters:
    """The headline's values with whose they are, as numbers: what the design effect is made of."""

    values: Any = field(default_factory=lambda: array("d"))
    persons: Any = field(default_factory=lambda: array("I"))
    questions: Any = field(default_factory=lambda: array("I"))
    names: tuple[dict[str, int], dict[str, int]] = field(default_factory=lambda: ({}, {}))

    def add(self, value: float, person: str, question: str) -> None:
        """Add a judged pair."""
        self.values.append(float(f"{float(value):.12g}"))
        for place, name, codes in zip((0, 1), (person, question), (self.persons, self.questions), strict=True):
            codes.append(self.names[place].setdefault(name.replace("\t", " "), len(self.names[place])))

    def ranked(self) -> tuple[Any, Any, Any]:
        """Return values, persons and questions, numbered in the order of their names, which decides how sums are rounded."""
        made = []
        for names, codes in zip(self.names, (self.persons, self.questions), strict=True):
            rank = np.empty(len(names), np.int64)
            for place, name in enumerate(sorted(names)):
                rank[names[name]] = place
            made.append(rank[np.asarray(codes, np.int64)] if len(codes) else np.zeros(0, np.int64))
        return np.asarray(self.values), made[0], made[1]

    def effect(self) -> float:
        """Return the design effect; 1.0 where it is not to be had."""
        found = design(*self.ranked()) if len(self.values) > 1 else None
        return 1.0 if found is None else found.effect


@dataclass
class Rows:
    """Every row's values, and of the headline whose they are. ``pairs`` counts all pairs, judged or not."""

    headline: str
    repeats: bool
    own: Mapping[str, Callable[[Iterable[Any]], float]] = field(default_factory=dict)
    """The evaluation's aggregates of rows that are no mean."""
    columns: dict[str, Column] = field(default_factory=dict)
    texts: dict[str, Texts] = field(default_factory=dict)
    clusters: Clusters = field(default_factory=Clusters)
    pairs: int = 0

    def add(self, rows: Mapping[str, Any], person: str, question: str) -> None:
        """Add a pair's rows as ``harness.remarks.rows_of_pair`` gives them."""
        self.pairs += 1
        for name, value in rows.items():
            column = self.columns.get(name)
            if column is None:
                column = self.columns[name] = Column()
            if name in self.own:
                self.texts.setdefault(name, Texts()).add(str(value))
            elif name != "design_effect":
                column.add(value)
        if self.headline in rows:
            self.clusters.add(float(rows[self.headline]), person, question)

    @property
    def incomplete(self) -> set[str]:
        """Return the rows that some pair lacks."""
        sizes = {name: len(self.texts.get(name, column)) for name, column in self.columns.items()}
        return {name for name, size in sizes.items() if size < self.pairs and name != "design_effect"}

    def groups(self) -> dict[str, tuple[int, set[float]]]:
        """Return the rows ``personalized[group]`` with how many pairs they rest on, and their different values."""
        return {k: (len(c), set(c.values)) for k, c in self.columns.items() if k.startswith("personalized[")}

    def table(self) -> dict[str, tuple[float | int, float | str]]:
        """Return each row's value and standard error as lm-eval makes them, in the order in which rows first came."""
        made: dict[str, tuple[float | int, float | str]] = {}
        for name, column in self.columns.items():
            if name == "design_effect":
                made[name] = (self.clusters.effect(), "N/A")
            elif name in self.own:
                made[name] = (self.own[name](self.texts[name]), "N/A")
            elif name.startswith("n["):
                made[name] = (int(sum(column)), "N/A")
            else:
                mean = sum(column) / len(column)
                made[name] = (mean, _stderr(column, mean))
        return made


def _stderr(column: Column, mean: float) -> float | str:
    """Return lm-eval's ``mean_stderr``, summed in its order."""
    size = len(column)
    if size < 2:
        return "N/A"
    off = [(value - mean) ** 2 for value in column.values]
    return math.sqrt(sum(off[code] for code in column.codes) / (size - 1)) / math.sqrt(size)


@dataclass
class Sums:
    """Rows as counts of their values: parts that were added up elsewhere come together here, whatever their number."""

    own: Mapping[str, Callable[[Iterable[Any]], float]] = field(default_factory=dict)
    """The evaluation's aggregates of rows that are no mean."""
    counts: dict[str, Counter[float]] = field(default_factory=dict)
    texts: dict[str, Texts] = field(default_factory=dict)
    clusters: Clusters = field(default_factory=Clusters)
    pairs: int = 0

    def add(
        self, rows: Mapping[str, Counter[float]], pairs: int, texts: Mapping[str, Iterable[str]] | None = None
    ) -> None:
        """Add a part; ``texts`` are the values of its rows that are no mean."""
        self.pairs += pairs
        for name, counted in rows.items():
            self.counts.setdefault(name, Counter()).update(counted)
        for name, listed in (texts or {}).items():
            kept = self.texts.setdefault(name, Texts())
            for text in listed:
                kept.add(text)

    @property
    def incomplete(self) -> set[str]:
        """Return the rows that some pair lacks."""
        sizes = {k: len(self.texts[k]) if k in self.texts else c.total() for k, c in self.counts.items()}
        return {name for name, size in sizes.items() if size < self.pairs and name != "design_effect"}

    def groups(self) -> dict[str, tuple[int, set[float]]]:
        """Return what ``Rows.groups`` does."""
        return {k: (c.total(), set(c)) for k, c in self.counts.items() if k.startswith("personalized[")}

    def table(self) -> dict[str, tuple[float | int, float | str]]:
        """Return what ``Rows.table`` does, to the last bit but for how sums are rounded."""
        made: dict[str, tuple[float | int, float | str]] = {}
        for name, counted in self.counts.items():
            size = counted.total()
            if name == "design_effect":
                made[name] = (self.clusters.effect(), "N/A")
                continue
            if name in self.own:
                made[name] = (self.own[name](self.texts[name]), "N/A")
                continue
            total = math.fsum(value * times for value, times in counted.items())
            if name.startswith("n["):
                made[name] = (int(total), "N/A")
                continue
            mean = total / size
            off = math.fsum(times * (value - mean) ** 2 for value, times in counted.items())
            made[name] = (mean, math.sqrt(off / (size - 1)) / math.sqrt(size) if size > 1 else "N/A")
        return made
