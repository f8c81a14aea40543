"""What was made elsewhere, in one shape, and the samples files of lm-eval as such. Knows no lm-eval and no critic."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import answers, evaluations
from ..analysis.words import count
from ..dataset.questions import of_document
from ..dataset.sources import Pair
from ..errors import PersonaError, shorten
from ..evaluations import Evaluation
from ..evaluations.contrast import Contrast
from ..evaluations.judgefree import is_no_reply
from ..evaluations.main import Main
from ..files import json_object, open_read, read_text, unreadable
from ..harness.replies import NoReply
from ..personas import Persona, stated
from ..runs import read
from ..runs.find import Keep, find
from ..settings import Settings, load
from . import contrast

FIXED = (
    *("n", "seed", "source", "personas", "columns", "questions", "attributes", "loo_json", "k"),
    *("data", "kind", "bears", "counterparts", "locale", "language"),
)
"""Settings that decided what was asked: the answers are there, so they can no longer be chosen."""

Prompt = tuple[str, Mapping[str, Any]]
"""What a variant was asked, and how its reply was sampled."""


@dataclass(frozen=True)
class Answered:
    """A pair with one reply a variant, in the order of the evaluation's variants; ``prompts`` where they are known."""

    pair: Pair
    replies: tuple[str, ...]
    prompts: tuple[Prompt, ...] = ()


@dataclass(frozen=True)
class Given:
    """The answers to one task of one model. ``recorded`` is the task's metadata, ``config`` what is known of the run.

    ``extracted`` says that the replies are answers already, from which nothing is to be taken out.
    """

    task: str
    evaluation: Evaluation
    settings: Settings
    pairs: tuple[Answered, ...]
    recorded: Mapping[str, Any]
    model: str
    origin: str
    config: Mapping[str, Any] = field(default_factory=dict)
    generation: Mapping[str, Any] | None = None
    extracted: bool = False
    left_out: int = 0


def read_lines(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Return the objects of a JSONL file, each with ``file:line``; raise ``PersonaError`` for what is none."""
    rows = [
        (f"{path}:{number}", json_object(line, f"{path}:{number}"))
        for number, line in enumerate(read_text(path).split("\n"), 1)
        if line.strip()
    ]
    if not rows:
        raise PersonaError(f"{path}: the file has no lines")
    return rows


def each_line(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what ``read_lines`` returns, without holding it."""
    with open_read(path) as file:
        try:
            for number, line in enumerate(io.TextIOWrapper(file, "utf-8-sig", newline="\n"), 1):
                if line.strip():
                    yield f"{path}:{number}", json_object(line, f"{path}:{number}")
        except UnicodeError:
            raise PersonaError(f"{shorten(path)}: cannot be read: not UTF-8 text") from None
        except (OSError, EOFError, zlib.error) as error:
            raise unreadable(path, error) from None


def from_samples(
    path: Path, rows: Sequence[tuple[str, dict[str, Any]]], overrides: Mapping[str, Any], task_name: str | None = None
) -> Given:
    """Return the answers of a samples_*.jsonl, with what the results_*.json beside it records of the run.

    ``task_name`` may ask for the contrast of answers that ``persona_main`` gave: no second generation, and no lift.
    """
    run, task = _recorded(path)
    recorded, name = task.metadata, task.name
    if task_name == Contrast.task and recorded.get("evaluation") == Main.name:
        recorded, name = contrast.of_main(recorded, str(run.path)), Contrast.task
    first = rows[0][1].get("filter")
    by_id: dict[int, tuple[str, dict[str, Any]]] = {}
    for where, row in rows:
        if row.get("filter") != first:
            continue  # a task with several filters logs every document once a filter
        number = row.get("doc_id")
        if not isinstance(number, int) or number in by_id:
            raise PersonaError(
                f"{where}: doc_id {shorten(number, 20)!r} {'stands twice' if number in by_id else 'is no number'}"
            )
        by_id[number] = (where, row)
    ordered = [by_id[number] for number in sorted(by_id)]
    pairs = [pair_of(row.get("doc"), where) for where, row in ordered]
    chosen, evaluation = restore(str(recorded.get("evaluation")), recorded, overrides, pairs, str(run.path))
    answered = []
    for pair, (where, row) in zip(pairs, ordered, strict=True):
        names = [variant.name for variant in evaluation.variants_of(pair.persona, pair.question.id)]
        resps = row.get("resps")
        listed = resps if isinstance(resps, list) else []
        replies = [_reply(item[0] if isinstance(item, list) and item else item) for item in listed]
        if len(replies) != len(names):
            raise PersonaError(
                f"{where}: expected {len(names)} replies ({shorten(', '.join(names), 60)}), found {len(replies)}"
            )
        answered.append(Answered(pair, tuple(replies), _arguments(row.get("arguments"), len(names))))
    return Given(name, evaluation, chosen, tuple(answered), recorded, run.model, path.name, run.config, task.generation)


def _reply(logged: Any) -> str:
    # What the endpoint did not give was missing in the run and is so here; a model's own words do not read like it.
    text = answers.text_of(logged)
    return NoReply(text) if is_no_reply(text) else text


def _recorded(path: Path) -> tuple[read.Run, read.TaskRun]:
    run = find([path], Keep.NEWEST).runs[0]
    return run, run.tasks[0]


def pair_of(doc: Any, where: str) -> Pair:
    """Return the pair of a document as ``record.document`` writes it; raise ``PersonaError`` where it is none."""
    if not isinstance(doc, Mapping) or not isinstance(doc.get("persona"), Mapping):
        raise PersonaError(f"{where}: no document with a persona")
    question = doc.get("question")
    if not isinstance(question, str) or not question.strip():
        raise PersonaError(f"{where}: the document has no question")
    attributes = stated(doc["persona"])
    if not attributes:
        raise PersonaError(f"{where}: the persona has no attribute")
    return Pair(
        str(doc.get("pair_id")),
        Persona(str(doc.get("persona_id")), attributes),
        of_document(doc),
    )


def _arguments(logged: Any, count: int) -> tuple[Prompt, ...]:
    """Return the prompts that a samples file logs as ``{"gen_args_0": {"arg_0": …, "arg_1": {…}}}``, or nothing."""
    if not isinstance(logged, Mapping):
        return ()
    prompts = []
    for index in range(count):
        one = logged.get(f"gen_args_{index}")
        context = one.get("arg_0") if isinstance(one, Mapping) else None
        # A chat prompt is logged as a list that holds its JSON.
        context = context[0] if isinstance(context, list) and len(context) == 1 else context
        if not isinstance(one, Mapping) or not isinstance(context, str) or not isinstance(one.get("arg_1"), Mapping):
            return ()
        prompts.append((context, one["arg_1"]))
    return tuple(prompts)


def restore(
    name: str, recorded: Mapping[str, Any], overrides: Mapping[str, Any], pairs: Sequence[Pair], where: str
) -> tuple[Settings, Evaluation]:
    """Return the settings to judge by and the evaluation that made the answers.

    What decided the prompts comes from ``recorded``; the critic, and how the verdicts are grouped (``by``,
    ``yardstick``, ``intersection_json``, ``cross``), may be chosen anew with ``overrides``.
    Raises ``PersonaError`` for an override of what is fixed, and for a record that cannot be.
    """
    evaluations.require_critic(name, f"{where} cannot be judged")
    free = contrast.CHOICES if name == Contrast.name else ()
    for key in overrides:
        if key in (*FIXED, "mode") and key not in free:
            raise PersonaError(f"{key}=…: the answers are there already, so this can no longer be chosen; leave it out")
    kind = evaluations.judged_by(name, str(overrides.get("protocol") or evaluations.evaluation_of(name).protocol))
    if kind.name != name:
        # Of the answers of a contrast, one was written for this person and one for nobody.
        recorded = {**recorded, "against": ["no persona"] if recorded.get("baseline") is not False else []}
    fixed: dict[str, Any] = {
        k: recorded[k]
        for k in ("mode", "seed", "by", "k", "yardstick", "min_support", "others")
        if recorded.get(k) is not None
    }
    n = recorded["n"] if isinstance(recorded.get("n"), int) else len(pairs)
    chosen = load({**fixed, "n": n, **overrides, "protocol": kind.protocol}, where="--metadata")
    people = [pair.persona for pair in pairs]
    if kind.name == Contrast.name:
        people = contrast.people(recorded, chosen, pairs)
    return chosen, kind.restore(recorded, chosen, people, where)


def scored(task: object, pairs: int, answers: int, model: str, left_out: int) -> str:
    """Return the line that says what is scored."""
    lack = "lacks answers and is" if left_out == 1 else "lack answers and are"
    left = f" ({count(left_out, 'pair')} {lack} left out)" if left_out else ""
    return f"{task}: {count(pairs, 'pair')}, {count(answers, 'answer')} of {model}{left}"


def missing_answers(origin: object, answers: int, pairs: int, first: str, more: str) -> PersonaError:
    """Return the error that ``answers`` are missing in so many ``pairs``; ``more`` says what to do."""
    return PersonaError(
        f"{origin}: {answers} answers are missing in {pairs} pairs (the first: {shorten(first, 60)}); {more}"
    )


def what_to_do(partial: bool) -> str:
    """Return what to do about missing answers where one process scores them."""
    return "no pair is complete" if partial else "add them, or score the complete pairs alone with --partial"


def align(
    pairs: Iterable[tuple[Pair, Mapping[str, str], Mapping[str, Prompt]]],
    evaluation: Evaluation,
    partial: bool,
    origin: str,
) -> tuple[tuple[Answered, ...], int]:
    """Return the pairs whose every variant is answered, and how many were left out for want of an answer.

    ``pairs`` yields a pair with its replies and prompts by variant. Raises ``PersonaError`` where answers are missing
    and ``partial`` is not set, and where none of the pairs is complete.
    """
    complete: list[Answered] = []
    wanting: list[str] = []
    incomplete = 0
    for pair, replies, prompts in pairs:
        names = [variant.name for variant in evaluation.variants_of(pair.persona, pair.question.id)]
        missing = [name for name in names if name not in replies]
        if missing:
            incomplete += 1
            wanting += [f"{pair.id}/{name}" for name in missing]
            continue
        known_prompts = tuple(prompts[name] for name in names) if all(name in prompts for name in names) else ()
        complete.append(Answered(pair, tuple(replies[name] for name in names), known_prompts))
    if wanting and not (partial and complete):
        raise missing_answers(origin, len(wanting), incomplete, wanting[0], what_to_do(partial))
    return tuple(complete), incomplete
