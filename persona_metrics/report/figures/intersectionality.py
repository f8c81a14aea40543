"""Figures of intersectionality: a forest plot of raw and pooled rates, and a heat map where two attributes cross."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ...files import file_name
from ...personas import bands
from .style import (
    BLUE,
    INK,
    ORANGE,
    PHONE,
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
)

LONG = 20
"""A forest of more rows has its scale and its legend at both ends."""


def forest(
    name: str, table: pd.DataFrame, overall: Mapping[str, float], caption: str, model: str, lowest: str | None = None
) -> Drawn:
    """Draw ``analysis``' intersections table, the lowest pooled rate on top; raw above pooled in each row.

    ``lowest`` is the group that may be called so, None where it is not shown that groups differ.
    """
    rows = table.sort_values("pooled", kind="stable", na_position="last")
    support = int(rows["min_support"].iloc[0]) if len(rows) else 0
    labels = [label(n, 34) for n in rows["name"]]
    figure = Figure(figsize=(7.2, ROW * 1.35 * len(rows) + 0.3))
    ax = figure.add_axes((0.33, 0, 0.54, 1))
    rows_axis(ax, labels)
    at = np.arange(len(rows))
    # On a phone the label stands above both.
    upper, lower = (0.05, 0.3) if on_phone() else (-0.17, 0.17)
    if not np.isnan(overall["value"]):
        ax.axvspan(overall["low"], overall["high"], color=BLUE, alpha=0.09, linewidth=0)
        ax.axvline(overall["value"], color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    raw = {"marker": "s", "color": ORANGE, "size": 4.4, "hollow": True, "name": "raw rate"}
    dots(ax, list(at + upper), rows["rate"], rows["low"], rows["high"], **raw)  # type: ignore[arg-type]
    thin = rows["suppressed"].to_numpy(bool)
    dots(
        ax,
        list(at + np.where(thin, (upper + lower) / 2, lower)),
        rows["pooled"],
        rows["pooled_low"],
        rows["pooled_high"],
        hollow=thin,
        name="pooled rate",
    )
    ax.set_xlim(-0.02, 1.02)
    percent(ax.xaxis, 0.25)
    ax.tick_params(axis="both", labelsize=8)
    side_notes(
        ax, [f"{int(n)}" + ("  too few" if t and n else "") for n, t in zip(rows["n"], thin, strict=True)], "n", 1.06
    )
    inch = 1 / figure.get_figheight() / (1.9 if on_phone() else 1)
    named = {"ncols": 2, "fontsize": 7.8, "borderaxespad": 0}
    foot = ax.legend(loc="upper left", bbox_to_anchor=(0, -0.42 * inch), **named)
    if len(rows) > LONG:
        # Who reads the middle of a long chart sees neither end: scale and legend stand at both.
        ax.tick_params(axis="x", labeltop=True)
        ax.add_artist(foot)
        foot.set_clip_on(False)
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1 + 0.3 * inch), **named)
    few = f" Below {support} pairs only the pooled rate is shown, hollow." if thin.any() and support > 1 else ""
    frame(
        figure,
        "Intersections",
        f"{model} · share judged personalised, lowest pooled rate first",
        f"{caption} 95% intervals; dashed line and band: all pairs. Pooled: drawn towards the common rate, the"
        f" more the fewer pairs a group has.{few}",
    )
    said = f"lowest: {clean(lowest)}" if lowest else "that they differ is not shown"
    return Drawn(name, "Intersections", caption, f"Rates of {len(rows)} intersections; {said}.", figure)


def crosses(intersections: Mapping[str, Mapping[str, Sequence[str]]]) -> list[tuple[str, str]]:
    """Return the pairs of attributes whose single values cross in at least two rows and two columns."""
    found: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for conditions in intersections.values():
        if len(conditions) == 2 and all(len(v) == 1 for v in conditions.values()):
            (a, va), (b, vb) = conditions.items()
            found.setdefault((a, b), set()).add((va[0], vb[0]))
    return [pair for pair, cells in found.items() if len({a for a, _ in cells}) > 1 and len({b for _, b in cells}) > 1]


def heat(
    name: str,
    table: pd.DataFrame,
    intersections: Mapping[str, Mapping[str, Sequence[str]]],
    cross: tuple[str, str],
    caption: str,
    model: str,
    *,
    dark: bool = False,
) -> Drawn | None:
    """Draw the pooled rates of a two-attribute cross; a cell says its rate and n, a missing one stays empty.

    None where no cell has a judged pair. ``dark``: for a page that turns lightness over, which then shows the usual scale.
    """
    first, second = cross
    by_name = table.set_index("name")
    cells: dict[tuple[str, str], Any] = {}
    for title, conditions in intersections.items():
        if tuple(conditions) == cross and all(len(v) == 1 for v in conditions.values()) and title in by_name.index:
            cells[conditions[first][0], conditions[second][0]] = by_name.loc[title]
    # The attribute with more values goes down the side, where there is room.
    if len({a for a, _ in cells}) < len({b for _, b in cells}):
        first, second = second, first
        cells = {(b, a): row for (a, b), row in cells.items()}
    down, across = _order(first, {a for a, _ in cells}), _order(second, {b for _, b in cells})
    rates = np.full((len(down), len(across)), np.nan)
    texts = np.full(rates.shape, "", dtype=object)
    for (a, b), row in cells.items():
        i, j = down.index(a), across.index(b)
        rates[i, j] = row["pooled"]
        if not np.isnan(row["pooled"]):
            interval = f"{100 * row['pooled_low']:.0f} to {100 * row['pooled_high']:.0f}"
            parts = (f"{100 * row['pooled']:.0f}%", *(() if on_phone() else (interval,)), f"n {int(row['n'])}")
            texts[i, j] = "\n".join(parts)
    if np.isnan(rates).all():
        return None
    side, one = (1.1, max(0.44, (PHONE - 1.5) / len(across))) if on_phone() else (1.9, 1.05)
    wide = one * len(across)
    figure = Figure(figsize=(wide + side + (0.4 if on_phone() else 0.7), 0.62 * len(down) + 0.2))
    width = figure.get_figwidth()
    ax = figure.add_axes((side / width, 0, wide / width, 1))
    ax.set_facecolor("#eef1f4")
    side_of, head_of = (13, max(5, int(one * 13))) if on_phone() else (26, 14)
    sns.heatmap(
        pd.DataFrame(rates, index=[label(d, side_of) for d in down], columns=[label(a, head_of, 3) for a in across]),
        ax=ax,
        annot=texts,
        fmt="",
        cmap=_turned("cividis") if dark else "cividis",
        vmin=0,
        vmax=1,
        linewidths=1.5,
        linecolor="white",
        cbar_ax=figure.add_axes(((side + wide + 0.1) / width, 0, 0.14 / width, 1)),
        annot_kws={"fontsize": 8},
    )
    _mark(
        ax, rates, [(down.index(a), across.index(b)) for (a, b), row in cells.items() if row["suppressed"]], dark=dark
    )
    percent(figure.axes[-1].yaxis, 0.25)
    figure.axes[-1].tick_params(labelsize=7.6, length=0)
    ax.grid(visible=False)
    ax.tick_params(length=0, labelsize=8.2)
    ax.set_yticklabels(ax.get_yticklabels(), rotation=0)
    ax.set_xticklabels(ax.get_xticklabels(), rotation=0)
    ax.set_xlabel(clean(second), fontsize=8.6, color=INK)
    ax.set_ylabel(clean(first), fontsize=8.6, color=INK)
    support = int(table["min_support"].iloc[0])
    thin = any(row["suppressed"] for row in cells.values())
    few = f" Hatched: {f'fewer than {support} pairs' if support > 1 else 'no pair'}." if thin else ""
    frame(
        figure,
        f"{clean(first)} × {clean(second)}",
        f"{model} · pooled share judged personalised",
        f"{caption} Each cell: pooled rate, {'' if on_phone() else 'its 95% interval, '}pairs.{few}",
    )
    return Drawn(name, f"{clean(first)} × {clean(second)}", caption, "Heat map of pooled rates.", figure)


def _turned(name: str) -> ListedColormap:
    """Return the colours that a dark page's ``invert(0.895) hue-rotate(180deg)`` (style.css) turns into the named map's."""
    rotate = np.array([[-0.574, 1.43, 0.144], [0.426, 0.43, 0.144], [0.426, 1.43, -0.856]])
    wanted = mpl.colormaps[name](np.linspace(0, 1, 256))[:, :3]
    # Turning hues by 180 degrees undoes itself.
    return ListedColormap(np.clip((0.895 - wanted @ rotate.T) / 0.79, 0, 1))


def _mark(ax: Axes, rates: Any, thin: Sequence[tuple[int, int]], *, dark: bool = False) -> None:
    """Hatch the cells with few pairs; write dark on light and light on dark."""
    for i, j in thin:
        ax.add_patch(Rectangle((j, i), 1, 1, fill=False, hatch="///", edgecolor="white", alpha=0.28, linewidth=0))
    for text in ax.texts:
        rate = rates[int(text.get_position()[1]), int(text.get_position()[0])]
        # The scale's lightness grows with the rate; at a half both would do.
        text.set_color("#10151a" if bool(rate > 0.5) is not dark else "white")
        text.set_zorder(5)


def _order(attribute: str, values: set[str]) -> list[str]:
    known = [text for _, _, text in bands(attribute)]
    return sorted(values, key=lambda v: (known.index(v) if v in known else len(known), v))


def _readable(rows: pd.DataFrame, caption: str) -> tuple[pd.DataFrame, str]:
    """Return the rows of a forest, of more than ``LONG`` those with pairs enough, and its caption.

    Groups with too few lie at the common rate whatever their answers: dozens of them say nothing that the table does not.
    """
    thin = rows["suppressed"].to_numpy(bool)
    if len(rows) <= LONG or not thin.any():
        return rows, caption
    support = int(rows["min_support"].iloc[0])
    left = f"{int(thin.sum())} of {len(rows)} groups have fewer than {support} pairs and stand in the table alone."
    return rows[~thin], f"{caption} {left}"


def draw(subject: Subject) -> list[Drawn]:
    """Draw the forest, and a heat map where two attributes cross."""
    rows = subject.table("intersections")
    if rows is None:
        return []
    listed: Any = subject.metadata.get("intersections") or {}
    named = subject.tables["groups"]["worst_group_name"].iloc[0]
    lowest = named if isinstance(named, str) else None
    kept, caption = _readable(rows, subject.caption)
    drawn = []
    if len(kept):
        drawn = [forest(f"{subject.prefix}-forest", kept, subject.overall, caption, subject.model, lowest)]
    for cross in crosses(listed):
        given = (file_name(subject.prefix, "heat", *cross), rows, listed, cross, subject.caption, subject.model)
        found, turned = heat(*given), heat(*given, dark=True)
        drawn += [replace(found, dark=turned.figure)] if found and turned else []
    return drawn
