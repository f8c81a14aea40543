"""``persona-metrics generate``: has a file of prompts answered by a fleet of endpoints, or by vLLM on a cluster."""

from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..consoles import say
from ..errors import PersonaError, shorten

if TYPE_CHECKING:
    from ..scoring.generate import Outcome


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``generate``."""
    parser.add_argument(
        "prompts",
        metavar="PROMPTS",
        help="the JSONL file of `persona-metrics prompts` (with --engine ray also Parquet, a folder, a glob, s3://, gs://)",
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for answers.jsonl")
    parser.add_argument("--model", help="the model's name at its endpoints (default: the one they list), or embedded")
    parser.add_argument(
        "--base_url",
        metavar="A,B,C",
        help="OpenAI-compatible endpoints that all serve the model, the least loaded asked first (default: OpenAI's)",
    )
    parser.add_argument(
        "--concurrency",
        type=int,
        default=32,
        metavar="N",
        help="requests in flight at an endpoint, at most (default 32)",
    )
    parser.add_argument(
        "--timeout", type=float, default=600.0, metavar="SECONDS", help="longest wait for one reply (default 600)"
    )
    parser.add_argument("--attempts", type=int, default=5, metavar="N", help="attempts a prompt (default 5)")
    parser.add_argument(
        "--patience",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="how long to wait for endpoints of which none answers (default 60)",
    )
    parser.add_argument("--engine", choices=("ray",), help="ask from actors over Ray Data instead of in this process")
    parser.add_argument("--address", help="with --engine ray: the cluster, auto or ray://… (default: start one here)")
    parser.add_argument("--actors", type=int, default=2, metavar="N", help="with --engine ray: how many (default 2)")
    parser.add_argument(
        "--vllm",
        metavar="MODEL",
        help="with --engine ray: vLLM inside the cluster instead of endpoints, --actors of it",
    )
    parser.add_argument(
        "--vllm_args", metavar="JSON", help='with --vllm: its engine arguments, such as {"tensor_parallel_size": 2}'
    )


def run(arguments: argparse.Namespace) -> int:
    """Have the prompts answered; 1 where answers are missing."""
    for name, least in (("concurrency", 1), ("attempts", 1), ("timeout", 0.001), ("patience", 0.0)):
        if not getattr(arguments, name) >= least:
            raise PersonaError(
                f"--{name} {getattr(arguments, name)}: must be {'1 or more' if least == 1 else 'positive'}"
            )
    if arguments.actors < 1:
        raise PersonaError(f"--actors {arguments.actors}: must be 1 or more")
    if arguments.address and not arguments.engine:
        raise PersonaError("--address belongs to --engine ray")
    if arguments.vllm_args and not arguments.vllm:
        raise PersonaError("--vllm_args belongs to --vllm MODEL")
    if arguments.vllm:
        return _vllm(arguments)
    from ..scoring import generate, served

    urls = () if arguments.model == served.EMBEDDED else served.addresses(arguments.base_url)
    name = served.named(arguments.model, urls)
    whom = served.Served(name, urls, arguments.concurrency, arguments.timeout, arguments.attempts, arguments.patience)
    if arguments.engine:
        from ..cluster import generate as cluster

        made = cluster.generate(
            arguments.prompts, arguments.out, whom, address=arguments.address, actors=arguments.actors
        )
    else:
        place = Path(arguments.prompts)
        if place.is_dir() or place.suffix == ".parquet" or "://" in arguments.prompts:
            raise PersonaError(
                f"{shorten(arguments.prompts)}: one JSONL file; folders, Parquet, buckets with --engine ray"
            )
        made = generate.generate(place, arguments.out, whom)
    return close(made, arguments, name)


def _vllm(arguments: argparse.Namespace) -> int:
    if not arguments.engine or arguments.base_url:
        raise PersonaError("--vllm MODEL goes with --engine ray, and without --base_url")
    given = vllm_arguments(arguments.vllm_args)
    from ..cluster import vllm

    made = vllm.generate(
        arguments.prompts,
        arguments.out,
        arguments.vllm,
        name=arguments.model,
        replicas=arguments.actors,
        arguments=given,
        address=arguments.address,
    )
    return close(made, arguments, arguments.model or arguments.vllm)


def vllm_arguments(text: str | None) -> dict[str, Any]:
    """Return the engine arguments of ``--vllm_args``; raise ``PersonaError`` where they are no JSON object."""
    given: object = {}
    try:
        given = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise PersonaError(f"--vllm_args: not JSON: {shorten(error)}") from None
    if not isinstance(given, dict):
        raise PersonaError('--vllm_args: an object is wanted, such as {"tensor_parallel_size": 2}')
    return given


def close(outcome: Outcome, arguments: argparse.Namespace, model: str) -> int:
    """Say what came of it, and what comes next."""
    from ..costs.prices import dollars

    for line in outcome.tally.lines():
        say(line)
    if outcome.blank:
        say(f"{outcome.blank} answers are blank: the model said nothing, or thought up to max_gen_toks")
    usage, before = outcome.usage, f" ({outcome.before} of them before)" if outcome.before else ""
    say(f"{outcome.answers} of {outcome.prompts} prompts are answered{before}")
    if usage.calls:
        cost = None if outcome.price is None else outcome.price.of(usage.prompt_tokens, usage.completion_tokens)
        say(
            f"{usage.calls} calls, {usage.prompt_tokens:,} tokens in, {usage.completion_tokens:,} out,"
            f" {dollars(cost)}, {outcome.seconds:.1f} s"
        )
    partial = " --partial" if outcome.missing else ""
    if outcome.missing:
        say("for those that are missing, run the same command again")
    words = ["score", str(outcome.path), "--prompts", arguments.prompts, "--model", model]
    print(f"persona-metrics {shlex.join(words)}{partial} --out DIR")
    return 1 if outcome.missing else 0
