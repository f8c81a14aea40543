"""Writes files whole or not at all."""

from __future__ import annotations

import re
from pathlib import Path

from .errors import PersonaError


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, making folders; half a surrogate pair becomes ``?``. Raise ``PersonaError`` if it fails."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(text.encode("utf-8", "replace"))
        part.replace(path)
    except OSError as error:
        raise PersonaError(f"{path}: cannot be written: {error.strerror or error}") from None


def file_name(*parts: str) -> str:
    """Return a file name without ending that holds only letters, digits, dots, dashes and underscores."""
    return "-".join(re.sub(r"[^A-Za-z0-9._]+", "_", p).strip("._")[:60] or "x" for p in parts if p)
