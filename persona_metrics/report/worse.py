"""Whether one run is worse than another over the pairs that both have: for a check before a merge. Draws nothing.

Two runs of one model (before and after a change) compare as two models do; only what was measured on the same terms counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..analysis.compare import compare
from ..analysis.rates import LEVEL
from ..analysis.words import count, listed, p_value, percent, points
from ..errors import PersonaError, shorten
from ..runs.find import Keep, find
from ..runs.read import Run, TaskRun
from ..runs.terms import differing, task_terms, terms_of
from ..statistics.multiple import holm
from .reader import read_task

BEFORE, AFTER = "before", "after"


@dataclass(frozen=True)
class Difference:
    """One row of one task, second − first: rates of both over the pairs judged in both, interval, and p (Holm's)."""

    task: str
    row: str
    first: float
    second: float
    difference: float
    low: float
    high: float
    n: int
    missing: int
    p: float

    def worse(self, margin: float) -> bool:
        """Whether the second is lower by more than ``margin``, and the paired test tells it from chance."""
        return self.difference < -margin - 1e-12 and self.p <= 1 - LEVEL + 1e-12


def differences(first: Path, second: Path, task: str | None = None) -> list[Difference]:
    """Return what the second run's rates are beside the first's, over every task that both have (or ``task`` alone).

    The newest run at each path counts. ``p`` is that of ``paired_difference`` after Holm's correction over all rows. Raises
    ``PersonaError`` where the two share no task, no judged pair, or were measured on other terms (critic, data, prompts).
    """
    mine, theirs = (_tasks(path, task) for path in (first, second))
    shared = [name for name in mine if name in theirs]
    if not shared:
        raise PersonaError(
            f"cannot be compared: {shorten(first)} has {listed(mine) or 'no task'}, {shorten(second)} has"
            f" {listed(theirs) or 'no task'}"
        )
    rows: list[dict[str, Any]] = []
    for name in shared:
        one, two = mine[name], theirs[name]
        if other := differing({**terms_of(two), **task_terms(two)}, {**terms_of(one), **task_terms(one)}):
            raise PersonaError(f"cannot be compared: {name} of {shorten(second)} has another {'; '.join(other)}")
        frames = {AFTER: read_task(two, AFTER).frame, BEFORE: read_task(one, BEFORE).frame}
        for row in compare(frames).to_dict("records"):
            if row["n"]:
                rows.append({**{str(k): v for k, v in row.items()}, "task": name, **_rates(frames, row)})
    if not rows:
        raise PersonaError(f"cannot be compared: no pair of {listed(shared)} has a verdict in both runs")
    adjusted = holm([row["p"] for row in rows])
    return [
        Difference(
            row["task"],
            row["row"],
            row["before"],
            row["before"] + row["difference"],
            row["difference"],
            row["low"],
            row["high"],
            int(row["n"]),
            int(row["missing"]),
            float(p),
        )
        for row, p in zip(rows, adjusted, strict=True)
    ]


def _tasks(path: Path, task: str | None) -> dict[str, TaskRun]:
    runs: Sequence[Run] = find([path], Keep.NEWEST, samples=True, task=task).runs
    return {one.name: one for run in runs for one in run.tasks if one.samples is not None}


def _rates(frames: Any, row: Any) -> dict[str, float]:
    """Return the first run's rate over the shared judged pairs; a step of pass@k is taken from its own difference alone."""
    if row["row"] != "personalized":
        return {"before": float("nan")}
    held = {
        name: frame[frame["variant"] == "whole"].drop_duplicates("content").set_index("content")["personalized"]
        for name, frame in frames.items()
    }
    both = held[BEFORE].to_frame(BEFORE).join(held[AFTER].rename(AFTER), how="inner").dropna()
    return {"before": float(both[BEFORE].mean())}


def sentence(found: Sequence[Difference], margin: float) -> str:
    """Return the one line: what is worse, or that nothing is."""
    worse = [one for one in found if one.worse(margin)]
    beyond = f" by more than {100 * margin:g} points" if margin else ""
    if worse:
        what = "; ".join(f"{one.task} {one.row} {_said(one)}" for one in worse)
        return f"worse{beyond}: {what}"
    return f"not worse{beyond}: {'; '.join(f'{one.task} {one.row} {_said(one)}' for one in found)}"


def _said(one: Difference) -> str:
    return f"{points(one.difference, one.low, one.high)}, {count(one.n, 'pair')}, {p_value(one.p)}"


def _cell(text: str) -> str:
    # A name is the user's, or a file's: no table and no HTML of its own.
    return shorten(text, 80).replace("\\", "/").replace("|", "¦").replace("<", "‹").replace("`", "'")


def markdown(found: Sequence[Difference], margin: float, first: str, second: str) -> str:
    """Return a block for a pull request: the line, and a table."""
    head = ("task", "row", "before", "after", "difference (95%)", "pairs", "missing", "p", "")
    rows = [
        (
            *(_cell(text) for text in (one.task, one.row)),
            percent(one.first),
            percent(one.second),
            points(one.difference, one.low, one.high),
            f"{one.n:,}",
            f"{one.missing:,}",
            p_value(one.p),
            "**worse**" if one.worse(margin) else "",
        )
        for one in found
    ]
    lines = [head, tuple("---" for _ in head), *rows]
    names = f"before: {_cell(first)}, after: {_cell(second)}"
    note = (
        "Paired over the pairs judged in both (McNemar's exact test, its clustered form where persons or questions repeat;"
        f" Holm over all rows). Worse: lower by more than {100 * margin:g} points, and p ≤ 0.05."
    )
    return "\n".join(["### PERSONA Bench", "", names, "", *(f"| {' | '.join(line)} |" for line in lines), "", note])
