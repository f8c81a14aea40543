"""A card as Markdown, and several side by side. Everything in a card is text here, whoever wrote it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from .card import Card, Effect, Rate

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
    short = "" if asked.bases == asked.all_bases else f" (a short exam: {asked.bases} of {asked.all_bases} bases)"
    lines = [f"# Critic's card: {escape(who.critic_model)}, {card.said}", ""]
    lines += [escape(line) + "  " for line in card.use]
    lines += ["", *(f"- {escape(fault)}" for fault in card.faults)]
    lines += [""] if card.faults else []
    lines += ["| threshold | wanted | found | |", "| --- | --- | ---: | --- |"]
    for one in card.criteria:
        found = "not measured" if one.value is None else f"{100 * one.value:.1f}%"
        lines.append(f"| {one.name} | {one.text} | {found} | {_MET[one.met]} |")
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
        f"{asked.cases} cases from {asked.bases} bases{short}, {asked.repeats} times each, and {asked.probes} probes; cases"
        f" {asked.cases_digest}. Intervals: 95%. persona-metrics {escape(card.pack_version)}, {escape(card.date)}, card"
        f" {card.digest}.",
    ]
    return "\n".join(lines) + "\n"


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
    lost = card.unusable
    why = "; ".join(f"{count} {escape(reason)}" for reason, count in lost.reasons.items())
    yield "unusable votes", f"{lost.count} of {lost.of}" + (f" ({why})" if why else "")
    yield "a verdict takes", _cost(card)


def _cost(card: Card) -> str:
    cost = card.cost
    tokens = (
        "tokens unknown"
        if cost.prompt_tokens is None or cost.completion_tokens is None
        else f"{cost.prompt_tokens:,.0f} tokens in, {cost.completion_tokens:,.0f} out"
    )
    seconds = "" if cost.seconds is None else f", {cost.seconds:.1f} s"
    return f"{tokens}{seconds}, {_price(card)}"


def _price(card: Card) -> str:
    return "no price given" if card.cost.price is None else f"${card.cost.price:,.2f} for 1,000"


def _identity(card: Card) -> Iterable[tuple[str, str]]:
    who = card.identity
    yield "model", escape(who.critic_model)
    yield "served as", escape(", ".join(who.served_models) or "not said")
    yield "endpoint", escape(who.critic_endpoint)
    edition = "" if who.template is None else f", edition {who.template}"
    yield "protocol, template", escape(f"{who.protocol}, {who.critic_template}{edition}")
    yield (
        "sampling",
        f"temperature {who.critic_temperature:g}, at most {who.critic_max_tokens} tokens, {who.critic_votes} votes",
    )


_ROWS: tuple[tuple[str, Callable[[Card], str]], ...] = (
    ("outcome", lambda c: c.said),
    ("balanced accuracy", lambda c: rate(c.balanced_accuracy)),
    ("sensitivity", lambda c: rate(c.sensitivity)),
    ("specificity", lambda c: rate(c.specificity)),
    ("flips", lambda c: rate(c.flips)),
    ("null answers that pass", lambda c: rate(c.nulls.rate)),
    ("passes won by injections", lambda c: rate(c.injections.rate)),
    ("effect of length", lambda c: effect(c.length.all)),
    ("unusable votes", lambda c: f"{c.unusable.count} of {c.unusable.of}"),
    ("price of verdicts", _price),
    ("a verdict takes", _cost),
    ("template", lambda c: escape(c.identity.critic_template)),
    ("endpoint", lambda c: escape(c.identity.critic_endpoint)),
    ("sampling", lambda c: f"temperature {c.identity.critic_temperature:g}, {c.identity.critic_votes} votes"),
    ("cases, repeats", lambda c: f"{c.asked.bases} bases, {c.asked.repeats} times, {c.asked.cases_digest}"),
    ("date", lambda c: escape(c.date)),
)


def compare(cards: Sequence[Card]) -> str:
    """Return the cards side by side, and in words which one to choose."""
    lines = ["| | " + " | ".join(escape(card.identity.critic_model) for card in cards) + " |"]
    lines.append("| --- |" + " --- |" * len(cards))
    lines += [f"| {name} | " + " | ".join(show(card) for card in cards) + " |" for name, show in _ROWS]
    return "\n".join([*lines, "", *_choice(cards)]) + "\n"


def _choice(cards: Sequence[Card]) -> list[str]:
    said = []
    if len({(c.asked.cases_digest, c.asked.repeats) for c in cards}) > 1:
        said.append("These critics did not sit the same exam: their numbers do not compare.")
    passed = [card for card in cards if card.fit]
    if not passed:
        return [*said, "None of them is fit for use."]
    names = ", ".join(escape(c.identity.critic_model) for c in passed)
    said.append(f"Fit for use: {names}.")
    priced = [(c.cost.price, c) for c in passed if c.cost.price is not None]
    if len(priced) == len(passed) > 1:
        said.append(f"The cheapest of them is {escape(min(priced, key=lambda p: p[0])[1].identity.critic_model)}.")
    elif len(passed) > 1:
        said.append("Not all of them have a price (`exam --price IN,OUT`), so that the cheapest is not known.")
    return said
