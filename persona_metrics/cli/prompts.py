"""``persona-metrics prompts``: a task's prompts, to be answered elsewhere."""

from __future__ import annotations

import argparse
from pathlib import Path

from .metadata import METADATA, parse_metadata


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``prompts``."""
    parser.add_argument("--task", required=True, help="the task, such as persona_loo")
    parser.add_argument("--out", required=True, type=Path, help="the JSONL file to write")
    parser.add_argument("--metadata", nargs="+", default=[], metavar="KEY=VALUE", help=METADATA)


def run(arguments: argparse.Namespace) -> int:
    """Write the prompts and say how to score the answers."""
    overrides = parse_metadata(arguments.metadata)
    from ..scoring import prompts

    count = prompts.write(arguments.task, overrides, arguments.out)
    print(f'{count} prompts in {arguments.out}; answer them as lines of {{"id": …, "reply": …}}, then')
    print(f"  persona-metrics score ANSWERS.jsonl --prompts {arguments.out} --out DIR")
    return 0
