"""``persona-metrics export``: a run in the formats of other projects."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .errors import PersonaError, shorten, suggest
from .samples import Run, find_results, load_run

TARGETS: Mapping[str, str] = {
    "inspect": "Inspect logs (.eval), one a task, for `inspect view` (extra: inspect)",
    "eee": "Every Eval Ever: an aggregate JSON and its samples",
    "eval-results": "the Hugging Face hub's .eval_results YAML and a model card's model-index",
    "openai-evals": "an OpenAI-evals registry of the task itself",
}


def add_export_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``export``."""
    listed = "; ".join(f"{name}: {what}" for name, what in TARGETS.items())
    parser.add_argument("path", type=Path, metavar="RUN", help="a results_*.json, or a folder (its newest run)")
    parser.add_argument("--to", required=True, metavar="TARGET", help=listed)
    parser.add_argument("--out", type=Path, default=Path("persona-export"), help="folder (default persona-export)")
    parser.add_argument("--developer", help="eee: who made the model, where its name does not say")
    parser.add_argument("--organization", default="not stated", help="eee: who publishes the result")
    parser.add_argument("--relationship", default="other", help="eee: of publisher to developer (default other)")
    parser.add_argument("--dataset", help="eval-results: the benchmark's data set on the hub, owner/name")


def run_export(arguments: argparse.Namespace) -> int:
    """Write the run for another tool and list the files."""
    if arguments.to not in TARGETS:
        known = ", ".join(TARGETS)
        raise PersonaError(f"--to {shorten(arguments.to, 40)!r} is none of {known}{suggest(arguments.to, TARGETS)}")
    run, notes = newest_run(arguments.path)
    from .export.scores import Task

    tasks = [Task(run, task) for task in run.tasks]
    writers: Mapping[str, Callable[[list[Any], argparse.Namespace], tuple[list[Path], list[str]]]] = {
        "inspect": _inspect,
        "eee": _eee,
        "eval-results": _eval_results,
        "openai-evals": _openai_evals,
    }
    paths, said = writers[arguments.to](tasks, arguments)
    notes += said
    notes += [f"{task.name}: {task.lost} lines of the samples file could not be read" for task in tasks if task.lost]
    for note in notes:
        print(f"note: {note}")
    for path in paths:
        print(path)
    return 0


def newest_run(path: Path) -> tuple[Run, list[str]]:
    """Return the newest run with a task of ours at ``path``, and notes on what was left out.

    Raises ``PersonaError`` where there is none, saying which other benchmarks are there.
    """
    if not path.exists():
        raise PersonaError(f"{shorten(path)}: no such file or folder")
    found = find_results(path)
    if not found and path.is_file():
        raise PersonaError(f"{shorten(path)}: neither a results_*.json nor a samples file with one beside it")
    others: dict[str, None] = {}
    notes = []
    for candidate in found:
        try:
            run = load_run(candidate)
        except PersonaError as error:
            if path.is_file():
                raise
            notes.append(f"left out {error}")
            continue
        if run.tasks:
            if run.others:
                notes.append(f"{candidate}: not ours and left out: {', '.join(run.others)}")
            if len(found) > 1:
                notes.append(f"the newest of {len(found)} runs: {candidate}")
            return run, notes
        others.update(dict.fromkeys(run.others))
    only = f"; it holds only {shorten(', '.join(others), 80)}" if others else ""
    why = f"; {notes[0]}" if notes and not others else ""
    raise PersonaError(
        f"{shorten(path)}: no run of a persona_ task there{only}{why}; run lm_eval with --output_path and --log_samples"
    )


def _inspect(tasks: list[Any], arguments: argparse.Namespace) -> tuple[list[Path], list[str]]:
    from .export import inspect_log

    return inspect_log.write(tasks, arguments.out), []


def _eee(tasks: list[Any], arguments: argparse.Namespace) -> tuple[list[Path], list[str]]:
    from .export import eee

    if arguments.relationship not in eee.RELATIONSHIPS:
        known = ", ".join(eee.RELATIONSHIPS)
        raise PersonaError(f"--relationship {shorten(arguments.relationship, 40)!r} is none of {known}")
    reporter = eee.Reporter(arguments.developer, arguments.organization, arguments.relationship)
    return eee.write(tasks, arguments.out, reporter), []


def _eval_results(tasks: list[Any], arguments: argparse.Namespace) -> tuple[list[Path], list[str]]:
    from .export import eval_results

    return eval_results.write(tasks, arguments.out, arguments.dataset)


def _openai_evals(tasks: list[Any], arguments: argparse.Namespace) -> tuple[list[Path], list[str]]:
    from .export import openai_evals

    paths = openai_evals.write(tasks, arguments.out)
    return paths, [f"run it with: oaieval MODEL,CRITIC {tasks[0].name} --registry_path {arguments.out}"]
