"""Which runs a report is about: the newest below a folder, the tasks that are ours, and what had to be left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from .. import __version__
from ..errors import PersonaError
from ..runs.read import Run, TaskRun, find_results, load_run
from .reader import TaskData, read_task


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


@dataclass(frozen=True)
class Loaded:
    """The runs of a report and one line for everything a reader should know about how they were found."""

    entries: tuple[Entry, ...]
    notes: tuple[str, ...]

    @property
    def models(self) -> tuple[str, ...]:
        """The labels, each once, in their order."""
        return tuple(dict.fromkeys(e.label for e in self.entries))


def find(paths: Sequence[Path]) -> tuple[list[Run], list[str]]:
    """Return the runs that the paths stand for, and notes.

    No path: the newest run below the current folder. A results or samples file: that run. A folder: the newest run of
    each model and task below it. Raises ``PersonaError`` where there is none.
    """
    if not paths:
        runs, notes = _ours(find_results(Path()), newest_only=True)
        if not runs:
            raise PersonaError(
                "no run of a persona_ task below the current folder: give a results_*.json or its folder, or run one"
                " with `lm_eval --tasks persona_main --output_path … --log_samples`"
            )
        return runs, [f"report on the newest run below the current folder: {runs[0].path}", *notes]
    found: list[Run] = []
    notes = []
    for path in paths:
        if not path.exists():
            raise PersonaError(f"{path}: there is no such file or folder")
        runs, said = _ours(find_results(path), strict=path.is_file())
        if not runs:
            raise PersonaError(_nothing(path, said))
        if path.is_dir():
            runs, older = _newest(runs)
            said += older
        elif path.name.startswith("samples_"):
            runs = [replace(r, tasks=tuple(t for t in r.tasks if t.samples == path)) for r in runs]
            if not any(r.tasks for r in runs):
                raise PersonaError(f"{path}: the results file beside it records no task of ours with these samples")
        found += [r for r in runs if r.path not in {known.path for known in found} or path.is_file()]
        notes += said
    return _merge(found), list(dict.fromkeys(notes))


def _nothing(path: Path, said: Sequence[str]) -> str:
    if path.is_file() and path.name.startswith("samples_"):
        return (
            f"{path}: no results_*.json of the same time beside it, which says what the run was; keep the two together"
        )
    if path.is_file() and not path.name.startswith("results_"):
        return f"{path}: give a results_*.json or samples_*.jsonl of lm-eval, or a folder that holds them"
    why = f" ({'; '.join(said)})" if said else ""
    return f"{path}: no run of a persona_ task there{why}; lm_eval writes one with --output_path and --log_samples"


def _ours(paths: Sequence[Path], *, newest_only: bool = False, strict: bool = False) -> tuple[list[Run], list[str]]:
    runs, notes = [], []
    for path in paths:
        try:
            run = load_run(path)
        except PersonaError as error:
            if strict:
                raise
            notes.append(f"left out: {error}")
            continue
        if run.others:
            kept = "ignored" if run.tasks else "holds no task of ours, ignored"
            notes.append(f"{path.name}: {kept}: {_listed(run.others)}")
        if run.tasks:
            runs.append(run)
            if newest_only:
                break
    return runs, notes


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def _newest(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """Keep of each model and task the newest; ``runs`` come newest first."""
    seen: set[tuple[str, str]] = set()
    kept, older = [], 0
    for run in runs:
        fresh = tuple(t for t in run.tasks if (run.model, t.name) not in seen)
        older += len(run.tasks) - len(fresh)
        seen |= {(run.model, t.name) for t in fresh}
        if fresh:
            kept.append(replace(run, tasks=fresh))
    said = f"{older} older result{'s' if older > 1 else ''} of the same model and task left out; name a file to see it"
    return kept, [said] if older else []


def _merge(runs: Sequence[Run]) -> list[Run]:
    """Drop what was named twice."""
    kept: list[Run] = []
    seen: set[tuple[Path, str]] = set()
    for run in runs:
        fresh = tuple(t for t in run.tasks if (run.path.resolve(), t.name) not in seen)
        seen |= {(run.path.resolve(), t.name) for t in fresh}
        if fresh:
            kept.append(replace(run, tasks=fresh))
    return sorted(kept, key=lambda r: r.model)


def read(runs: Sequence[Run]) -> Loaded:
    """Read the samples of the runs."""
    labels = _labels(runs)
    entries, notes = [], []
    for run, label in zip(runs, labels, strict=True):
        for task in run.tasks:
            data = read_task(task, label)
            entries.append(Entry(run, task, label, data))
            notes += _task_notes(run, task, data)
    return Loaded(tuple(entries), tuple(dict.fromkeys(notes)))


def _task_notes(run: Run, task: TaskRun, data: TaskData) -> list[str]:
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
    expected = ((run.extra.get("n-samples") or {}).get(task.name) or {}).get("effective")
    if task.samples is not None and isinstance(expected, int) and data.log.lines < expected:
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
    names = [t.name for other in namesakes for t in other.tasks]
    if len(names) == len(set(names)):
        return run.model
    for key in ("critic_model", "critic_template", "answer_template", "seed", "n", "pack_version"):
        values = [str(r.tasks[0].metadata.get(key)) for r in namesakes]
        if len(set(values)) == len(namesakes):
            return f"{run.model} ({key.replace('_', ' ')} {run.tasks[0].metadata.get(key)})"
    return f"{run.model} ({run.path.stem.removeprefix('results_')[:19]})"
