"""What every evaluation answers: which variants of a pair the model sees, and what their outcomes amount to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from typing_extensions import Self

from ..dataset.adapters import stated_names
from ..dataset.questions import Question
from ..personas import Persona, band, columns_of
from ..settings import Settings
from .facts import PERSONALIZED, Fact

WHOLE = "whole"

Row = float | str
"""One document's value of one row: a number under lm-eval's mean, or a text that the row's own aggregate reads."""


@dataclass(frozen=True)
class Variant:
    """One prompt of a pair: the persona as the model sees it, and seed and prompt mode where it has its own."""

    name: str
    persona: Persona
    dropped: tuple[str, ...] = ()
    seed: int | None = None
    mode: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of one variant.

    ``personalized`` is 1.0 or 0.0, and None where the verdict is missing. An answer that could not be found in the
    reply is an ``answer_failure`` and scores 0.0: the model had its chance. ``agreement`` is that of the critic's
    votes, None where there was one vote; ``voted`` says that there were several, ``tied`` that they cancel each other out.
    Of two answers compared it is whether the pair's own was preferred, ½ for a tie; ``turned`` is then the place (0 or 1)
    that won in both orders. ``asked`` says whether the critic had a part in it.
    """

    personalized: float | None
    answer_failure: bool = False
    agreement: float | None = None
    answer: str | None = None
    voted: bool = False
    tied: bool = False
    turned: int | None = None
    asked: bool = True

    @property
    def judged(self) -> bool:
        """Whether the critic was asked about it at all."""
        return self.asked and not self.answer_failure


class Evaluation(ABC):
    """One evaluation with its settings. ``variants`` and ``metrics`` are all that a reader has to know.

    The class says what others ask of it: ``title`` on pages, ``task`` is the YAML that runs it, ``aliases`` what
    ``evaluate_model`` also calls it, ``headline`` the row it is known by, ``rows`` every kind of row it can give, ``terms``
    what has to agree in the metadata of two runs (beside the pairs) for their numbers to stand side by side,
    ``needs_critic`` whether verdicts are asked for at all (``judgefree.Judgefree``), ``protocol`` by what they are given,
    and ``unjudged`` the variants that have no verdict of their own, since others are compared with them. ``compared`` is
    which of several numbers two models are compared by, and what it is a share of; ``unanswered`` what replies without an
    answer do.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    task: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    headline: ClassVar[str] = "personalized"
    rows: ClassVar[tuple[Fact, ...]] = (PERSONALIZED,)
    terms: ClassVar[tuple[str, ...]] = ()
    needs_critic: ClassVar[bool] = True
    protocol: ClassVar[str] = "debate"
    unjudged: ClassVar[tuple[str, ...]] = ()
    compared: ClassVar[tuple[str, str]] = ("", "share of answers judged personalised")
    unanswered: ClassVar[str] = "count as not personalised"
    groups: Sequence[frozenset[int]] = ()
    """Positions of personas that must be drawn often enough (intersectionality)."""
    temperature: float | None = None
    """Sampling temperature that the evaluation needs where the user gives none."""

    @classmethod
    @abstractmethod
    def build(cls, settings: Settings, personas: Sequence[Persona]) -> Self:
        """Make the evaluation; raise ``PersonaError`` where the settings do not fit it."""

    @classmethod
    def restore(cls, recorded: Mapping[str, Any], settings: Settings, personas: Sequence[Persona], where: str) -> Self:  # noqa: ARG003
        """Make the evaluation that a run recorded in its metadata, from what ``record`` and the settings kept.

        Raises ``PersonaError`` with ``where`` in it for a record that cannot be.
        """
        return cls.build(settings, personas)

    @abstractmethod
    def variants(self, persona: Persona) -> tuple[Variant, ...]:
        """Return the prompts a pair needs, always in the same order and number."""

    def variants_of(self, persona: Persona, question_id: str) -> tuple[Variant, ...]:  # noqa: ARG002
        """Return the prompts of a persona's pair with one question, where they depend on it."""
        return self.variants(persona)

    def judgements(self, persona: Persona, question_id: str) -> int:
        """Return how many judgements a pair asks for, each of them with every vote."""
        return sum(len(self.judged(v, persona, question_id)) for v in self.variants_of(persona, question_id))

    def judged(self, variant: Variant, persona: Persona, question_id: str) -> tuple[tuple[str, Persona], ...]:  # noqa: ARG002
        """Return for whom a variant's answer is judged, each with the name that the outcome goes by; its own person first."""
        return ((variant.name, persona),)

    @abstractmethod
    def metrics(self, persona: Persona, outcomes: Sequence[Outcome]) -> dict[str, Row]:
        """Return one pair's value of each row, from the outcomes in the order of ``variants`` (and ``judged``).

        A row that a missing verdict leaves unknown is left out; it is never 0.
        """

    def of_question(self, rows: Mapping[str, Row], question: Question) -> dict[str, Row]:  # noqa: ARG002
        """Return the pair's further rows that its question decides, made of those that ``metrics`` gave."""
        return {}

    def aggregates(self) -> Mapping[str, Callable[[Iterable[Any]], float]]:
        """Return the rows whose table value is not the mean over pairs, with the function that makes it."""
        return {}

    def informed(self, pairs: Iterable[Sequence[Outcome]]) -> Self:  # noqa: ARG002
        """Return the evaluation with what all pairs together say, where a pair's rows lean on the others."""
        return self

    def support(self, personas: Iterable[Persona]) -> dict[str, int]:  # noqa: ARG002
        """Return how many drawn pairs each group has, where the evaluation asks for enough of each."""
        return {}

    def remarks(self, pairs: Iterable[Sequence[Outcome]]) -> list[str]:  # noqa: ARG002
        """Return what makes the outcomes of all pairs suspect, one line each, once they are there."""
        return []

    def record(self) -> dict[str, Any]:
        """Return what results_*.json should say of this evaluation's own settings."""
        return {}


def shares(outcomes: Sequence[Outcome]) -> dict[str, Row]:
    """Return the rows every evaluation has: the shares of failed verdicts and of missing answers; of several votes also ties.

    A tie is missing as a failure is, but it is none: the votes are there.
    """
    judged = [o for o in outcomes if o.judged]
    rows: dict[str, Row] = {"answer_failures": sum(o.answer_failure for o in outcomes) / len(outcomes)}
    # Among the answers the critic was asked about; a pair without any asks nothing of it and fails nothing.
    rows["critic_failures"] = _share(o.personalized is None and not o.tied for o in judged)
    if any(o.voted for o in judged):
        rows["critic_ties"] = _share(o.tied for o in judged)
    agreements = [o.agreement for o in judged if o.agreement is not None]
    if agreements:
        rows["critic_agreement"] = sum(agreements) / len(agreements)
    return rows


def _share(found: Iterable[bool]) -> float:
    held = list(found)
    return sum(held) / len(held) if held else 0.0


def breakdown(value: float | None, persona: Persona, by: Sequence[str]) -> dict[str, Row]:
    """Return ``personalized``, and the same value under ``personalized[attribute=group]`` for each attribute of ``by``."""
    if value is None:
        return {}
    rows: dict[str, Row] = {"personalized": value}
    for attribute in by:
        rows[row_of(f"{attribute}={band(attribute, persona.attributes.get(attribute))}")] = value
    return rows


def groupings(settings: Settings, personas: Iterable[Persona], asked: Collection[str] = ()) -> tuple[str, ...]:
    """Return the attributes in ``by``, and what of it is in ``asked``, the questions' columns, as it is.

    Of those that nobody chose the ones that some persona states. Raises ``PersonaError`` for a chosen one that no persona
    has.
    """
    there = columns_of(personas)
    if "by" not in settings.model_fields_set:
        return tuple(name for name in settings.by if name in there)
    found = (name if name in asked else stated_names((name,), "by", there)[0] for name in settings.by)
    return tuple(dict.fromkeys(found))


_TROUBLE = str.maketrans({",": ";", "/": "∕", "|": "¦"})


def row_of(group: str, kind: str = "personalized") -> str:
    """Return the row of a group, ``personalized[…]``, with a name that lm-eval and the loggers behind it can take.

    lm-eval splits rows at a comma (``personalized,critic``) and so took "Some college, no degree" apart in its table; its
    wandb logger splits at a slash; a bar or a line break ends a cell of the table it prints.
    """
    return f"{kind}[{' '.join(group.split()).translate(_TROUBLE)}]"
