"""``persona-metrics label``: a blind sheet of a run's answers for people to judge."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import PersonaError, shorten


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``label``."""
    parser.add_argument("path", type=Path, metavar="RUN", help="a results_*.json, a samples file, or a run's folder")
    parser.add_argument("--n", type=int, default=60, help="answers to label (default 60)")
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the draw: the same answers on every machine (default 0)"
    )
    parser.add_argument(
        "--by", default="", metavar="ATTRIBUTES", help="draw from each group of these, a comma list: sex,age"
    )
    parser.add_argument("--task", help="the task, where the run has several (default: the first with answers)")
    parser.add_argument(
        "--out", type=Path, default=Path("label.html"), help="label.html, a page without network, or label.csv"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the sheet and its weights, and say how to go on."""
    from ..dataset.adapters import stated_names
    from ..files import write_text
    from ..labels import draw, sheet
    from ..labels.items import answers_at
    from ..personas import in_order
    from ..settings.spellings import split_names

    out: Path = arguments.out
    kind = out.suffix.lower()
    if kind not in (".html", ".csv"):
        raise PersonaError(f"--out {shorten(out)}: name it .html (a page to label in) or .csv (for a spreadsheet)")
    found, notes = answers_at(arguments.path, arguments.task)
    answers = found[0]
    if len(found) > 1:
        others = ", ".join(one.name for one in found[1:])
        notes.append(f"of {answers.name}; name another with --task or its own file: {shorten(others, 120)}")
    by = stated_names(split_names(arguments.by), "--by", in_order(item.persona for item in answers.items))
    drawn = draw.draw(answers, arguments.n, arguments.seed, by)
    weights = draw.weights_path(out)
    draw.write_weights(weights, drawn, answers)
    write_text(out, sheet.html(drawn) if kind == ".html" else sheet.as_csv(drawn))
    for note in notes:
        print(f"note: {note}")
    size = f"{len(drawn.drawn)} of {len(drawn.strata)} different answers"
    print(f"{out}: {size}, no verdict in it; any number of people may label it")
    print(
        f"{weights}: stays with you (it tells the verdicts); `persona-metrics agree` looks for it beside run or labels"
    )
    return 0
