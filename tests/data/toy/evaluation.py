"""Toy: how short an answer is, from 0 (500 characters and more) to 10."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from typing_extensions import Self

from ..personas import Persona
from ..settings import Settings
from .base import WHOLE, Evaluation, Outcome, Row, Variant, breakdown, shares
from .facts import PERSONALIZED, Fact


@dataclass(frozen=True)
class Toy(Evaluation):
    """One variant a pair, the whole persona."""

    name = "toy"
    title = "Toy"
    task = "persona_toy"
    headline = "brevity"
    rows = (
        Fact(
            "brevity", "points for a short answer", least=0.0, most=10.0, unit="points", judged=False, column="brevity"
        ),
        PERSONALIZED,
    )

    @classmethod
    def build(cls, settings: Settings, personas: Sequence[Persona]) -> Self:  # noqa: ARG003
        """Take nothing."""
        return cls()

    def variants(self, persona: Persona) -> tuple[Variant, ...]:
        """Return the whole persona."""
        return (Variant(WHOLE, persona),)

    def metrics(self, persona: Persona, outcomes: Sequence[Outcome]) -> dict[str, Row]:
        """Return the points, and whether the answer fits."""
        (outcome,) = outcomes
        points = {} if outcome.answer is None else {"brevity": max(0.0, 10 - len(outcome.answer) / 50)}
        return {**points, **breakdown(outcome.personalized, persona, ()), **shares(outcomes)}
