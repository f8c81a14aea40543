"""The names and values of lm-eval's rows, parsed once: ``importance[age],critic`` and its ``_stderr``. Knows no file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..evaluations import EVALUATIONS
from ..evaluations.facts import SHARED, Fact, fact_of, kind_of


@dataclass(frozen=True)
class Scale:
    """The least and the greatest value a row can take, and whether more of it is better."""

    least: float
    most: float
    higher_is_better: bool


@dataclass(frozen=True)
class Row:
    """One row of a task's table. ``value`` is NaN, ``stderr`` None where lm-eval has none ("N/A")."""

    name: str
    value: float
    stderr: float | None = None

    @property
    def kind(self) -> str:
        """The row's name without its argument: ``importance[age]`` is ``importance``, ``pass@4`` is ``pass@k``."""
        return kind_of(self.name)[0]

    @property
    def argument(self) -> str | None:
        """What stands in the brackets, or the k; None for a row over everything."""
        return kind_of(self.name)[1]


def parse(table: Mapping[str, Any]) -> dict[str, Row]:
    """Return the rows of a task's part of ``results``, by name, in their order; what is no number is left out.

    Keys are ``<row>,<filter>`` and ``<row>_stderr,<filter>``; of several filters the first counts.
    """
    rows: dict[str, Row] = {}
    for key, value in table.items():
        name, comma, filter_name = str(key).rpartition(",")
        number = _number(value)
        if not comma or name.endswith("_stderr") or number is None or name in rows:
            continue
        error = _number(table.get(f"{name}_stderr,{filter_name}"))
        rows[name] = Row(name, number, error if error is not None and math.isfinite(error) else None)
    return rows


def fact_of_row(row: str, metadata: Mapping[str, Any]) -> Fact:
    """Return what the run's evaluation says of a row; a row that it does not know is a share of which more is better."""
    return fact_of(row, _facts(metadata))


def _facts(metadata: Mapping[str, Any]) -> tuple[Fact, ...]:
    evaluation = EVALUATIONS.get(str(metadata.get("evaluation")))
    return evaluation.rows if evaluation else ()


def scale(row: str, metadata: Mapping[str, Any]) -> Scale:
    """Return what values a row can take, as its evaluation says; an importance counts as higher is better."""
    fact = fact_of_row(row, metadata)
    most = metadata.get(fact.most) if isinstance(fact.most, str) else fact.most
    return Scale(fact.least, float(most) if isinstance(most, (int, float)) else 1.0, fact.higher_is_better)


def impossible(row: Row, metadata: Mapping[str, Any]) -> bool:
    """Return whether a row of ours holds a value that it cannot take (rows of a user's own are not judged)."""
    if row.kind not in {fact.kind for fact in (*_facts(metadata), *SHARED)} or math.isnan(row.value):
        return False
    span = scale(row.name, metadata)
    return not span.least - 1e-9 <= row.value <= span.most + 1e-9


def _number(value: Any) -> float | None:
    """Return a number, or a text that is one; None for anything else, NaN for what is not finite."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else math.nan
