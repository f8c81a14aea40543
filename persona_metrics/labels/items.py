"""The answers of a run that people can label, each under the hash of persona, question and answer. Knows no label."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import PersonaError, shorten
from ..personas import stated
from ..runs.find import Keep, find
from ..runs.read import Run, TaskRun, read_samples, results_of


@dataclass(frozen=True)
class Item:
    """One judged answer. ``key`` outlives a change of critic.

    ``doc`` is its line's doc_id, ``pair`` names what the pair says, ``kind`` what its variant is counted under. ``persona``
    is the one that the answer is judged for. ``fits`` is the critic's verdict: 1.0, needs no revision.
    """

    key: str
    doc: int
    pair: str
    persona_id: str
    question_id: str
    variant: str
    kind: str
    persona: Mapping[str, str]
    question: str
    answer: str
    fits: float


@dataclass(frozen=True)
class Answers:
    """One task of one run: its judged answers, and how many others it holds (no verdict; no answer, which score 0)."""

    run: Run
    task: TaskRun
    items: tuple[Item, ...]
    missing: int = 0
    failures: int = 0

    @property
    def name(self) -> str:
        """What a reader calls it."""
        return f"{self.task.name} of {self.run.model}"


def key_of(persona: Mapping[str, Any], question: str, answer: str) -> str:
    """Return the key of a label: ``k`` and 16 hex digits of BLAKE2b over persona (sorted), question and answer.

    The letter keeps spreadsheets from taking ``12e4…`` for a number.
    """
    text = json.dumps([sorted(stated(persona).items()), question, answer], ensure_ascii=True)
    return "k" + hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def answers_at(path: Path, task: str | None = None) -> tuple[list[Answers], list[str]]:
    """Return the tasks with judged answers in the runs at ``path``, the newest of each model and task, and notes.

    Raises ``PersonaError`` where there is none, or none of that name.
    """
    there = find([path], Keep.NEWEST_OF_EACH)
    runs, notes = list(there.runs), list(there.notes)
    found: dict[tuple[str, str], Answers] = {}
    for run in runs:
        for one in run.tasks:
            # Comparisons are no verdicts on one answer: there is nothing to hold a label against.
            single = one.samples is not None and one.called == one.name
            if single and task in (None, one.name) and (run.model, one.name) not in found:
                found[run.model, one.name] = answers_of(run, one)
    kept = [one for one in found.values() if one.items]
    if not kept:
        names = dict.fromkeys(one.name for run in runs for one in run.tasks)
        known_names = f" (tasks there: {', '.join(names)})" if task and task not in names else ""
        raise PersonaError(
            f"{shorten(path)}: no judged answers{f' of {shorten(task, 60)}' if task else ''} there{known_names}; run lm_eval"
            " with --log_samples"
        )
    return kept, notes


def answers_of(run: Run, task: TaskRun) -> Answers:
    """Read a task's samples; those without a verdict or an answer are counted, not kept."""
    items, missing, failures = [], 0, 0
    for sample in read_samples(task.samples) if task.samples else ():
        for item in _items(sample, task.metadata):
            if item is None:
                failures += 1
            elif math.isnan(item.fits):
                missing += 1
            else:
                items.append(item)
    return Answers(run, task, tuple(items), missing, failures)


def _items(sample: Mapping[str, Any], metadata: Mapping[str, Any]) -> Iterator[Item | None]:
    doc = sample["doc"]
    own, question = doc.get("persona") or {}, str(doc.get("question") or "")
    pair = key_of(own, question, "")
    for result in results_of(sample):
        answer, verdict = result.get("answer"), result.get("verdict")
        if not isinstance(answer, str) or result.get("answer_failure") is not None:
            yield None
            continue
        variant = str(result.get("variant", "whole"))
        value = verdict.get("personalized") if isinstance(verdict, Mapping) else None
        person = judged_for(result, own, metadata)
        yield Item(
            key_of(person, question, answer),
            int(sample.get("doc_id") or 0),
            pair,
            str(doc.get("persona_id")),
            str(doc.get("question_id")),
            variant,
            kind_of(variant),
            stated(person),
            question,
            answer,
            math.nan if value is None else float(value),
        )


def judged_for(result: Mapping[str, Any], own: Mapping[str, Any], metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the persona that an answer is judged for."""
    other = result.get("judged_for")
    if isinstance(other, Mapping) and isinstance(other.get("persona"), Mapping):
        return dict(other["persona"])
    if metadata.get("yardstick") == "reduced":
        dropped = set(result.get("dropped") or ())
        return {name: value for name, value in own.items() if name not in dropped}
    return own


def kind_of(variant: str) -> str:
    """Return what a variant's verdicts are averaged under: all attempts together, all other people together."""
    for start in ("attempt", "another person"):
        if variant.startswith(start):
            return start
    return variant


def kinds(items: Sequence[Item]) -> list[str]:
    """Return the kinds in their order."""
    return list(dict.fromkeys(item.kind for item in items))
