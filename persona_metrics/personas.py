"""A persona and its 33 attributes: names, groups that belong together, bands for grouping. Knows no file and no model."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .errors import PersonaError, shorten, suggest

ATTRIBUTES: tuple[str, ...] = (
    "age",
    "sex",
    "race",
    "ancestry",
    "household language",
    "education",
    "employment status",
    "class of worker",
    "industry category",
    "occupation category",
    "detailed job description",
    "income",
    "marital status",
    "household type",
    "family presence and age",
    "place of birth",
    "citizenship",
    "veteran status",
    "disability",
    "health insurance",
    "big five scores",
    "defining quirks",
    "mannerisms",
    "personal time",
    "lifestyle",
    "ideology",
    "political views",
    "religion",
    "cognitive difficulty",
    "ability to speak english",
    "vision difficulty",
    "fertility",
    "hearing difficulty",
)
"""The 33 attributes of PERSONA (Castricato et al. 2024, arXiv 2407.17387), in the order a prompt shows them."""

ATTRIBUTE_GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "disability": (
            "disability",
            "cognitive difficulty",
            "vision difficulty",
            "hearing difficulty",
            "ability to speak english",
        ),
        "politics": ("ideology", "political views"),
        "work": (
            "employment status",
            "class of worker",
            "industry category",
            "occupation category",
            "detailed job description",
        ),
        "household": ("marital status", "household type", "family presence and age", "fertility"),
        "origin": (
            "race",
            "ancestry",
            "household language",
            "place of birth",
            "citizenship",
            "ability to speak english",
        ),
        "character": ("big five scores", "defining quirks", "mannerisms", "personal time", "lifestyle"),
    }
)
"""Attributes that repeat each other's information; leave-one-out may drop such a group together."""

AGE_BANDS: tuple[tuple[float, float, str], ...] = (
    (0, 17, "0-17"),
    (18, 34, "18-34"),
    (35, 49, "35-49"),
    (50, 64, "50-64"),
    (65, math.inf, "65+"),
)
"""Lowest age, highest age (both included), label."""

INCOME_BANDS: tuple[tuple[float, float, str], ...] = (
    (-math.inf, 24999, "under 25k"),
    (25000, 49999, "25k-50k"),
    (50000, 99999, "50k-100k"),
    (100000, math.inf, "100k+"),
)
"""Lowest and highest income in dollars a year (both included), label."""

QUESTION_GROUPS = ("topic", "kind")
"""What pairs are grouped by that is their question's and not their persona's; a file's own columns join these."""

NOT_STATED = "not stated"
"""The group label of a persona that lacks the attribute."""

_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_BLANK = frozenset({"", "nan", "none", "null", "n/a", "na"})


@dataclass(frozen=True)
class Persona:
    """One person: an id and the attributes that are known of them (a blank one is absent, never an empty text)."""

    id: str
    attributes: Mapping[str, str]

    def without(self, *names: str) -> Persona:
        """Return the persona with the named attributes left out."""
        dropped = frozenset(names)
        return Persona(self.id, {k: v for k, v in self.attributes.items() if k not in dropped})


def known(attributes: Mapping[str, object]) -> dict[str, str]:
    """Return the 33 attributes in their order as text, leaving out those that are blank or missing."""
    found = {}
    for name in ATTRIBUTES:
        value = attributes.get(name)
        text = "" if value is None else str(value)
        if text.strip().lower() not in _BLANK:
            found[name] = text
    return found


def number(text: str | None) -> float | None:
    """Return the first number in ``text`` (``"$52,000 a year"`` is 52000.0), or None where there is none."""
    match = _NUMBER.search(text or "")
    return float(match.group().replace(",", "")) if match else None


def bands(attribute: str) -> tuple[tuple[float, float, str], ...]:
    """Return the bands of ``age`` or ``income``, and nothing for any other attribute."""
    return {"age": AGE_BANDS, "income": INCOME_BANDS}.get(attribute, ())


def band(attribute: str, value: str | None) -> str:
    """Return the label under which a value is grouped.

    Ages and incomes fall into ``AGE_BANDS`` and ``INCOME_BANDS``; any other attribute groups by its own text. A value
    that is missing, or an age that is no number, is ``NOT_STATED``: it is a group of its own, not a guess.
    """
    if value is None or value.strip().lower() in _BLANK:
        return NOT_STATED
    if not (ranges := bands(attribute)):
        return value
    amount = number(value)
    if amount is None:
        return NOT_STATED
    # Whole dollars and years bound the bands, so 24,999.50 belongs to the one below.
    return next((label for low, high, label in ranges if low <= math.floor(amount) <= high), NOT_STATED)


def require_attributes(names: Iterable[str], where: str) -> tuple[str, ...]:
    """Return the names as a tuple; raise ``PersonaError`` for the first that is none of the 33."""
    checked = tuple(names)
    for name in checked:
        if name not in ATTRIBUTES:
            raise PersonaError(
                f"{where}: {shorten(name, 40)!r} is not an attribute{suggest(name, ATTRIBUTES)};"
                " persona-metrics doctor --attributes lists the 33"
            )
    return checked
