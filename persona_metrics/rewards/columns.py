"""What a trainer hands over, made into answers and people: completions, JSON columns. Knows no critic."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..answers import extract
from ..dataset.people import read_person
from ..errors import PersonaError, shorten


def answer_of(completion: Any) -> str | None:
    """Return the answer in a completion (a text, or messages of which the last counts), without thoughts; None without."""
    if isinstance(completion, (list, tuple)):
        last = completion[-1] if completion else {}
        completion = last.get("content") if isinstance(last, Mapping) else last
    return extract(completion, "output_only").answer


def text_of(completion: Any) -> str:
    """Return a completion as it is."""
    if isinstance(completion, (list, tuple)):
        last = completion[-1] if completion else {}
        completion = last.get("content") if isinstance(last, Mapping) else last
    return completion if isinstance(completion, str) else ""


def person(value: Any, column: str = "persona") -> dict[str, str] | None:
    """Return the attributes in a cell (an object, or its JSON); None for a blank one. Raises ``PersonaError``."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise PersonaError(f"{column}: not the JSON of a persona: {shorten(value, 60)!r}") from None
    found = read_person(value, column)[0] if isinstance(value, Mapping) else {}
    if not found:
        raise PersonaError(f"{column}: no attribute of a person in {shorten(value, 60)!r}")
    return found


def aligned(completions: Sequence[Any], **columns: Any) -> None:
    """Raise ``PersonaError`` where a column has not one value a completion."""
    for name, values in columns.items():
        if isinstance(values, (str, Mapping)) or len(values) != len(completions):
            raise PersonaError(
                f"{name}: one value a completion is needed ({len(completions)}); export prompts with --to trl-prompts"
            )
