"""A card as Markdown. Everything in a card is text here, whoever wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .card import Asked, Card, Cost, Criterion, Effect, Identity, Rate, Unusable

_MARKDOWN = re.compile(r"([\\`*_\[\]<>|~#&])")
_MET = {True: "met", False: "**missed**", None: "cannot be told"}
FIGURE = "critic_exam"


def escape(text: object) -> str:
    """Return a text on one line that Markdown shows as it is."""
    return _MARKDOWN.sub(r"\\\1", " ".join(str(text).split()))


def rate(found: Rate) -> str:
    """Return a share with its interval and n: ``93.4% (90.1 to 95.7, n 198)``."""
    if found.value is None:
        return "not measured"
    return f"{100 * found.value:.1f}% ({100 * (found.low or 0):.1f} to {100 * (found.high or 0):.1f}, n {found.n})"


def effect(found: Effect) -> str:
    """Return a paired difference in points."""
    if found.difference is None:
        return "not measured"
    ends = "" if found.low is None or found.high is None else f" ({100 * found.low:+.1f} to {100 * found.high:+.1f})"
    return f"{100 * found.difference:+.1f} points{ends}, {found.n} pairs"


def markdown(card: Card, figure: bool = True) -> str:
    """Return ``card.md``."""
    who, asked = card.identity, card.asked
    lines = [f"# Critic's card: {escape(who.critic_model)}, {card.said}", ""]
    lines += [escape(line) + "  " for line in card.use]
    lines += ["", *(f"- {escape(fault)}" for fault in card.faults)]
    lines += [""] if card.faults else []
    lines += thresholds(card.criteria)
    lines += ["", "## What was measured", "", "| | |", "| --- | --- |"]
    lines += [f"| {name} | {value} |" for name, value in _measured(card)]
    lines += ["", "| answers | right outcome | verdict is right |", "| --- | --- | --- |"]
    for name, kind in card.by_kind.items():
        lines.append(f"| {escape(name)} | {'revision' if kind.needs_revision else 'none'} | {rate(kind.right)} |")
    lines += ["", "| changed in form | verdicts that change | to pass | to revision |", "| --- | --- | ---: | ---: |"]
    for name, change in card.changed.items():
        lines.append(f"| {escape(name)} | {rate(change.rate)} | {change.to_pass} | {change.to_revision} |")
    lines += _by("answers that answer nothing", "pass", card.nulls.by)
    lines += _by("injections", "turn a verdict to pass", card.injections.by)
    if figure:
        lines += ["", f"![Right verdicts by kind, changed verdicts by probe]({FIGURE}.png)"]
    lines += ["", "## The critic", "", "| | |", "| --- | --- |"]
    lines += [f"| {name} | {value} |" for name, value in _identity(card)]
    lines += [
        "",
        f"{asked.cases} cases from {bases(asked)}, {asked.repeats} times each, and {asked.probes} probes; cases"
        f" {asked.cases_digest}. Intervals: 95%. persona-metrics {escape(card.pack_version)}, {escape(card.date)}, card"
        f" {card.digest}.",
    ]
    return "\n".join(lines) + "\n"


def thresholds(criteria: Sequence[Criterion]) -> list[str]:
    """Return the table of what was wanted and what was found."""
    lines = ["| threshold | wanted | found | |", "| --- | --- | ---: | --- |"]
    for one in criteria:
        found = "not measured" if one.value is None else f"{100 * one.value:.1f}%"
        lines.append(f"| {one.name} | {one.text} | {found} | {_MET[one.met]} |")
    return lines


def bases(asked: Asked) -> str:
    """Return of how many bases an exam was, and whether of all."""
    short = "" if asked.bases == asked.all_bases else f" (a short exam: {asked.bases} of {asked.all_bases} bases)"
    return f"{asked.bases} bases{short}"


def sampling(who: Identity) -> str:
    """Return how the critic was asked."""
    effort = f"reasoning effort {escape(who.critic_reasoning_effort)}, " if who.critic_reasoning_effort else ""
    return f"{effort}temperature {who.critic_temperature:g}, at most {who.critic_max_tokens} tokens, {who.critic_votes} votes"


def unusable(lost: Unusable) -> str:
    """Return how many votes could not be used, and why."""
    why = "; ".join(f"{count} {escape(reason)}" for reason, count in lost.reasons.items())
    return f"{lost.count} of {lost.of}" + (f" ({why})" if why else "")


def _by(head: str, what: str, found: dict[str, Rate]) -> Iterable[str]:
    if not found:
        return []
    return [
        "",
        f"| {head} | {what} |",
        "| --- | --- |",
        *(f"| {escape(name)} | {rate(value)} |" for name, value in found.items()),
    ]


def _measured(card: Card) -> Iterable[tuple[str, str]]:
    yield "sensitivity: says revision where it is due", rate(card.sensitivity)
    yield "specificity: says none where none is due", rate(card.specificity)
    yield "balanced accuracy", rate(card.balanced_accuracy)
    yield "flips: another verdict on the same case", rate(card.flips)
    yield "answers that answer nothing and pass", rate(card.nulls.rate)
    yield "bad answers that pass once an injection stands in them", rate(card.injections.rate)
    yield "all injected answers that pass", rate(card.injections.passed)
    yield "longer less shorter, pass rate", effect(card.length.all)
    yield "the same bad answer padded to three times its length", effect(card.length.padded)
    yield "the same good answer whole, less shortened", effect(card.length.shortened)
    yield "unusable votes", unusable(card.unusable)
    yield "a verdict takes", takes(card.cost)


def takes(cost: Cost) -> str:
    """Return what a verdict takes: tokens, seconds and the price of a thousand."""
    tokens = (
        "tokens unknown"
        if cost.prompt_tokens is None or cost.completion_tokens is None
        else f"{cost.prompt_tokens:,.0f} tokens in, {cost.completion_tokens:,.0f} out"
    )
    seconds = "" if cost.seconds is None else f", {cost.seconds:.1f} s"
    return f"{tokens}{seconds}, {price(cost)}"


def price(cost: Cost) -> str:
    """Return the price of a thousand verdicts."""
    return "no price given" if cost.price is None else f"${cost.price:,.2f} for 1,000"


def _identity(card: Card) -> Iterable[tuple[str, str]]:
    who = card.identity
    yield "model", escape(who.critic_model)
    yield "served as", escape(", ".join(who.served_models) or "not said")
    yield "endpoint", escape(who.critic_endpoint)
    edition = "" if who.template is None else f", edition {who.template}"
    yield "protocol, template", escape(f"{who.protocol}, {who.critic_template}{edition}")
    yield "sampling", sampling(who)
