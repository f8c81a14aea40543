"""``persona-metrics compare``: is the second run worse than the first? For those who check a model before they merge it."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import PersonaError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``compare``."""
    parser.add_argument("first", metavar="A", type=Path, help="the run before: a results_*.json, or a folder (newest)")
    parser.add_argument("second", metavar="B", type=Path, help="the run after")
    parser.add_argument("--task", help="only this task (default: every one that both have)")
    parser.add_argument(
        "--fail-if-worse", action="store_true", help="exit with 1 where B is worse; 2: cannot be compared"
    )
    parser.add_argument(
        "--margin", type=float, default=0.0, metavar="M", help="by how much it may be (0.02: two points)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the Markdown block there, too")


def run(arguments: argparse.Namespace) -> int:
    """Print one line and a Markdown block; return 1 where B is worse and that was asked for."""
    if not 0 <= arguments.margin < 1:
        raise PersonaError(f"--margin {arguments.margin:g}: must be a share from 0 up, such as 0.02 for two points")
    from ..files import write_text
    from ..report import worse

    found = worse.differences(arguments.first, arguments.second, arguments.task)
    block = worse.markdown(found, arguments.margin, str(arguments.first), str(arguments.second))
    print(worse.sentence(found, arguments.margin))
    print()
    print(block)
    if arguments.out is not None:
        write_text(arguments.out, block + "\n")
    failed = any(one.worse(arguments.margin) for one in found)
    return int(failed and arguments.fail_if_worse)
