"""Main: how often an answer fits the persona it was given for (PERSONA Bench, arXiv 2407.17387, section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from typing_extensions import Self

from ..personas import Persona
from ..settings import Settings
from .base import WHOLE, Evaluation, Outcome, Row, Variant, breakdown, shares


@dataclass(frozen=True)
class Main(Evaluation):
    """One variant a pair, the whole persona; ``personalized`` is the share of answers without need of revision."""

    name = "main"
    title = "Main"
    task = "persona_main"
    by: tuple[str, ...] = ()

    @classmethod
    def build(cls, settings: Settings, personas: Sequence[Persona]) -> Self:  # noqa: ARG003
        """Break the rate down by the attributes in ``settings.by``."""
        return cls(settings.by)

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
