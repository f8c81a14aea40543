"""Main: how often an answer fits the persona it was given for (PERSONA Bench, arXiv 2407.17387, section 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from typing_extensions import Self

from ..personas import Persona
from ..settings import Settings
from .base import WHOLE, Evaluation, Outcome, Row, Variant, breakdown, groupings, shares


@dataclass(frozen=True)
class Main(Evaluation):
    """One variant a pair, the whole persona; ``personalized`` is the share of answers without need of revision."""

    name = "main"
    title = "Main"
    task = "persona_main"
    by: tuple[str, ...] = ()

    @classmethod
    def build(cls, settings: Settings, personas: Sequence[Persona]) -> Self:
        """Break the rate down by the attributes in ``settings.by``; raise ``PersonaError`` for one that no persona has."""
        return cls(groupings(settings, personas))

    @classmethod
    def restore(cls, recorded: Mapping[str, Any], settings: Settings, personas: Sequence[Persona], where: str) -> Self:  # noqa: ARG003
        """Take over ``by``: of a part of the pairs nobody need state what somebody of the whole does."""
        return cls(settings.by) if recorded.get("by") is not None else cls.build(settings, personas)

    def variants(self, persona: Persona) -> tuple[Variant, ...]:
        """Return the whole persona."""
        return (Variant(WHOLE, persona),)

    def metrics(self, persona: Persona, outcomes: Sequence[Outcome]) -> dict[str, Row]:
        """Return ``personalized`` and its breakdown where there is a verdict, and the failures always."""
        (outcome,) = outcomes
        return {**breakdown(outcome.personalized, persona, self.by), **shares(outcomes)}

    def record(self) -> dict[str, Any]:
        """Return the attributes the rate is broken down by."""
        return {"by": list(self.by)}
