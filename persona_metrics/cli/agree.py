"""``persona-metrics agree``: how far the critic agrees with people, and the rates that their labels correct."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import PersonaError

if TYPE_CHECKING:
    from ..labels.across import Across


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``agree``."""
    parser.add_argument("path", type=Path, metavar="RUN", help="a results_*.json, a samples file, or a run's folder")
    parser.add_argument("labels", type=Path, nargs="*", metavar="LABELS", help="files of labels, .jsonl or .csv")
    parser.add_argument("--weights", type=Path, help="the draw's weights (default: found beside run or labels)")
    parser.add_argument("--by", metavar="ATTRIBUTES", help="groups to compare (default: the draw's, else sex,age,race)")
    parser.add_argument("--task", help="one task alone, where the run has several")
    parser.add_argument(
        "--errors-from",
        type=Path,
        metavar="RUN",
        help="the labels are on this other run: its critic's errors there correct the rate of RUN (Rogan–Gladen)",
    )
    parser.add_argument(
        "--card", type=Path, help="no labels: the errors on this card of the critic correct the rate of RUN"
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print what the labels say."""
    from ..labels import across, records, words
    from ..labels.judged import judged_at
    from ..labels.read import read_labels

    if bool(arguments.labels) == bool(arguments.card):
        raise PersonaError("agree needs files of labels, or --card card.json without any")
    if arguments.card is not None:
        from ..exam.correction import corrected

        return _across(corrected(arguments.path, arguments.card, arguments.task), arguments.json)
    labels, notes = read_labels(arguments.labels)
    if (other := arguments.errors_from) is not None:
        found = across.from_labels(arguments.path, other, labels, arguments.labels, arguments.task)
        return _across(found, arguments.json)
    judged = judged_at(
        arguments.path, labels, arguments.labels, weights=arguments.weights, by=arguments.by, task=arguments.task
    )
    notes += judged.notes
    if not judged.found:
        raise PersonaError(
            "the raters cannot tell, or are split, on every answer of this run: there is nothing to compare"
        )
    if arguments.json:
        data = {
            "tasks": [records.records(one) for one in judged.found],
            "models": [
                {"task": task, "first": one, "second": two, **records.interval(value)}
                for task, rows in judged.models.items()
                for (one, two), value in rows.items()
            ],
            "notes": notes,
        }
        print(json.dumps(data, indent=1, ensure_ascii=False))
        return 0
    for number, one in enumerate(judged.found):
        print("\n" * bool(number) + "\n".join(words.lines(one)))
    for task, rows in judged.models.items():
        print("\n".join(words.compared(rows, task)))
    for note in notes:
        print(f"note: {note}")
    return 0


def _across(found: Across, as_json: bool) -> int:
    print(json.dumps(found.record(), indent=1, ensure_ascii=False) if as_json else found.said())
    return 0
