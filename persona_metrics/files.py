"""How files are written (whole or not at all), named and opened: one place for what a disk and a foreign name can do."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from .errors import PersonaError, shorten

LONGEST = 120
"""Bytes of a name that is made safe; a file system takes 255, and a prefix and an ending join it."""

_RESERVED = frozenset({"CON", "PRN", "AUX", "NUL", *(f"{d}{i}" for d in ("COM", "LPT") for i in range(1, 10))})
_UNSAFE = re.compile(r"""[<>:"/\\|?*\[\]\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+""")
_SURROGATES = re.compile("[\ud800-\udfff]")
_FORMULA = tuple("=+-@＝＋－＠")


def safe_name(name: object, limit: int = LONGEST, fallback: str = "unnamed") -> str:
    """Return ``name`` as one part of a path that every file system takes: nothing of it can lead to another folder.

    Separators, control characters, half surrogate pairs and what Windows refuses become ``_``; dots and blanks at the ends
    go, since ``..`` is a folder; CON, NUL, … get a ``_`` in front. Beyond ``limit`` bytes it is cut, and a hash of the
    whole tells two long names apart.
    """
    text = str(name)
    safe = _UNSAFE.sub("_", text).strip(" .")
    if safe.partition(".")[0].strip().upper() in _RESERVED:
        safe = f"_{safe}"
    if len(safe.encode()) > limit:
        mark = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        safe = f"{safe.encode()[: limit - 9].decode('utf-8', 'ignore').rstrip(' .')}-{mark}"
    return safe or fallback


def file_name(*parts: str) -> str:
    """Return a file name without ending that holds only letters, digits, dots, dashes and underscores."""
    return "-".join(safe_name(re.sub(r"[^A-Za-z0-9._]+", "_", p).strip("._"), 60, "x") for p in parts if p)


def told_apart(names: Iterable[str]) -> dict[str, str]:
    """Return each name's ``file_name``, with a hash of the name behind it where another name has the same one.

    Upper and lower case are the same, as they are to some file systems. A name that would be blank is ``x``.
    """
    every = list(dict.fromkeys(names))
    plain = {name: file_name(name) or "x" for name in every}
    shared = Counter(text.lower() for text in plain.values())
    marked = {
        name: f"{text}_{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
        for name, text in plain.items()
        if shared[text.lower()] > 1
    }
    return {**plain, **marked}


def safe_cell(value: Any) -> Any:
    """Return a table's cell with a quote before a text that a spreadsheet would take for a formula.

    A bare carriage return becomes a line feed: writers that do not quote it begin a new cell there, and with it a formula.
    NUL becomes U+FFFD: Python 3.10 writes none into a table, and readers end a cell there.
    """
    if not isinstance(value, str):
        return value
    text = whole_characters(value).replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    risky = value[:1] in ("\t", "\r", "\n") or text.lstrip(" \t\r\n\v\f\ufffd\xa0\ufeff")[:1] in _FORMULA
    return f"'{text}" if value and risky else text


def whole_characters(text: str) -> str:
    """Return ``text`` with ``?`` for every half of a surrogate pair: a model can send one, but no file can hold it."""
    return text if text.isascii() or not _SURROGATES.search(text) else _SURROGATES.sub("?", text)


def scrubbed(value: Any) -> Any:
    """Return nested data with ``whole_characters`` in place of every text, keys included."""
    if isinstance(value, str):
        return whole_characters(value)
    if isinstance(value, dict):
        return {scrubbed(key): scrubbed(item) for key, item in value.items()}
    return type(value)(map(scrubbed, value)) if type(value) in (list, tuple) else value


# -- writing -------------------------------------------------------------------------------------------------------


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """Lend a binary file that becomes ``path`` once everything is written and on the disk; else ``path`` stays as it was.

    Makes folders. A device or a pipe (``/dev/stdout``) is written to as it is. Raises ``PersonaError`` where the disk is
    full or refuses.
    """
    require_possible(path)
    part: Path | None = None
    try:
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise PersonaError(f"{shorten(path)}: cannot be written: it is a folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and not target.is_file():
            with target.open("wb") as file:
                yield file
            return
        mark = hashlib.sha256(target.name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        part = target.with_name(f".{mark}-{os.getpid()}.part")
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        raise unwritable(path, error) from None
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data``, whole or not at all. Raises ``PersonaError`` where it fails."""
    with writing(path) as file:
        file.write(data)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, whole or not at all; half a surrogate pair becomes ``?``. Raises ``PersonaError``."""
    write_bytes(path, text.encode("utf-8", "replace"))


def write_lines(path: Path, lines: Iterable[str]) -> int:
    """Write each text as a line of UTF-8, whole or not at all; return how many there were. Raises ``PersonaError``."""
    count = 0
    with writing(path) as file:
        for line in lines:
            file.write(line.encode("utf-8", "replace") + b"\n")
            count += 1
    return count


@contextmanager
def placing(folder: Path) -> Iterator[Path]:
    """Lend an empty folder; its files go to the same places below ``folder`` once all of them are written.

    For writers that want a path of their own. Raises ``PersonaError`` where the disk is full or refuses, and then leaves
    nothing behind.
    """
    require_possible(folder)
    part, made = folder / f".{os.getpid()}.part", not folder.exists()
    try:
        part.mkdir(parents=True)
        yield part
        written = sorted(p for p in part.rglob("*") if p.is_file())
        for path in written:
            with path.open("rb+") as file:
                os.fsync(file.fileno())
        for path in written:
            target = folder / path.relative_to(part)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
    except OSError as error:
        raise unwritable(folder, error) from None
    finally:
        _remove(part)
        if made:
            with suppress(OSError):
                folder.rmdir()  # only where nothing came of it


def _remove(folder: Path) -> None:
    """Remove a folder, though Ctrl-C comes meanwhile."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def check_folder(folder: Path) -> None:
    """Make ``folder`` and prove that something can be written there, before anybody pays for what should go into it.

    Raises ``PersonaError`` where it cannot be.
    """
    require_possible(folder)
    probe = folder / f".{os.getpid()}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with probe.open("wb") as file:
            file.write(b"\0" * 4096)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise unwritable(folder, error) from None
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


def require_possible(path: Path) -> None:
    """Raise ``PersonaError`` for a path that no file system could hold (a NUL, half a surrogate pair)."""
    try:
        possible = b"\0" not in os.fsencode(path)
    except ValueError:
        possible = False
    if not possible:
        raise PersonaError(f"{shorten(ascii(str(path)))}: cannot be written: no file can have this name")


def unwritable(path: object, error: BaseException) -> PersonaError:
    """Return the one line about a file that could not be written."""
    return PersonaError(f"{shorten(path)}: cannot be written: {_reason(error)}")


def _reason(error: BaseException) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or shorten(error)


# -- reading -------------------------------------------------------------------------------------------------------


def is_regular(path: Path) -> bool:
    """Return whether ``path`` is a file that ends: no folder, no pipe that waits for a writer, no link in a circle."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116 - Path.is_file lets some errors through
    except (OSError, ValueError):
        return False


def open_read(path: Path) -> IO[bytes]:
    """Open a regular file for reading bytes, unpacked where its name ends in ``.gz``.

    Raises ``PersonaError`` where it is none or may not be read. (A ``.gz`` that is cut raises ``EOFError`` on reading.)
    """
    if not is_regular(path):
        raise PersonaError(
            f"{shorten(path)}: {'cannot be read: not a regular file' if exists(path) else 'no such file'}"
        )
    try:
        return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]
    except OSError as error:
        raise unreadable(path, error) from None


def exists(path: Path) -> bool:
    """Return whether there is anything at ``path`` (a link to nowhere counts)."""
    try:
        return os.path.lexists(path)
    except ValueError:
        return False


def read_text(path: Path) -> str:
    """Return a file's text (UTF-8, with or without a byte order mark; ``.gz`` unpacked). Raises ``PersonaError``."""
    with open_read(path) as file:
        try:
            return file.read().decode("utf-8-sig")
        except UnicodeError:
            raise PersonaError(f"{shorten(path)}: cannot be read: not UTF-8 text") from None
        except Exception as error:  # gzip and zlib have four ways to say that a file is cut or none of theirs
            raise unreadable(path, error) from None


def json_object(line: str | bytes, where: str) -> dict[str, Any]:
    """Return the object in a line of JSON, with whole characters. Raises ``PersonaError`` that begins with ``where``."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise PersonaError(f"{where}: not JSON (a line that was cut?): {shorten(error)}") from None
    if not isinstance(row, dict):
        raise PersonaError(f"{where}: a line must be a JSON object, this one is a {type(row).__name__}")
    if isinstance(line, str) and "\\u" not in line:
        return row  # half a surrogate pair can only be escaped in a text; bytes may hold one as it is
    whole: dict[str, Any] = scrubbed(row)
    return whole


def unreadable(path: object, error: BaseException) -> PersonaError:
    """Return the one line about a file that could not be read."""
    return PersonaError(f"{shorten(path)}: cannot be read: {_reason(error)}")
