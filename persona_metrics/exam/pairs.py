"""The pairwise exam: each base's fitting answer against each that does not fit, in both orders. Knows no rate and no card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..critic import Comparison, Verdict
from ..critic.check import located
from ..critic.pairwise import both_orders, joined
from ..critic.protocol import Prompt
from ..critic.request import key, panel
from ..scoring.batchfile import Wanted
from ..settings import Settings
from .cases import BAD, Base, choose, digest, load
from .run import REPEATS, Ask, checked, live, split


@dataclass(frozen=True, slots=True)
class PairCase:
    """Two answers of one base of which the right one is known: ``good`` fits, ``bad`` fails in the respect of its kind."""

    base: str
    kind: str
    persona: Mapping[str, str]
    question: str
    good: str
    bad: str

    @property
    def orders(self) -> tuple[Comparison, Comparison]:
        """Return what a critic is asked: the good answer first, then second."""
        return both_orders(self.question, self.persona, self.good, self.bad)


@dataclass(frozen=True)
class PairExam:
    """What is asked: every case in both orders, ``repeats`` times."""

    bases: tuple[Base, ...]
    all_bases: int
    cases: tuple[PairCase, ...]
    repeats: int

    @property
    def judgements(self) -> int:
        """Return how many judgements that makes."""
        return 2 * len(self.cases) * self.repeats

    @property
    def digest(self) -> str:
        """Return the hash of the bases that are asked."""
        return digest(self.bases)

    @property
    def said(self) -> str:
        """Return in words what is asked."""
        return f"{len(self.cases)} comparisons from {len(self.bases)} bases × 2 orders × {self.repeats}"


@dataclass(frozen=True)
class PairAnswered:
    """An exam with the verdicts: for each case one a repeat, of both orders."""

    exam: PairExam
    cases: tuple[tuple[Verdict, ...], ...]

    @property
    def verdicts(self) -> list[Verdict]:
        """Return all verdicts."""
        return [verdict for repeats in self.cases for verdict in repeats]


def plan(repeats: int = REPEATS, limit: int | None = None) -> PairExam:
    """Return the exam over all bases, or over ``limit`` of them, the same ones that the debate's exam draws."""
    checked(repeats)
    every = load()
    bases = choose(every, limit)
    made = tuple(
        PairCase(base.id, case.kind, base.persona, base.question, base.good.answer, case.answer)
        for base in bases
        for case in base.answers
        if case.kind in BAD
    )
    return PairExam(bases, len(every), made, repeats)


def repeated(exam: PairExam, settings: Settings) -> Settings:
    """Return settings in which every repeat is as many further votes (``run.repeated``)."""
    return settings.model_copy(update={"critic_votes": settings.critic_votes * exam.repeats})


def wanted(exam: PairExam, settings: Settings) -> dict[str, Wanted]:
    """Return every vote that the exam takes, by its key in the store."""
    chosen = repeated(exam, settings)
    return {
        key(critic, chosen, prompt, number): Wanted(critic, judgement, number)
        for critic in (located(critic, settings) for critic in panel(settings))
        for case in exam.cases
        for judgement in case.orders
        for prompt in (Prompt.of(judgement),)
        for number in range(chosen.critic_votes)
    }


def sit(exam: PairExam, settings: Settings, ask: Ask | None = None) -> PairAnswered:
    """Have the critic compare everything; ``ask`` stands in for it. See ``run.sit``."""
    patient = repeated(exam, settings).model_copy(update={"critic_max_failures": 1.0})
    found = (ask or live(exam.repeats))([judgement for case in exam.cases for judgement in case.orders], patient)
    parts = [split(verdict, exam.repeats, settings.critic_votes) for verdict in found]
    return PairAnswered(
        exam,
        tuple(tuple(map(joined, first, second)) for first, second in zip(parts[::2], parts[1::2], strict=True)),
    )
