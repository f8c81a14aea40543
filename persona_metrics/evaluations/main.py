"""Main: how often an answer fits the persona it was given for (PERSONA Bench, arXiv 2407.17387, section 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from typing_extensions import Self

from ..dataset.questions import Question, value_of
from ..personas import ATTRIBUTES, QUESTION_GROUPS, Persona
from ..settings import Settings
from .base import WHOLE, Evaluation, Outcome, Row, Variant, breakdown, row_of, shares


@dataclass(frozen=True)
class Main(Evaluation):
    """One variant a pair, the whole persona; ``personalized`` is the share of answers without need of revision."""

    name = "main"
    title = "Main"
    task = "persona_main"
    by: tuple[str, ...] = ()
    by_question: tuple[str, ...] = ()
    """What of ``by`` is the question's: topic, kind, a column of its file."""

    @classmethod
    def build(cls, settings: Settings, personas: Sequence[Persona]) -> Self:
        """Break the rate down by the attributes of the persona and the columns of the question in ``settings.by``."""

        def persons(name: str) -> bool:
            return name in ATTRIBUTES or (name not in QUESTION_GROUPS and any(name in p.attributes for p in personas))

        of_person = tuple(name for name in settings.by if persons(name))
        return cls(of_person, tuple(name for name in settings.by if name not in of_person))

    def variants(self, persona: Persona) -> tuple[Variant, ...]:
        """Return the whole persona."""
        return (Variant(WHOLE, persona),)

    def metrics(self, persona: Persona, outcomes: Sequence[Outcome]) -> dict[str, Row]:
        """Return ``personalized`` and its breakdown where there is a verdict, and the failures always."""
        (outcome,) = outcomes
        return {**breakdown(outcome.personalized, persona, self.by), **shares(outcomes)}

    def of_question(self, rows: Mapping[str, Row], question: Question) -> dict[str, Row]:
        """Return the rate by what of ``by`` is the question's."""
        if "personalized" not in rows:
            return {}
        return {row_of(f"{column}={value_of(question, column)}"): rows["personalized"] for column in self.by_question}

    def record(self) -> dict[str, Any]:
        """Return what the rate is broken down by."""
        return {"by": [*self.by, *self.by_question]}
