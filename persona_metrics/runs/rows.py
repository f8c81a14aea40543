"""The names and values of lm-eval's rows, parsed once: ``importance[age],critic`` and its ``_stderr``. Knows no file."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_NAME = re.compile(r"([^\[@^]+)(?:\[(.*)\]|[@^](\d{1,9}))", re.S)
_SHARES = frozenset(
    {"personalized", "critic_failures", "answer_failures", "critic_agreement", "worst_group", "between_group_sd"}
    | {"pass@k", "pass^k", "never", "distinct_answers"}
)
_LESS_IS_BETTER = frozenset({"critic_failures", "answer_failures", "never", "between_group_sd"})


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
        return split(self.name)[0]

    @property
    def argument(self) -> str | None:
        """What stands in the brackets, or the k; None for a row over everything."""
        return split(self.name)[1]


def split(name: str) -> tuple[str, str | None]:
    """Return a row's kind and its argument: ``("importance", "age")``, ``("pass@k", "4")``, ``("attempts", None)``."""
    match = _NAME.fullmatch(name)
    if match is None:
        return name, None
    return (f"{match[1]}{name[len(match[1])]}k", match[3]) if match[3] else (match[1], match[2])


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


def scale(name: str, metadata: Mapping[str, Any]) -> Scale:
    """Return what values a row can take; importance has no better or worse, and counts as higher is better."""
    kind = split(name)[0]
    if kind == "importance":
        return Scale(-1.0, 1.0, True)
    if kind == "attempts":
        return Scale(1.0, float(metadata.get("k") or 1), False)
    return Scale(0.0, 1.0, kind not in _LESS_IS_BETTER)


def impossible(row: Row, metadata: Mapping[str, Any]) -> bool:
    """Return whether a row of ours holds a value that it cannot take (rows of a user's own are not judged)."""
    if row.kind not in _SHARES | {"importance", "attempts"} or math.isnan(row.value):
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
