"""Figure of several models: each one's rate, and their paired differences over the same pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from .main import p_text
from .style import (
    BLUE,
    LINE,
    ORANGE,
    ROW,
    SOFT,
    Drawn,
    dots,
    frame,
    middle,
    on_phone,
    percent,
    rows_axis,
    side_notes,
    span,
)


def models(name: str, rates: pd.DataFrame, differences: pd.DataFrame, caption: str, task: str, what: str) -> Drawn:
    """Draw ``rates`` (name, value, low, high, n), the best on top, and below them the differences two by two.

    ``what`` says below the title what the rates are shares of.
    """
    rows = rates.sort_values("value", ascending=False, kind="stable", na_position="last")
    paired = differences.sort_values("difference", ascending=False) if len(differences) else differences
    # Off a phone a difference has its two models on two lines.
    tall, low = ROW * len(rows), ROW * len(paired) * (1.0 if on_phone() else 1.35)
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
            f"{middle(a, 16)} – {middle(b, 16)}{of}"
            if on_phone()
            else f"{middle(a, 38)} –\n{middle(b, 38 - len(of))}{of}"
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
        span(below, paired["low"], paired["high"])
        percent(below.xaxis, signed=True)
        below.tick_params(axis="y", labelsize=6.6)
        below.tick_params(axis="x", labelsize=8)
        below.set_title("differences over the same pairs (filled: p ≤ 0.05)", pad=8, fontsize=8.6)
        side_notes(below, [p_text(p) for p in paired["p_adjusted"]])
    frame(
        figure,
        f"Models · {task}",
        what,
        f"{caption} 95% intervals; {tested(paired)}",
    )
    return Drawn(name, f"Models · {task}", caption, f"Rates of {len(rows)} models with paired differences.", figure)


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


def modes_by_models(
    name: str, rates: pd.DataFrame, differences: Mapping[str, pd.DataFrame | None], caption: str, baseline: str
) -> Drawn:
    """Draw models × modes, each model a block of rows: ``rates`` has model, mode, value, low, high, n.

    ``differences`` are each model's modes less the baseline (mode, p_adjusted), None where it was not run; a mode that is
    not told apart from it is hollow.
    """
    listed = list(dict.fromkeys(rates["model"]))
    labels: list[str] = []
    notes: list[str] = []
    points: list[tuple[int, Mapping[Any, Any], bool]] = []
    heads: list[int] = []
    for model in listed:
        heads.append(len(labels))
        labels.append(middle(model, 30))
        notes.append("")
        tests = differences.get(model)
        p_of = {} if tests is None else dict(zip(tests["mode"], tests["p_adjusted"], strict=True))
        for row in rates[rates["model"] == model].to_dict("records"):
            p = float(p_of.get(row["mode"], float("nan")))
            points.append((len(labels), row, bool(p > 0.05)))
            labels.append(str(row["mode"]).replace("_", " "))
            notes.append("  ".join(filter(None, (f"n {int(row['n'])}", p_text(p)))))
    figure = Figure(figsize=(7.0, ROW * len(labels) + 0.1))
    ax = figure.add_axes((0.3, 0, 0.5, 1))
    rows_axis(ax, labels)
    for at, row, hollow in points:
        floor = row["mode"] == baseline
        one = ([row["value"]], [row["low"]], [row["high"]])
        dots(ax, [at], *one, hollow=hollow, color=ORANGE if floor else BLUE, marker="D" if floor else "o")
    for number, at in enumerate(heads):
        end = heads[number + 1] if number + 1 < len(heads) else len(labels)
        if number % 2 == 0:
            ax.axhspan(at - 0.5, end - 0.5, color=LINE, alpha=0.28, linewidth=0, zorder=0)
    ax.set_xlim(-0.02, 1.02)
    percent(ax.xaxis, 0.25)
    ax.tick_params(axis="both", labelsize=8)
    for at, text in enumerate(ax.get_yticklabels() if not on_phone() else ax.texts[: len(labels)]):
        text.set_fontweight("bold" if at in heads else "normal")
    side_notes(ax, notes)
    frame(
        figure,
        "Modes of each model",
        "share of answers judged personalised · diamond: the model does not see the persona",
        f"{caption} 95% intervals. Filled: differs from the model's own baseline over the same pairs (McNemar's exact test,"
        " Holm-adjusted p ≤ 0.05); hollow: not told apart.",
    )
    return Drawn(name, "Modes of each model", caption, "Rates of models by prompt mode.", figure)
