"""The Hugging Face hub's ``.eval_results/*.yaml``, and the older ``model-index`` block of a model card."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from ..errors import PersonaError, shorten
from ..files import write_text
from .scores import Score, Task, date_of, votes_of

PAPER = "https://arxiv.org/abs/2407.17387"


def write(tasks: list[Task], out: Path, dataset: str | None = None) -> tuple[list[Path], list[str]]:
    """Write ``.eval_results/persona_bench.yaml`` and ``model-index.md`` below ``out``; return paths and notes.

    The hub attaches ``.eval_results`` to a data set of its own. Runs on the hub's personas name theirs; for others
    ``dataset`` (``owner/name``) is needed, and without it that file is left out, with a note saying so.
    """
    written, notes = [], []
    known = dataset or _hub_dataset(tasks)
    if known is None:
        notes.append(
            ".eval_results not written: the run's data are no data set of the hub; name the benchmark's with --dataset"
        )
    else:
        require_name(known)
        path = out / ".eval_results" / "persona_bench.yaml"
        write_text(path, yaml.safe_dump(entries(tasks, known), sort_keys=False, allow_unicode=True))
        written.append(path)
    card = out / "model-index.md"
    write_text(card, model_card(tasks))
    return [*written, card], notes


def _hub_dataset(tasks: list[Task]) -> str | None:
    from ..dataset.sources import HUB_PERSONAS

    return HUB_PERSONAS if all(t.metadata.get("source") == "hub" for t in tasks) else None


def require_name(dataset: str) -> None:
    """Raise ``PersonaError`` for what is no name of a data set on the hub."""
    if dataset.count("/") != 1 or not all(dataset.split("/")):
        raise PersonaError(f"--dataset {shorten(dataset, 60)!r}: expected owner/name, as the hub writes it")


def entries(tasks: list[Task], dataset: str) -> list[dict[str, Any]]:
    """Return one entry a task, its headline row, as the hub's YAML has it."""
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    made = [
        EvalResultEntry(
            dataset_id=dataset,
            task_id=task.name,
            value=headline.value,
            date=_date(task),
            notes=notes_of(task, headline),
        )
        for task in tasks
        if (headline := headline_of(task)) is not None
    ]
    return list(eval_result_entries_to_yaml(made))


def headline_of(task: Task) -> Score | None:
    """Return the row a task is known by."""
    return next((s for s in task.scores() if s.row == task.headline), None)


def notes_of(task: Task, score: Score) -> str:
    """Return the terms a number stands under, in one line."""
    metadata = task.metadata
    missing = f", {score.missing} without verdict" if score.missing else ""
    spread = f", 95% interval {score.low:.3f} to {score.high:.3f}" if score.low is not None else ""
    judged = f"{score.n} pairs judged{missing}" if score.n is not None else f"{task.pairs} pairs"
    votes = votes_of(metadata)
    if not task.judged:
        return (
            f"{score.row}{spread}; {score.n or task.pairs} pairs; picked by {metadata.get('mode')}, no critic; data"
            f" {metadata.get('data_hash')} ({metadata.get('source')}), items {metadata.get('items_hash')}, seed"
            f" {metadata.get('seed')}; persona-metrics {metadata.get('pack_version')}"
        )
    return (
        f"{score.row}{spread}; {judged}; mode {metadata.get('mode')}; critic {metadata.get('critic_model')}"
        f"{f' ({votes} votes)' if votes > 1 else ''}, template {metadata.get('critic_template')};"
        f" data {metadata.get('data_hash')} ({metadata.get('source')}), seed {metadata.get('seed')};"
        f" persona-metrics {metadata.get('pack_version')}"
    )


def model_card(tasks: list[Task]) -> str:
    """Return a model card that is nothing but its ``model-index``, every row of the tables in it."""
    name = tasks[0].run.model
    data = ModelCardData(model_name=name, eval_results=list(_results(tasks)))
    return str(ModelCard(f"---\n{data.to_yaml()}\n---\n"))


def _results(tasks: list[Task]) -> Iterator[EvalResult]:
    for task in tasks:
        metadata = task.metadata
        for score in task.scores():
            yield EvalResult(
                task_type="text-generation",
                task_name=task.name,
                dataset_type="persona_bench",
                dataset_name=f"PERSONA Bench ({metadata.get('source')} data)",
                dataset_args={
                    "data_hash": str(metadata.get("data_hash")),
                    "pairs_hash": str(metadata.get("pairs_hash")),
                },
                metric_type=score.row,
                metric_name=score.row,
                metric_value=score.value,
                metric_args={
                    k: v
                    for k, v in {"stderr": score.stderr, "low": score.low, "high": score.high, "n": score.n}.items()
                    if v is not None
                },
                source_name="PERSONA Bench (Castricato et al. 2024)",
                source_url=PAPER,
            )


def _date(task: Task) -> str | None:
    began = date_of(task.run)
    return None if began is None else datetime.fromtimestamp(began, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
