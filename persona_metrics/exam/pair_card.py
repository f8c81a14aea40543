"""A critic's card for comparisons: how often it prefers the answer that fits, and what the order does. Knows no critic."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, Literal

from pydantic import ConfigDict, Field

from ..critic.protocol import named
from .card import Asked, Cost, Criterion, Identity, Part, Rate, Unusable, said
from .page import FIGURE, escape, rate, takes

SCHEMA: Final = "persona-metrics/critic-pair-card/1"


class Bias(Part):
    """The share of verdicts for the answer that stood first, less a half, with its 95% interval over comparisons."""

    value: float | None = Field(default=None, ge=-0.5, le=0.5)
    low: float | None = None
    high: float | None = None
    n: int = 0


class PairCard(Part):
    """Everything that a pairwise exam says of a critic. A tie counts as half right: a critic of places alone has 0.5."""

    schema_: Literal["persona-metrics/critic-pair-card/1"] = Field(default=SCHEMA, alias="schema")
    identity: Identity
    asked: Asked
    date: str = Field(description="day of the exam, UTC")
    pack_version: str
    fit: bool | None = Field(description="fit for use; None where no threshold is missed but too little was asked")
    accuracy: Rate = Field(description="prefers the answer that fits; a tie counts half")
    by_kind: dict[str, Rate] = Field(description="the same by what is wrong with the other answer")
    ties: Rate = Field(description="comparisons whose verdict turns with the order")
    order_bias: Bias
    flips: Rate = Field(description="of two times the same comparison is asked, how often the outcomes differ")
    unusable: Unusable
    cost: Cost
    criteria: tuple[Criterion, ...]
    faults: tuple[str, ...] = Field(description="what is wrong with this critic, in words")

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)

    @property
    def balanced_accuracy(self) -> Rate:
        """Return the accuracy, under the name that runs keep of any card: both orders balance it."""
        return self.accuracy

    @property
    def digest(self) -> str:
        """Return the card's name: a hash over all that stands in it."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:8]

    @property
    def said(self) -> str:
        """Return fit, not fit or undecided."""
        return said(self.fit)

    def to_json(self) -> str:
        """Return ``card.json``."""
        return self.model_dump_json(indent=1, by_alias=True) + "\n"


_MET = {True: "met", False: "**missed**", None: "cannot be told"}


def markdown(card: PairCard, figure: bool = True) -> str:
    """Return ``card.md``."""
    who, asked = card.identity, card.asked
    lines = [f"# Critic's card, pairwise: {escape(who.critic_model)}, {card.said}", ""]
    lines += [f"- {escape(fault)}" for fault in card.faults] + [""] * bool(card.faults)
    lines += ["| threshold | wanted | found | |", "| --- | --- | ---: | --- |"]
    for one in card.criteria:
        found = "not measured" if one.value is None else f"{100 * one.value:.1f}%"
        lines.append(f"| {one.name} | {one.text} | {found} | {_MET[one.met]} |")
    lines += ["", "## What was measured", "", "| | |", "| --- | --- |"]
    lines += [f"| {name} | {value} |" for name, value in _measured(card)]
    lines += ["", "| the other answer | the fitting one is preferred (ties half) |", "| --- | --- |"]
    lines += [f"| {escape(name)} | {rate(found)} |" for name, found in card.by_kind.items()]
    if figure:
        lines += ["", f"![Right preferences by kind of answer, and what turns them]({FIGURE}.png)"]
    lines += ["", "## The critic", "", "| | |", "| --- | --- |"]
    lines += [f"| model | {escape(who.critic_model)} |", f"| endpoint | {escape(who.critic_endpoint)} |"]
    lines += [f"| protocol, template | {escape(f'{named(who.protocol).name}, {who.critic_template}')} |"]
    lines += [
        f"| sampling | temperature {who.critic_temperature:g}, at most {who.critic_max_tokens} tokens,"
        f" {who.critic_votes} votes |"
    ]
    short = "" if asked.bases == asked.all_bases else f" (a short exam: {asked.bases} of {asked.all_bases} bases)"
    lines += [
        "",
        f"{asked.cases} comparisons from {asked.bases} bases{short}, in both orders, {asked.repeats} times each; cases"
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
    lost = card.unusable
    why = "; ".join(f"{count} {escape(reason)}" for reason, count in lost.reasons.items())
    return (
        ("prefers the answer that fits (ties half)", rate(card.accuracy)),
        ("ties: the verdict turns with the order", rate(card.ties)),
        ("order bias: the first place's wins beyond half", bias(card.order_bias)),
        ("flips: another outcome on the same comparison", rate(card.flips)),
        ("unusable votes", f"{lost.count} of {lost.of}" + (f" ({why})" if why else "")),
        ("a verdict takes", takes(card.cost)),
    )
