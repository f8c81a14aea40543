"""Which runs a report is about: the newest below a folder, the tasks that are ours, and what had to be left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from .. import __version__
from ..analysis.words import listed
from ..errors import PersonaError
from ..evaluations import NAMES
from ..runs import so_far
from ..runs.find import Keep
from ..runs.find import find as runs_at
from ..runs.read import Run, TaskRun
from .reader import TaskData, read_task

MODES = ("baseline", "output_only", "chain_of_thought", "demographic_summary")
READING = ("main", "contrast", "pairwise", *(name for name in NAMES if name not in ("main", "contrast")))
"""In which order evaluations are read: the rate, whether the persona is why, for which facts, for whom, how reliably."""


@dataclass(frozen=True)
class Entry:
    """One task of one run: ``label`` is the model's name, made distinct where two runs share it."""

    run: Run
    task: TaskRun
    label: str
    data: TaskData

    @property
    def evaluation(self) -> str:
        """Which evaluation."""
        return str(self.task.metadata["evaluation"])

    @property
    def mode(self) -> str:
        """The prompt mode."""
        return str(self.task.metadata.get("mode") or "output_only")

    @property
    def has_samples(self) -> bool:
        """Whether there is any verdict to count."""
        return len(self.data.frame) > 0

    @property
    def so_far(self) -> str:
        """How many pairs of a run that goes on are there: ``120 of 300 pairs``; empty for results."""
        if self.run.going is None:
            return ""
        return f"{len(self.data.offsets):,} of {self.task.counts.effective or 0:,} pairs"


@dataclass(frozen=True)
class Loaded:
    """The runs of a report and one line for everything a reader should know about how they were found."""

    entries: tuple[Entry, ...]
    notes: tuple[str, ...]

    @property
    def models(self) -> tuple[str, ...]:
        """The labels, each once, in their order."""
        return tuple(dict.fromkeys(e.label for e in self.entries))


def find(paths: Sequence[Path], live: bool = False) -> tuple[list[Run], list[str]]:
    """Return the runs that the paths stand for (see ``runs.find``), by model, and notes; ``live``: those that go on, too.

    No path: the newest run below the current folder. A folder: the newest run of each model and task below it. Raises
    ``PersonaError`` where there is none.
    """
    if live:
        return _live(paths)
    if paths:
        found = runs_at(paths, Keep.NEWEST_OF_EACH)
        return sorted(found.runs, key=lambda r: r.model), list(found.notes)
    try:
        found = runs_at([Path()], Keep.NEWEST)
    except PersonaError:
        raise PersonaError(
            "no run of a persona_ task below the current folder: give a results_*.json or its folder, or run one"
            " with `lm_eval --tasks persona_main --output_path … --log_samples`"
        ) from None
    return list(found.runs), [f"report on the newest run below the current folder: {found.runs[0].path}", *found.notes]


def going(paths: Sequence[Path]) -> list[Run]:
    """Return the runs at ``paths`` that have no results so far, each with the tasks that it has none of."""
    return so_far.fresh(_real(paths)[0], paths)


def _live(paths: Sequence[Path]) -> tuple[list[Run], list[str]]:
    real, notes, nothing = _real(paths)
    runs = so_far.beside(real, paths)
    if nothing is not None and not runs:
        raise nothing
    return sorted(runs, key=lambda r: r.model), list(notes)


def _real(paths: Sequence[Path]) -> tuple[Sequence[Run], Sequence[str], PersonaError | None]:
    try:
        found = runs_at(paths or [Path()], Keep.NEWEST_OF_EACH)
    except PersonaError as error:
        return (), (), error
    return found.runs, found.notes, None


def read(runs: Sequence[Run]) -> Loaded:
    """Read the samples of the runs."""
    labels = _labels(runs)
    entries, notes = [], []
    for run, label in zip(runs, labels, strict=True):
        for task in run.tasks:
            data = read_task(task, label)
            entries.append(Entry(run, task, label, data))
            notes += _task_notes(run, task, data)
    if going := [f"{entry.task.called} of {entry.label}" for entry in entries if entry.so_far]:
        rest = "are those of the pairs judged so far, which are no random part of all; they will move"
        notes.insert(0, f"not over yet: the numbers of {listed(going, 12)} {rest}")
    return Loaded(tuple(sorted(entries, key=place)), tuple(dict.fromkeys(notes)))


def place(entry: Entry) -> tuple[int, int, str]:
    """Return where a task stands among others: main first, in its modes from the floor up, then what explains its rate."""
    named = READING.index(entry.evaluation) if entry.evaluation in READING else len(READING)
    mode = MODES.index(entry.mode) if entry.mode in MODES else len(MODES)
    return named, mode, entry.task.called


def _task_notes(run: Run, task: TaskRun, data: TaskData) -> list[str]:
    if run.going is not None:
        return []
    notes = []
    if task.samples is None:
        notes.append(
            f"{task.name} of {run.model}: no samples file beside {run.path.name} (run without --log_samples):"
            " lm-eval's table only, no intervals over pairs, figures or samples"
        )
    if data.log.lost:
        lines = "line" if data.log.lost == 1 else "lines"
        notes.append(
            f"{task.samples and task.samples.name}: {data.log.lost} {lines} of {data.log.lines} could not be read"
            " (cut or broken); the rest is used"
        )
    elif task.samples is not None and data.log.lines and not len(data.frame):
        notes.append(f"{task.samples.name}: no verdict in it (a run with --predict_only): lm-eval's table only")
    expected = task.counts.effective
    if task.samples is not None and expected is not None and data.log.lines < expected:
        notes.append(f"{task.samples.name}: {data.log.lines} of the run's {expected} samples are in the file")
    if (older := _older(task.metadata)) is not None:
        notes.append(f"{task.name} of {run.model}: run with persona-metrics {older}, read with {__version__}")
    return notes


def _older(metadata: Any) -> str | None:
    recorded = str(metadata.get("pack_version"))
    try:
        return recorded if Version(recorded) < Version(__version__) else None
    except InvalidVersion:
        return recorded


def _labels(runs: Sequence[Run]) -> list[str]:
    """Return the models' names; where two runs of a model report the same task, with what tells them apart."""
    by_model: dict[str, list[Run]] = {}
    for run in runs:
        by_model.setdefault(run.model, []).append(run)
    return [_label(run, by_model[run.model]) for run in runs]


def _label(run: Run, namesakes: Sequence[Run]) -> str:
    names = [t.called for other in namesakes for t in other.tasks]
    if len(names) == len(set(names)):
        return run.model
    for key in ("critic_model", "critic_template", "answer_template", "seed", "n", "pack_version"):
        values = [str(r.tasks[0].metadata.get(key)) for r in namesakes]
        if len(set(values)) == len(namesakes):
            return f"{run.model} ({key.replace('_', ' ')} {run.tasks[0].metadata.get(key)})"
    return f"{run.model} ({run.path.stem.removeprefix('results_')[:19]})"
