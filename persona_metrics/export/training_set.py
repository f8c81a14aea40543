"""Training data of a run: what is left out, the two parts, the files (JSONL or Parquet). The rows are each target's own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import PersonaError, shorten
from ..files import scrubbed, write_lines, writing
from ..runs.find import Keep, find
from ..runs.read import read_samples, tidy
from . import sft, trl_preference, trl_prompts, trl_unpaired
from .scores import Task
from .split import TRAIN, split
from .training import Found, Pair, read

FORMATS = ("jsonl", "parquet")
TARGETS: Mapping[str, Any] = {
    "trl-preference": trl_preference,
    "trl-unpaired": trl_unpaired,
    "trl-prompts": trl_prompts,
    "sft": sft,
}


@dataclass(frozen=True)
class Wanted:
    """What goes into the files: ``share`` of the training part (None: one part), runs whose pairs stay out."""

    target: str
    format: str = "jsonl"
    share: float | None = None
    seed: int = 0
    not_in: tuple[Path, ...] = ()
    match_length: bool = False


def write(tasks: Sequence[Task], out: Path, wanted: Wanted) -> tuple[list[Path], list[str]]:
    """Write ``train`` (and ``test``) below ``out``; return the files and one line for all that a reader should know.

    Raises ``PersonaError`` before anything is written: for a format that is none, tasks of other kinds, different
    critics, an empty part.
    """
    if wanted.format not in FORMATS:
        raise PersonaError(f"--format {shorten(wanted.format, 20)!r} is none of {', '.join(FORMATS)}")
    if wanted.match_length and wanted.target != "trl-preference":
        raise PersonaError("--match-length: only trl-preference has two texts to match; leave it out")
    target = TARGETS[wanted.target]
    found, choice = _pairs(tasks, wanted.target)
    notes = list(_without(found, wanted.not_in))
    parts: dict[str, list[Pair]] = {TRAIN: found.pairs}
    if wanted.share is not None:
        parts, crossing = split(found.pairs, wanted.share, wanted.seed)
        if crossing:
            notes.append(f"{crossing} pairs of a persona of one part and a question of the other are in neither")
    made: dict[str, list[dict[str, Any]]] = {}
    for name, pairs in parts.items():
        made[name] = [scrubbed(row) for row in _rows(target, pairs, found.left, wanted, choice)]
        if not made[name]:
            where = f" for {name}" if len(parts) > 1 else ""
            why = target.why_none(pairs) + ("; or leave --match-length out" if wanted.match_length else "")
            told = "; ".join(found.notes())
            raise PersonaError(f"--to {wanted.target}: no row{where}: {why}" + (f" ({told})" if told else ""))
    every = [row for rows in made.values() for row in rows]
    notes += [*target.notes(every), *found.notes()]
    notes.append(", ".join(f"{name}: {len(rows)} rows" for name, rows in made.items()))
    return [_write(rows, out / f"{name}.{wanted.format}") for name, rows in made.items()], notes


def _pairs(tasks: Sequence[Task], target: str) -> tuple[Found, bool]:
    judged = [task for task in tasks if task.judged]
    if judged:
        return read(judged), False
    chosen = [task for task in tasks if task.metadata.get("evaluation") == "choice"]
    if target == "trl-prompts" and chosen:
        return Found(trl_prompts.choice_pairs(chosen), Counter()), True
    names = ", ".join(task.name for task in tasks)
    also = "; --to trl-prompts takes persona_choice" if target != "trl-prompts" else ""
    raise PersonaError(f"--to {target}: {names} has no verdicts to learn from: export a run that a critic judged{also}")


def _rows(
    target: Any, pairs: Sequence[Pair], left: Counter[str], wanted: Wanted, choice: bool
) -> Iterator[dict[str, Any]]:
    if choice:
        return trl_prompts.choice_rows(pairs, left)
    if target is trl_preference:
        return trl_preference.rows(pairs, left, wanted.match_length)
    if target is trl_prompts:
        return trl_prompts.rows(pairs, left, wanted.seed)
    rows: Iterator[dict[str, Any]] = target.rows(pairs, left)
    return rows


def _without(found: Found, runs: Sequence[Path]) -> Iterator[str]:
    """Take the pairs of ``runs`` out; yield how many those were, and what the others still share with them."""
    if not runs:
        return
    kept_out: set[str] = set()
    people: set[str] = set()
    questions: set[str] = set()
    for run in find(list(runs), Keep.ALL, samples=True).runs:
        for task in run.tasks:
            if task.samples is not None:
                frame = tidy(read_samples(task.samples), task.name, task.metadata, heavy=False)
                kept_out |= set(frame["content"])
                people |= set(map(str, frame["persona_id"]))
                questions |= set(map(str, frame["question_id"]))
    before = len(found.pairs)
    found.pairs = [pair for pair in found.pairs if pair.content.partition("/")[0] not in kept_out]
    yield f"--not-in: {before - len(found.pairs)} of {before} pairs are in the other run and left out"
    if not found.pairs:
        raise PersonaError(
            "--not-in: all pairs are in that run; give a run over other pairs (another seed, a larger n)"
        )
    shared = sum(pair.persona_id in people or pair.question_id in questions for pair in found.pairs)
    if shared:
        yield (
            f"{shared} of the {len(found.pairs)} pairs that stay have a persona or a question of the other run, not both"
        )


def _write(rows: Sequence[Mapping[str, Any]], path: Path) -> Path:
    if path.suffix == ".jsonl":
        write_lines(path, (json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows))
        return path
    import pyarrow
    import pyarrow.parquet

    with writing(path) as file:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), file)
    return path
