"""Which figures a report gets. The files ``figures_*.py`` draw them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ...files import safe_name
from ..tables import BASELINE, Comparison, TaskTables, against_baseline
from ..words import caption
from . import compare, intersectionality, leave_one_out, main, pass_at_k
from .style import Drawn, styled


def file_name(*parts: str) -> str:
    """Return a file name without ending that holds only letters, digits, dots, dashes and underscores."""
    return "-".join(safe_name(re.sub(r"[^A-Za-z0-9._]+", "_", p).strip("._"), 60, "x") for p in parts if p)


def draw(tables: Sequence[TaskTables], comparisons: Sequence[Comparison]) -> list[tuple[str, Drawn]]:
    """Return the figures, each with the section it belongs to: ``comparison`` or ``<label>/<task>``."""
    several = len({t.entry.label for t in tables}) > 1
    found: list[tuple[str, Drawn]] = []
    with styled(), np.errstate(all="ignore"):
        found += [("comparison", figure) for figure in _comparing(tables, comparisons)]
        for table in tables:
            if table.headline is None or not len(table.headline) or not int(table.headline["n"].iloc[0]):
                continue
            entry = table.entry
            prefix = file_name(entry.label if several else "", entry.task.name)
            found += [(f"{entry.label}/{entry.task.name}", figure) for figure in _of_task(table, prefix)]
    return found


def _of_task(table: TaskTables, prefix: str) -> list[Drawn]:
    entry, tables = table.entry, table.tables
    overall = {k: float(tables["headline"][k].iloc[0]) for k in ("value", "low", "high")}
    said, model = caption(entry), entry.label
    if "by_attribute" in tables and len(tables["by_attribute"]):
        return [main.by_attribute(f"{prefix}-by_attribute", tables["by_attribute"], overall, said, model)]
    if "importance" in tables and len(tables["importance"]):
        return [leave_one_out.importances(f"{prefix}-importance", tables["importance"], said, model)]
    if "intersections" in tables and len(tables["intersections"]):
        listed: Any = entry.task.metadata.get("intersections") or {}
        rows = tables["intersections"]
        drawn = [intersectionality.forest(f"{prefix}-forest", rows, overall, said, model)]
        for cross in intersectionality.crosses(listed):
            name = file_name(prefix, "heat", *cross)
            heat = intersectionality.heat(name, rows, listed, cross, said, model)
            drawn += [heat] if heat else []
        return drawn
    if "curve" in tables and len(tables["curve"]):
        return [pass_at_k.attempts(f"{prefix}-attempts", tables["curve"], tables["attempts"], said, model)]
    return []


def _comparing(tables: Sequence[TaskTables], comparisons: Sequence[Comparison]) -> list[Drawn]:
    drawn = []
    models = [c for c in comparisons if c.kind == "models"]
    modes = [c for c in comparisons if c.kind == "modes"]
    for comparison in models:
        first = next(t.entry for t in tables if t.entry.task.name == comparison.of and t.headline is not None)
        said = f"n = pairs each model was judged on · critic {first.task.metadata.get('critic_model')} · mode {first.mode}."
        name = file_name("models", comparison.of)
        drawn.append(compare.models(name, comparison.rates, comparison.differences, said, comparison.of))
    if len(modes) > 1:
        rows = pd.concat([c.rates.rename(columns={"name": "mode"}).assign(model=c.of) for c in modes])
        critics = {str(t.entry.task.metadata.get("critic_model")) for t in tables}
        least, most = int(rows["n"].min()), int(rows["n"].max())
        n = f"{least:,} to {most:,}" if most > least else f"{most:,}"
        said = f"n = {n} judged pairs a point · critic {', '.join(sorted(critics))}."
        drawn.append(compare.modes_by_models("models-modes", rows, said))
    for comparison in modes:
        rates = comparison.rates.rename(columns={"name": "mode"})
        entry = next(t.entry for t in tables if t.entry.label == comparison.of and t.entry.evaluation == "main")
        said = f"model {comparison.of} · critic {entry.task.metadata.get('critic_model')}."
        name = file_name("modes", comparison.of if len(modes) > 1 else "")
        paired = against_baseline(comparison.differences)
        drawn.append(main.modes(name, rates, paired, said, comparison.of, BASELINE))
    return drawn
