"""Replies on disk while they are being made: each in a line the moment it arrives, so that a kill loses what is in flight.

A folder holds ``parts/`` (a file a process, only ever appended to) and ``answers.jsonl``, which they are joined into: the
lines that ``persona-metrics score`` takes. Knows no network.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from typing_extensions import Self

from ..errors import PersonaError, shorten
from ..files import check_folder, unwritable, write_lines
from .asked import Ids, mark

ANSWERS = "answers.jsonl"
PARTS = "parts"


class Part:
    """One process's file of a folder. Two processes never share one; ``name`` says what it is for."""

    def __init__(self, folder: Path, name: str = "one") -> None:
        self._path = folder / PARTS / f"{name}-{os.getpid()}-{uuid.uuid4().hex[:8]}.jsonl"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("xb", buffering=0)
        except OSError as error:
            raise unwritable(self._path, error) from None

    def add(self, name: str, reply: str, model: str) -> None:
        """Write a reply, whole, before anybody is told of it. Raises ``PersonaError`` where the disk is full."""
        line = json.dumps({"id": name, "reply": reply, "model": model}, ensure_ascii=False)
        left = memoryview(line.encode("utf-8", "replace") + b"\n")
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise unwritable(self._path, error) from None

    def close(self) -> None:
        """Close the file; one that nothing came into goes."""
        self._file.close()
        if self._path.exists() and not self._path.stat().st_size:
            self._path.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True)
class Joined:
    """What a folder holds for a file of prompts."""

    path: Path
    answers: int
    blank: int
    """Answers without a letter."""


def prepare(folder: Path, model: str) -> Ids:
    """Return the ids that are answered, having proven that more can be written there.

    Raises ``PersonaError`` where it cannot, and where the answers there are another model's.
    """
    check_folder(folder)

    def marks() -> Iterator[int]:
        for where, row in _lines(folder):
            if row["model"] != model:
                raise PersonaError(
                    f"{where}: answers of the model {shorten(row['model'], 60)!r}, not {shorten(model, 60)!r}:"
                    " give each model its own --out"
                )
            yield mark(row["id"])

    return Ids(np.unique(np.fromiter(marks(), np.int64)))


def answered(folder: Path, name: str) -> set[int]:
    """Return the marks of the ids in all parts of this name: those of processes that were killed among them."""
    return {mark(row["id"]) for path in (folder / PARTS).glob(f"{name}-*.jsonl") for _, row in _rows(path)}


def join(folder: Path, wanted: Ids) -> Joined:
    """Write ``answers.jsonl`` anew, whole or not at all: every answer to a prompt in ``wanted``, each id once.

    Where none is missing, the parts go.
    """
    taken = np.zeros(len(wanted), dtype=bool)
    blank = 0

    def kept() -> Iterator[str]:
        nonlocal blank
        for _, row in _lines(folder):
            if (place := wanted.place(mark(row["id"]))) >= 0 and not taken[place]:
                taken[place] = True
                blank += not row["reply"].strip()
                yield json.dumps(row, ensure_ascii=False)

    path = folder / ANSWERS
    count = write_lines(path, kept())
    if count == len(wanted):
        shutil.rmtree(folder / PARTS, ignore_errors=True)
    return Joined(path, count, blank)


def _lines(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in (folder / ANSWERS, *sorted((folder / PARTS).glob("*.jsonl"))):
        if path.is_file():
            yield from _rows(path)


def _rows(path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the file and the row of every whole line; one that a kill cut in the middle is as if it had not been written."""
    with path.open("rb") as file:
        for line in file:
            row = _row(line)
            if row is not None:
                yield path, row


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    texts = isinstance(row, dict) and all(isinstance(row.get(key), str) for key in ("id", "reply", "model"))
    return row if texts else None


__all__ = ["ANSWERS", "Joined", "Part", "answered", "join", "prepare"]
