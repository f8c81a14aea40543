"""What the shell and ``.env`` set, each by itself: a key may only be lent by who also names where it goes.

Knows nothing of what the variables mean.
"""

from __future__ import annotations

import codecs
import io
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dotenv.parser import parse_stream

from ..consoles import say_once
from ..errors import PersonaError

ARGUMENT, ENVIRONMENT, DOTENV, DEFAULT = "argument", "environment", ".env", "default"
LARGEST = 1 << 20
"""A ``.env`` above this size, bytes, is no file of settings."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # UTF-32 begins like UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Lent:
    """What a call in Python hands over beside the environment for as long as it runs: keys are no arguments of lm-eval."""

    arguments: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Settings by name (``critic_api_key``), and OPENAI_API_KEY with OPENAI_BASE_URL of the model under test."""
    hidden: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    """What the shell had set before the call put something else there for lm-eval."""


_lent: list[Lent] = []

_BETWEEN = re.compile(r"[,+]\s*(?=https?://)", re.I)


def addresses(text: str | None) -> list[str]:
    """Return the addresses in a list with commas, or with ``+`` where a command line cuts at commas; blanks are left out.

    Either mark parts where an address follows. Elsewhere a ``+`` is the address's own, and so is a comma in its query.
    """
    parts: list[str] = []
    for part in _BETWEEN.split((text or "").strip().rstrip(",+")):
        before, mark, query = part.partition("?")
        *whole, last = before.split(",")
        parts += [*whole, f"{last}{mark}{query}"]
    return [part.strip() for part in parts if part.strip()]


@contextmanager
def lending(arguments: Mapping[str, str], variables: Mapping[str, str]) -> Iterator[None]:
    """Set ``variables`` for lm-eval, which reads its key nowhere else, and hand ``arguments`` over, until the end."""
    before = {name: os.environ.get(name) for name in variables}
    lent = Lent(dict(arguments), {**before, **(_lent[-1].hidden if _lent else {})})
    _lent.append(lent)
    os.environ.update(variables)
    try:
        yield
    finally:
        _lent.remove(lent)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def read_all() -> dict[str, dict[str, str]]:
    """Return the variables of each source, the strongest first, names in capitals; ``argument`` has what was lent.

    Raises ``PersonaError`` where ``.env`` cannot be read.
    """
    shell = {name.upper(): value for name, value in os.environ.items()}
    for name, value in (_lent[-1].hidden if _lent else {}).items():
        shell.pop(name, None)
        if value is not None:
            shell[name] = value
    return {ARGUMENT: dict(_lent[-1].arguments) if _lent else {}, ENVIRONMENT: shell, DOTENV: read_dotenv(Path(".env"))}


def read_dotenv(path: Path) -> dict[str, str]:
    """Return what a ``.env`` sets, names in capitals, ``${…}`` as it stands there.

    A folder of that name (a virtual environment) counts as none. UTF-8, UTF-16 and UTF-32 are told by their marks or
    their NULs; what is not UTF-8 is taken for cp1252. Raises ``PersonaError`` where it cannot be read or is no text.
    """
    try:
        if not path.exists() or path.is_dir():
            return {}
        if not path.is_file():
            raise PersonaError(f"{path}: not a file; move it away, or set the variables in the shell")
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise PersonaError(f"{path} cannot be read: {error.strerror or error}") from None
    if len(content) > LARGEST:
        raise PersonaError(f"{path}: over {LARGEST >> 20} MB, so no file of settings; move it away")
    text = _text(path, content).replace("\r\n", "\n").replace("\r", "\n")
    found = {}
    # Each line as it stands: filled in, it could send any variable of the shell to a host that it names.
    for line in parse_stream(io.StringIO(text)):
        if line.error:
            blank = line.original.string[: -len(line.original.string.lstrip()) or None].count("\n")
            say_once([f"{path}, line {line.original.line + blank}: not NAME=value, and left out"])
        elif line.key is not None and line.value is not None:
            found[line.key.upper()] = line.value
    return found


def _text(path: Path, content: bytes) -> str:
    encoding = next((name for mark, name in _BOMS if content.startswith(mark)), None)
    if encoding is None and b"\0" in content:
        # ASCII in UTF-16 has a NUL in every second place: behind the character, or before it.
        behind, before = content[1::2].count(0), content[0::2].count(0)
        if max(behind, before) * 4 < len(content) or min(behind, before) * 8 > len(content):
            raise PersonaError(f"{path}: holds NUL bytes, so no text; write it anew")
        encoding = "utf-16-le" if behind > before else "utf-16-be"
    try:
        text = content.decode(encoding or "utf-8")
    except UnicodeDecodeError:
        if encoding is not None:
            raise PersonaError(f"{path}: broken {encoding.upper()}; save it as UTF-8") from None
        text = content.decode("cp1252", "replace")
    if "\0" in text:
        raise PersonaError(f"{path}: holds NUL characters; write it anew")
    return text
