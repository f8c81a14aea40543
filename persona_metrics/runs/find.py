"""Which runs lie at a path: those with a task of ours, the newest first, and a line for everything left out."""

from __future__ import annotations

from pathlib import Path

from ..errors import PersonaError, shorten
from .read import Run, find_results, load_run


def runs_at(path: Path) -> tuple[list[Run], list[str]]:
    """Return the runs at ``path`` (a results_*.json, a samples file beside one, a folder) and notes on the rest.

    A results file that cannot be read inside a folder is left out with a note; named itself, it is an error. Raises
    ``PersonaError`` where there is no task of ours, and says which other benchmarks are there.
    """
    if not path.exists():
        raise PersonaError(f"{shorten(path)}: no such file or folder")
    found = find_results(path)
    if not found and path.is_file():
        raise PersonaError(f"{shorten(path)}: neither a results_*.json nor a samples file with one beside it")
    runs, notes = [], []
    others: dict[str, None] = {}
    for candidate in found:
        try:
            run = load_run(candidate)
        except PersonaError as error:
            if path.is_file():
                raise
            notes.append(f"left out: {error}")
            continue
        if run.tasks:
            runs.append(run)
        if run.others:
            others.update(dict.fromkeys(run.others))
            notes.append(f"{candidate}: other benchmarks left out: {shorten(', '.join(run.others), 80)}")
    if runs:
        return runs, notes
    why = f"; it holds only {shorten(', '.join(others), 80)}" if others else f"; {notes[0]}" if notes else ""
    raise PersonaError(
        f"{shorten(path)}: no run of a persona_ task there{why}; run lm_eval with --output_path and --log_samples"
    )
