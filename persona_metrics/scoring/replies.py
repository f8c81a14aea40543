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

from typing_extensions import Self

from ..errors import PersonaError, shorten
from ..files import check_folder, unwritable, write_lines
from .asked import mark

ANSWERS = "answers.jsonl"
PARTS = "parts"


class Part:
    """One process's file of a folder. Two processes never share one."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / PARTS / f"{os.getpid()}-{uuid.uuid4().hex[:8]}.jsonl"
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


def prepare(folder: Path, model: str) -> set[int]:
    """Return the marks of the ids that are answered, having proven that more can be written there.

    Raises ``PersonaError`` where it cannot, and where the answers there are another model's.
    """
    check_folder(folder)
    done: set[int] = set()
    for where, row in _lines(folder):
        if row["model"] != model:
            raise PersonaError(
                f"{where}: answers of the model {shorten(row['model'], 60)!r}, not {shorten(model, 60)!r}:"
                " give each model its own --out"
            )
        done.add(mark(row["id"]))
    return done


def join(folder: Path, wanted: set[int]) -> Joined:
    """Write ``answers.jsonl`` anew, whole or not at all: every answer to a prompt in ``wanted``, each id once.

    Where none is missing, the parts go.
    """
    taken: set[int] = set()
    blank = 0

    def kept() -> Iterator[str]:
        nonlocal blank
        for _, row in _lines(folder):
            if (name := mark(row["id"])) in wanted and name not in taken:
                taken.add(name)
                blank += not row["reply"].strip()
                yield json.dumps(row, ensure_ascii=False)

    path = folder / ANSWERS
    count = write_lines(path, kept())
    if count == len(wanted):
        shutil.rmtree(folder / PARTS, ignore_errors=True)
    return Joined(path, count, blank)


def _lines(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the file and the row of every whole line; one that a kill cut in the middle is as if it had not been written."""
    for path in (folder / ANSWERS, *sorted((folder / PARTS).glob("*.jsonl"))):
        if not path.is_file():
            continue
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


__all__ = ["ANSWERS", "Joined", "Part", "join", "prepare"]
