"""Sorts runs into tables: only what was measured on the same terms stands side by side; the newest of a model wins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import PersonaError
from ..runs.find import Keep, find
from ..runs.read import Run, TaskRun

TERMS: Mapping[str, str] = {
    "pack_version": "pack version",
    "version": "task version",
    "data_hash": "data hash",
    "critic_model": "critic",
    "critic_template": "critic template",
    "critic_temperature": "critic temperature",
    "critic_votes": "votes",
    "mode": "mode",
    "answer_template": "answer template",
}
"""What has to agree between two rows of one table, with the name a reader knows it by."""

# What else has to agree for a column: the pairs, and what was done with them.
_COLUMN_TERMS: Mapping[str, tuple[str, ...]] = {
    "main": ("pairs_hash",),
    "leave_one_out": ("pairs_hash", "attributes", "yardstick"),
    "intersectionality": ("pairs_hash", "intersections", "min_support"),
    "pass_at_k": ("pairs_hash",),
}


@dataclass(frozen=True)
class Measured:
    """One evaluation of one model: the run it comes from and the task in it."""

    run: Run
    task: TaskRun

    @property
    def evaluation(self) -> str:
        """Which of the four evaluations."""
        return str(self.task.metadata["evaluation"])

    @property
    def column_terms(self) -> str:
        """What has to agree with another model's for the two to stand in one column."""
        return repr([self.task.metadata.get(name) for name in _COLUMN_TERMS.get(self.evaluation, ("pairs_hash",))])


Terms = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Table:
    """Models measured on the same terms: by model, its evaluations. ``reasons`` say why it is not the first table."""

    terms: Mapping[str, str]
    models: Mapping[str, Mapping[str, Measured]]
    notes: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def collect(paths: Sequence[Path]) -> tuple[list[Table], list[str]]:
    """Return the tables over all runs at the paths, the largest first, and notes on what was left out.

    Raises ``PersonaError`` where no path holds a run of ours.
    """
    if not paths:
        raise PersonaError("name at least one run: a results_*.json or a folder of them")
    found = find(paths, Keep.ALL)
    notes = list(found.notes)
    newest_first = sorted(found.runs, key=lambda run: (run.path.name, str(run.path)), reverse=True)
    tables, older = _grouped(newest_first)
    notes += [
        f"{model}: {count} older {'run' if count == 1 else 'runs'} of {task} left out, the newest counts"
        for (model, task), count in older
    ]
    split = [part for table in tables for part in _by_pairs(table)]
    split.sort(key=lambda table: -len(table.models))
    return [split[0], *(_explained(table, split[0]) for table in split[1:])], list(dict.fromkeys(notes))


def _terms(task: TaskRun) -> Terms:
    return tuple((name, _said(task.metadata.get(name))) for name in TERMS)


def _said(value: Any) -> str:
    return "not recorded" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _grouped(newest_first: Iterable[Run]) -> tuple[list[Table], list[tuple[tuple[str, str], int]]]:
    tables: dict[Terms, dict[str, dict[str, Measured]]] = {}
    older: Counter[tuple[str, str]] = Counter()
    for run in newest_first:
        for task in run.tasks:
            measured = Measured(run, task)
            kept = tables.setdefault(_terms(task), {}).setdefault(run.model, {})
            if measured.evaluation in kept:
                older[run.model, task.name] += 1
            else:
                kept[measured.evaluation] = measured
    return [Table(dict(terms), models) for terms, models in tables.items()], sorted(older.items())


def _by_pairs(table: Table) -> list[Table]:
    """Split by the pairs of main; in the other columns keep what most models share, and note what is left out."""
    parts: dict[str, dict[str, Mapping[str, Measured]]] = {}
    unranked: dict[str, Mapping[str, Measured]] = {}
    for model, measured in table.models.items():
        main = measured.get("main")
        if main is None:
            unranked[model] = measured
        else:
            parts.setdefault(str(main.task.metadata.get("pairs_hash")), {})[model] = measured
    if not parts:
        return [_comparable(Table({**table.terms, "pairs_hash": "no main run"}, unranked))]
    largest = max(parts, key=lambda name: len(parts[name]))
    parts[largest].update(unranked)
    return [_comparable(Table({**table.terms, "pairs_hash": name}, models)) for name, models in parts.items()]


def _comparable(table: Table) -> Table:
    notes = []
    kept: dict[str, dict[str, Measured]] = {model: dict(measured) for model, measured in table.models.items()}
    for evaluation in _COLUMN_TERMS:
        counted = Counter(m[evaluation].column_terms for m in kept.values() if evaluation in m)
        if len(counted) < 2:
            continue
        common = counted.most_common(1)[0][0]
        for model, measured in kept.items():
            if evaluation in measured and measured[evaluation].column_terms != common:
                notes.append(f"{model}: {measured[evaluation].task.name} left out, measured on other pairs or items")
                del measured[evaluation]
    return Table(table.terms, {model: m for model, m in kept.items() if m}, (*table.notes, *notes), table.reasons)


def _explained(table: Table, first: Table) -> Table:
    names = {**TERMS, "pairs_hash": "pairs"}
    reasons = tuple(
        f"{label}: {table.terms[name]} here, {first.terms[name]} there"
        for name, label in names.items()
        if table.terms[name] != first.terms[name]
    )
    return Table(table.terms, table.models, table.notes, reasons)
