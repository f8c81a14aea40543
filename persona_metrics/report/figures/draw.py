"""Which figures a report gets. The file named after an evaluation draws its own (``draw(subject)``)."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

import numpy as np
import pandas as pd

from ...evaluations import EVALUATIONS
from ...files import file_name
from .. import words
from ..tables import BASELINE, Comparison, TaskTables, against_baseline, stems
from . import compare, main
from .style import Drawn, Subject, styled


def draw(tables: Sequence[TaskTables], comparisons: Sequence[Comparison]) -> list[tuple[str, Drawn]]:
    """Return the figures, each with the section it belongs to: ``comparison`` or ``<label>/<task>``."""
    names = stems(tables)
    several = len(names) > 1
    found: list[tuple[str, Drawn]] = []
    with styled(), np.errstate(all="ignore"):
        found += [("comparison", figure) for figure in _comparing(tables, comparisons)]
        for table in tables:
            if table.headline is None or not len(table.headline) or not int(table.headline["n"].iloc[0]):
                continue
            entry = table.entry
            prefix = file_name(names[entry.label] if several else "", entry.task.called)
            found += [(f"{entry.label}/{entry.task.called}", figure) for figure in _of_task(table, prefix)]
    return found


def _of_task(table: TaskTables, prefix: str) -> list[Drawn]:
    entry, tables = table.entry, table.tables
    overall = {k: float(tables["headline"][k].iloc[0]) for k in ("value", "low", "high")}
    drawn = Subject(prefix, tables, overall, words.caption(entry), entry.label, entry.task.metadata)
    if entry.evaluation not in EVALUATIONS:
        return []
    return list(import_module(f".{entry.evaluation}", __package__).draw(drawn))


def _comparing(tables: Sequence[TaskTables], comparisons: Sequence[Comparison]) -> list[Drawn]:
    drawn = []
    judged = [c for c in comparisons if (c.rates["n"] > 0).any()]
    models = [c for c in judged if c.kind == "models"]
    modes = [c for c in judged if c.kind == "modes"]
    for comparison in models:
        first = comparison.entries[0]
        said = f"n = pairs each model was judged on · critic {words.critics(first.task.metadata)}"
        said += f" · mode {words.spoken(first.mode)}{words.so_far(comparison.entries)}."
        what = f"{comparison.of} · {words.compared_share(first)}"
        drawn.append(
            compare.models(
                comparison.file_name, comparison.rates, comparison.differences, said, words.title(first), what
            )
        )
    if len(modes) > 1:
        rows = pd.concat([c.rates.rename(columns={"name": "mode"}).assign(model=c.of) for c in modes])
        critics = {words.critics(t.entry.task.metadata) for t in tables}
        least, most = int(rows["n"].min()), int(rows["n"].max())
        n = f"{least:,} to {most:,}" if most > least else f"{most:,}"
        said = f"n = {n} judged pairs a point · critic {'; '.join(sorted(critics))}"
        said += f"{words.so_far(entry for c in modes for entry in c.entries)}."
        tests = {c.of: against_baseline(c.differences) for c in modes}
        drawn.append(compare.modes_by_models("models-modes", rows, tests, said, BASELINE))
        return drawn
    for comparison in modes:
        rates = comparison.rates.rename(columns={"name": "mode"})
        entry = comparison.entries[0]
        said = f"model {comparison.of} · critic {words.critics(entry.task.metadata)}{words.so_far(comparison.entries)}."
        paired = against_baseline(comparison.differences)
        drawn.append(main.modes("modes", rates, paired, said, comparison.of, BASELINE))
    return drawn
