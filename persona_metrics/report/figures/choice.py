"""Figures of choice: adapts against stays, where the corner is the goal, and both by attribute."""

from __future__ import annotations

from typing import Any

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

MARKS = (("ignores the person", 0.0, 1.0, (6, -3)), ("guesses", 0.25, 0.5, (6, -3)), ("goal", 1.0, 1.0, (-26, -12)))
"""What a reader holds the point against: adapts, stays, and where its name stands, in points."""


def draw(subject: Subject) -> list[Drawn]:
    """Draw the corner, and the rows by attribute where there are any."""
    if (rows := subject.table("headline")) is None:
        return []
    by_row = rows.set_index("row")
    return two(subject, lambda: _corner(subject, by_row), "by_attribute", lambda by: _by_attribute(subject, by))


def _corner(subject: Subject, rows: Any) -> Drawn:
    figure, ax = square(
        4.2,
        "adapts: right on both sides of a change that matters",
        "stays: the same pick after one that must not matter",
    )
    ax.plot([0, 0.25, 1], [1, 0.5, 1], color=LINE, linewidth=0.9, linestyle=":", zorder=1)
    for name, x, y, shift in MARKS:
        ax.plot(
            x, y, "x" if name != "goal" else "*", color=GREEN if name == "goal" else SOFT, markersize=8, clip_on=False
        )
        ax.annotate(name, (x, y), xytext=shift, textcoords="offset points", fontsize=8, color=SOFT)
    adapts, stays = rows.loc["adapts"], rows.loc["stays"]
    ax.errorbar(
        *([adapts["value"]], [stays["value"]]),
        xerr=[[adapts["value"] - adapts["low"]], [adapts["high"] - adapts["value"]]],
        yerr=[[stays["value"] - stays["low"]], [stays["high"] - stays["value"]]],
        fmt="o",
        color=BLUE,
        markersize=8,
        capsize=2.4,
        elinewidth=1.5,
        zorder=4,
    )
    for axis, limits in ((ax.xaxis, ax.set_xlim), (ax.yaxis, ax.set_ylim)):
        limits(-0.03, 1.03)
        percent(axis, 0.25)
    title = "Adapts where it should, and only there"
    frame(figure, title, f"{subject.model} · share of pairs", f"{subject.caption} 95% intervals. No critic judged.")
    return Drawn(
        f"{subject.prefix}-corner", title, subject.caption, "Adapts against stays; the corner is the goal.", figure
    )


def _by_attribute(subject: Subject, by: Any) -> Drawn:
    parts = [by[by["row"] == name].sort_values("rate", kind="stable") for name in ("adapts", "stays")]
    heights = [ROW * max(1, len(part)) for part in parts]
    gap = 0.75
    total = sum(heights) + gap
    figure = Figure(figsize=(6.4, total))
    bottom = total
    for part, height, name, color in zip(parts, heights, ("adapts", "stays"), (BLUE, ORANGE), strict=True):
        bottom -= height
        ax = figure.add_axes((0.34, bottom / total, 0.5, height / total))
        bottom -= gap
        rows_axis(ax, [label(text, 34, 1) for text in part["attribute"]])
        hollow = part["small"].to_numpy(bool)
        dots(ax, range(len(part)), part["rate"], part["low"], part["high"], color=color, hollow=hollow)
        ax.axvline(0.25 if name == "adapts" else 0.5, color=SOFT, linewidth=0.9, linestyle=":")
        ax.set_xlim(-0.02, 1.02)
        percent(ax.xaxis, 0.25)
        ax.tick_params(labelsize=8)
        said = "what decides was changed" if name == "adapts" else "what must not matter was changed"
        ax.set_title(f"{name}: {said}", pad=6, fontsize=8.6)
        side_notes(ax, [f"n {int(n)}" for n in part["n"]])
    title = "By the attribute that was changed"
    caption = f"{subject.caption} 95% intervals; hollow: fewer than 30 pairs; dotted: guessing."
    frame(figure, title, f"{subject.model} · share of pairs", caption)
    return Drawn(
        f"{subject.prefix}-attributes", title, subject.caption, "Adapts and stays, a row an attribute.", figure
    )
