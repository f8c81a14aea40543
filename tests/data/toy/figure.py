"""Figure of toy: one point with its interval."""

from __future__ import annotations

from matplotlib.figure import Figure

from .style import Drawn, Subject, dots, rows_axis


def draw(subject: Subject) -> list[Drawn]:
    """Draw the points."""
    row = subject.tables["headline"]
    figure = Figure(figsize=(5, 1))
    ax = figure.add_axes((0.2, 0.3, 0.7, 0.6))
    rows_axis(ax, ["brevity"])
    dots(ax, range(1), row["value"], row["low"], row["high"])
    ax.set_xlim(0, 10)
    return [Drawn(f"{subject.prefix}-brevity", "Brevity", subject.caption, "Points for short answers.", figure)]
