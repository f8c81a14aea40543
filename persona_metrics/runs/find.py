"""The one rule by which a path stands for runs: report, leaderboard, export and score find the same for the same path.

A results_*.json is its run. A samples_*.jsonl is its own task of the run whose results file of the same time lies beside
it. A folder is every run below it, the newest first. All may be packed (``.gz``). Links to folders are not followed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from ..errors import PersonaError, shorten
from ..files import exists, is_regular
from .read import Run, load_run, stamp_of


class Keep(Enum):
    """Which of the runs that paths stand for a caller wants; files that are named themselves are always kept."""

    ALL = "all"
    """Every run (leaderboard: it sorts them by their terms first)."""
    NEWEST_OF_EACH = "newest of each"
    """Of each folder the newest run of each model and task (report)."""
    NEWEST = "newest"
    """Of each folder the newest run with a task of ours (export, score)."""


@dataclass(frozen=True)
class Found:
    """Runs, each with one task at least, and one line for everything that was left out."""

    runs: tuple[Run, ...]
    notes: tuple[str, ...]


def find(paths: Sequence[Path], keep: Keep, *, samples: bool = False, task: str | None = None) -> Found:
    """Return the runs that ``paths`` stand for; no run twice.

    A file that cannot be read, and a path without a run of ours, is left out with a note, unless it is all there is. With
    ``samples`` only tasks count whose samples file is there, with ``task`` only the task of that name. Raises
    ``PersonaError`` for a path that does not exist, and where nothing is left.
    """
    runs: list[Run] = []
    notes: list[str] = []
    refused: list[PersonaError] = []
    for path in paths:
        if not exists(path):
            raise PersonaError(f"{shorten(path)}: no such file or folder")
        try:
            found, said = _at(path, keep, samples, task)
        except PersonaError as error:
            refused.append(error)
            notes.append(f"left out: {error}")
            continue
        runs += found
        notes += said
    if not runs and refused:
        raise refused[0]
    return Found(tuple(_once(runs)), tuple(dict.fromkeys(notes)))


def find_results(path: Path) -> list[Path]:
    """Return the results files at or below ``path``, the newest first; for a samples file, the one beside it."""
    if not path.is_dir():
        if _is_results(path.name):
            return [path] if is_regular(path) else []
        stamp = stamp_of(path)
        beside = _listed(path.parent) if stamp else []
        return sorted(p for p in beside if _is_results(p.name) and stamp_of(p) == stamp and is_regular(p))[:1]
    found = [
        Path(folder, name)
        for folder, _, names in os.walk(path)  # goes by what it may not read, and follows no link in a circle
        for name in names
        if not _unfinished(Path(folder).relative_to(path))
        if _is_results(name) and name.removesuffix(".gz") not in set(names) - {name} and is_regular(Path(folder, name))
    ]
    return sorted(found, key=lambda p: (p.name.removesuffix(".gz"), str(p)), reverse=True)


def _unfinished(folder: Path) -> bool:
    """Return whether somebody is writing there, or was killed meanwhile."""
    return any(part.startswith(".") and part.endswith(".part") for part in folder.parts)


def _is_results(name: str) -> bool:
    return name.startswith("results_") and name.endswith((".json", ".json.gz"))


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _at(path: Path, keep: Keep, samples: bool, task: str | None) -> tuple[list[Run], list[str]]:
    folder = path.is_dir()
    if not folder and not is_regular(path):
        raise PersonaError(f"{shorten(path)}: cannot be read: not a regular file")
    candidates = find_results(path)
    if not candidates and not folder:
        raise PersonaError(_no_results(path))
    runs: list[Run] = []
    notes: list[str] = []
    bare: list[Path] = []
    others: dict[str, None] = {}
    for candidate in candidates:
        try:
            run = load_run(candidate)
        except PersonaError as error:
            if not folder:
                raise
            notes.append(f"left out: {error}")
            continue
        if run.others:
            others.update(dict.fromkeys(run.others))
            kept = "ignored" if run.tasks else "holds no task of ours, ignored"
            notes.append(f"{candidate.name}: {kept}: {_names(run.others)}")
        tasks = run.tasks
        if not folder and candidate != path:
            tasks = tuple(t for t in tasks if t.samples is not None and t.samples.name == path.name)
            if not tasks:
                raise PersonaError(
                    f"{shorten(path)}: {candidate.name} beside it records no task of ours with these samples"
                )
        tasks = tuple(t for t in tasks if task in (None, t.name))
        if samples and (sampled := tuple(t for t in tasks if t.samples is not None)) != tasks:
            bare.append(candidate)
            tasks = sampled
        if tasks:
            runs.append(replace(run, tasks=tasks))
            if keep is Keep.NEWEST:
                break
    if not runs:
        raise PersonaError(_nothing(path, task, bare, list(others), notes))
    if keep is Keep.NEWEST and len(candidates) > 1:
        notes.append(f"the newest of {len(candidates)} results files there: {runs[0].path}")
    if keep is Keep.NEWEST_OF_EACH and folder:
        runs, older = _newest(runs)
        notes += older
    return runs, notes


def _no_results(path: Path) -> str:
    if ".jsonl" in path.name:
        said = "the results_*.json of the same run must lie beside it; it says which task this was"
        return f"{shorten(path)}: no results_*.json of its time: {said}"
    return f"{shorten(path)}: give a results_*.json or samples_*.jsonl of lm-eval, or a folder that holds them"


def _nothing(path: Path, task: str | None, bare: Sequence[Path], others: Sequence[str], notes: Sequence[str]) -> str:
    if bare:
        beside = f"no samples of {task or 'a persona task'} beside it"
        return f"{shorten(bare[0])}: {beside} (run lm_eval with --log_samples)"
    more = f" and {len(notes) - 3} more" if len(notes) > 3 else ""
    why = f"; it holds only {_names(others)}" if others else ""
    why = f" ({'; '.join(notes[:3])}{more})" if notes and not others else why
    missing = f"no run of {task or 'a persona_ task'} there{why}"
    return f"{shorten(path)}: {missing}; lm_eval writes one with --output_path and --log_samples"


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(shorten(name, 40) for name in names[:5]) + more


def _newest(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """Keep of each model and task the newest; ``runs`` come newest first."""
    seen: set[tuple[str, str]] = set()
    kept, older = [], 0
    for run in runs:
        fresh = tuple(t for t in run.tasks if (run.model, t.called) not in seen)
        older += len(run.tasks) - len(fresh)
        seen |= {(run.model, t.called) for t in fresh}
        if fresh:
            kept.append(replace(run, tasks=fresh))
    said = f"{older} older result{'s' if older > 1 else ''} of the same model and task left out; name a file to see it"
    return kept, [said] if older else []


def _once(runs: Sequence[Run]) -> list[Run]:
    """Drop what several paths stand for."""
    kept: list[Run] = []
    seen: set[tuple[str, str]] = set()
    for run in runs:
        place = os.path.realpath(run.path)
        fresh = tuple(t for t in run.tasks if (place, t.name) not in seen)
        seen |= {(place, t.name) for t in fresh}
        if fresh:
            kept.append(replace(run, tasks=fresh))
    return kept
