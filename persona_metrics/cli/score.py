"""``persona-metrics score``: judges answers that were made elsewhere."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..consoles import say
from ..errors import PersonaError, shorten
from .metadata import METADATA, parse_metadata

if TYPE_CHECKING:
    from ..scoring.given import Given
    from ..scoring.jobs import Job


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``score``."""
    parser.add_argument(
        "file",
        metavar="FILE",
        help="samples_*.jsonl (or results_*.json, or a run's folder), or a JSONL of answers; with --engine ray JSONL or"
        " Parquet: a file, a folder, a glob or an s3:// or gs:// address",
    )
    parser.add_argument("--engine", choices=("ray",), help="judge on a Ray cluster (extra `ray`): lines of any number")
    parser.add_argument(
        "--address", metavar="ADDRESS", help="the Ray cluster: auto, or ray://host:10001 (default: one on this machine)"
    )
    parser.add_argument("--actors", type=int, metavar="N", help="with --engine ray: so many (default: one a CPU)")
    parser.add_argument(
        "--vllm",
        metavar="MODEL",
        help="with --engine ray: this model as the critic, served by vLLM inside the cluster, --actors of it (default 1)",
    )
    parser.add_argument(
        "--vllm_args", metavar="JSON", help='with --vllm: its engine arguments, such as {"tensor_parallel_size": 2}'
    )
    parser.add_argument("--out", type=Path, help="folder for results_*.json and samples_*.jsonl")
    parser.add_argument(
        "--critics",
        metavar="A,B@URL,…",
        help="judge the run's answers by each of these and say what depends on the critic (rate, contrast, order of models)",
    )
    parser.add_argument("--prompts", type=Path, help="the file of `prompts`, where FILE answers by id")
    parser.add_argument(
        "--task", help="the task: of a run's several, or for persona/question/answer lines (default persona_main)"
    )
    parser.add_argument("--model", help="the name of the model that answered, where FILE does not say or has several")
    parser.add_argument(
        "--baseline",
        type=Path,
        metavar="LINES",
        help="answers written for nobody (persona_contrast: they give the lift)",
    )
    parser.add_argument(
        "--partial", action="store_true", help="score what is there where answers or batch verdicts are missing"
    )
    parser.add_argument("--metadata", nargs="+", default=[], metavar="KEY=VALUE", help=METADATA)
    parser.add_argument(
        "--batch-out",
        type=Path,
        metavar="REQUESTS",
        help="write the judgements that the store lacks as OpenAI Batch files, and stop (with --batch-in: what is left)",
    )
    parser.add_argument(
        "--batch-in", type=Path, nargs="+", metavar="RESULTS", help="read a batch's results into the store, then score"
    )
    parser.add_argument(
        "--batch-submit",
        action="store_true",
        help="send the batch, wait for it, collect, score; interrupted, the same command goes on",
    )
    parser.add_argument(
        "--batch-poll",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="time between two looks at a batch (default 30)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Judge the answers, or hand the judgements over to a batch and take its verdicts."""
    overrides = parse_metadata(arguments.metadata)
    if arguments.batch_submit and (arguments.batch_in or arguments.batch_out):
        raise PersonaError("--batch-submit writes, sends and reads by itself; leave --batch-out and --batch-in out")
    if arguments.out is None and not arguments.batch_out:
        raise PersonaError("score needs --out DIR, a folder for results_*.json and samples_*.jsonl")
    # Nothing is fetched here; lm-eval would look for its own data sets.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    if arguments.engine:
        return _on_cluster(arguments, overrides)
    if arguments.address or arguments.actors:
        raise PersonaError("--address and --actors go with --engine ray; leave them out")
    if arguments.vllm or arguments.vllm_args:
        raise PersonaError("--vllm MODEL goes with --engine ray, and --vllm_args with --vllm")
    arguments.file = Path(arguments.file)
    if arguments.critics:
        return _critics(arguments, overrides)
    if (job := _as_it_is_read(arguments, overrides)) is not None:
        from ..scoring import streamed

        return _close(streamed.score(job, arguments.out), arguments.out)
    given = read(arguments, overrides)
    from ..scoring import replay

    if arguments.batch_in or arguments.batch_out or arguments.batch_submit:
        return _run_batch(arguments, given)
    return _close(replay.score(given, arguments.out), arguments.out)


def _on_cluster(arguments: argparse.Namespace, overrides: dict[str, Any]) -> int:
    for name in ("critics", "prompts", "baseline", "partial", "batch_out", "batch_in", "batch_submit"):
        if getattr(arguments, name):
            raise PersonaError(f"--{name.replace('_', '-')} does not go with --engine ray; leave one of them out")
    if arguments.actors is not None and arguments.actors < 1:
        raise PersonaError(f"--actors {arguments.actors}: at least 1")
    if arguments.vllm_args and not arguments.vllm:
        raise PersonaError("--vllm_args belongs to --vllm MODEL")
    from ..cluster.engine import require_ray
    from ..harness.yamls import read_task
    from .generate import vllm_arguments

    served = vllm_arguments(arguments.vllm_args)
    require_ray()
    task = arguments.task or "persona_main"
    evaluation = (read_task(task).get("metadata") or {}).get("evaluation")
    if evaluation not in ("main", "intersectionality", "leave_one_out", "pass_at_k"):
        raise PersonaError(
            f"--engine ray judges pairs by themselves, and {shorten(task, 40)} looks at other people's: score it in one"
            " process, whose memory does not grow with the file either"
        )
    from ..cluster import score
    from ..cluster.inside import Inside

    critic = Inside(arguments.vllm, arguments.actors or 1, served) if arguments.vllm else None
    written = score.score(
        arguments.file,
        arguments.out,
        overrides,
        task=task,
        evaluation=str(evaluation),
        model=arguments.model,
        address=arguments.address,
        actors=None if critic else arguments.actors,
        vllm=critic,
    )
    return _close(written, arguments.out)


def _as_it_is_read(arguments: argparse.Namespace, overrides: dict[str, Any]) -> Job | None:
    """Return the job of FILE's lines where they can be judged as they are read, live; None where all have to be held."""
    path: Path = arguments.file
    if arguments.batch_in or arguments.batch_out or arguments.batch_submit or arguments.prompts:
        return None
    if not path.is_file() or path.name.startswith("results_"):
        return None
    from ..harness.yamls import read_task
    from ..scoring import contrast, jobs
    from ..scoring.given import each_line

    task = arguments.task or "persona_main"
    evaluation = (read_task(task).get("metadata") or {}).get("evaluation")
    if evaluation not in jobs.STREAMED or (arguments.baseline is not None and evaluation != "contrast"):
        return None
    first = next((row for _, row in each_line(path)), None)
    if first is None or "question" not in first:
        return None
    nobody = evaluation == "contrast" and contrast.for_nobody(first)
    if not (isinstance(first.get("persona"), Mapping) or nobody):
        return None
    return jobs.of_lines(path, task, evaluation, overrides, arguments.model, arguments.partial, arguments.baseline)


def _critics(arguments: argparse.Namespace, overrides: dict[str, Any]) -> int:
    if arguments.batch_submit or arguments.batch_in or arguments.batch_out:
        raise PersonaError("--critics asks live; for batches score once a critic, with --metadata critic_model=…")
    from ..scoring import critics

    names = critics.names_of(arguments.critics)
    for line in critics.score(arguments.file, names, arguments.out, overrides, arguments.task, say):
        print(line)
    return _print_paths([arguments.out / "critics.json"])


def _close(written: Sequence[Path], out: Path) -> int:
    """Print what was written, and what it took."""
    from ..costs.usage import Usage
    from ..critic.budget import ledger
    from ..harness import closing

    code = _print_paths(written)
    for line in closing.lines(ledger, Usage(), None, closing.report_on(out)):
        say(line)
    return code


def _print_paths(paths: Sequence[Path]) -> int:
    for path in paths:
        print(path)
    return 0


def _run_batch(arguments: argparse.Namespace, given: Sequence[Given]) -> int:
    from ..critic.check import ties
    from ..critic.request import panel
    from ..critic.store import Store
    from ..scoring import batchfile, replay, submit

    chosen = given[0].settings
    if any(critic.model == "embedded" for critic in panel(chosen)):
        raise PersonaError(
            "the embedded critic lives in this process and takes no batch files; score without --batch-…"
        )
    if arguments.batch_out or arguments.batch_submit:
        for line in ties(chosen):
            say(f"warning: {line}")
    votes = batchfile.wanted((j for one in given for j in replay.judgements(one)), chosen)
    with Store(chosen.critic_store) as store:
        found, dialects = batchfile.Collected(), batchfile.Dialects(chosen, store)
        if arguments.batch_submit:
            poll = max(0.05, arguments.batch_poll)
            found = submit.Submission(votes, chosen, store, arguments.out / "batch", poll).run()
        if arguments.batch_in:
            found = batchfile.collect(arguments.batch_in, votes, chosen, store, dialects)
            say(f"{found.stored} verdicts read into the store")
            for note in found.notes():
                say(note)
        if arguments.batch_out:
            todo = batchfile.lacking(votes, store)
            if found.reasons:
                say(f"{len(found.reasons)} of {len(votes)} verdicts are missing: {batchfile.summary(found.reasons)}")
            if not todo:
                print("nothing to write: the store has all verdicts; score without --batch-out")
                return 0
            print(
                f"{len(todo)} of {len(votes)} judgements, for a Batch API or `vllm run-batch`; then --batch-in its results"
            )
            return _print_paths(batchfile.write(arguments.batch_out, todo, chosen, dialects, found.cut))
        if found.reasons and not arguments.partial:
            raise PersonaError(
                f"{len(found.reasons)} of {len(votes)} verdicts are missing ({batchfile.summary(found.reasons)}); what is"
                " there is kept: ask for these alone with --batch-in … --batch-out FILE, or live without --batch-…, or"
                " score without them with --partial"
            )
        return _close(
            replay.score(given, arguments.out, batchfile.offline(chosen, store, found.reasons, found.took)),
            arguments.out,
        )


def read(arguments: argparse.Namespace, overrides: dict[str, Any]) -> list[Given]:
    """Return the answers in FILE, whatever its kind; raise ``PersonaError`` where it is none that is known."""
    from ..evaluations.contrast import Contrast
    from ..scoring import given, table
    from ..scoring.contrast import for_nobody

    path: Path = arguments.file
    if not path.exists():
        raise PersonaError(f"{path}: no such file")
    if path.is_dir() or path.name.startswith("results_"):
        return _of_run(path, arguments.task, overrides)
    rows = given.read_lines(path)
    first = rows[0][1]
    told = "question" in first and ("persona" in first or for_nobody(first))
    if arguments.baseline is not None and not (told and arguments.task == Contrast.task):
        raise PersonaError(
            f"--baseline goes with --task {Contrast.task} and lines of persona, question and answer alone; leave it out"
        )
    if "doc" in first and "resps" in first:
        return [given.from_samples(path, rows, overrides, arguments.task)]
    if told:
        task = arguments.task or "persona_main"
        from ..harness.yamls import read_task

        evaluation = (read_task(task).get("metadata") or {}).get("evaluation")
        if evaluation is None:
            raise PersonaError(
                f"--task {shorten(task, 40)!r} is no task of the pack; `persona-metrics tasks` lists them"
            )
        baseline = () if arguments.baseline is None else given.read_lines(arguments.baseline)
        return [
            table.from_answers(path, rows, task, evaluation, overrides, arguments.model, arguments.partial, baseline)
        ]
    if "id" in first:
        if arguments.prompts is None and "metadata" not in first:
            raise PersonaError(
                f"{path}: answers by id: give the file that `persona-metrics prompts` wrote with --prompts"
            )
        prompts = rows if arguments.prompts is None else given.read_lines(arguments.prompts)
        return table.from_ids(path, rows, prompts, overrides, arguments.model, arguments.partial)
    raise PersonaError(
        f'{path}: neither a samples_*.jsonl of lm-eval nor lines of {{"persona", "question", "answer"}} or {{"id", "reply"}}'
    )


def _of_run(path: Path, task: str | None, overrides: dict[str, Any]) -> list[Given]:
    from ..evaluations.contrast import Contrast
    from ..evaluations.main import Main
    from ..runs.find import Keep, find
    from ..scoring import given

    try:
        found = find([path], Keep.NEWEST, samples=True, task=task)
    except PersonaError:
        if task != Contrast.task:
            raise
        found = find([path], Keep.NEWEST, samples=True, task=Main.task)  # whose answers a contrast can be had of
    for note in found.notes:
        say(note)
    files = [t.samples for t in found.runs[0].tasks if t.samples is not None]
    return [given.from_samples(f, given.read_lines(f), overrides, task) for f in files]
