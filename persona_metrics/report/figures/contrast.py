"""Figure of contrast: the three rates on one scale, and below them contrast and lift with their intervals."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from ...evaluations.base import row_of
from ...evaluations.contrast import ANOTHER, NOBODY
from .main import p_text
from .style import BLUE, ORANGE, ROW, SOFT, Drawn, Subject, dots, frame, percent, rows_axis, side_notes, span

_LABELS = {
    "personalized": "for its own person",
    row_of(ANOTHER): "the same answer, for another person",
    row_of(NOBODY): "written for nobody, for its own person",
}


def draw(subject: Subject) -> list[Drawn]:
    """Draw the rates and the two differences."""
    rows, worth = subject.table("headline"), subject.table("worth")
    if rows is None or worth is None:
        return []
    rates = rows[rows["row"].isin(_LABELS)]
    return [_worth(f"{subject.prefix}-worth", rates, worth, subject.caption, subject.model)]


def _worth(name: str, rates: Any, worth: Any, caption: str, model: str) -> Drawn:
    tall, low, gap = ROW * 1.2 * len(rates), ROW * 1.2 * len(worth), 0.75
    height = tall + low + gap
    figure = Figure(figsize=(7.0, height))
    ax = figure.add_axes((0.36, (low + gap) / height, 0.48, tall / height))
    rows_axis(ax, [_LABELS[row] for row in rates["row"]])
    dots(ax, range(len(rates)), rates["value"], rates["low"], rates["high"], color=BLUE)
    ax.set_xlim(-0.02, 1.02)
    percent(ax.xaxis, 0.25)
    ax.tick_params(axis="both", labelsize=8)
    side_notes(ax, [f"n {int(n)}" for n in rates["n"]])
    below = figure.add_axes((0.36, 0, 0.48, low / height))
    rows_axis(below, list(worth["row"]))
    hollow = worth["p"].fillna(1.0).to_numpy(float) > 0.05
    dots(
        below,
        range(len(worth)),
        worth["difference"],
        worth["low"],
        worth["high"],
        color=ORANGE,
        marker="s",
        hollow=hollow,
    )
    below.axvline(0, color=SOFT, linewidth=0.9)
    span(below, worth["low"], worth["high"], least=0.1)
    percent(below.xaxis, signed=True)
    below.tick_params(axis="both", labelsize=8)
    below.set_title("differences in points (filled: p ≤ 0.05)", pad=8, fontsize=8.6)
    side_notes(below, [p_text(p) for p in worth["p"]])
    frame(
        figure,
        "What the persona is worth",
        f"{model} · share judged personalised",
        f"{caption} 95% intervals. contrast: its own person less another, the same answer; lift: with the persona less"
        " without it.",
    )
    return Drawn(
        name, "What the persona is worth", caption, "Rates for own, another and no persona; contrast, lift.", figure
    )
