"""Figures of opinion: modelled against true differences between groups with the diagonal, and skill by grouping and topic."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from .style import (
    BLUE,
    GREEN,
    LINE,
    ORANGE,
    ROW,
    SOFT,
    Drawn,
    Subject,
    dots,
    frame,
    label,
    percent,
    rows_axis,
    side_notes,
    square,
    two,
)


def draw(subject: Subject) -> list[Drawn]:
    """Draw every difference, and skill by grouping and topic."""
    rows, points = subject.table("headline"), subject.table("differences")
    if rows is None or points is None:
        return []
    by_row = rows.set_index("row")
    return two(subject, lambda: _differences(subject, by_row, points), "by", lambda by: _by(subject, by))


def _differences(subject: Subject, rows: Any, points: Any) -> Drawn:
    figure, ax = square(4.4, "surveyed: group less all groups, points", "modelled: group less all groups, points")
    x, y = points["true"].to_numpy(float), points["modelled"].to_numpy(float)
    reach = float(max(0.1, 1.05 * np.abs(x).max(), 1.05 * np.quantile(np.abs(y), 0.995)))
    ends = np.array([-reach, reach])
    ax.plot(ends, ends, color=GREEN, linewidth=1.2, label="right (slope 1)", zorder=2)
    ax.axhline(0, color=LINE, linewidth=0.9, zorder=1)
    sizes = 4 + 14 * np.sqrt(points["n_effective"].to_numpy(float) / points["n_effective"].max())
    ax.scatter(x, y, s=sizes, color=BLUE, alpha=0.28, linewidths=0, rasterized=True, zorder=3)
    slope = float(rows.loc["steer", "value"])
    if np.isfinite(slope):
        ax.plot(ends, slope * ends, color=ORANGE, linewidth=1.6, linestyle="--", label=f"steer {slope:.2f}", zorder=4)
    ax.set_xlim(-reach, reach)
    ax.set_ylim(-reach, reach)
    for axis in (ax.xaxis, ax.yaxis):
        percent(axis, signed=True)
    ax.legend(loc="upper left", fontsize=8)
    title = "How groups differ, and how the model has them differ"
    caption = f"{subject.caption} A point is a group's share of one option; its size says how many people answered."
    frame(figure, title, subject.model, caption)
    return Drawn(f"{subject.prefix}-differences", title, subject.caption, "Modelled against true differences.", figure)


def _by(subject: Subject, by: Any) -> Drawn:
    part = by[np.isfinite(by["skill"])]
    height = ROW * max(1, len(part))
    figure = Figure(figsize=(6.6, height))
    ax = figure.add_axes((0.34, 0, 0.48, 1))
    rows_axis(ax, [label(text, 34, 1) for text in part["name"]])
    colors = {"grouping": BLUE, "topic": ORANGE}
    least = max(-2.0, float(np.nanmin([*part["skill"], -0.1])) - 0.1)
    for kind, color in colors.items():
        inside = (part["by"] == kind).to_numpy(bool)
        values, low, high = (part[c].to_numpy(float)[inside] for c in ("skill", "skill_low", "skill_high"))
        low, high = np.where(np.isnan(low), values, low), np.where(np.isnan(high), values, high)
        shown = [np.clip(v, least, 1.05) for v in (values, low, high)]
        at = [float(i) for i in np.flatnonzero(inside)]
        dots(ax, at, *shown, color=color, marker="o" if kind == "grouping" else "s", name=f"by {kind}")
    ceilings = part["ceiling"].to_numpy(float)
    ax.plot(ceilings, np.arange(len(part)), "|", color=SOFT, markersize=9, mew=1.4, label="ceiling", linestyle="none")
    ax.axvline(0, color=SOFT, linewidth=0.9)
    ax.set_xlim(least - 0.05, 1.1)
    ax.tick_params(labelsize=8)
    notes = [f"{int(n)} item{'s' if n != 1 else ''}" for n in part["items"]]
    # A point that lies beyond the chart stands at its end, with its number.
    beyond = [f", at {skill:.1f}" if skill < least else "" for skill in part["skill"]]
    side_notes(ax, [note + at for note, at in zip(notes, beyond, strict=True)])
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.35 / max(height, 0.6)), ncols=3, fontsize=8)
    title = "Skill by grouping and topic"
    caption = f"{subject.caption} 95% intervals, cut at the chart's ends. 0: the average person; ceiling: survey noise."
    frame(figure, title, subject.model, caption)
    return Drawn(f"{subject.prefix}-skill", title, subject.caption, "Skill, a row a grouping or topic.", figure)
