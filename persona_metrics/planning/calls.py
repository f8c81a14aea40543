"""Which calls a run would make, by the code that makes them: prompts are built, and judged as if they had been answered."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..critic import Judged, Missing, Reason, Verdict
from ..critic.request import votes_each
from ..errors import PersonaError, suggest
from ..evaluations import Evaluation
from ..harness.exits import raising
from ..harness.judging import judge_replies
from ..harness.task_files import tasks_folder
from ..scoring import batchfile, replay
from ..scoring.batchfile import Wanted
from ..scoring.given import Given
from ..settings import Settings


@dataclass(frozen=True)
class Calls:
    """What one task asks for. ``votes`` are the critic's calls by their key, as far as no other task before asks them."""

    task: str
    evaluation: Evaluation
    settings: Settings
    pairs: int
    prompts: Sequence[str]
    """One a request of the model's, as it is sent without a chat template."""
    longest: int | None
    """The reply's token limit."""
    at_most: int
    """Votes if no two answers were the same."""
    votes: Mapping[str, Wanted]
    stored: int = 0
    people: int = 0
    questions: int = 0
    support: Mapping[str, int] = field(default_factory=dict)
    """Pairs by group, the smallest first."""


def of_tasks(
    name: str, overrides: Mapping[str, Any], known: set[str], letters: int, limit: int | None = None
) -> list[Calls]:
    """Return what a task of the pack, or each of a group's, would ask for; ``letters`` is how long answers are taken to be.

    Requests with the same prompt and sampling are taken to get the same reply, whose judgement is asked once: its key goes
    into ``known``. Raises ``PersonaError`` for an unknown task and for settings that do not fit it.
    """
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=str(tasks_folder()), include_defaults=False, metadata=dict(overrides))
    if name not in manager.all_tasks:
        raise PersonaError(f"--tasks {name!r} is no task of the pack{suggest(name, manager.all_tasks)}")
    said = io.StringIO()
    try:
        with raising(), contextlib.redirect_stderr(said):
            tasks = manager.load([name])["tasks"]
            for task in tasks.values():
                task.override_metric("bypass")  # nothing is judged here, so no critic is asked whether it works
                task.build_all_requests(**({} if limit is None else {"limit": limit}))
    finally:
        for line in said.getvalue().splitlines():
            if "warning" in line or "below" in line:
                print(line, file=sys.stderr, flush=True)
    return [_of_task(task_name, task, known, letters) for task_name, task in tasks.items()]


def _of_task(name: str, task: Any, known: set[str], letters: int) -> Calls:
    evaluation: Evaluation = task.evaluation
    judgements: list[Judged] = []
    if evaluation.needs_critic:
        docs = [instance.doc for instance in task.instances]
        replies = [[_stand_in(instance.arguments, letters)] for instance in task.instances]
        judgements = _wanted(replies, docs, task.settings, evaluation)
    votes, at_most = _votes(judgements, task.settings)
    new = {key: vote for key, vote in votes.items() if key not in known}
    known.update(new)
    asked = [task.pairs[i] for i in sorted({instance.doc_id for instance in task.instances})]
    generation = task.config.generation_kwargs or {}
    return Calls(
        task=name,
        evaluation=evaluation,
        settings=task.settings,
        pairs=len(asked),
        prompts=[str(getattr(i.arguments[0], "prompt", i.arguments[0])) for i in task.instances],
        longest=generation.get("max_gen_toks"),
        at_most=at_most,
        votes=new,
        people=len({p.persona.id for p in asked}),
        questions=len({p.question.id for p in asked}),
        support=_support(evaluation, asked),
    )


def of_answers(given: Given, known: set[str], store: Any) -> Calls:
    """Return what judging answers that are there would ask for, less what ``store`` holds."""
    chosen = _with_critic(given.settings)
    votes, at_most = _votes(list(replay.judgements(given)), chosen)
    new = {key: vote for key, vote in votes.items() if key not in known}
    known.update(new)
    lacking = new if store is None else batchfile.lacking(new, store)
    pairs = [answered.pair for answered in given.pairs]
    return Calls(
        task=given.task,
        evaluation=given.evaluation,
        settings=chosen,
        pairs=len(pairs),
        prompts=(),
        longest=None,
        at_most=at_most,
        votes=lacking,
        stored=len(new) - len(lacking),
        people=len({p.persona.id for p in pairs}),
        questions=len({p.question.id for p in pairs}),
        support=_support(given.evaluation, pairs),
    )


def _votes(judgements: Sequence[Judged], settings: Settings) -> tuple[dict[str, Wanted], int]:
    chosen = _with_critic(settings)
    votes = batchfile.wanted(judgements, chosen)
    return votes, len(judgements) * votes_each(chosen)


NOBODY = "(no critic is set)"


def _with_critic(settings: Settings) -> Settings:
    return settings if settings.critic_model else settings.model_copy(update={"critic_model": NOBODY})


def _wanted(
    replies: Sequence[Sequence[str]], docs: Sequence[Mapping[str, Any]], settings: Settings, evaluation: Evaluation
) -> list[Judged]:
    collected: list[Judged] = []

    def collect(wanted: Sequence[Judged]) -> list[Verdict]:
        collected.extend(wanted)
        return [Verdict(None, Missing(Reason.NOT_ASKED), None, ()) for _ in wanted]

    # The stand-ins are answers, not replies that hold one.
    plain = settings.model_copy(update={"mode": "output_only"})
    judge_replies(replies, docs, plain, evaluation=evaluation, ask=collect)
    return collected


def _stand_in(arguments: Any, letters: int) -> str:
    prompt = str(getattr(arguments[0], "prompt", arguments[0]))
    sampling = arguments[1] if len(arguments) > 1 else {}
    mark = hashlib.sha256(json.dumps([prompt, sampling], sort_keys=True, default=str).encode()).hexdigest()[:16]
    return (mark + " word" * (letters // 5))[: max(16, letters)]


def _support(evaluation: Evaluation, pairs: Sequence[Any]) -> dict[str, int]:
    """Return how many pairs each group of the evaluation has, the smallest first."""
    found = dict(evaluation.support(pair.persona for pair in pairs))
    by: Sequence[str] = getattr(evaluation, "by", ())
    if not found and by:
        from ..personas import band

        for pair in pairs:
            for name in by:
                group = f"{name}={band(name, pair.persona.attributes.get(name))}"
                found[group] = found.get(group, 0) + 1
    return dict(sorted(found.items(), key=lambda item: item[1]))
