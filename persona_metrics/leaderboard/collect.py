"""Sorts runs into tables: only what was measured on the same terms stands side by side; the newest of a model wins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import PersonaError
from ..runs.find import Keep, find
from ..runs.read import Run, TaskRun
from ..runs.terms import GENERATION, TERMS, task_terms, terms_of


@dataclass(frozen=True)
class Measured:
    """One evaluation of one model: the run it comes from and the task in it."""

    run: Run
    task: TaskRun

    @property
    def evaluation(self) -> str:
        """Which evaluation."""
        return str(self.task.metadata["evaluation"])

    @property
    def column_terms(self) -> str:
        """What has to agree with another model's for the two to stand in one column."""
        return repr([self.task.metadata.get("pairs_hash"), task_terms(self.task)])


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
    return tuple(terms_of(task).items())


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


PAIRS: Mapping[str, str] = {"pairs_hash": "pairs", **GENERATION}
"""What beside ``TERMS`` has to agree between two rows of one table: the pairs of main, and how the model sampled there."""


def _by_pairs(table: Table) -> list[Table]:
    """Split by the pairs and sampling of main; in the other columns keep what most models share, and note the rest."""
    parts: dict[Terms, dict[str, Mapping[str, Measured]]] = {}
    unranked: dict[str, Mapping[str, Measured]] = {}
    for model, measured in table.models.items():
        main = measured.get("main")
        if main is None:
            unranked[model] = measured
        else:
            own = {"pairs_hash": str(main.task.metadata.get("pairs_hash")), **task_terms(main.task)}
            parts.setdefault(tuple((name, own[name]) for name in PAIRS), {})[model] = measured
    if not parts:
        return [_comparable(Table({**table.terms, **dict.fromkeys(PAIRS, "no main run")}, unranked))]
    largest = max(parts, key=lambda name: len(parts[name]))
    parts[largest].update(unranked)
    return [_comparable(Table({**table.terms, **dict(own)}, models)) for own, models in parts.items()]


def _comparable(table: Table) -> Table:
    notes = []
    kept: dict[str, dict[str, Measured]] = {model: dict(measured) for model, measured in table.models.items()}
    for evaluation in dict.fromkeys(name for measured in kept.values() for name in measured):
        counted = Counter(m[evaluation].column_terms for m in kept.values() if evaluation in m)
        if len(counted) < 2:
            continue
        common = counted.most_common(1)[0][0]
        for model, measured in kept.items():
            if evaluation in measured and measured[evaluation].column_terms != common:
                notes.append(
                    f"{model}: {measured[evaluation].task.name} left out, measured on other pairs, items or sampling"
                )
                del measured[evaluation]
    return Table(table.terms, {model: m for model, m in kept.items() if m}, (*table.notes, *notes), table.reasons)


def _explained(table: Table, first: Table) -> Table:
    names = {**TERMS, **PAIRS}
    reasons = tuple(
        f"{label}: {table.terms[name]} here, {first.terms[name]} there"
        for name, label in names.items()
        if table.terms[name] != first.terms[name]
    )
    return Table(table.terms, table.models, table.notes, reasons)
