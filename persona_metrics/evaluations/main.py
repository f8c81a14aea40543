"""Main: how often an answer fits the persona it was given for (PERSONA Bench, arXiv 2407.17387, section 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from typing_extensions import Self

from ..dataset.adapters import named
from ..dataset.questions import Question, value_of
from ..personas import ATTRIBUTES, QUESTION_GROUPS, Persona, columns_of
from ..settings import Settings
from .base import WHOLE, Evaluation, Outcome, Row, Variant, breakdown, groupings, row_of, shares


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
        """Break the rate down by the attributes of the persona and the columns of the question in ``settings.by``.

        Raises ``PersonaError`` for one of the 33 that no persona has; any other is the question's.
        """
        there = columns_of(personas)
        asked = [n for n in settings.by if n in QUESTION_GROUPS or (n not in ATTRIBUTES and named(n, there) is None)]
        by = groupings(settings, personas, asked)
        return cls(tuple(n for n in by if n not in asked), tuple(n for n in by if n in asked))

    @classmethod
    def restore(cls, recorded: Mapping[str, Any], settings: Settings, personas: Sequence[Persona], where: str) -> Self:  # noqa: ARG003
        """Take over ``by``: of a part of the pairs nobody need state what somebody of the whole does."""
        if recorded.get("by") is None:
            return cls.build(settings, personas)
        there = columns_of(personas)
        of_person = tuple(n for n in settings.by if n in ATTRIBUTES or (n not in QUESTION_GROUPS and n in there))
        return cls(of_person, tuple(n for n in settings.by if n not in of_person))

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
