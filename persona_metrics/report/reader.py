"""Reads a samples file once, line by line, into the light tidy frame: texts stay on disk, personas are held once."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..evaluations import EVALUATIONS
from ..files import open_read
from ..runs.read import COLUMNS, HEAVY, ReadLog, TaskRun, read_samples, variant_rows

LIGHT = tuple(c for c in COLUMNS if c not in HEAVY)
_CONSTANT = ("task", "evaluation", "mode", "model")
_NUMBERS = {"doc_id": "q", "attempt": "q", "personalized": "d", "agreement": "d", "answer_length": "d"}
_TEXTS = tuple(c for c in LIGHT if c not in (*_CONSTANT, *_NUMBERS, "persona"))


@dataclass
class Usage:
    """What judging took: votes, those answered from the store, the tokens and seconds of the others."""

    votes: int = 0
    stored: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    latency: float = 0.0

    def add(self, vote: Mapping[str, Any]) -> None:
        """Count one vote."""
        self.votes += 1
        if vote.get("stored"):
            self.stored += 1
            return
        self.prompt_tokens += int(vote.get("prompt_tokens") or 0)
        self.completion_tokens += int(vote.get("completion_tokens") or 0)
        self.latency += float(vote.get("latency") or 0.0)


@dataclass(frozen=True)
class TaskData:
    """A task's light frame, one row a variant, and what else one pass over its file shows.

    ``offsets`` are the byte positions of the samples' lines and ``strata`` a label of each (what came of its verdicts),
    so that some of them can be read again without reading all.
    """

    frame: pd.DataFrame
    offsets: NDArray[np.int64]
    strata: tuple[str, ...]
    log: ReadLog
    usage: Usage = field(default_factory=Usage)


class _Codes:
    """Holds each distinct value once and a number a row."""

    def __init__(self) -> None:
        self.numbers: dict[Any, int] = {}
        self.rows = array("q")

    def add(self, value: Any) -> None:
        self.rows.append(self.numbers.setdefault(value, len(self.numbers)))

    def column(self) -> NDArray[np.object_]:
        values = np.empty(len(self.numbers), dtype=object)
        for value, number in self.numbers.items():
            values[number] = value
        return values[np.frombuffer(self.rows, dtype=np.int64)] if len(self.rows) else values


class _Personas:
    """Holds each distinct persona once: a thousand rows of one persona share one dict."""

    def __init__(self) -> None:
        self.known: dict[Any, list[dict[str, Any]]] = {}

    def shared(self, name: Any, persona: dict[str, Any]) -> dict[str, Any]:
        same_name = self.known.setdefault(name, [])
        for kept in same_name:
            if kept == persona:
                return kept
        same_name.append(persona)
        return persona


def read_task(task: TaskRun, model: str) -> TaskData:
    """Read the task's samples file; a line that cannot be read is counted in ``log.lost``."""
    path = task.samples
    log, usage = ReadLog(), Usage()
    codes = {name: _Codes() for name in _TEXTS}
    numbers: dict[str, Any] = {name: array(kind) for name, kind in _NUMBERS.items()}
    personas, people = _Personas(), []
    offsets, strata = array("q"), []
    evaluation = EVALUATIONS.get(str(task.metadata.get("evaluation")))
    unjudged = evaluation.unjudged if evaluation else ()
    for sample in read_samples(path, log) if path else ():
        values: list[float] = []
        person = personas.shared(sample["doc"].get("persona_id"), sample["doc"].get("persona") or {})
        for row in variant_rows(sample, task.name, task.metadata, model):
            for name, column in codes.items():
                column.add(row[name])
            for name, series in numbers.items():
                series.append(row[name])
            people.append(person)
            if row["variant"] not in unjudged:
                values.append(row["personalized"])
            for vote in (row["verdict"] or {}).get("votes", ()):
                usage.add(vote)
        if values:
            offsets.append(log.offset)
            strata.append(stratum(values))
    columns: dict[str, Any] = {name: column.column() for name, column in codes.items()}
    columns |= {name: np.array(series) for name, series in numbers.items()}
    columns |= dict(zip(_CONSTANT, (task.name, task.metadata.get("evaluation"), _mode(task), model), strict=True))
    held = np.empty(len(people), dtype=object)
    held[:] = people
    frame = pd.DataFrame({**columns, "persona": held}, columns=list(LIGHT), index=range(len(people)))
    return TaskData(frame, np.array(offsets), tuple(strata), log, usage)


def _mode(task: TaskRun) -> str | None:
    return task.metadata.get("mode")


def stratum(values: list[float]) -> str:
    """Return what came of a sample's verdicts: all yes, all no, some missing, or a mixture."""
    if any(v != v for v in values):
        return "missing"
    total = sum(values)
    return "yes" if total == len(values) else "no" if total == 0 else "mixed"


def read_lines(path: Path, offsets: NDArray[np.int64]) -> list[bytes]:
    """Return the lines that begin at these byte positions."""
    lines = []
    with open_read(path) as file:
        for offset in offsets:
            file.seek(int(offset))
            lines.append(file.readline())
    return lines
