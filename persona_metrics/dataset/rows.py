"""Reads the rows of a JSONL, CSV or Parquet file (``.gz``, too), each with its place. Knows no persona and no question.

Of a file with more rows than asked for a drawn part is kept while it is read, so that a million rows fit into memory.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import PersonaError, shorten
from ..files import exists, is_regular, open_read
from ..personas import attribute_name
from .part import Part

Row = tuple[str, Mapping[str, Any]]
"""Where a row stands (``file:line``), and its columns."""


class Rows(list[Row]):
    """The rows that were kept; ``total`` is how many the file has."""

    total: int = 0


@dataclass(frozen=True)
class Unread:
    """Stands for the values of a column that no text can be made of, and says what they are."""

    what: str

    def __str__(self) -> str:
        return ""


BIG = 64_000_000
"""Bytes of a JSONL or CSV file beyond which it is read line by line, and twice, where only a part is wanted."""
BATCH = 1_024
"""Rows of a Parquet file at once."""
DELIMITERS = (",", ";", "\t", "|")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_rows(name: str, setting: str, known: Collection[str] = (), part: Part | None = None) -> Rows:
    """Return the rows of a file; ``known`` are the columns that it may have, by which a CSV's delimiter is found.

    ``part`` says how many rows at most, and which. Texts are UTF-8, or UTF-16 with a byte order mark. Lists and objects of
    a Parquet file are Python's own. Raises ``PersonaError``, in one line that says what to change, for what cannot be read.
    """
    shown = f"{setting}={shorten(name)}"
    path = Path(name).expanduser()
    if not is_regular(path):
        raise PersonaError(f"{shown}: {'not a regular file' if exists(path) else 'no such file'}")
    inner = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    kind = inner.suffix.lower()
    reader = {".jsonl": _jsonl, ".ndjson": _jsonl, ".csv": _csv, ".tsv": _csv, ".parquet": _parquet}.get(kind)
    if reader is None:
        raise PersonaError(f"{shown}: the file must be .jsonl, .csv or .parquet")
    try:
        rows = reader(path, frozenset(known), part)
    except UnicodeError:
        raise PersonaError(
            f"{shown} cannot be read: not UTF-8 (perhaps Windows-1252, or UTF-16 without its mark): save it as UTF-8"
        ) from None
    except (OSError, EOFError, zlib.error, csv.Error, ValueError, RecursionError) as error:
        raise PersonaError(f"{shown} cannot be read: {shorten(error)}") from None
    if not rows:
        raise PersonaError(f"{shown}: the file has no rows")
    return rows


def _kept(numbered: Iterator[Row], part: Part | None) -> Rows:
    """Return all rows, or those of the part where there are more than it wants."""
    rows = Rows(numbered)
    rows.total = len(rows)
    if part is None or len(rows) <= part.most:
        return rows
    kept = Rows(rows[i] for i in part.of(len(rows)))
    kept.total = rows.total
    return kept


def _data(path: Path) -> bytes:
    with open_read(path) as file:
        return file.read()


def _is_big(path: Path, part: Part | None) -> bool:
    return part is not None and path.suffix.lower() != ".gz" and path.stat().st_size > BIG


def _text(data: bytes) -> str:
    text = data.decode(next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "utf-8"))
    if "\0" in text[:1000]:
        raise UnicodeError("UTF-16 without a mark reads as UTF-8 with a NUL in every second place")
    return text


def _jsonl(path: Path, known: Collection[str], part: Part | None) -> Rows:  # noqa: ARG001
    if part is not None and _is_big(path, part):
        with path.open("rb") as file:
            places = [i for i, line in enumerate(file) if line.strip()]
        chosen = frozenset(places[i] for i in part.of(len(places)))
        with path.open("rb") as file:
            rows = Rows(
                _object(path, i + 1, line.decode("utf-8-sig" if i == 0 else "utf-8"))
                for i, line in enumerate(file)
                if i in chosen
            )
        rows.total = len(places)
        return rows
    lines = enumerate(io.StringIO(_text(_data(path)), newline=None), 1)
    return _kept((_object(path, number, line) for number, line in lines if line.strip()), part)


def _object(path: Path, number: int, line: str) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise PersonaError(f"{path}:{number}: not JSON: {shorten(error)}") from None
    if not isinstance(row, dict):
        raise PersonaError(f"{path}:{number}: a line must be a JSON object, this one is a {type(row).__name__}")
    return f"{path}:{number}", row


def _csv(path: Path, known: Collection[str], part: Part | None) -> Rows:
    if part is not None and _is_big(path, part):
        with path.open(encoding="utf-8-sig", newline="") as file:
            opening = file.readline()
        delimiter = _delimiter(opening, known)
        with path.open(encoding="utf-8-sig", newline="") as file:
            total = sum(1 for cells in csv.reader(file, delimiter=delimiter) if cells) - 1
        chosen = frozenset(part.of(total))
        with path.open(encoding="utf-8-sig", newline="") as file:
            cells_of = csv.reader(file, delimiter=delimiter)
            rows = Rows(row for i, row in enumerate(_cells(path, cells_of, delimiter, 0)) if i in chosen)
        rows.total = total
        return rows
    text = _text(_data(path))
    # Spreadsheets can write their delimiter into a line of its own.
    said = re.match(r"sep=([,;|\t])\r?\n", text)
    delimiter = said[1] if said else _delimiter(text, known)
    # newline="": a line break in a quoted cell stays what it is.
    reader = csv.reader(io.StringIO(text[said.end() :] if said else text, newline=""), delimiter=delimiter)
    return _kept(_cells(path, reader, delimiter, bool(said)), part)


def _cells(path: Path, reader: Any, delimiter: str, above: int) -> Iterator[Row]:
    header: list[str] = next(reader, [])
    for cells in reader:
        where = f"{path}:{reader.line_num + above}"
        if not cells:
            continue
        if len(cells) > len(header):
            raise PersonaError(
                f"{where}: {len(cells)} cells, the header has {len(header)}: a text with {delimiter!r} in it needs quotes"
            )
        yield where, dict(zip(header, [*cells, *[None] * (len(header) - len(cells))], strict=True))


def _delimiter(text: str, known: Collection[str]) -> str:
    """Return the delimiter under which the header names most columns that are known, then the one with most columns."""

    def names(delimiter: str) -> tuple[int, int]:
        header = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
        return sum(plain(cell) in known for cell in header), len(header)

    return max(DELIMITERS, key=names)


def _parquet(path: Path, known: Collection[str], part: Part | None) -> Rows:  # noqa: ARG001
    import pyarrow
    import pyarrow.parquet

    try:
        source = pyarrow.BufferReader(_data(path)) if path.suffix.lower() == ".gz" else path
        # Group by group and through a small buffer: pyarrow would else hold most of the file while it reads ahead.
        with pyarrow.parquet.ParquetFile(source, pre_buffer=False, buffer_size=1 << 20) as file:
            fields = list(file.schema_arrow)
            unread = {f.name: Unread(what) for f in fields if (what := _no_text(f.type))}
            rows = Rows()
            rows.total = file.metadata.num_rows
            wanted = range(rows.total) if part is None or rows.total <= part.most else part.of(rows.total)
            at = start = 0
            for batch in _batches(file, [f.name for f in fields if f.name not in unread]):
                upto = at
                while upto < len(wanted) and wanted[upto] < start + batch.num_rows:
                    upto += 1
                places = [wanted[i] for i in range(at, upto)]
                at, kept = upto, batch.take(pyarrow.array([i - start for i in places], pyarrow.int64())).to_pylist()
                rows += [
                    (f"{path}: row {i + 1}", {f.name: unread.get(f.name, row.get(f.name)) for f in fields})
                    for i, row in zip(places, kept, strict=True)
                ]
                start += batch.num_rows
    except pyarrow.ArrowException as error:
        raise ValueError(shorten(error)) from None
    return rows


def _batches(file: Any, columns: list[str]) -> Iterator[Any]:
    import pyarrow

    for group in range(file.num_row_groups):
        yield from file.iter_batches(BATCH, row_groups=[group], columns=columns)
        pyarrow.default_memory_pool().release_unused()


def _no_text(kind: Any) -> str | None:
    """Return what the values of a Parquet column are where no text can be made of them."""
    from pyarrow import types

    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return "bytes"
    listed = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    if listed and (types.is_floating(kind.value_type) or types.is_integer(kind.value_type)):
        return "numbers"
    if types.is_struct(kind) and any(_no_text(kind.field(i).type) == "bytes" for i in range(kind.num_fields)):
        return "bytes"
    return None


def plain(name: object) -> str:
    """Return a column's name as attributes are written: ``Veteran_Status`` is ``veteran status``."""
    return attribute_name(name)


def require_unique(ids: Iterable[str], origin: str) -> None:
    """Raise ``PersonaError`` for the first id that stands twice."""
    seen: set[str] = set()
    for identifier in ids:
        if identifier in seen:
            raise PersonaError(f"{shorten(origin)}: the id {shorten(identifier, 40)!r} stands twice")
        seen.add(identifier)
