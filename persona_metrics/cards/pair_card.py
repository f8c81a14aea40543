"""A critic's card for comparisons: how often it prefers the answer that fits, and what the order does. Knows no critic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from pydantic import Field

from ..critic.protocol import named
from .card import Cost, Criterion, Head, Part, Rate, Unusable
from .page import FIGURE, bases, escape, rate, sampling, takes, thresholds, unusable

SCHEMA: Final = "persona-metrics/critic-pair-card/1"


class Bias(Part):
    """The share of verdicts for the answer that stood first, less a half, with its 95% interval over comparisons."""

    value: float | None = Field(default=None, ge=-0.5, le=0.5)
    low: float | None = None
    high: float | None = None
    n: int = 0


class PairCard(Head):
    """Everything that a pairwise exam says of a critic. A tie counts as half right: a critic of places alone has 0.5."""

    schema_: Literal["persona-metrics/critic-pair-card/1"] = Field(default=SCHEMA, alias="schema")
    accuracy: Rate = Field(description="prefers the answer that fits; a tie counts half")
    by_kind: dict[str, Rate] = Field(description="the same by what is wrong with the other answer")
    ties: Rate = Field(description="comparisons whose verdict turns with the order")
    order_bias: Bias
    flips: Rate = Field(description="of two times the same comparison is asked, how often the outcomes differ")
    unusable: Unusable
    cost: Cost
    criteria: tuple[Criterion, ...]
    faults: tuple[str, ...] = Field(description="what is wrong with this critic, in words")

    @property
    def balanced_accuracy(self) -> Rate:
        """Return the accuracy, under the name that runs keep of any card: both orders balance it."""
        return self.accuracy


def markdown(card: PairCard, figure: bool = True) -> str:
    """Return ``card.md``."""
    who, asked = card.identity, card.asked
    lines = [f"# Critic's card, pairwise: {escape(who.critic_model)}, {card.said}", ""]
    lines += [f"- {escape(fault)}" for fault in card.faults] + [""] * bool(card.faults)
    lines += thresholds(card.criteria)
    lines += ["", "## What was measured", "", "| | |", "| --- | --- |"]
    lines += [f"| {name} | {value} |" for name, value in _measured(card)]
    lines += ["", "| the other answer | the fitting one is preferred (ties half) |", "| --- | --- |"]
    lines += [f"| {escape(name)} | {rate(found)} |" for name, found in card.by_kind.items()]
    if figure:
        lines += ["", f"![Right preferences by kind of answer, and what turns them]({FIGURE}.png)"]
    lines += ["", "## The critic", "", "| | |", "| --- | --- |"]
    lines += [f"| model | {escape(who.critic_model)} |", f"| endpoint | {escape(who.critic_endpoint)} |"]
    lines += [f"| protocol, template | {escape(f'{named(who.protocol).name}, {who.critic_template}')} |"]
    lines += [f"| sampling | {sampling(who)} |"]
    lines += [
        "",
        f"{asked.cases} comparisons from {bases(asked)}, in both orders, {asked.repeats} times each; cases"
        f" {asked.cases_digest}. Intervals: 95%. persona-metrics {escape(card.pack_version)}, {escape(card.date)}, card"
        f" {card.digest}.",
    ]
    return "\n".join(lines) + "\n"


def bias(found: Bias) -> str:
    """Return the order's bias in points with its interval and n."""
    if found.value is None:
        return "not measured"
    ends = "" if found.low is None or found.high is None else f" ({100 * found.low:+.1f} to {100 * found.high:+.1f})"
    return f"{100 * found.value:+.1f} points{ends}, {found.n} comparisons"


def _measured(card: PairCard) -> Sequence[tuple[str, str]]:
    return (
        ("prefers the answer that fits (ties half)", rate(card.accuracy)),
        ("ties: the verdict turns with the order", rate(card.ties)),
        ("order bias: the first place's wins beyond half", bias(card.order_bias)),
        ("flips: another outcome on the same comparison", rate(card.flips)),
        ("unusable votes", unusable(card.unusable)),
        ("a verdict takes", takes(card.cost)),
    )
