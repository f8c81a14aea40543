"""How often two models' verdicts differ on the same pair, as runs that are there have it."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pandas as pd

from ..analysis.compare import compare
from ..errors import PersonaError
from ..report.reader import read_task
from ..runs.find import Keep, find


def discordance(folder: Path) -> float:
    """Return the share of shared pairs on which the verdicts of two models differ, over the newest runs below ``folder``.

    Raises ``PersonaError`` where no two models share a judged pair of a task, or all of them agree.
    """
    by_task: dict[str, dict[str, pd.DataFrame]] = defaultdict(dict)
    for run in find([folder], Keep.NEWEST_OF_EACH, samples=True).runs:
        for task in run.tasks:
            if task.samples is not None:
                by_task[task.name].setdefault(run.model, read_task(task, run.model).frame)
    tables = [compare(frames) for frames in by_task.values() if len(frames) > 1]
    rows = [row for table in tables for row in table.to_dict("records") if row["row"] == "personalized" and row["n"]]
    n = sum(int(row["n"]) for row in rows)
    differ = sum(int(row["only_first"]) + int(row["only_second"]) for row in rows)
    if not differ:
        what = "no two models there share a judged pair" if not n else "the models there never differ"
        raise PersonaError(f"--discordance {folder}: {what}; give a share, such as 0.3")
    return differ / n
