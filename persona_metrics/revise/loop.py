"""The rounds: answers that need a revision go to the writer, what it writes to the critic. Knows no file and no lm-eval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ..answers.recital import recited
from ..critic import Judgement, Verdict
from .writer import Revision, objections

LONGER = "longer"
RECITES = "recites"
MOST = 1.5
"""A revision with more than so many times the original's characters is marked."""

Judge = Callable[[Sequence[Judgement]], Sequence[Verdict]]
Write = Callable[[Sequence[Revision]], Sequence[Verdict]]


@dataclass(frozen=True)
class State:
    """An answer after a round: its text, its verdict, and what is suspect in it (``longer``, ``recites``)."""

    answer: str
    verdict: Verdict
    marks: tuple[str, ...] = ()


@dataclass
class Revised:
    """One answer through all rounds, the original first. ``unwritten`` says that the writer gave nothing at last."""

    question: str
    persona: Mapping[str, str]
    states: list[State]
    unwritten: bool = False
    history: list[bool | None] = field(default_factory=list)
    """The verdict before the first round and after each."""

    @property
    def last(self) -> State:
        """The answer as it stands now."""
        return self.states[-1]

    @property
    def touched(self) -> bool:
        """Whether anything was written anew."""
        return len(self.states) > 1


def revise(answers: Sequence[Revised], rounds: int, write: Write, judge: Judge, template: int) -> None:
    """Revise each answer whose verdict asks for it, up to ``rounds`` times; others are left alone.

    An answer stays as it is where the writer gives none; one whose new verdict is missing is not revised again, since
    nobody knows whether it needs it.
    """
    for one in answers:
        one.history.append(one.last.verdict.personalized)
    for _ in range(rounds):
        todo = [one for one in answers if one.last.verdict.personalized is False]
        texts = _written(todo, write) if todo else []
        changed = [(one, text) for one, text in zip(todo, texts, strict=True) if text is not None]
        asked = [Judgement(one.question, one.persona, text, template) for one, text in changed]
        verdicts = judge(asked) if asked else []
        for (one, text), verdict in zip(changed, verdicts, strict=True):
            one.states.append(State(text, verdict, marks(text, one.states[0].answer, one.persona, one.question)))
        for one in answers:
            one.history.append(one.last.verdict.personalized)


def _written(todo: Sequence[Revised], write: Write) -> list[str | None]:
    made = write([Revision(one.question, one.persona, one.last.answer, objections(one.last.verdict)) for one in todo])
    texts: list[str | None] = []
    for one, verdict in zip(todo, made, strict=True):
        text = verdict.outcome if isinstance(verdict.outcome, str) and verdict.outcome.strip() else None
        one.unwritten = text is None
        texts.append(text)
    return texts


def marks(text: str, original: str, persona: Mapping[str, str], question: str) -> tuple[str, ...]:
    """Return what is suspect in a revision: ``longer`` than 1.5 times the original, ``recites`` attributes."""
    found = []
    if len(text) > MOST * len(original):
        found.append(LONGER)
    if recited(text, persona, question):
        found.append(RECITES)
    return tuple(found)
