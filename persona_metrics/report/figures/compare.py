"""Figure of several models: each one's rate, and their paired differences over the same pairs."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from .main import p_text
from .style import BLUE, GREEN, ORANGE, ROW, SOFT, Drawn, dots, frame, middle, percent, rows_axis, side_notes

MARKERS = (
    ("o", BLUE, False),
    ("s", ORANGE, True),
    ("^", GREEN, False),
    ("D", "#7a4a8c", True),
    ("v", "#8c564b", False),
)


def models(name: str, rates: pd.DataFrame, differences: pd.DataFrame, caption: str, task: str) -> Drawn:
    """Draw ``rates`` (name, value, low, high, n), the best on top, and below them the differences two by two."""
    rows = rates.sort_values("value", ascending=False, kind="stable", na_position="last")
    paired = differences.sort_values("difference", ascending=False) if len(differences) else differences
    tall, low = ROW * len(rows), ROW * len(paired)
    gap = 0.78 if len(paired) else 0.0
    height = tall + low + gap
    figure = Figure(figsize=(7.0, height))
    ax = figure.add_axes((0.33, (low + gap) / height, 0.52, tall / height))
    rows_axis(ax, [middle(n, 34) for n in rows["name"]])
    dots(ax, range(len(rows)), rows["value"], rows["low"], rows["high"])
    ax.set_xlim(-0.02, 1.02)
    percent(ax.xaxis, 0.25)
    ax.tick_params(axis="both", labelsize=8)
    side_notes(ax, [f"n {int(n)}" for n in rows["n"]])
    if len(paired):
        below = figure.add_axes((0.33, 0, 0.52, low / height))
        pairs = [
            f"{middle(a, 38)} –\n{middle(b, 38 - len(of))}{of}"
            for a, b, of in zip(paired["first"], paired["second"], _of(paired), strict=True)
        ]
        rows_axis(below, pairs)
        told = paired["p_adjusted"].to_numpy(float) <= 0.05
        dots(
            below,
            range(len(paired)),
            paired["difference"],
            paired["low"],
            paired["high"],
            hollow=~told,
            marker="s",
            size=5,
        )
        below.axvline(0, color=SOFT, linewidth=0.9)
        reach = float(np.nanmax(np.abs([*paired["low"], *paired["high"], 0.05])))
        below.set_xlim(-reach * 1.08, reach * 1.08)
        percent(below.xaxis, signed=True)
        below.tick_params(axis="y", labelsize=6.6)
        below.tick_params(axis="x", labelsize=8)
        below.set_title("differences over the same pairs, points (filled: p ≤ 0.05)", pad=8, fontsize=8.6)
        side_notes(below, [p_text(p) for p in paired["p_adjusted"]])
    frame(
        figure,
        f"Models on {task}",
        "share of answers judged personalised",
        f"{caption} 95% intervals; {tested(paired)}",
    )
    return Drawn(name, f"Models on {task}", caption, f"Rates of {len(rows)} models with paired differences.", figure)


def _of(paired: pd.DataFrame) -> list[str]:
    """Return which row each difference is of, in brackets; nothing for the rate."""
    rows = paired["row"] if "row" in paired else ["personalized"] * len(paired)
    return ["" if row == "personalized" else f" ({row})" for row in rows]


def tested(paired: pd.DataFrame) -> str:
    """Return how the p-values of a table of differences were made, as a sentence of a caption."""
    if any(_of(paired)):
        test = "a paired permutation test on the means of shared pairs, at each k"
    else:
        test = "McNemar's exact test over shared pairs"
    clustered = "design_effect" in paired and bool((paired["design_effect"] > 1).any())
    return f"p by {test}{', by whole persons and questions where they repeat' if clustered else ''}, Holm-adjusted."


def modes_by_models(name: str, rates: pd.DataFrame, caption: str) -> Drawn:
    """Draw models × modes: ``rates`` has model, mode, value, low, high, n; one marker a mode."""
    labels = list(dict.fromkeys(rates["model"]))
    order = list(dict.fromkeys(rates["mode"]))
    step = 0.2
    spread = step * (len(order) - 1)
    figure = Figure(figsize=(7.0, max(ROW, spread + 0.24) * len(labels) + 0.1))
    ax = figure.add_axes((0.3, 0, 0.64, 1))
    rows_axis(ax, [middle(m, 34) for m in labels])
    # Row units to inches: the modes of a model lie close together, the models apart.
    unit = spread / max(ROW, spread + 0.24)
    for i, mode in enumerate(order):
        part = rates[rates["mode"] == mode]
        shift = (i / max(1, len(order) - 1) - 0.5) * unit if len(order) > 1 else 0.0
        marker, color, hollow = MARKERS[i % len(MARKERS)]
        at = [labels.index(m) + shift for m in part["model"]]
        dots(ax, at, part["value"], part["low"], part["high"], marker=marker, color=color, hollow=hollow, size=5)
        face = "white" if hollow else color
        ax.plot([], [], marker, color=color, mfc=face, mew=1.3, markersize=5, label=mode.replace("_", " "))
    ax.set_xlim(-0.02, 1.02)
    percent(ax.xaxis, 0.25)
    ax.tick_params(axis="both", labelsize=8)
    figure.legend(
        *ax.get_legend_handles_labels(),
        loc="lower left",
        bbox_to_anchor=(0, 1.0 + 0.02 / figure.get_figheight()),
        ncols=len(order),
        fontsize=7.8,
        borderaxespad=0,
    )
    frame(figure, "Modes of each model", "share of answers judged personalised", f"{caption} 95% intervals.")
    return Drawn(name, "Modes of each model", caption, "Rates of models by prompt mode.", figure)
