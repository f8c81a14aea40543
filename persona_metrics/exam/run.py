"""Puts a critic through the exam: what is asked, what of it is in the store, and the verdicts. Knows no rate and no card."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from ..critic import Judged, Judgement, Verdict, decide, judge
from ..critic.check import located
from ..critic.protocol import Prompt
from ..critic.request import key, panel
from ..errors import PersonaError
from ..scoring.batchfile import Wanted
from ..settings import Settings
from .cases import Base, Case, cases, choose, digest, load
from .probes import PER_PROBE, Probe, probes

Ask = Callable[[Sequence[Judged], Settings], Sequence[Verdict]]
"""Judges all judgements; the settings say how many votes each gets."""
REPEATS = 3
MOST_REPEATS = 100
TELLING = 21
"""From so many bases on the probes are enough for every threshold (``fitness.LEAST``)."""


@dataclass(frozen=True)
class Exam:
    """What is asked: the cases ``repeats`` times, the probes once."""

    bases: tuple[Base, ...]
    all_bases: int
    cases: tuple[Case, ...]
    probes: tuple[Probe, ...]
    repeats: int

    @property
    def judgements(self) -> int:
        """Return how many judgements that makes."""
        return len(self.cases) * self.repeats + len(self.probes)

    @property
    def digest(self) -> str:
        """Return the hash of the bases that are asked."""
        return digest(self.bases)

    @property
    def said(self) -> str:
        """Return in words what is asked."""
        return f"{len(self.cases)} cases from {len(self.bases)} bases × {self.repeats} and {len(self.probes)} probes"


@dataclass(frozen=True)
class Answered:
    """An exam with the verdicts: for each case one a repeat, for each probe one."""

    exam: Exam
    cases: tuple[tuple[Verdict, ...], ...]
    probes: tuple[Verdict, ...]

    @property
    def verdicts(self) -> Iterable[Verdict]:
        """Return all verdicts."""
        return [*(verdict for repeats in self.cases for verdict in repeats), *self.probes]


def plan(repeats: int = REPEATS, limit: int | None = None) -> Exam:
    """Return the exam over all bases, or over ``limit`` of them with as many fewer probes.

    The draw's seed is fixed: two critics with the same limit sit the same exam. Raises ``PersonaError`` for repeats or a
    limit that cannot be.
    """
    checked(repeats)
    every = load()
    bases = choose(every, limit)
    whole = len(bases) == len(every)
    each = None if whole else max(1, round(max(PER_PROBE.values()) * len(bases) / len(every)))
    made = probes(bases, limit=each)
    if len(bases) < TELLING:
        # One injection of each family at least: there are 36 of them, which would be most of a short exam.
        most = max(1, round(4 * len(bases) / TELLING))
        made = tuple(p for p in made if p.family != "injection" or int(p.name.rpartition("-")[2]) <= most)
    return Exam(bases, len(every), cases(bases), made, repeats)


def checked(repeats: int) -> None:
    """Raise ``PersonaError`` for a number of repeats that cannot be."""
    if not 1 <= repeats <= MOST_REPEATS:
        raise PersonaError(f"--repeats {repeats}: must be between 1 and {MOST_REPEATS}")


def asked(exam: Exam, settings: Settings) -> tuple[list[Judgement], list[Judgement]]:
    """Return the judgements of cases and of probes, by the debate's edition that the settings name."""
    edition = settings.template
    return (
        [replace(case.judgement, template=edition) for case in exam.cases],
        [replace(probe.judgement, template=edition) for probe in exam.probes],
    )


def repeated(exam: Exam, settings: Settings) -> Settings:
    """Return the settings for the cases: every repeat is as many further votes.

    A vote's number is its seed and part of the store's key, so that a repeat is a new question to the critic, and the
    same exam again is none. Probes get the numbers of the first repeat.
    """
    return settings.model_copy(update={"critic_votes": settings.critic_votes * exam.repeats})


def wanted(exam: Exam, settings: Settings) -> dict[str, Wanted]:
    """Return every vote that the exam takes, by its key in the store."""
    critics = [located(critic, settings) for critic in panel(settings)]
    votes = {}
    for judgements, chosen in zip(asked(exam, settings), (repeated(exam, settings), settings), strict=True):
        for judgement in judgements:
            prompt = Prompt.of(judgement)
            for critic in critics:
                for number in range(chosen.critic_votes):
                    votes[key(critic, chosen, prompt, number)] = Wanted(critic, judgement, number)
    return votes


def sit(exam: Exam, settings: Settings, ask: Ask | None = None) -> Answered:
    """Have the critic judge everything; ``ask`` stands in for it (verdicts of a batch file).

    What cannot be read is missing and counted, and stops nothing: it is part of what the exam finds out. Raises
    ``PersonaError`` as ``critic.judge`` does where the first judgements all fail.
    """
    patient = settings.model_copy(update={"critic_max_failures": 1.0})
    of_cases, of_probes = asked(exam, settings)
    together = (ask or live(exam.repeats))(of_cases, repeated(exam, patient))
    return Answered(
        exam,
        tuple(split(verdict, exam.repeats, settings.critic_votes) for verdict in together),
        tuple((ask or live(1))(of_probes, patient)),
    )


def live(repeats: int) -> Ask:
    """Return what asks the critic itself; repeats that turn half of the time are flips, which a card has, and no ties."""
    return partial(judge, description="exam", repeats=repeats > 1)


def split(verdict: Verdict, repeats: int, votes: int) -> tuple[Verdict, ...]:
    """Return one verdict a repeat, out of the votes that were cast for all."""
    return tuple(
        decide([vote for vote in verdict.votes if vote.number // votes == repeat], verdict.protocol)
        for repeat in range(repeats)
    )
