"""``persona-metrics leaderboard``: models side by side over any number of runs."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``leaderboard``."""
    parser.add_argument("paths", type=Path, nargs="+", metavar="RUN", help="results_*.json files, or folders of them")
    parser.add_argument(
        "--labels", nargs="+", type=Path, metavar="FILE", help="people's labels (default: the runs' setting labels)"
    )
    parser.add_argument(
        "--by",
        default="",
        metavar="NAMES",
        help="also the rates by topic, kind, a column of your questions, or an attribute",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("persona-leaderboard"), help="folder (default persona-leaderboard)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the tables, print them, and list the files."""
    from ..errors import PersonaError
    from ..labels.people import people
    from ..leaderboard.board import build
    from ..leaderboard.collect import collect
    from ..leaderboard.render import markdown, write
    from ..settings.spellings import split_names

    tables, notes = collect(arguments.paths)
    said = people([(m.run, m.task) for t in tables for by in t.models.values() for m in by.values()], arguments.labels)
    by = split_names(arguments.by)
    boards = [build(table, said, by) for table in tables]
    if absent := [b for b in by if not any(c.startswith(f"{b}=") for o in boards for r in o.rows for c in r.others)]:
        raise PersonaError(f"--by {', '.join(absent)}: no run has a question or persona with that")
    notes += said.notes
    written = write(boards, notes, arguments.out, [p if p.is_dir() else p.parent for p in map(Path, arguments.paths)])
    print(markdown(boards, notes))
    for path in written:
        print(path)
    return 0
