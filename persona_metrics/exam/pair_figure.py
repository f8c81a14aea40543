"""The pairwise card's figure: how often the fitting answer is preferred, and what turns a verdict. Reads a card alone."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from ..cards.page import FIGURE
from ..cards.pair_card import PairCard
from ..report.figures.style import ROW, SOFT, Drawn, frame, save, styled
from .figure import Row, panel
from .pair_mark import MOST_BIAS


def write(card: PairCard, folder: Path) -> list[Path]:
    """Write the figure as PNG and SVG and return both paths."""
    with styled():
        drawn = draw(card)
    return save(drawn, folder)


def draw(card: PairCard) -> Drawn:
    """Draw two panels: on the left right preferences by kind, on the right what should be 0."""
    left: list[Row] = [("all", card.accuracy, True)]
    left += [(name, found, False) for name, found in card.by_kind.items()]
    right: list[Row] = [("ties", card.ties, False), ("asked again", card.flips, False)]
    right = [row for row in right if row[1].value is not None] + [("order bias", card.order_bias, True)]
    figure = Figure(figsize=(9.4, ROW * max(len(left), len(right)) + 0.5))
    grid = figure.add_gridspec(1, 2, left=0.14, right=0.93, bottom=0, top=0.94, wspace=0.62)
    ax = figure.add_subplot(grid[0, 0])
    panel(ax, left, "the fitting answer is preferred", ("against this kind", "all"))
    ax.axvline(0.5, color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    ax = figure.add_subplot(grid[0, 1])
    panel(ax, right, "should be 0%", ("verdict turns", "first place beyond half"), least=-0.5)
    for side in (-MOST_BIAS, MOST_BIAS):
        ax.axvline(side, color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    asked = card.asked
    caption = (
        f"{asked.cases} comparisons from {asked.bases} bases, in both orders, {asked.repeats} times each; a tie counts half."
        " Points with 95% intervals, n at the right. Dashed: a half, which coins and a critic of places have; and the"
        f" most that the order's bias may be, {MOST_BIAS:.0%} either way."
    )
    title = f"Critic's exam, pairwise: {card.said}"
    who = f"{card.identity.critic_model} at {card.identity.critic_endpoint}"
    frame(figure, title, f"{who} · template {card.identity.critic_template}", caption)
    alt = "Right preferences by kind of the other answer, ties, flips and order bias; card.json holds the numbers."
    return Drawn(FIGURE, title, caption, alt, figure)
