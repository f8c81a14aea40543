"""``persona-metrics revise``: has the answers that need it rewritten, judges them again, and says what that was worth."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ..errors import PersonaError
from .metadata import METADATA, parse_metadata


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``revise``."""
    parser.add_argument(
        "path", type=Path, metavar="RUN", help="results_*.json, samples_*.jsonl, or a folder (its newest run)"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the revised run")
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="the writer: NAME (asked where the critic is), NAME@http://host/v1, embedded, or under-test (the run's model)",
    )
    parser.add_argument("--rounds", type=int, default=2, help="times an answer is revised at most (default 2)")
    parser.add_argument("--task", help="of a run's several tasks this one alone")
    parser.add_argument("--metadata", nargs="+", default=[], metavar="KEY=VALUE", help=METADATA)


def run(arguments: argparse.Namespace) -> int:
    """Revise, write the run, print the rates and the paired difference."""
    if not arguments.model:
        raise PersonaError(
            "no writer: give --model NAME (asked where the critic is), NAME@http://host/v1, embedded, or under-test"
        )
    overrides = parse_metadata(arguments.metadata)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from ..revise import run as revision
    from ..revise.words import lines

    done = revision.run(arguments.path, arguments.out, arguments.model, arguments.rounds, overrides, arguments.task)
    for source in done.sources:
        print("\n".join(lines(source, done.rounds)))
    for path in done.files:
        print(path)
    return 0
