"""What a run's answers teach: by pair, the prompt that shows the persona and every judged answer to it. Knows no trainer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import PersonaError
from ..evaluations.base import WHOLE
from ..evaluations.contrast import NOBODY
from ..personas import known, shown
from ..prompts import render
from .duplicates import Clusters
from .scores import Answer, Task

Messages = tuple[Mapping[str, str], ...]

OWN, ATTEMPT, ORIGINAL, REVISION, WITHOUT = "answer", "attempt", "original", "revision", "without the persona"
"""Where an answer is from."""

_TEMPLATE = "answer/output_only.jinja"


@dataclass(frozen=True)
class Taught:
    """One judged answer: its text, whether it fits, where it is from, and the terms on which it was judged."""

    text: str
    fits: bool
    origin: str
    about: Mapping[str, Any]
    marks: tuple[str, ...] = ()
    chain: str = ""
    """What a revision and its original have in common: the reply that they began with."""


@dataclass
class Pair:
    """One persona and one question, the prompt that shows both, and the answers to it; ``about`` is of its first task."""

    content: str
    persona_id: str
    question_id: str
    question: str
    persona: Mapping[str, str]
    about: Mapping[str, Any]
    prompt: Messages = ()
    answers: list[Taught] = field(default_factory=list)

    @property
    def columns(self) -> dict[str, Any]:
        """Return what every row says of the pair."""
        return {"persona_id": self.persona_id, "question_id": self.question_id, "pair": self.content}


@dataclass
class Found:
    """The pairs with a verdict, in the order of the file, and what was left out, counted by reason."""

    pairs: list[Pair]
    left: Counter[str]

    def notes(self) -> Iterator[str]:
        """Yield one line for each kind of answer that is in no row."""
        for reason, count in self.left.items():
            if count:
                yield f"{count} {reason}"


def read(tasks: Iterable[Task]) -> Found:
    """Return the pairs of judged tasks with their answers, near-duplicates of one answer once.

    An answer to a variant that lacks attributes, or that is judged for another person, is no answer to the pair's prompt
    and is left out, as is one whose verdict is missing. The prompt is the run's own where that shows the whole persona
    and asks for the bare answer, else the template ``output_only`` filled in.

    Raises ``PersonaError`` where the tasks' critics are not one and the same.
    """
    pairs: dict[str, Pair] = {}
    left: Counter[str] = Counter()
    judged_by: dict[tuple[str, str], str] = {}
    for task in tasks:
        task.require_samples("training data")
        about = terms(task)
        judged_by.setdefault((about["critic"], about["critic_template"]), task.name)
        for answer in task.answers():
            _take(answer, about, pairs, left)
    if len(judged_by) > 1:
        named = ", ".join(f"{critic} ({template}) in {task}" for (critic, template), task in judged_by.items())
        raise PersonaError(
            f"the runs were judged by different critics, {named}: judge them by one (persona-metrics score)"
        )
    for pair in pairs.values():
        pair.prompt = pair.prompt or _rendered(pair)
        pair.answers = _once(pair.answers, left)
    lost = [key for key, pair in pairs.items() if not pair.answers]
    if lost:
        left["pairs without any verdict, and in no row"] += len(lost)
    return Found([pair for key, pair in pairs.items() if pair.answers], left)


def terms(task: Task) -> dict[str, str]:
    """Return what every row says of the run: critic, card, run, and the hashes that tell two runs apart."""
    recorded = task.metadata
    card = recorded.get("critic_card")
    named = {
        "critic": recorded.get("critic_model"),
        "critic_template": recorded.get("critic_template"),
        "card": card.get("card") if isinstance(card, Mapping) else None,
        "run": task.run.path.name,
        "task": task.name,
        "model": task.run.model,
        "data_hash": recorded.get("data_hash"),
        "pairs_hash": recorded.get("pairs_hash"),
        "answer_template": recorded.get("answer_template"),
    }
    return {name: "none" if value is None else str(value) for name, value in named.items()}


def _take(answer: Answer, about: Mapping[str, str], pairs: dict[str, Pair], left: Counter[str]) -> None:
    row = answer.row
    variant, baseline = str(row["variant"]), row["mode"] == "baseline" or row["variant"] == NOBODY
    if not (variant == WHOLE or row["attempt"] or baseline) or (row["dropped"] and variant != NOBODY):
        left["answers to a changed persona, or judged for another person, left out"] += 1
        return
    persona = known(row["persona"])
    pair = pairs.setdefault(
        str(row["content"]),
        Pair(
            str(row["content"]), str(row["persona_id"]), str(row["question_id"]), str(row["question"]), persona, about
        ),
    )
    if not pair.prompt and row["mode"] == "output_only" and not baseline:
        pair.prompt = _asked(answer.prompt, pair)
    if row["answer"] is None:
        left["replies without an answer left out"] += 1
        return
    rounds = row["rounds"]
    origin = REVISION if rounds else WITHOUT if baseline else ATTEMPT if row["attempt"] else OWN
    chain = f"{about['task']}/{row['doc_id']}/{variant}"
    for number, one in enumerate(rounds[:-1]):
        if one["personalized"] is None:
            left["answers without a verdict left out"] += 1
        else:
            where = ORIGINAL if not number else REVISION
            marks = tuple(map(str, one.get("marks") or ()))
            pair.answers.append(Taught(str(one["answer"]), bool(one["personalized"]), where, about, marks, chain))
    if answer.score is None:
        left["answers without a verdict left out"] += 1
        return
    marks = tuple(map(str, rounds[-1].get("marks") or ())) if rounds else ()
    pair.answers.append(Taught(str(row["answer"]), bool(answer.score), origin, about, marks, chain))


def _asked(prompt: Messages, pair: Pair) -> Messages:
    """Return the run's own prompt; a model's chat template around it is taken away."""
    rendered = _rendered(pair)
    if not any(message["content"].strip() for message in prompt):
        return rendered  # answers from elsewhere: nobody knows what was asked
    alone = len(prompt) == 1 and prompt[0]["content"] != rendered[0]["content"]
    return rendered if alone and rendered[0]["content"] in prompt[0]["content"] else prompt


def _rendered(pair: Pair) -> Messages:
    text = render(_TEMPLATE, persona=shown(pair.persona), question=pair.question)
    return ({"role": "user", "content": text},)


def _once(answers: Sequence[Taught], left: Counter[str]) -> list[Taught]:
    """Return the answers, the first of each that say the same; where such were judged both ways, none of them."""
    clusters = Clusters()
    groups: dict[int, list[Taught]] = {}
    for one in answers:
        groups.setdefault(clusters.of(one.text), []).append(one)
    kept = []
    for alike in groups.values():
        first = {one.fits: one for one in reversed(alike)}
        # A small change that turned the verdict is what a revision is for; of two attempts it says that the verdict is shaky.
        if len(first) > 1 and not any(one.origin in (ORIGINAL, REVISION) for one in alike):
            left["near-duplicates of one answer that were judged both ways left out"] += len(alike)
            continue
        kept += [one for one in alike if one is first[one.fits]]
        left["near-duplicates of an answer left out"] += len(alike) - len(first)
    return kept


def mean_ratio(pairs: Iterable[tuple[str, str]]) -> float | None:
    """Return how much longer the first texts are than the second: the ratio of their summed characters, None without."""
    first, second = 0, 0
    for one, two in pairs:
        first, second = first + len(one), second + len(two)
    return first / second if second else None


def strings(value: Any) -> str:
    """Return a value that identifies nested data."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
