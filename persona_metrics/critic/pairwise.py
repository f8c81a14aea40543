"""Pairwise, the second protocol: which of two answers serves a person better, asked in both orders.

Knows no network, no disk and nothing of where the answers come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .framing import fenced, one_object, schema, whole
from .missing import Missing
from .protocol import Messages, Outcome, Protocol, register
from .verdict import Verdict, Vote, decide

NAME = "pairwise"
TEMPLATE = "critic/pairwise.jinja"
TEXTS = ("chain_of_thought", "for_first", "for_second", "conclusion")
FIRST, SECOND = "first", "second"
"""Outcomes of one question to the critic: the place of the answer that it prefers."""
OWN, OTHER, TIE = "own", "other", "tie"
"""Outcomes of a comparison: the answer that it is about, the one beside it, or a verdict that turned with the order."""
TIED = 0.5
"""What a tie counts as: half a win."""

SCHEMA = schema(TEXTS, better={"type": "string", "enum": [FIRST, SECOND]})


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the critic is asked: the persona, the question, and two answers by their place."""

    question: str
    persona: Mapping[str, str]
    first: str
    second: str

    @property
    def protocol(self) -> Protocol:
        """Pairwise."""
        return PAIRWISE

    def messages(self) -> Messages:
        """Return the system and the user message."""
        values = {"question": self.question, "persona": dict(self.persona), "first": self.first, "second": self.second}
        return fenced(TEMPLATE, values)


@dataclass(frozen=True, slots=True)
class Preference:
    """One reply of the critic. ``own`` is the place of the answer that the comparison is about, None where unknown."""

    chain_of_thought: str
    for_first: str
    for_second: str
    conclusion: str
    better: str
    own: str | None = None

    @property
    def outcome(self) -> str:
        """Whose answer is preferred, as far as is known whose stands where; else the place."""
        if self.own is None:
            return self.better
        return OWN if self.better == self.own else OTHER


def both_orders(question: str, persona: Mapping[str, str], own: str, other: str) -> tuple[Comparison, Comparison]:
    """Return what is asked about two answers: ``own`` first, then ``own`` second."""
    return Comparison(question, persona, own, other), Comparison(question, persona, other, own)


def joined(own_first: Verdict, own_second: Verdict) -> Verdict:
    """Return the verdict on a comparison from those of its two orders; it is missing where one of them is.

    The answer that is preferred in both orders wins; a verdict that turns with the order is a tie (Zheng et al. 2023,
    arXiv 2306.05685, section 3.4). The votes of a panel are counted in each order first. ``agreement`` is the mean of
    the two orders'. Each vote keeps in its opinion where the answer stood.
    """
    votes = (*_marked(own_first, FIRST), *_marked(own_second, SECOND))
    missing = own_first.missing or own_second.missing
    agreements = [v.agreement for v in (own_first, own_second) if v.agreement is not None]
    agreement = sum(agreements) / len(agreements) if agreements else None
    if missing is not None:
        return Verdict(None, missing, agreement, votes, NAME)
    won = (own_first.outcome == FIRST, own_second.outcome == SECOND)
    outcome = OWN if all(won) else TIE if any(won) else OTHER
    return Verdict(outcome, None, agreement, votes, NAME)


def lost(missing: Missing) -> Verdict:
    """Return the verdict on a comparison that could not be asked."""
    return Verdict(None, missing, None, (), NAME)


def turned_to(verdict: Verdict) -> str | None:
    """Return the place that won in both orders of a tie, None for any other verdict."""
    if verdict.outcome != TIE:
        return None
    held = [vote for vote in verdict.votes if isinstance(vote.opinion, Preference) and vote.opinion.own == FIRST]
    # The majority with the answer first: for it the first place won, against it the second.
    return FIRST if decide(held, NAME).outcome == OWN else SECOND


def _marked(verdict: Verdict, own: str) -> list[Vote]:
    return [
        replace(v, opinion=replace(v.opinion, own=own)) if isinstance(v.opinion, Preference) else v
        for v in verdict.votes
    ]


def parse(reply: str) -> Preference | None:
    """Return the preference when ``reply`` is exactly one object of the schema."""
    data = one_object(reply, (*TEXTS, "better"))
    if data is None or data["better"] not in (FIRST, SECOND) or not all(isinstance(data[n], str) for n in TEXTS):
        return None
    return Preference(**{name: whole(data[name]) for name in TEXTS}, better=data["better"])


def _dry() -> Comparison:
    persona = {"age": "40", "lifestyle": "vegetarian"}
    return Comparison("What should I cook tonight?", persona, "A lentil curry.", "A beef stew.")


def _about(opinion: Mapping[str, Any]) -> str:
    place = opinion.get("own")
    return f"this person's answer stood {place}" if place in (FIRST, SECOND) else ""


_WORDS: Mapping[Outcome, str] = {
    OWN: "preferred",
    OTHER: "not preferred",
    TIE: "tie",
    FIRST: "the first is preferred",
    SECOND: "the second is preferred",
}

PAIRWISE = register(
    Protocol(
        name=NAME,
        template=TEMPLATE,
        schema=SCHEMA,
        parse=parse,
        restore=Preference,
        outcome_field="preferred",
        sections=(
            ("chain_of_thought", "What bears on the question"),
            ("for_first", "For and against the first answer"),
            ("for_second", "For and against the second answer"),
            ("conclusion", "Conclusion"),
        ),
        probe=_dry,
        values={OWN: 1.0, TIE: TIED, OTHER: 0.0},
        words=_WORDS,
        counted=("first", FIRST),
        about=_about,
        answers=2,
        sides=("own preferred", "own not preferred"),
        rule="preferred when it wins in both orders, a tie (half) when the verdict turns with the order",
    )
)
