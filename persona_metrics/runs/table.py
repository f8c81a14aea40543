"""A run's samples as one tidy table, for pandas and for files. Knows no statistics."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import PersonaError, shorten
from ..files import safe_cell, scrubbed, write_lines, writing
from ..personas import in_order
from .find import Keep, find
from .read import COLUMNS, ReadLog, read_samples, tidy

SUFFIXES = (".parquet", ".csv", ".jsonl")


def samples(run: str | Path | Sequence[str | Path]) -> pd.DataFrame:
    """Return the samples of a run, one row a variant of a pair, with the columns ``runs.read.COLUMNS``.

    ``run`` is a results_*.json, a samples_*.jsonl (its task alone), a folder (the newest run of each model and task), or
    several of these; ``.gz`` is unpacked. ``personalized`` is 1.0, 0.0 (also for an answer failure) or NaN (verdict
    missing); ``verdict`` and ``persona`` are dicts. What was left out stands in ``frame.attrs["notes"]``. Raises
    ``PersonaError`` where there are no samples of a task of ours.
    """
    paths = [run] if isinstance(run, (str, Path)) else list(run)
    found = find([Path(p) for p in paths], Keep.NEWEST_OF_EACH, samples=True)
    frames, notes = [], list(found.notes)
    for one in found.runs:
        for task in one.tasks:
            log = ReadLog()
            assert task.samples is not None
            frames.append(tidy(read_samples(task.samples, log), task.name, task.metadata, one.model))
            if log.lost:
                notes.append(f"{task.samples}: {log.lost} of {log.lines} lines could not be read, the rest is used")
    filled = [frame for frame in frames if len(frame)]
    frame = pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=list(COLUMNS))
    frame.attrs["notes"] = tuple(dict.fromkeys(notes))
    return frame


def write(frame: pd.DataFrame, out: Path) -> None:
    """Write the table as Parquet, CSV or JSONL, by the ending; whole or not at all.

    ``dropped``, ``decides``, ``colours``, ``columns``, ``verdict`` and ``persona`` are nested, in CSV their JSON; a missing
    number is null, in CSV blank. Raises ``PersonaError`` for another ending, and where the file cannot be written.
    """
    suffix = require_suffix(out)
    listed = frame.to_dict("records")
    # All attributes of all personas: every row has the same columns, whatever its own persona lacks.
    names = in_order(row["persona"] or {} for row in listed)
    rows = [scrubbed(_plain(row, names)) for row in listed]
    if suffix == ".jsonl":
        write_lines(out, (json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows))
    elif suffix == ".csv":
        cells = [{k: safe_cell(_cell(v)) for k, v in row.items()} for row in rows]
        with writing(out) as file:
            pd.DataFrame(cells, columns=list(COLUMNS)).to_csv(
                file, mode="wb", encoding="utf-8", index=False, lineterminator="\n"
            )
    else:
        _parquet(rows, out)


def require_suffix(out: Path) -> str:
    """Return the ending of ``out``; raise ``PersonaError`` where no table is written under it."""
    suffix = out.suffix.lower()
    if suffix not in SUFFIXES:
        raise PersonaError(f"--out {shorten(out)}: the file must be {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    return suffix


def _plain(row: dict[Any, Any], names: Sequence[str]) -> dict[str, Any]:
    plain = {str(k): None if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()}
    persona = plain["persona"] or {}
    plain["persona"] = {name: persona.get(name) for name in names}
    bears = ((name, plain[name]) for name in ("decides", "colours"))
    lists = {name: None if value is None else list(value) for name, value in bears}
    return {**plain, **lists, "dropped": list(plain["dropped"] or ()), "columns": dict(plain["columns"] or ()) or None}


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value


def _parquet(rows: list[dict[str, Any]], out: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    floats, whole = ("personalized", "agreement", "answer_length", "choice"), ("doc_id", "attempt")
    nested = ("dropped", "verdict", "persona", "shares", "columns")
    texts = dict.fromkeys(("decides", "colours"), pyarrow.list_(pyarrow.string()))
    kinds = {**texts, **dict.fromkeys(floats, pyarrow.float64()), **dict.fromkeys(whole, pyarrow.int64())}
    try:
        arrays = [
            pyarrow.array([row[name] for row in rows], None if name in nested else kinds.get(name, pyarrow.string()))
            for name in COLUMNS
        ]
        table = pyarrow.Table.from_arrays(arrays, names=list(COLUMNS))
        with writing(out) as file:
            pyarrow.parquet.write_table(table, file)
    except pyarrow.ArrowException as error:
        said = f"Parquet cannot hold these samples ({shorten(error, 60)}): write .jsonl"
        raise PersonaError(f"--out {shorten(out)}: {said}") from None
