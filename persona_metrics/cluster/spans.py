"""A dataset by its path, cut into spans that can be read apart: JSONL and Parquet, here or in a bucket. Knows no Ray.

Rows are read as one process reads them (a JSON object a line, whatever its keys), with their number in the whole and the
place that messages name. A reader with one schema for all rows would break on personas that state different things.
"""

from __future__ import annotations

import fnmatch
import gzip
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from ..errors import PersonaError, shorten
from ..files import exists, json_object, open_read

LINES = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")
ENDINGS = (*LINES, ".parquet")
ROWS = 500
"""Rows of a span: what a killed process reads anew."""
_SLICES = 16
"""A row group of Parquet is read whole for every slice of it, so there are not more of them."""

Row = tuple[int, str, dict[str, Any]]
"""A row's number in the whole dataset (from 0), where it stands, and what it holds."""


@dataclass(frozen=True)
class Span:
    """Some rows of one file that follow one another. ``start`` and ``stop`` are bytes of a JSONL, rows of a row group."""

    number: int
    path: str
    first: int
    rows: int
    start: int = 0
    stop: int = 0
    line: int = 1
    group: int = -1


@dataclass(frozen=True)
class File:
    """A file by the name that messages show."""

    path: str

    @property
    def remote(self) -> bool:
        """Whether it lies in a bucket."""
        return "://" in self.path

    def open(self) -> IO[bytes]:
        """Open it for reading at any place; raise ``PersonaError`` where it cannot be."""
        if not self.remote:
            return open_read(Path(self.path))
        try:
            system, name = pafs.FileSystem.from_uri(self.path)
            raw = system.open_input_file(name)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise PersonaError(f"{shorten(self.path)}: cannot be read: {shorten(error)}") from None
        return gzip.open(raw, "rb") if self.path.endswith(".gz") else raw  # type: ignore[no-any-return]


def listed(path: str) -> list[File]:
    """Return the files that a path names, sorted: a file, a folder, a glob, or either in ``s3://`` or ``gs://``.

    Raises ``PersonaError`` where there is none, and for a file of another kind.
    """
    if "://" in path:
        return _in_bucket(path)
    place = Path(path).expanduser()
    if not exists(place) and any(c in path for c in "*?["):
        root = Path(place.anchor or ".")
        matched = root.glob(str(place.relative_to(root) if place.anchor else place))
        found = sorted(str(p) for p in matched if not _hidden([p.name]))
    elif place.is_dir():
        found = sorted(str(p) for p in place.rglob("*") if not _hidden(p.relative_to(place).parts))
        found = [name for name in found if name.endswith(ENDINGS)]
    elif exists(place):
        found = [str(place)]
    else:
        raise PersonaError(f"{shorten(path)}: no such file")
    return _files(found, path)


def _files(found: Iterable[str], path: str) -> list[File]:
    files = [File(name) for name in found]
    if not files:
        raise PersonaError(f"{shorten(path)}: no file there ends in {', '.join(ENDINGS)}")
    if strange := [file.path for file in files if not file.path.endswith(ENDINGS)]:
        raise PersonaError(
            f"{shorten(strange[0])}: neither JSONL nor Parquet (its name must end in {', '.join(ENDINGS)})"
        )
    return files


def _hidden(parts: Iterable[str]) -> bool:
    return any(part.startswith((".", "_")) for part in parts)


def _in_bucket(path: str) -> list[File]:
    scheme = path.partition("://")[0]
    bare = path.partition("*")[0].partition("?")[0].partition("[")[0]
    folder = bare if bare == path else bare.rpartition("/")[0]
    try:
        system, name = pafs.FileSystem.from_uri(folder)
        info = system.get_file_info(name)
        if info.type == pafs.FileType.File:
            return _files([path], path)
        inside = system.get_file_info(pafs.FileSelector(name, recursive=True, allow_not_found=True))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise PersonaError(f"{shorten(path)}: cannot be read: {shorten(error)}") from None
    names = [f"{scheme}://{one.path.lstrip('/') if scheme != 'file' else one.path}" for one in inside if one.is_file]
    names = [one for one in names if one.endswith(ENDINGS) and not _hidden(one[len(folder) :].split("/"))]
    return _files(sorted(fnmatch.filter(names, path) if bare != path else names), path)


# -- cutting -------------------------------------------------------------------------------------------------------------


def cut(file: File, rows: int = ROWS) -> list[Span]:
    """Return a file's spans, numbered from 0; reads all of a JSONL, of Parquet what stands at its end."""
    if file.path.endswith(".parquet"):
        return _cut_parquet(file, rows)
    if file.path.endswith(".gz"):  # nothing can begin in the middle of it
        with file.open() as lines:
            return [Span(0, file.path, 0, sum(1 for line in _lines(file, lines) if line.strip()))]
    spans: list[Span] = []
    with file.open() as lines:
        start = at = held = first = 0
        line = begun = 1
        for text in _lines(file, lines):
            at, line, held = at + len(text), line + 1, held + bool(text.strip())
            if held == rows:
                spans.append(Span(len(spans), file.path, first, held, start, at, begun))
                start, begun, first, held = at, line, first + held, 0
        if held:
            spans.append(Span(len(spans), file.path, first, held, start, at, begun))
    return spans


def _lines(file: File, opened: IO[bytes]) -> Iterator[bytes]:
    try:
        # A bucket's file is no iterator of lines.
        yield from io.BufferedReader(opened) if isinstance(opened, (io.RawIOBase, pa.NativeFile)) else opened
    except Exception as error:  # gzip and zlib have four ways to say that a file is cut or none of theirs
        raise PersonaError(f"{shorten(file.path)}: cannot be read: {shorten(error)}") from None


def _cut_parquet(file: File, rows: int) -> list[Span]:
    with _parquet(file) as table:
        sizes = [table.metadata.row_group(i).num_rows for i in range(table.metadata.num_row_groups)]
    spans: list[Span] = []
    first = 0
    for group, size in enumerate(sizes):
        each = max(rows, -(-size // _SLICES))
        for start in range(0, size, each):
            stop = min(size, start + each)
            spans.append(Span(len(spans), file.path, first + start, stop - start, start, stop, group=group))
        first += size
    return spans


def _parquet(file: File) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file.open())
    except (OSError, pa.ArrowException) as error:
        raise PersonaError(f"{shorten(file.path)}: no Parquet file: {shorten(error)}") from None


def joined(parts: Iterable[Iterable[Span]]) -> list[Span]:
    """Return the spans of several files, numbered on; rows count through all of them."""
    spans: list[Span] = []
    for part in parts:
        before = spans[-1].first + spans[-1].rows if spans else 0
        spans += [replace(s, number=len(spans) + i, first=before + s.first) for i, s in enumerate(part)]
    return spans


def spans_of(path: str, rows: int = ROWS, each: Callable[[list[File]], list[list[Span]]] | None = None) -> list[Span]:
    """Return the spans of all files at ``path`` (``each`` cuts them elsewhere); raise ``PersonaError`` for no row."""
    files = listed(path)
    spans = joined(each(files) if each else [cut(file, rows) for file in files])
    if not spans:
        raise PersonaError(f"{shorten(path)}: there are no rows")
    return spans


# -- reading -------------------------------------------------------------------------------------------------------------


def rows_of(span: Span) -> Iterator[Row]:
    """Yield a span's rows, one at a time; raise ``PersonaError`` with file and line for what is no JSON object."""
    if span.path.endswith(".parquet"):
        yield from _rows_of_parquet(span)
        return
    with File(span.path).open() as lines:
        if span.stop:
            lines.seek(span.start)
        at, number = span.start, span.first
        for line, text in enumerate(_lines(File(span.path), lines), span.line):
            at += len(text)
            if text.strip():
                yield number, f"{span.path}:{line}", object_of(text, f"{span.path}:{line}")
                number += 1
            if span.stop and at >= span.stop:
                return


def object_of(text: bytes, where: str) -> dict[str, Any]:
    """Return a line's object; raise ``PersonaError`` where it is none."""
    try:
        line = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PersonaError(f"{where}: not JSON (a line that was cut?): {shorten(error)}") from None
    return json_object(line, where)


def _rows_of_parquet(span: Span) -> Iterator[Row]:
    with _parquet(File(span.path)) as table:
        at = 0
        for batch in table.iter_batches(batch_size=ROWS, row_groups=[span.group]):
            if at + batch.num_rows > span.start:
                part = batch.slice(max(0, span.start - at), span.stop - max(at, span.start))
                before = span.first + max(0, at - span.start)
                for i, row in enumerate(part.to_pylist(maps_as_pydicts="lossy")):
                    yield before + i, f"{span.path}: row {before + i + 1}", plain(row)
            at += batch.num_rows
            if at >= span.stop:
                return


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table's row as a line of JSON would have it: what is null is not there, but for an answer that is none."""
    said = [name for name in ("answer", "reply") if name in row]
    return {k: v for k, v in row.items() if v is not None or [k] == said}
