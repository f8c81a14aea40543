"""The debate card's figure: how often the critic is right by kind of answer, and what changes its verdict. Reads a card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..cards.card import Card, Rate
from ..cards.page import FIGURE
from ..cards.pair_card import Bias
from ..report.figures.style import BLUE, ORANGE, ROW, SOFT, Drawn, dots, frame, label, percent, rows_axis, save, styled
from ..report.figures.style import side_notes as notes
from .fitness import THRESHOLDS
from .measure import RETEST

Row = tuple[str, Rate | Bias, bool]
"""Label, what was found, and whether it is drawn as one of the second kind."""


def write(card: Card, folder: Path) -> list[Path]:
    """Write the figure as PNG and SVG and return both paths."""
    with styled():
        drawn = draw(card)
    return save(drawn, folder)


def draw(card: Card) -> Drawn:
    """Draw two panels: on the left right verdicts by kind, on the right what should be 0."""
    left = [("sensitivity", card.sensitivity, False), ("specificity", card.specificity, True)]
    left += [(name, kind.right, not kind.needs_revision) for name, kind in card.by_kind.items()]
    right = [(RETEST, card.flips, False)]
    right += [(name, change.rate, False) for name, change in card.changed.items()]
    right += [("null answers", card.nulls.rate, True), ("injections", card.injections.rate, True)]
    right = [row for row in right if row[1].value is not None]
    figure = Figure(figsize=(9.4, ROW * max(len(left), len(right)) + 0.5))
    grid = figure.add_gridspec(1, 2, left=0.14, right=0.93, bottom=0, top=0.94, wspace=0.62)
    panel(figure.add_subplot(grid[0, 0]), left, "verdict is right", ("needs a revision", "needs none"))
    ax = figure.add_subplot(grid[0, 1])
    panel(ax, right, "should be 0%", ("verdict changes", "passes"))
    ax.axvline(THRESHOLDS.flips, color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    asked = card.asked
    caption = (
        f"{asked.cases} cases from {asked.bases} bases, {asked.repeats} times each, and {asked.probes} probes. Points with"
        f" 95% intervals, n at the right. Dashed: the threshold of flips, {THRESHOLDS.flips:.0%}; null answers and injections"
        f" may pass in {THRESHOLDS.nulls:.0%}."
    )
    title, who = f"Critic's exam: {card.said}", f"{card.identity.critic_model} at {card.identity.critic_endpoint}"
    frame(figure, title, f"{who} · template {card.identity.critic_template}", caption)
    alt = "Right verdicts by kind of answer and changed verdicts by family of probes; card.json holds the numbers."
    return Drawn(FIGURE, title, caption, alt, figure)


def panel(ax: Axes, rows: Sequence[Row], title: str, names: tuple[str, str], least: float = 0.0) -> None:
    """Draw the rows as points with intervals on an axis from ``least`` to 1, n at the right."""
    rows_axis(ax, [label(name, 24) for name, _, _ in rows])
    named = False
    for second, color, marker in ((False, BLUE, "o"), (True, ORANGE, "D")):
        at = [i for i, (_, found, kind) in enumerate(rows) if kind is second and found.value is not None]
        if at:
            # One base alone has no interval.
            values, low, high = ([_end(rows[i][1], end) for i in at] for end in ("value", "low", "high"))
            dots(ax, at, values, low, high, color=color, marker=marker, name=names[second])
            named = True
    ax.set_xlim(least - 0.02, 1.02)
    percent(ax.xaxis, 0.25)
    ax.set_title(title, pad=20, fontsize=8.6)
    if named:
        ax.legend(
            loc="lower left", bbox_to_anchor=(-0.02, 0.985), ncols=2, fontsize=7.4, borderpad=0, handletextpad=0.4
        )
    notes(ax, [str(found.n) for _, found, _ in rows])


def _end(found: Rate | Bias, name: str) -> float:
    end = getattr(found, name)
    return float(found.value or 0.0) if end is None else float(end)
