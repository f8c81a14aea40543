"""Figures of main: the rate by attribute value, one panel an attribute, and the prompt modes beside the baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...analysis.words import p_value
from ...personas import NOT_STATED, bands
from .style import (
    BLUE,
    INK,
    ORANGE,
    ROW,
    SOFT,
    Drawn,
    Subject,
    clean,
    dots,
    frame,
    label,
    on_phone,
    percent,
    rows_axis,
    side_notes,
    span,
)

_PANEL, _LABELS, _NOTES = 2.1, 1.62, 0.5
_TITLE, _AXIS = 0.3, 0.42


def by_attribute(name: str, table: pd.DataFrame, overall: Mapping[str, float], caption: str, model: str) -> Drawn:
    """Draw ``analysis``' by_attribute table: panels in up to two columns, each as high as its groups need.

    ``overall`` has value, low and high of the whole rate: the dashed line and band in every panel.
    """
    unlike = _unlike(table)
    present = [a for a in dict.fromkeys(table["attribute"]) if a not in unlike]
    panels = [(a, _ordered(a, table[table["attribute"] == a])) for a in present]
    # Three columns could not be read on a tablet or on paper.
    count = 1 if on_phone() else max(1, min(2, len(panels)))
    columns: list[list[tuple[str, pd.DataFrame]]] = [[] for _ in range(count)]
    heights = [0.0] * count
    for attribute, rows in panels:
        shortest = int(np.argmin(heights))
        columns[shortest].append((attribute, rows))
        heights[shortest] += _height(rows)
    step = _LABELS + _PANEL + _NOTES + 0.2
    figure = Figure(figsize=(count * step, max(heights) or 1.0))
    for c, column in enumerate(columns):
        top = max(heights)
        for attribute, rows in column:
            _panel(figure, attribute, rows, overall, left=c * step + _LABELS, top=top)
            top -= _height(rows)
    small = " Hollow: fewer than 30 judged pairs." if bool(table["small"].any()) else ""
    cut = _cut(table[~table["attribute"].isin(unlike)])
    if unlike:
        cut += f" Not drawn, since hardly two pairs share a value: {', '.join(unlike)}."
    frame(
        figure,
        "Rate by attribute value",
        f"{model} · share of answers judged personalised",
        f"{caption} Points with 95% intervals; dashed line and band: all pairs with their interval.{small}{cut}",
    )
    alt = f"Rates by value of {len(present)} attributes; the table by_attribute holds the numbers."
    return Drawn(name, "Rate by attribute value", caption, alt, figure)


def _unlike(table: pd.DataFrame) -> list[str]:
    """Return the attributes of which nearly every pair has a value of its own (free text): no rate is to be seen there."""
    by_name = table.groupby("attribute", sort=False)
    return [str(a) for a, rows in by_name if rows["groups"].iloc[0] > len(rows) and rows["n"].max() < 5]


def _cut(table: pd.DataFrame) -> str:
    cut = [a for a, rows in table.groupby("attribute") if rows["groups"].iloc[0] > len(rows)]
    if not cut:
        return ""
    return f" Of {len(cut)} attribute{'s' if len(cut) > 1 else ''} with more values only the largest groups are shown."


def _ordered(attribute: str, rows: pd.DataFrame) -> pd.DataFrame:
    known = [text for _, _, text in bands(attribute)]
    rank = {g: i for i, g in enumerate(known)}
    place = [(g == NOT_STATED, rank.get(g, len(known)), -n) for g, n in zip(rows["group"], rows["n"], strict=True)]
    order = sorted(range(len(rows)), key=lambda i: place[i])
    return rows.iloc[order]


def _lines(rows: pd.DataFrame) -> list[str]:
    return [label(g, 25) for g in rows["group"]]


def _height(rows: pd.DataFrame) -> float:
    return _TITLE + ROW * len(rows) + _AXIS


def _panel(
    figure: Figure, attribute: str, rows: pd.DataFrame, overall: Mapping[str, float], *, left: float, top: float
) -> None:
    width, height = figure.get_figwidth(), figure.get_figheight()
    tall = ROW * len(rows)
    ax = figure.add_axes((left / width, (top - _TITLE - tall) / height, _PANEL / width, tall / height))
    rows_axis(ax, _lines(rows))
    ax.set_xlim(-0.02, 1.02)
    percent(ax.xaxis, 0.25)
    ax.tick_params(axis="both", labelsize=7.4)
    if not np.isnan(overall["value"]):
        ax.axvspan(overall["low"], overall["high"], color=BLUE, alpha=0.1, linewidth=0)
        ax.axvline(overall["value"], color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    dots(ax, range(len(rows)), rows["rate"], rows["low"], rows["high"], hollow=rows["small"], size=4.8)
    side_notes(ax, [f"n {int(n)}" for n in rows["n"]])
    ax.text(
        0 if on_phone() else -_LABELS / _PANEL + 0.03,
        -0.86 if on_phone() else -0.62,
        clean(attribute),
        transform=ax.get_yaxis_transform(),
        fontsize=8.8,
        fontweight="bold",
        color=INK,
        va="bottom",
        ha="left",
    )


def modes(
    name: str, rates: pd.DataFrame, differences: pd.DataFrame | None, caption: str, model: str, baseline: str
) -> Drawn:
    """Draw the prompt modes: ``rates`` (mode, value, low, high, n) and their paired differences to the baseline.

    ``differences`` has mode, difference, low, high, p_adjusted; None where no baseline was run.
    """
    labels = [label(m.replace("_", " "), 24) for m in rates["mode"]]
    paired = differences is not None and len(differences) > 0
    figure = Figure(figsize=(8.4 if paired else 5.6, ROW * 1.5 * len(labels) + 0.5))
    down, across = (2, 1) if on_phone() and paired else (1, 2 if paired else 1)
    between = 0.4
    if on_phone() and paired:
        # Three quarters of an inch, whatever the number of modes: the second chart's title is no name of the first's axis.
        between = 0.75 / (0.94 * figure.get_figheight())
        figure.set_figheight(2 * figure.get_figheight() + 0.75 / 0.94)
    grid = figure.add_gridspec(down, across, left=0.2, right=0.86, bottom=0, top=0.94, wspace=0.42, hspace=between)
    ax = figure.add_subplot(grid[0, 0])
    rows_axis(ax, labels)
    floor = (rates["mode"] == baseline).to_numpy()
    for chosen, color, marker in ((~floor, BLUE, "o"), (floor, ORANGE, "D")):
        part = rates[chosen]
        dots(ax, list(np.flatnonzero(chosen)), part["value"], part["low"], part["high"], color=color, marker=marker)
    if floor.any():
        ax.axvline(float(rates["value"][floor].iloc[0]), color=ORANGE, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    ax.set_xlim(-0.02, 1.02)
    percent(ax.xaxis, 0.25)
    ax.set_title("judged personalised", pad=10, fontsize=8.6)
    side_notes(ax, [f"n {int(n)}" for n in rates["n"]])
    if paired and differences is not None:
        beside = figure.add_subplot(grid[down - 1, across - 1])
        _differences(beside, list(rates["mode"]), differences, labels if on_phone() else None)
    frame(
        figure,
        "Prompt modes",
        f"{model} · diamond and dashed line: the model does not see the persona",
        f"{caption} 95% intervals. Differences are over the same pairs; p by McNemar's exact test, Holm-adjusted;"
        " hollow: p > 0.05.",
    )
    return Drawn(name, "Prompt modes", caption, "Rates of the prompt modes beside the baseline.", figure)


def _differences(ax: Axes, order: Sequence[str], table: pd.DataFrame, labels: Sequence[str] | None = None) -> None:
    rows_axis(ax, labels or [""] * len(order))
    found = table.set_index("mode").reindex(list(order))
    hollow = found["p_adjusted"].to_numpy(float) > 0.05
    dots(ax, range(len(order)), found["difference"], found["low"], found["high"], marker="s", size=5, hollow=hollow)
    ax.axvline(0, color=SOFT, linewidth=0.9)
    span(ax, found["low"], found["high"], least=0.1)
    percent(ax.xaxis, signed=True)
    ax.locator_params(axis="x", nbins=5)
    ax.set_title("difference to the baseline, points", pad=10, fontsize=8.6)
    side_notes(ax, [p_text(p) for p in found["p_adjusted"]])


def p_text(p: float) -> str:
    """Return an adjusted p for a chart's margin."""
    return "" if np.isnan(p) else p_value(p)


def draw(subject: Subject) -> list[Drawn]:
    """Draw the rates by the attributes that were asked for (``by``) and by those whose groups differ beyond chance."""
    every = [subject.table("by_attribute"), subject.table("by_question")]
    found = [table for table in every if table is not None]
    tests = subject.table("differ")
    wanted = {*map(str, subject.metadata.get("by") or ())}
    if tests is not None:
        wanted |= set(tests["attribute"][tests["differs"].astype(bool)])
    rows = pd.concat(found, ignore_index=True) if found else pd.DataFrame({"attribute": []})
    rows = rows[rows["attribute"].isin(wanted)]
    if not len(rows):
        return []
    return [by_attribute(f"{subject.prefix}-by_attribute", rows, subject.overall, subject.caption, subject.model)]
