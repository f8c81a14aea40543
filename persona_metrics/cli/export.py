"""``persona-metrics export``: a run in the formats of other projects."""

from __future__ import annotations

import argparse
import importlib
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
    "promptfoo": "a promptfoo configuration of the task itself, with an llm-rubric",
    "hub-dataset": "the embedded data as a data set of the hub, with card and eval.yaml; takes no RUN",
    "trl-preference": "training rows prompt, chosen, rejected (TRL: DPO and its kin)",
    "trl-unpaired": "training rows prompt, completion, label (TRL: KTO)",
    "trl-prompts": "prompts with what the rewards need (TRL: GRPO; of persona_choice for rewards.choice)",
    "sft": "training rows messages, of answers that fit",
}
"""Each with what it is. Who writes it: ``WRITERS``, or else ``write`` of the file in ``export/`` that has its name."""

TRAINING = ("trl-preference", "trl-unpaired", "trl-prompts", "sft")

RUN = "a results_*.json, a samples_*.jsonl (its task alone), or a folder (its newest run)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``export``."""
    listed = "; ".join(f"{name}: {what}" for name, what in TARGETS.items())
    parser.add_argument(
        "path",
        type=Path,
        nargs="?",
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
    parser.add_argument("--dataset", help="eval-results, hub-dataset: the data set's name on the hub, owner/name")
    training = parser.add_argument_group("training data (trl-preference, trl-unpaired, trl-prompts, sft)")
    training.add_argument("--format", default="jsonl", metavar="FORMAT", help="jsonl (default) or parquet")
    training.add_argument(
        "--split",
        type=float,
        metavar="SHARE",
        help="also write a test part, 1 - SHARE of the pairs; the parts share no persona and no question",
    )
    training.add_argument("--seed", type=int, default=0, help="of the split and of other people (default 0)")
    training.add_argument(
        "--not-in", nargs="+", type=Path, default=[], metavar="RUN", help="leave out the pairs of these"
    )
    training.add_argument("--match-length", action="store_true", help="trl-preference: texts of like length only")
    training.add_argument("--also", nargs="+", type=Path, default=[], metavar="RUN", help="more runs, joined by pair")


def run(arguments: argparse.Namespace) -> int:
    """Write the run for another tool and list the files."""
    if arguments.to not in TARGETS:
        known = ", ".join(TARGETS)
        raise PersonaError(f"--to {shorten(arguments.to, 40)!r} is none of {known}{suggest(arguments.to, TARGETS)}")
    _check_training(arguments)
    if arguments.to == "hub-dataset":
        return _hub_dataset(arguments)
    if arguments.path is None:
        raise PersonaError(f"--to {arguments.to}: name the RUN first ({RUN})")
    found = find([arguments.path], Keep.NEWEST)
    run, notes = found.runs[0], list(found.notes)
    from ..export.scores import Task
    from ..labels.people import people

    labelled = people([(run, task) for task in run.tasks], arguments.labels)
    notes += labelled.notes
    tasks = [Task(run, task, labelled.labels(run, task), labelled.of(run, task)) for task in run.tasks]
    out = arguments.out
    with placing(out) as part:
        arguments.out = part
        paths, said = WRITERS.get(arguments.to, _by_name)(tasks, arguments)
    paths = [out / path.relative_to(part) for path in paths]
    if arguments.to == "openai-evals":
        said.append(f"run it with: oaieval MODEL,CRITIC {tasks[0].name} --registry_path {out}")
    if arguments.to == "promptfoo":
        said.append(
            f"run it with: promptfoo eval -c {paths[0]} (OPENAI_API_KEY, OPENAI_BASE_URL: where model and critics are asked)"
        )
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


def _by_name(tasks: list[Any], arguments: argparse.Namespace) -> tuple[list[Path], list[str]]:
    writer = importlib.import_module(f"..export.{arguments.to.replace('-', '_')}", __package__)
    paths, notes = writer.write(tasks, arguments.out)
    return paths, notes


def _hub_dataset(arguments: argparse.Namespace) -> int:
    """Write the embedded data, whatever the environment says of others."""
    from ..export import eval_results, hub_dataset
    from ..scoring.prompts import rendered
    from ..settings import Settings

    if arguments.path is not None:
        raise PersonaError("--to hub-dataset: it holds the embedded data and no run's; leave RUN out")
    if arguments.dataset is not None:
        eval_results.require_name(arguments.dataset)
    plain = {
        name: "" if field.default is None else field.default
        for name, field in Settings.model_fields.items()
        if not name.startswith("critic_")
    }
    with placing(arguments.out) as part:
        paths, notes = hub_dataset.write(part, rendered("persona_main", plain), arguments.dataset)
    for note in notes:
        print(f"note: {note}")
    for path in paths:
        print(arguments.out / path.relative_to(part))
    return 0


def _check_training(arguments: argparse.Namespace) -> None:
    """Raise ``PersonaError`` where an option of training data is given for another target."""
    if arguments.to in TRAINING:
        return
    for name in ("split", "not_in", "match_length", "also"):
        if getattr(arguments, name):
            raise PersonaError(f"--{name.replace('_', '-')}: only for {', '.join(TRAINING)}; leave it out")


def _training(tasks: list[Any], arguments: argparse.Namespace) -> tuple[list[Path], list[str]]:
    from ..export import training_set
    from ..export.scores import Task

    more = find(arguments.also, Keep.NEWEST, samples=True) if arguments.also else None
    joined = [*tasks, *(Task(run, task) for run in (more.runs if more else ()) for task in run.tasks)]
    wanted = training_set.Wanted(
        arguments.to,
        arguments.format,
        arguments.split,
        arguments.seed,
        tuple(arguments.not_in),
        arguments.match_length,
    )
    paths, said = training_set.write(joined, arguments.out, wanted)
    return paths, [*(more.notes if more else ()), *said]


WRITERS: Mapping[str, Callable[[list[Any], argparse.Namespace], tuple[list[Path], list[str]]]] = {
    "inspect": _inspect,
    "eee": _eee,
    "eval-results": _eval_results,
    "openai-evals": _openai_evals,
    **dict.fromkeys(TRAINING, _training),
}
"""Those that take options of their own, or leave tasks out."""
