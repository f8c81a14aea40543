"""A file of answers whose lines can be read in any order, by the bytes at which they begin. Knows not what they say."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from ..errors import PersonaError, shorten
from ..files import json_object, open_read, unreadable

Place = tuple[int, int]
"""The byte at which a line begins, and its number in the file, from 1."""


class Lines:
    """The objects of a JSONL file. One that is packed is unpacked beside it for as long as this lives.

    Every method raises ``PersonaError`` where the file cannot be read, or a line is no object.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] = open_read(path)
        if path.suffix.lower() == ".gz":
            with self._file as packed:
                self._file = TemporaryFile()  # noqa: SIM115 - lives as long as this does
                try:
                    shutil.copyfileobj(packed, self._file, 1 << 20)
                except (OSError, EOFError, zlib.error) as error:
                    raise unreadable(path, error) from None

    def __iter__(self) -> Iterator[tuple[Place, str, dict[str, Any]]]:
        """Yield each line's place, how messages name it, and its object; blank lines are none."""
        at = 0
        self._file.seek(0)
        for number, text in enumerate(self._file, 1):
            if text.strip():
                yield (at, number), *self._object(text, number)
            at += len(text)

    def at(self, place: Place) -> tuple[str, dict[str, Any]]:
        """Return how messages name the line that begins there, and its object."""
        self._file.seek(place[0])
        return self._object(self._file.readline(), place[1])

    def _object(self, text: bytes, number: int) -> tuple[str, dict[str, Any]]:
        where = f"{self.path}:{number}"
        try:
            return where, json_object(text.decode("utf-8-sig"), where)
        except UnicodeDecodeError:
            raise PersonaError(f"{shorten(self.path)}: cannot be read: not UTF-8 text") from None
