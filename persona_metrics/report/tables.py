"""The numbers of a report: ``analysis``' tables of every task, what lm-eval's table said, and comparisons."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from .. import analysis
from ..analysis.words import listed
from ..errors import PersonaError, shorten
from ..evaluations import EVALUATIONS
from ..evaluations.facts import fact_of
from ..files import file_name, safe_cell, told_apart
from ..runs.rows import Row
from ..runs.terms import differing, task_terms, terms_of
from .load import Entry

BASELINE = "baseline"
MOST_COMPARED = 8
"""Beyond so many models their pairs are not listed two by two; ``persona-metrics leaderboard`` is made for that."""


@dataclass(frozen=True)
class TaskTables:
    """An entry with its tables by name; ``lm_eval`` is lm-eval's own table, and all there is without samples."""

    entry: Entry
    tables: Mapping[str, pd.DataFrame]

    @property
    def headline(self) -> pd.DataFrame | None:
        """The first table, or None without samples."""
        return self.tables.get("headline")


@dataclass(frozen=True)
class Comparison:
    """Paired differences between models (``of`` is the task) or modes (``of`` is the model), all on the same terms."""

    kind: str
    of: str
    rates: pd.DataFrame
    differences: pd.DataFrame
    entries: tuple[Entry, ...] = ()
    part: int = 0
    """Which of several groups of comparable runs this is: 0, 1, …"""
    stem: str = ""
    """What stands for ``of`` in file names, where that is a model's label (``stems``)."""

    @property
    def file_name(self) -> str:
        """The start of its files' names."""
        return file_name(self.kind, self.stem or self.of, str(self.part + 1) if self.part else "")


def stems(tables: Sequence[TaskTables]) -> dict[str, str]:
    """Return what stands for each label in file names: two labels never share one, whatever characters they lose."""
    return told_apart(table.entry.label for table in tables)


def of_entry(entry: Entry) -> TaskTables:
    """Return the tables of one task of one run."""
    found: dict[str, pd.DataFrame] = {}
    if entry.has_samples:
        try:
            found = dict(analysis.tables(entry.data.frame, entry.task.metadata))
        except PersonaError as error:
            raise PersonaError(f"{entry.task.samples}: {error}") from None
    return TaskTables(entry, {**found, "lm_eval": lm_eval_rows(entry.task.rows)})


def with_tables(table: TaskTables, more: Mapping[str, pd.DataFrame]) -> TaskTables:
    """Return the same with tables that stand before lm-eval's own."""
    last = {"lm_eval": table.tables["lm_eval"]}
    return TaskTables(table.entry, {**{k: v for k, v in table.tables.items() if k not in last}, **more, **last})


def lm_eval_rows(rows: Mapping[str, Row]) -> pd.DataFrame:
    """Return lm-eval's table: row, value, stderr (NaN where it says N/A)."""
    listed = [(row.name, row.value, math.nan if row.stderr is None else row.stderr) for row in rows.values()]
    return pd.DataFrame(listed, columns=["row", "value", "stderr"])


def comparisons(tables: Sequence[TaskTables]) -> tuple[list[Comparison], list[str]]:
    """Return the modes of each model side by side, the models of each task, and a line for what cannot be compared.

    Only what was measured on the same terms (``runs.terms``) is compared: another critic's verdicts, other data or another
    sampling make another number. Modes differ in their mode and its template, and in nothing else.
    """
    with_samples = [t for t in tables if t.headline is not None and _comparable(t) is not None]
    found: list[Comparison] = []
    notes: list[str] = []
    for model in dict.fromkeys(t.entry.label for t in with_samples):
        mains = [t for t in with_samples if t.entry.label == model and t.entry.evaluation == "main"]
        found += _grouped("modes", model, mains, lambda t: t.entry.mode, ("mode", "answer_template"), notes)
    for task in dict.fromkeys(t.entry.task.called for t in with_samples):
        runs = [t for t in with_samples if t.entry.task.called == task]
        if len(runs) > 1 and (row := _no_share(runs[0])):
            notes.append(f"not compared on {task}: {row} is no share of answers; the models' own sections have it")
            continue
        found += _grouped("models", task, runs, lambda t: t.entry.label, (), notes)
    names = stems(tables)
    return [replace(c, stem=names[c.of]) if c.kind == "modes" else c for c in found], notes


def _grouped(
    kind: str,
    of: str,
    runs: Sequence[TaskTables],
    name: Callable[[TaskTables], str],
    leave: Sequence[str],
    notes: list[str],
) -> list[Comparison]:
    """Compare the runs that share their terms, and note why each of the others stands alone."""
    groups: dict[tuple[tuple[str, str], ...], list[TaskTables]] = {}
    for run in runs:
        agreed = {k: v for k, v in _terms(run).items() if k not in leave}
        groups.setdefault(tuple(agreed.items()), []).append(run)
    ordered = sorted(groups.values(), key=lambda group: -len(group))
    for group in ordered[1:]:
        why = "; ".join(differing(_terms(group[0]), _terms(ordered[0][0]), leave))
        names, first = listed([name(t) for t in group]), name(ordered[0][0])
        notes.append(f"not compared on {of}: {names} with {first} (measured on other terms: {shorten(why, 240)})")
    several = [group for group in ordered if len({name(t) for t in group}) > 1]
    return [_comparison(kind, of, {name(t): t for t in group}, part) for part, group in enumerate(several)]


def _no_share(run: TaskTables) -> str | None:
    """Return the headline's row where it is another number than a share of answers, which ``analysis.compare`` takes."""
    evaluation = EVALUATIONS.get(run.entry.evaluation)
    if evaluation is None or fact_of(evaluation.headline, evaluation.rows).unit == "proportion":
        return None
    return evaluation.headline


def _terms(run: TaskTables) -> dict[str, str]:
    return {**terms_of(run.entry.task), **task_terms(run.entry.task)}


def _comparison(kind: str, of: str, named: Mapping[str, TaskTables], part: int) -> Comparison:
    rates = pd.DataFrame([{"name": name, **_first(t)} for name, t in named.items()])
    entries = tuple(t.entry for t in named.values())
    if len(named) > MOST_COMPARED:
        return Comparison(kind, of, rates, pd.DataFrame(), entries, part)
    with np.errstate(all="ignore"):
        frames = {name: _comparable(t) for name, t in named.items()}
        table = analysis.compare({name: frame for name, frame in frames.items() if frame is not None})
    return Comparison(kind, of, rates, table, entries, part)


def _comparable(table: TaskTables) -> pd.DataFrame | None:
    return analysis.comparable(table.entry.evaluation, table.entry.data.frame)


def _first(table: TaskTables) -> dict[str, Any]:
    """Return the row of the number whose differences ``analysis.compare`` tells: contrast's headline begins with another."""
    rows = table.headline if table.headline is not None else pd.DataFrame()
    compared = rows[rows["row"] == "personalized"]
    row = (compared if len(compared) else rows).iloc[0]
    return {k: row[k] for k in ("row", "value", "low", "high", "n", "missing", "bound_low", "bound_high")}


def against_baseline(differences: pd.DataFrame) -> pd.DataFrame | None:
    """Return mode, difference, low, high, p_adjusted of each mode less the baseline; None without one."""
    if not len(differences):
        return None
    turned = []
    for row in differences.to_dict("records"):
        if BASELINE not in (row["first"], row["second"]):
            continue
        sign = 1 if row["second"] == BASELINE else -1
        low, high = sorted((sign * row["low"], sign * row["high"]))
        mode = row["first"] if sign == 1 else row["second"]
        turned.append((mode, sign * row["difference"], low, high, row["p_adjusted"]))
    return pd.DataFrame(turned, columns=["mode", "difference", "low", "high", "p_adjusted"]) if turned else None


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table as plain data: NaN becomes None, numpy's numbers Python's."""
    return [{str(k): plain(v) for k, v in row.items()} for row in table.to_dict("records")]


def plain(value: Any) -> Any:
    """Return a value that JSON can hold."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(v) for v in value]
    return None if value is None or value is pd.NA else str(value)


def csv_text(table: pd.DataFrame) -> str:
    """Return the table as CSV; a text that a spreadsheet would take for a formula gets a quote in front."""
    safe = table.copy()
    for column in safe.columns:
        safe[column] = [safe_cell(v) for v in safe[column]]
    return str(safe.to_csv(index=False, lineterminator="\n"))


def metadata_text(value: Any) -> str:
    """Return a metadata value on one line."""
    return shorten(value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False), 400)
