"""Finds the letter of the chosen option in a model's reply. Knows no persona and no model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from string import ascii_uppercase

from ..answers import extract

_ALONE = re.compile(r"^\W*([A-Za-z])\W*$")
_FIRST = re.compile(r"^[\s\"'(\[*_`]*([A-Z])[\"'*_`]*\s*(?:[.):\]]|\*\*|$)", re.M)
_NAMED = re.compile(
    r"\b(?:answer|choice|option|letter)\b(?:\s+(?:is|would be))?\s*:?\s*[\"'(\[*_`]*([A-Z])\b(?![a-z'’])", re.I
)
_STANDS = re.compile(r"(?<![A-Za-z'’])([A-Z])(?![A-Za-z'’])")


def letters(count: int) -> tuple[str, ...]:
    """Return the first ``count`` capital letters."""
    return tuple(ascii_uppercase[:count])


def letter_of(reply: str, shown: Sequence[str]) -> int | None:
    """Return the position of the option that ``reply`` names, of the options as they were shown; None where it names none.

    A letter alone or first in a line, then one called the answer, then the only one that stands by itself, then the only
    option whose text is quoted. Thinking blocks are left out, and a reply that names several names none.
    """
    found = extract(reply, "output_only").answer
    if found is None:
        return None
    known = letters(len(shown))
    if (alone := _ALONE.match(found)) and alone[1].upper() in known:
        return known.index(alone[1].upper())
    named = [n for n in _NAMED.findall(found) if n.isupper() and n in known]
    for candidates in (_FIRST.findall(found)[:1], named[-1:], _standing(found, known)):
        if len(set(candidates)) == 1 and candidates[0] in known:
            return known.index(candidates[0])
    quoted = [i for i, text in enumerate(shown) if text.rstrip(".").casefold() in found.casefold()]
    return quoted[0] if len(quoted) == 1 else None


def _standing(text: str, known: Sequence[str]) -> list[str]:
    # "A" and "I" are words, too: they count only where no article or pronoun could stand.
    return [
        m[1]
        for m in _STANDS.finditer(text)
        if m[1] in known and not re.match(r"[AI] +(?!or\b|and\b)[a-z]", text[m.start() :])
    ]
