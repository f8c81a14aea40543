"""Pairwise: contrast judged side by side. Is the answer written for this person better than another's, than nobody's?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import Self

from ..errors import PersonaError
from ..personas import Persona
from ..settings import Settings
from .base import WHOLE, Evaluation, Outcome, Row, Variant, row_of, shares
from .contrast import ANOTHER, NOBODY, Contrast, others_than
from .facts import Fact

OVER: Mapping[str, str] = {
    ANOTHER: row_of("over another's", "preferred"),
    NOBODY: row_of("over nobody's", "preferred"),
}
"""The row of each answer that this person's is compared with."""
ORDER_BIAS, TIES = "order_bias", "ties"


@dataclass(frozen=True)
class Pairwise(Evaluation):
    """Three answers a pair: written for this person, for another drawn by the seed (as contrast does), and for nobody.

    The critic sees this person, the question and two answers without their origin, in both orders. ``preferred`` of a
    pair is 1 where this person's own answer won in both, 0 where it lost in both, and ½ for a verdict that turned with
    the order, a tie: ½ is what a model has that cannot tell persons apart, and what a critic has that only sees places.
    An answer that was not found loses against one that was, without the critic; of two that were not found it is a tie.

    ``order_bias`` is the share of the verdicts on single orders in which the answer that stood first was preferred, less
    ½: +½ where the first always wins, −½ where the second does, 0 where the place decides nothing (the position bias of
    Zheng et al. 2023, arXiv 2306.05685). Only ties move it: any other comparison has one verdict for each place.
    ``ties`` is the share of comparisons whose verdict turned. Both rest on what the critic was asked and answered.
    """

    name = "pairwise"
    title = "Contrast, pairwise"
    task = Contrast.task
    headline = OVER[ANOTHER]
    protocol = "pairwise"
    unjudged = (WHOLE,)
    compared = ("over one for another person", "share of pairs in which the person's own answer is preferred")
    unanswered = "lose against answers that were found"
    rows = (
        Fact(
            "preferred",
            "share of pairs whose answer written for this person the critic preferred; a tie counts half (0.5: no better)",
            columns=((OVER[ANOTHER], "preferred over another's"), (OVER[NOBODY], "preferred over nobody's")),
        ),
        Fact(
            ORDER_BIAS,
            "share of verdicts for the answer that stood first, less a half (0: the place decides nothing)",
            least=-0.5,
            most=0.5,
            column="order bias",
        ),
        Fact(TIES, "share of comparisons whose verdict turned with the order", higher_is_better=False, column="ties"),
    )
    seed: int = 0
    against: tuple[str, ...] = (ANOTHER, NOBODY)
    pool: Sequence[Persona] = field(default=(), repr=False, compare=False)

    @classmethod
    def build(cls, settings: Settings, personas: Sequence[Persona]) -> Self:
        """Take the seed; raise ``PersonaError`` where there is nobody else, no persona is shown, or ``others`` is set."""
        if settings.others != 1:
            raise PersonaError(
                f"others={settings.others}: pairwise compares with one other person's answer; leave it out"
            )
        Contrast.build(settings, personas)
        return cls(settings.seed, pool=personas)

    @classmethod
    def restore(cls, recorded: Mapping[str, Any], settings: Settings, personas: Sequence[Persona], where: str) -> Self:  # noqa: ARG003
        """Take over what this person's answer is compared with; raise ``PersonaError`` where that is nothing.

        The answers are there: whoever the other person was, nobody is drawn again.
        """
        named = recorded.get("against", list(OVER))
        against = tuple(name for name in OVER if isinstance(named, (list, tuple)) and name in named)
        if not against:
            raise PersonaError(
                f"{where}: pairwise needs an answer to compare with, of variant {' or '.join(map(repr, OVER))}"
            )
        return cls(settings.seed, against)

    def variants(self, persona: Persona) -> tuple[Variant, ...]:
        """Return the whole persona, another, and none."""
        return self.variants_of(persona, "")

    def variants_of(self, persona: Persona, question_id: str) -> tuple[Variant, ...]:
        """Return the whole persona, another one that is drawn for this question, and none."""
        made = [Variant(WHOLE, persona)]
        if ANOTHER in self.against:
            drawn = others_than(persona, question_id, self.seed, self.pool, 1) if self.pool else [Persona("", {})]
            made.append(Variant(ANOTHER, drawn[0]))
        if NOBODY in self.against:
            made.append(Variant(NOBODY, Persona(persona.id, {}), tuple(persona.attributes), mode="baseline"))
        return tuple(made)

    def judgements(self, persona: Persona, question_id: str) -> int:  # noqa: ARG002
        """Return two orders for each comparison."""
        return 2 * len(self.against)

    def metrics(self, persona: Persona, outcomes: Sequence[Outcome]) -> dict[str, Row]:  # noqa: ARG002
        """Return ``preferred`` for each comparison that has a verdict, and what the order did to the verdicts."""
        compared = dict(zip(self.against, outcomes[1:], strict=True))
        rows: dict[str, Row] = {
            OVER[name]: one.personalized for name, one in compared.items() if one.personalized is not None
        }
        asked = [one for one in compared.values() if one.judged and one.personalized is not None]
        if asked:
            rows[ORDER_BIAS] = sum(0.0 if o.turned is None else 0.5 - o.turned for o in asked) / len(asked)
            rows[TIES] = sum(o.turned is not None for o in asked) / len(asked)
        return {**rows, **shares(outcomes)}

    def record(self) -> dict[str, Any]:
        """Return the protocol, and what this person's answer is compared with."""
        return {"protocol": self.protocol, "against": list(self.against)}
