"""What a run has judged before its results are there: a folder that the run keeps as long as it goes on. Reads it.

``OUT/.so-far/<run>/`` holds ``run.json``, the run's model and tasks, and one ``<number>.jsonl`` a task with a line for each
pair whose verdicts are there, in lm-eval's own form. ``harness.so_far`` writes it; nobody but ``report --watch`` reads it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import PersonaError
from ..files import is_regular, read_text
from . import model
from .read import Going, Run, TaskRun

FOLDER = ".so-far"
HEAD = "run.json"
FORMAT = "persona-metrics/so-far/1"


def samples_name(number: int) -> str:
    """Return the name of the file of a run's task, by the task's place in ``run.json``."""
    return f"{number}.jsonl"


def folders(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield the folders of runs that go on, or were broken off, at or below ``paths`` (none: the current folder)."""
    for path in paths or [Path()]:
        for folder, inside, _ in os.walk(path):
            if FOLDER in inside:
                inside.remove(FOLDER)
                try:
                    yield from (p for p in Path(folder, FOLDER).iterdir() if is_regular(p / HEAD))
                except OSError:
                    continue


def runs(paths: Sequence[Path]) -> list[Run]:
    """Return the runs without results so far, the latest first; what cannot be read is passed by."""
    found = [run for folder in folders(paths) if (run := _run(folder)) is not None]
    return sorted(found, key=lambda run: -_going(run).began)


def fresh(real: Sequence[Run], paths: Sequence[Path]) -> list[Run]:
    """Return the runs that go on, of each model and task the newest, without the tasks whose results are in ``real``.

    Results that were written after a task's last verdict are the task's own; older ones are of an earlier run.
    """
    written = {(run.model, t.called): _time(run.path) for run in reversed(real) for t in run.tasks}
    found: list[Run] = []
    seen: set[tuple[str, str]] = set()
    for run in runs(paths):
        new = [t for t in run.tasks if (run.model, t.called) not in seen]
        seen |= {(run.model, t.called) for t in new}
        last = {t.called: max(_time(t.samples), _going(run).began) for t in new}
        kept = tuple(t for t in new if last[t.called] > written.get((run.model, t.called), 0.0))
        if kept:
            found.append(replace(run, tasks=kept))
    return found


def beside(real: Sequence[Run], paths: Sequence[Path]) -> list[Run]:
    """Return ``real`` with the runs that go on, as far as anything is judged; of each model and task the newest."""
    going = [replace(run, tasks=tuple(filter(_judged, run.tasks))) for run in fresh(real, paths)]
    newer = {(run.model, t.called) for run in going for t in run.tasks}
    left = [replace(run, tasks=tuple(t for t in run.tasks if (run.model, t.called) not in newer)) for run in real]
    return [run for run in (*left, *going) if run.tasks]


def _going(run: Run) -> Going:
    assert run.going is not None
    return run.going


def _judged(task: TaskRun) -> bool:
    try:
        return task.samples is not None and task.samples.stat().st_size > 0
    except OSError:
        return False


def _time(path: Path | None) -> float:
    try:
        return path.stat().st_mtime if path is not None else 0.0
    except OSError:
        return 0.0


def _run(folder: Path) -> Run | None:
    head = folder / HEAD
    try:
        told = json.loads(read_text(head))
        if told["format"] != FORMAT:
            return None
        tasks = tuple(_task(folder, at, str(name), one) for at, (name, one) in enumerate(told["tasks"].items()))
        going = Going(float(told["began"]), head.stat().st_mtime)
        return Run(head, str(told["model"]), {"model": str(told["model"])}, tasks, going=going)
    except (PersonaError, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _task(folder: Path, at: int, name: str, told: Any) -> TaskRun:
    samples = folder / samples_name(at)
    pairs = model.Counted.model_validate({"effective": told["pairs"], "original": told["pairs"]})
    generation = model.Generation.model_validate(told["generation"])
    return TaskRun(
        name,
        model.recorded(told["metadata"]),
        {},
        samples if is_regular(samples) else None,
        generation.model_dump(exclude_unset=True),
        pairs,
    )
