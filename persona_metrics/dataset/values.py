"""What a cell of a table says as text: lists and objects as their items, whole numbers without a point. Knows no column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import PersonaError


def scalar(value: Any, name: str, where: str) -> str | None:
    """Return a cell as text, None where there is none; raise ``PersonaError`` for what is no Unicode text."""
    if type(value) is str and value.isascii():
        return value
    # The hub's set keeps some attributes as JSON; a list of them reads as its items.
    value = _joined(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    try:
        return text_of(value, where)
    except PersonaError as error:
        raise PersonaError(f"{error} in {name!r}") from None


def _joined(value: Any) -> Any:
    if hasattr(value, "tolist"):  # numpy's arrays and numbers, as data frames hand them over
        value = value.tolist()
    if isinstance(value, Mapping):
        return ", ".join(f"{k}: {_joined(v)}" for k, v in value.items() if v is not None)
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(str(_joined(v)) for v in value if v is not None)
    return value


def text_of(value: Any, where: str) -> str | None:
    """Return a value's text; raise ``PersonaError`` where a half of a surrogate pair is in it."""
    if value is None:
        return None
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PersonaError(f"{where}: the text holds half a surrogate pair, which is not Unicode text") from None
    return text
