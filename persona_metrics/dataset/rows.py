"""Reads the rows of a JSONL, CSV or Parquet file (``.gz``, too), each with its place. Knows no persona and no question."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import zlib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import PersonaError, shorten
from ..files import exists, is_regular, open_read

Row = tuple[str, Mapping[str, Any]]
"""Where a row stands (``file:line``), and its columns."""

DELIMITERS = (",", ";", "\t", "|")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_rows(name: str, setting: str, known: Collection[str] = ()) -> list[Row]:
    """Return the rows of a file; ``known`` are the columns that it may have, by which a CSV's delimiter is found.

    Texts are UTF-8, or UTF-16 with a byte order mark. Lists and objects of a Parquet file are Python's own. Raises
    ``PersonaError`` where the file cannot be read, in one line that says what to change.
    """
    shown = f"{setting}={shorten(name)}"
    path = Path(name).expanduser()
    if not is_regular(path):
        raise PersonaError(f"{shown}: {'not a regular file' if exists(path) else 'no such file'}")
    inner = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    reader = {".jsonl": _jsonl, ".csv": _csv, ".tsv": _csv, ".parquet": _parquet}.get(inner.suffix.lower())
    if reader is None:
        raise PersonaError(f"{shown}: the file must be .jsonl, .csv or .parquet")
    try:
        with open_read(path) as file:
            rows = reader(path, file.read(), frozenset(known))
    except UnicodeError:
        raise PersonaError(
            f"{shown} cannot be read: not UTF-8 (perhaps Windows-1252, or UTF-16 without its mark): save it as UTF-8"
        ) from None
    except (OSError, EOFError, zlib.error, csv.Error, ValueError, RecursionError) as error:
        raise PersonaError(f"{shown} cannot be read: {shorten(error)}") from None
    if not rows:
        raise PersonaError(f"{shown}: the file has no rows")
    return rows


def _text(data: bytes) -> str:
    text = data.decode(next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "utf-8"))
    if "\0" in text[:1000]:
        raise UnicodeError("UTF-16 without a mark reads as UTF-8 with a NUL in every second place")
    return text


def _jsonl(path: Path, data: bytes, known: Collection[str]) -> list[Row]:  # noqa: ARG001
    rows: list[Row] = []
    for number, line in enumerate(io.StringIO(_text(data), newline=None), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise PersonaError(f"{path}:{number}: not JSON: {shorten(error)}") from None
        if not isinstance(row, dict):
            raise PersonaError(f"{path}:{number}: a line must be a JSON object, this one is a {type(row).__name__}")
        rows.append((f"{path}:{number}", row))
    return rows


def _csv(path: Path, data: bytes, known: Collection[str]) -> list[Row]:
    text = _text(data)
    # Spreadsheets can write their delimiter into a line of its own.
    said = re.match(r"sep=([,;|\t])\r?\n", text)
    delimiter = said[1] if said else _delimiter(text, known)
    # newline="": a line break in a quoted cell stays what it is.
    reader = csv.reader(io.StringIO(text[said.end() :] if said else text, newline=""), delimiter=delimiter)
    header = next(reader, [])
    rows: list[Row] = []
    for cells in reader:
        where = f"{path}:{reader.line_num + bool(said)}"
        if not cells:
            continue
        if len(cells) > len(header):
            raise PersonaError(
                f"{where}: {len(cells)} cells, the header has {len(header)}: a text with {delimiter!r} in it needs quotes"
            )
        rows.append((where, dict(zip(header, [*cells, *[None] * (len(header) - len(cells))], strict=True))))
    return rows


def _delimiter(text: str, known: Collection[str]) -> str:
    """Return the delimiter under which the header names most columns that are known; a comma where none does."""

    def names(delimiter: str) -> int:
        header = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
        return sum(plain(cell) in known for cell in header)

    return max(DELIMITERS, key=names)


def _parquet(path: Path, data: bytes, known: Collection[str]) -> list[Row]:  # noqa: ARG001
    import pyarrow
    import pyarrow.parquet

    try:
        listed = pyarrow.parquet.read_table(pyarrow.BufferReader(data)).to_pylist()
    except pyarrow.ArrowException as error:
        raise ValueError(shorten(error)) from None
    return [(f"{path}: row {i}", {str(k): v for k, v in row.items()}) for i, row in enumerate(listed, 1)]


def plain(name: object) -> str:
    """Return a column's name as attributes are written: ``Veteran_Status`` is ``veteran status``."""
    return str(name).strip().lower().replace("_", " ")


def cell_text(value: Any, where: str) -> str | None:
    """Return a cell as text, None where it is not there; raise ``PersonaError`` for what no file could hold."""
    if value is None:
        return None
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PersonaError(f"{where}: the text holds half a surrogate pair, which is not Unicode text") from None
    return text


def require_unique(ids: Iterable[str], origin: str) -> None:
    """Raise ``PersonaError`` for the first id that stands twice."""
    seen: set[str] = set()
    for identifier in ids:
        if identifier in seen:
            raise PersonaError(f"{shorten(origin)}: the id {shorten(identifier, 40)!r} stands twice")
        seen.add(identifier)
