"""Cards of one kind of exam side by side, and in words which critic to choose. Knows no critic that answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ..cards.any_card import AnyCard
from ..cards.card import Card
from ..cards.page import effect, escape, price, rate, sampling, takes
from ..cards.pair_card import PairCard, bias
from ..errors import PersonaError

Some = TypeVar("Some", Card, PairCard)

_DEBATE: Sequence[tuple[str, Callable[[Card], str]]] = (
    ("balanced accuracy", lambda c: rate(c.balanced_accuracy)),
    ("sensitivity", lambda c: rate(c.sensitivity)),
    ("specificity", lambda c: rate(c.specificity)),
    ("flips", lambda c: rate(c.flips)),
    ("null answers that pass", lambda c: rate(c.nulls.rate)),
    ("passes won by injections", lambda c: rate(c.injections.rate)),
    ("effect of length", lambda c: effect(c.length.all)),
)
_PAIRWISE: Sequence[tuple[str, Callable[[PairCard], str]]] = (
    ("prefers the answer that fits (ties half)", lambda c: rate(c.accuracy)),
    ("ties", lambda c: rate(c.ties)),
    ("order bias", lambda c: bias(c.order_bias)),
    ("flips", lambda c: rate(c.flips)),
)


def compare(cards: Sequence[AnyCard]) -> str:
    """Return the cards side by side, and which one to choose; raise ``PersonaError`` for cards of two kinds of exam."""
    debate = [card for card in cards if isinstance(card, Card)]
    pairwise = [card for card in cards if isinstance(card, PairCard)]
    if debate and pairwise:
        who = ", ".join(escape(card.identity.critic_model) for card in pairwise)
        raise PersonaError(
            f"--compare: a pairwise card ({who}) has no number that a card of the debate has; give cards of one kind"
        )
    return _beside(debate, _DEBATE) if debate else _beside(pairwise, _PAIRWISE)


def _beside(cards: Sequence[Some], measured: Sequence[tuple[str, Callable[[Some], str]]]) -> str:
    of_all: Sequence[tuple[str, Callable[[AnyCard], str]]] = (
        ("unusable votes", lambda c: f"{c.unusable.count} of {c.unusable.of}"),
        ("price of verdicts", lambda c: price(c.cost)),
        ("a verdict takes", lambda c: takes(c.cost)),
        ("template", lambda c: escape(c.identity.critic_template)),
        ("endpoint", lambda c: escape(c.identity.critic_endpoint)),
        ("sampling", lambda c: sampling(c.identity)),
        ("cases, repeats", lambda c: f"{c.asked.bases} bases, {c.asked.repeats} times, {c.asked.cases_digest}"),
        ("date", lambda c: escape(c.date)),
    )
    rows = [("outcome", [card.said for card in cards])]
    rows += [(name, [show(card) for card in cards]) for name, show in measured]
    rows += [(name, [show(card) for card in cards]) for name, show in of_all]
    lines: list[str] = ["| | " + " | ".join(escape(card.identity.critic_model) for card in cards) + " |"]
    lines.append("| --- |" + " --- |" * len(cards))
    lines += [f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows]
    return "\n".join([*lines, "", *_choice(cards)]) + "\n"


def _choice(cards: Sequence[AnyCard]) -> list[str]:
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
