"""``persona-metrics samples``: a run's samples as one tidy table."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``samples``."""
    parser.add_argument(
        "paths",
        type=Path,
        nargs="+",
        metavar="RUN",
        help="results_*.json, samples_*.jsonl (its task alone) or a folder (the newest run of each model and task)",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to: .parquet, .csv or .jsonl")


def run(arguments: argparse.Namespace) -> int:
    """Write the table and say what is in it."""
    from ..runs import table

    table.require_suffix(arguments.out)
    frame = table.samples(arguments.paths)
    for note in frame.attrs["notes"]:
        print(f"note: {note}", file=sys.stderr)
    table.write(frame, arguments.out)
    models = frame["model"].nunique()
    print(f"{len(frame):,} answers of {models} {'model' if models == 1 else 'models'} in {arguments.out}")
    return 0
