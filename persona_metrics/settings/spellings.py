"""How a setting may be written: one of a few words, a list of names, JSON or a file of it. Knows no setting."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..errors import PersonaError, shorten, suggest
from ..personas import attribute_name


def one_of(value: str, known: tuple[str, ...]) -> str:
    """Return the word; raise ``ValueError`` where it is none of those that are known."""
    if value not in known:
        raise ValueError(f"{shorten(value, 40)!r} is none of {', '.join(known)}{suggest(value, known)}")
    return value


def split_names(value: Any) -> tuple[str, ...]:
    """Return attribute names from ``"sex,race"``, ``"sex+race"``, ``'["sex"]'`` or a list, without blanks and repeats."""
    if value is None:
        return ()
    if isinstance(value, str):
        text = value.strip()
        if text.startswith("["):
            try:
                value = json.loads(text)
            except (ValueError, RecursionError):
                value = text.strip("[]").split(",")
        else:
            value = text.replace("+", ",").replace(";", ",").split(",")
    if not isinstance(value, Iterable):
        value = (value,)
    names = (attribute_name(str(name).strip().strip("'\"")) for name in value)
    return tuple(dict.fromkeys(name for name in names if name))


def read_json(text: str, setting: str) -> Any:
    """Return the JSON that a setting holds itself or in the file it names; raise ``PersonaError`` where it is none."""
    origin = setting
    if not text.lstrip().startswith(("{", "[", '"')):
        path = Path(text).expanduser()
        origin = f"{setting}={shorten(text)}"
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            raise PersonaError(
                f"{origin}: cannot be read: {shorten(getattr(error, 'strerror', None) or error)}"
            ) from None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PersonaError(f"{origin}: not JSON: {shorten(error)}") from None
    # Python callers and lm-eval may hand a file's name over as a JSON text.
    return read_json(data, setting) if isinstance(data, str) and data != text else data
