"""Tables as the page shows them: shares as per cent, the ends of an interval together, a single row upright."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..analysis.words import points

_SHARES = frozenset(
    {"value", "low", "high", "stderr", "rate", "bound_low", "bound_high", "pooled", "pooled_low"}
    | {"pooled_high", "pass_at_k", "pass_hat_k", "hat_low", "hat_high", "hat_stderr", "worst_group"}
    | {"hat_bound_low", "hat_bound_high", "partial_low", "partial_high", "overall", "never"}
    | {"worst_low", "worst_high", "worst_probability", "worst_raw", "worst_raw_low", "worst_raw_high"}
    | {"distinct", "equal_length", "people_alone", "people_low", "people_high", "critic", "preferred"}
)
# Of two shares less one another, and what is measured on that scale: points, no share of anything.
_DIFFERENCES = frozenset(
    {"difference", "gap", "gap_low", "gap_high", "order_bias"}
    | {"kinder", "kinder_low", "kinder_high", "apart", "apart_low", "apart_high"}
)
_SPREADS = frozenset({"detectable", "between_group_sd", "sd_low", "sd_high"})
_OF_THE_ROW = frozenset({"value", "low", "high", "bound_low", "bound_high"})
POINTS = " points"
_TESTS = frozenset({"p", "p_adjusted", "p_bh"})


@dataclass(frozen=True)
class Cell:
    """A table cell: its text, and the number that it sorts by where it is one."""

    text: str
    sort: float | None = None

    @property
    def key(self) -> str | None:
        """What a number sorts by where its text does not begin with it (``< 0.001``): few cells need it."""
        if self.sort is None:
            return None
        began = re.match(r"-?[\d,]+(\.\d+)?", self.text)
        near = began and abs(float(began[0].replace(",", "")) - self.sort * (100 if "%" in self.text else 1)) < 0.06
        return None if near and abs(self.sort) >= 0.1 else f"{self.sort:.6g}"


@dataclass(frozen=True)
class Shown:
    """A table as the page shows it."""

    name: str
    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[Cell, ...], ...]


def shown(
    name: str,
    table: pd.DataFrame,
    no_shares: frozenset[str] = frozenset(),
    differences: frozenset[str] = frozenset(),
) -> Shown:
    """Return a table's cells as a reader wants them: shares as per cent, p-values short, empty for what is not known.

    ``no_shares`` are values of the column ``row`` whose numbers are no shares, ``differences`` those whose numbers are one
    share less another: they are given in points, as the numbers of a column ``difference`` and its interval are.
    """
    numeric = tuple(bool(pd.api.types.is_numeric_dtype(t)) and t != np.dtype(bool) for t in table.dtypes)
    columns = [str(c) for c in table.columns]
    at = columns.index("row") if "row" in columns else None
    rows = []
    for row in table.itertuples(index=False, name=None):
        of = "" if at is None else str(row[at])
        unit = "share"
        if of in no_shares:
            unit = ""
        elif of in _SPREADS:
            unit = "spread"
        elif of in differences or "difference" in columns:
            unit = "points"
        rows.append(tuple(_cell(column, value, unit) for column, value in zip(columns, row, strict=True)))
    headings = [c.replace("_", " ") for c in columns]
    folded = _folded(headings, numeric, rows)
    return _upright(name.replace("_", " "), *folded)


def _folded(
    headings: Sequence[str], numeric: Sequence[bool], rows: Sequence[tuple[Cell, ...]]
) -> tuple[list[str], list[bool], list[tuple[Cell, ...]]]:
    """Return the table with the two ends of each interval in one column, which sorts by its lower end."""
    ends = {i: headings.index(h.removesuffix("low") + "high") for i, h in enumerate(headings) if _low(h, headings)}
    gone = set(ends.values())
    kept = [i for i in range(len(headings)) if i not in gone]
    names = [headings[i].removesuffix("low") + ("" if headings[i] == "bound low" else "interval") for i in kept]
    said = [{"bound ": "bounds"}.get(n, n) if i in ends else headings[i] for i, n in zip(kept, names, strict=True)]
    made = [tuple(_interval(row[i], row[ends[i]]) if i in ends else row[i] for i in kept) for row in rows]
    return said, [numeric[i] for i in kept], made


def _low(heading: str, headings: Sequence[str]) -> bool:
    stem = heading.removesuffix("low")
    return stem != heading and (not stem or stem.endswith(" ")) and f"{stem}high" in headings


def _interval(low: Cell, high: Cell) -> Cell:
    if not low.text or not high.text:
        return Cell(low.text or high.text, low.sort)
    return Cell(f"{low.text.removesuffix('%').removesuffix(POINTS)} to {high.text}", low.sort)


UPRIGHT = 6
"""A table of one row with more columns than this stands upright, a column a line."""


def _upright(name: str, headings: list[str], numeric: list[bool], rows: list[tuple[Cell, ...]]) -> Shown:
    if len(rows) == 1 and len(headings) > UPRIGHT:
        lines = tuple((Cell(heading), cell) for heading, cell in zip(headings, rows[0], strict=True) if cell.text)
        return Shown(name, ("what", "value"), (False, True), lines)
    said = [_all_points([row[i] for row in rows]) for i in range(len(headings))]
    named = tuple(f"{heading},{POINTS}" if once else heading for heading, once in zip(headings, said, strict=True))
    return Shown(name, named, tuple(numeric), tuple(tuple(map(_bare, row, said)) for row in rows))


def _all_points(cells: Sequence[Cell]) -> bool:
    texts = [cell.text for cell in cells if cell.text]
    return bool(texts) and all(text.endswith(POINTS) for text in texts)


def _bare(cell: Cell, said: bool) -> Cell:
    """Return the cell without its unit where the heading says it."""
    return Cell(cell.text.removesuffix(POINTS), cell.sort) if said else cell


def _cell(column: str, value: Any, unit: str) -> Cell:
    """Return one cell; ``unit`` is that of the row's own numbers: share, points, spread (points without a sign) or none."""
    if isinstance(value, (bool, np.bool_)):
        return Cell("yes" if value else "no", float(value))
    if isinstance(value, (float, np.floating)):
        number = float(value)
        if math.isnan(number):
            return Cell("", None)
        if math.isinf(number):
            return Cell("∞", 1e300)
        of_the_row = column in _OF_THE_ROW
        if unit and (column in _DIFFERENCES or (of_the_row and unit == "points")):
            return Cell(points(number), number)
        if column in _SPREADS or (of_the_row and unit == "spread") or (column == "stderr" and unit == "points"):
            return Cell(f"{100 * number:.1f}{POINTS}", number)
        if unit and column in _SHARES and abs(number) <= 1:
            return Cell(f"{100 * number:.1f}%", number)
        # At the least that a permutation of 1,000 can say, it says no more.
        if (column in _TESTS or column.endswith("_p")) and number < 0.00105:
            return Cell("<\u00a00.001", number)
        return Cell(f"{number:,.0f}" if number == int(number) and abs(number) > 1 else f"{number:.3g}", number)
    if isinstance(value, (int, np.integer)):
        return Cell(f"{int(value):,}", float(value))
    if value is None or value is pd.NA:
        return Cell("")
    return Cell(", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value))
