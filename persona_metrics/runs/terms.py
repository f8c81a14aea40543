"""On what terms a task was measured: two numbers stand side by side only where these agree."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ..critic.protocol import FIRST
from ..evaluations import EVALUATIONS
from .read import TaskRun

TERMS: Mapping[str, str] = {
    "pack_version": "pack version",
    "version": "task version",
    "data": "data edition",
    "data_hash": "data hash",
    "critic_model": "critic",
    "critic_template": "critic template",
    "critic_temperature": "critic temperature",
    "critic_votes": "votes",
    "critic_reasoning_effort": "critic's reasoning effort",
    "mode": "mode",
    "answer_template": "answer template",
}
"""What has to agree between two models' runs of any task, with the name a reader knows it by."""

GENERATION: Mapping[str, str] = {"temperature": "temperature", "max_gen_toks": "length limit"}
"""How the model sampled: it has to agree between two runs of one task (attempts need another temperature than answers)."""

NO_CRITIC = "none needed"
OWN = ("version", "answer_template")
"""Terms that are an evaluation's own where no critic joins the evaluations."""


def terms_of(task: TaskRun) -> dict[str, str]:
    """Return the terms as texts; what a run did not record is "not recorded", and agrees with the same of another.

    Without a critic there is none to agree in, and each evaluation has its own version and prompt (``task_terms``).
    """
    evaluation = EVALUATIONS.get(str(task.metadata.get("evaluation")))
    found = {name: _said(task.metadata.get(name)) for name in TERMS}
    found["critic_reasoning_effort"] = str(task.metadata.get("critic_reasoning_effort") or "unset")
    if evaluation is not None and evaluation.protocol != FIRST:
        # It stands beside debates of the same critic; its own template is a term of the task.
        return {**found, "critic_template": _said(task.metadata.get("debate_template"))}
    if evaluation is None or evaluation.needs_critic:
        return found
    return {**found, **dict.fromkeys((name for name in TERMS if name in OWN or name.startswith("critic")), NO_CRITIC)}


def task_terms(task: TaskRun) -> dict[str, str]:
    """Return what beside ``terms_of`` has to agree between two runs of the same task: sampling and the evaluation's own."""
    evaluation = EVALUATIONS.get(str(task.metadata.get("evaluation")))
    names = evaluation.terms if evaluation else ()
    names = names if evaluation is None or evaluation.needs_critic else (*OWN, *names)
    if evaluation is not None and evaluation.protocol != FIRST:
        names = ("critic_template", *names)
    own = {name: _said(task.metadata.get(name)) for name in names}
    return {**{name: _said(task.generation.get(name)) for name in GENERATION}, **own}


def _said(value: Any) -> str:
    if value is None:
        return "not recorded"
    return f"{value:g}" if isinstance(value, float) else str(value)


def differing(one: Mapping[str, str], two: Mapping[str, str], leave: Collection[str] = ()) -> list[str]:
    """Return which terms differ, as ``critic: a here, b there``, in the order of ``one``."""
    names = {**TERMS, **GENERATION}
    return [
        f"{names.get(name, name.replace('_', ' '))}: {one[name]} here, {two.get(name)} there"
        for name in one
        if name not in leave and one[name] != two.get(name)
    ]
