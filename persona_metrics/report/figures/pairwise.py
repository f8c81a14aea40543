"""Figure of pairwise: how often the own answer is preferred, as asked and at equal length, and what the order did."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from ...evaluations.contrast import ANOTHER, NOBODY
from ...evaluations.pairwise import OVER
from .main import p_text
from .style import BLUE, ORANGE, ROW, SOFT, Drawn, Subject, dots, frame, percent, rows_axis, side_notes

_LABELS = {OVER[ANOTHER]: "over one for another person", OVER[NOBODY]: "over one for nobody"}
_TITLE = "Which answer serves the person better"


def draw(subject: Subject) -> list[Drawn]:
    """Draw the rates around a half, and below them how far the place in which an answer stood decided."""
    worth, order = subject.table("worth"), subject.table("order")
    if worth is None or order is None or not int(worth["n"].max()):
        return []
    return [
        _preferred(f"{subject.prefix}-preferred", worth, subject.table("length"), order, subject.caption, subject.model)
    ]


def _preferred(name: str, worth: Any, length: Any, order: Any, caption: str, model: str) -> Drawn:
    equal = {} if length is None else {str(r["row"]): r for r in length.to_dict("records")}
    shown: list[tuple[str, float, float, float, str, str]] = []
    for row in worth.to_dict("records"):
        ends = (float(row["preferred"]), float(row["low"]), float(row["high"]))
        shown.append((_LABELS[row["row"]], *ends, f"n {int(row['n'])}, {p_text(row['p'])}", BLUE))
        at = equal.get(row["row"])
        if at is not None and at["equal_length"] == at["equal_length"]:
            ends = (float(at["equal_length"]), float(at["low"]), float(at["high"]))
            shown.append(("… at equal length", *ends, f"n {int(at['n'])}", ORANGE))
    tall, low, gap = ROW * 1.2 * len(shown), ROW * 1.2, 0.75
    height = tall + low + gap
    figure = Figure(figsize=(7.0, height))
    ax = figure.add_axes((0.36, (low + gap) / height, 0.44, tall / height))
    rows_axis(ax, [label for label, *_ in shown])
    for at, (_, value, least, most, _, color) in enumerate(shown):
        dots(ax, [at], [value], [least], [most], color=color)
    ax.axvline(0.5, color=SOFT, linewidth=0.9)
    ax.set_xlim(-0.02, 1.02)
    percent(ax.xaxis, 0.25)
    ax.tick_params(axis="both", labelsize=8)
    side_notes(ax, [note for *_, note, _ in shown])
    below = figure.add_axes((0.36, 0, 0.44, low / height))
    rows_axis(below, ["order bias"])
    dots(below, [0], order["order_bias"], order["low"], order["high"], color=ORANGE, marker="s")
    below.axvline(0, color=SOFT, linewidth=0.9)
    below.set_xlim(-0.52, 0.52)
    percent(below.xaxis, signed=True)
    below.tick_params(axis="both", labelsize=8)
    below.set_title("first place's wins beyond half, points", pad=8, fontsize=8.6)
    side_notes(below, [f"n {int(order['n'].iloc[0])}"])
    frame(
        figure,
        _TITLE,
        f"{model} · share of pairs in which the answer written for this person is preferred",
        f"{caption} 95% intervals. Both orders were asked; a verdict that turns with the order is a tie and counts half.",
    )
    return Drawn(
        name, _TITLE, caption, "Rates over another's and nobody's answer, around a half; the order's bias.", figure
    )
