"""Writes a task's rendered prompts with ids, for a model that is not at hand; ``table.from_ids`` joins the answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lm_eval.tasks import TaskManager

from ..errors import PersonaError, suggest
from ..evaluations import require_critic
from ..files import write_lines
from ..harness.exits import raising
from ..harness.record import document
from ..harness.task_files import tasks_folder


def rendered(name: str, overrides: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield one line a variant: ``id``, ``messages``, ``prompt``, ``seed``, ``generation_kwargs``, and what scoring needs.

    The id ends in a hash of the prompt and its sampling, so that an answer to another prompt is not taken for one to
    this. Raises ``PersonaError`` for an unknown task and for settings that do not fit it.
    """
    manager = TaskManager(include_path=str(tasks_folder()), include_defaults=False, metadata=dict(overrides))
    if name not in manager.all_subtasks:
        raise PersonaError(f"--task {name!r} is no task of the pack{suggest(name, manager.all_subtasks)}")
    with raising():
        task = manager.load([name])["tasks"][name]
        require_critic(task.evaluation.name, f"prompts --task {name}")
        task.override_metric("bypass")  # nothing is judged here, so no critic is asked whether it works
        task.build_all_requests()
    recorded = {k: v for k, v in task.config.metadata.items() if not k.startswith("critic_") and k != "support"}
    recorded["generation_kwargs"] = task.config.generation_kwargs
    for instance in task.instances:
        pair = task.pairs[instance.doc_id]
        prompt, sampling = instance.arguments
        variant = instance.doc["variant"]
        mark = hashlib.sha256(json.dumps([prompt, sampling], sort_keys=True).encode()).hexdigest()[:8]
        yield {
            "id": f"{name}/{pair.id}/{variant}/{mark}",
            "task": name,
            "pair_id": pair.id,
            "variant": variant,
            "seed": sampling.get("seed"),
            "messages": [{"role": "user", "content": prompt}],
            "prompt": prompt,
            "generation_kwargs": sampling,
            "doc": document(pair, task.columns),
            "metadata": recorded,
        }


def write(name: str, overrides: Mapping[str, Any], out: Path) -> int:
    """Write the lines to ``out``, whole or not at all; return how many."""
    return write_lines(out, (json.dumps(line, ensure_ascii=False) for line in rendered(name, overrides)))
