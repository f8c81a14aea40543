"""``persona-metrics export``: a run in the formats of other projects."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import PersonaError, shorten, suggest
from ..files import placing
from ..runs.find import Keep, find

TARGETS: Mapping[str, str] = {
    "inspect": "Inspect logs (.eval), one a task, for `inspect view` (extra: inspect)",
    "eee": "Every Eval Ever: an aggregate JSON and its samples",
    "eval-results": "the Hugging Face hub's .eval_results YAML and a model card's model-index",
    "openai-evals": "an OpenAI-evals registry of the task itself",
}


RUN = "a results_*.json, a samples_*.jsonl (its task alone), or a folder (its newest run)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``export``."""
    listed = "; ".join(f"{name}: {what}" for name, what in TARGETS.items())
    parser.add_argument(
        "path",
        type=Path,
        metavar="RUN",
        help=RUN,
    )
    parser.add_argument("--to", required=True, metavar="TARGET", help=listed)
    parser.add_argument("--out", type=Path, default=Path("persona-export"), help="folder (default persona-export)")
    parser.add_argument(
        "--labels", nargs="+", type=Path, metavar="FILE", help="inspect, eee: people's labels (default: the run's)"
    )
    parser.add_argument("--developer", help="eee: who made the model, where its name does not say")
    parser.add_argument("--organization", default="not stated", help="eee: who publishes the result")
    parser.add_argument("--relationship", default="other", help="eee: of publisher to developer (default other)")
    parser.add_argument("--dataset", help="eval-results: the benchmark's data set on the hub, owner/name")


def run(arguments: argparse.Namespace) -> int:
    """Write the run for another tool and list the files."""
    if arguments.to not in TARGETS:
        known = ", ".join(TARGETS)
        raise PersonaError(f"--to {shorten(arguments.to, 40)!r} is none of {known}{suggest(arguments.to, TARGETS)}")
    found = find([arguments.path], Keep.NEWEST)
    run, notes = found.runs[0], list(found.notes)
    from ..export.scores import Task
    from ..labels.people import people

    labelled = people([(run, task) for task in run.tasks], arguments.labels)
    notes += labelled.notes
    tasks = [Task(run, task, labelled.labels(run, task), labelled.of(run, task)) for task in run.tasks]
    writers: Mapping[str, Callable[[list[Any], argparse.Namespace], tuple[list[Path], list[str]]]] = {
        "inspect": _inspect,
        "eee": _eee,
        "eval-results": _eval_results,
        "openai-evals": _openai_evals,
    }
    out = arguments.out
    with placing(out) as part:
        arguments.out = part
        paths, said = writers[arguments.to](tasks, arguments)
    paths = [out / path.relative_to(part) for path in paths]
    if arguments.to == "openai-evals":
        said.append(f"run it with: oaieval MODEL,CRITIC {tasks[0].name} --registry_path {out}")
    notes += said
    notes += [f"{task.name}: {task.lost} lines of the samples file could not be read" for task in tasks if task.lost]
    versions = dict.fromkeys(str(task.metadata["pack_version"]) for task in tasks)
    notes += [f"run with persona-metrics {v}, exported by {__version__}" for v in versions if v != __version__]
    for note in notes:
        print(f"note: {note}")
    for path in paths:
        print(path)
    return 0


def _inspect(tasks: list[Any], arguments: argparse.Namespace) -> tuple[list[Path], list[str]]:
    from ..export import inspect_log

    judged = [task for task in tasks if task.judged]
    if not judged:
        raise PersonaError(
            "--to inspect: these tasks need no critic and their rows are made of several prompts; try eee"
        )
    left = [f"{task.name} left out: its rows are made of several prompts" for task in tasks if not task.judged]
    return inspect_log.write(judged, arguments.out), left


def _eee(tasks: list[Any], arguments: argparse.Namespace) -> tuple[list[Path], list[str]]:
    from ..export import eee

    if arguments.relationship not in eee.RELATIONSHIPS:
        known = ", ".join(eee.RELATIONSHIPS)
        raise PersonaError(f"--relationship {shorten(arguments.relationship, 40)!r} is none of {known}")
    reporter = eee.Reporter(arguments.developer, arguments.organization, arguments.relationship)
    alone = [
        f"{task.name}: its rows without its samples, which are made of several prompts"
        for task in tasks
        if not task.judged
    ]
    return eee.write(tasks, arguments.out, reporter), alone


def _eval_results(tasks: list[Any], arguments: argparse.Namespace) -> tuple[list[Path], list[str]]:
    from ..export import eval_results

    return eval_results.write(tasks, arguments.out, arguments.dataset)


def _openai_evals(tasks: list[Any], arguments: argparse.Namespace) -> tuple[list[Path], list[str]]:
    from ..export import openai_evals

    return openai_evals.write(tasks, arguments.out), []
