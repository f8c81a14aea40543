"""A persona and its attributes: the 33 of the paper and any others, groups of them, bands. Knows no file and no model."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
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

NOT_APPLICABLE = "not applicable"
"""How a value begins that says the attribute is nothing this person could have: it is known, and no model is shown it."""

_NUMBER = re.compile(
    r"(-?)(?:[$€£¥]\s?)?(\d[\d,]*(?:\.\d+)?(?:e[+-]?\d{1,2}\b)?)(?:\s?(k|thousand|m|mn|million)\b)?", re.I
)
_TIMES = {"k": 1e3, "thousand": 1e3, "m": 1e6, "mn": 1e6, "million": 1e6}
_LESS = re.compile(r"^\s*(?:under|below|less than|fewer than|<)\s*[$€£¥]?\s?\d", re.I)
MISSING_CODES = frozenset(
    {"", "nan", "null", "(null)", "<null>", "na", "n/a", "n.a.", "n.a", "#n/a", "<na>", "nat", "-", "--", "."}
)
"""What stands for nothing, in lower case; ``None`` is none of them (see ``is_missing``)."""
_NONE_IS_A_VALUE = frozenset(
    {
        *("religion", "political views", "ideology", "health insurance", "veteran status", "fertility"),
        *("disability", "cognitive difficulty", "vision difficulty", "hearing difficulty", "ability to speak english"),
        *("family presence and age", "defining quirks", "mannerisms"),
    }
)
_BY_LETTERS = {name.replace(" ", ""): name for name in ATTRIBUTES}


@dataclass(frozen=True)
class Persona:
    """One person: an id and the attributes that are known of them (a blank one is absent, never an empty text).

    The attributes stand in the order in which a prompt shows them.
    """

    id: str
    attributes: Mapping[str, str]

    def without(self, *names: str) -> Persona:
        """Return the persona with the named attributes left out."""
        dropped = frozenset(names)
        return Persona(self.id, {k: v for k, v in self.attributes.items() if k not in dropped})


def attribute_name(name: object) -> str:
    """Return a column's name as attributes are written: ``Veteran_Status`` and ``veteranStatus`` are ``veteran status``.

    Letters are small, and underscores, line breaks and runs of blanks one blank.
    """
    return _named(str(name))


@lru_cache(4096)
def _named(name: str) -> str:
    # A million rows have the same thirty columns.
    text = " ".join(name.replace("_", " ").lower().split())
    return _BY_LETTERS.get(text.replace(" ", "").replace("-", ""), text)


def one_line(text: str) -> str:
    """Return a text on one line: a break of any kind (U+2028, vertical tab, …) could begin what looks like an attribute."""
    parts = text.splitlines()
    return text if len(parts) == 1 and parts[0] == text else " ".join(filter(None, map(str.strip, parts)))


def is_missing(attribute: str, text: str) -> bool:
    """Return whether a text stands for nothing: blank, ``NaN``, ``null``, ``NA``, ``n/a`` and the like.

    ``None`` is a value, but in those of the 33 that have no such category (an income, a race).
    """
    code = text.strip().lower()
    if code == "none":
        return attribute in ATTRIBUTES and attribute not in _NONE_IS_A_VALUE
    return code in MISSING_CODES


def known(attributes: Mapping[str, object]) -> dict[str, str]:
    """Return what is stated, in its order: names as ``attribute_name``, values as text, missing ones left out."""
    found: dict[str, str] = {}
    for key, value in attributes.items():
        name = attribute_name(key)
        text = "" if value is None else str(value)
        if name and not is_missing(name, text):
            found.setdefault(name, text)
    return found


def stated(attributes: Mapping[str, object]) -> dict[str, str]:
    """Return the values of a document that a run wrote, which were read before: those that are not null, as they are."""
    return {str(name): str(value) for name, value in attributes.items() if value is not None}


def shown(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return the attributes as a model is told them: on one line each, and none that is not applicable to the person."""
    return {k: one_line(v) for k, v in attributes.items() if not v.strip().lower().startswith(NOT_APPLICABLE)}


def columns_of(personas: Iterable[Persona]) -> tuple[str, ...]:
    """Return every attribute that one of the personas states, in the order in which they stand in them."""
    return in_order(persona.attributes for persona in personas)


def in_order(lists: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Return every name of the lists once; one that a list adds stands before what follows it there."""
    order: list[str] = []
    there: set[str] = set()
    for names in map(list, lists):
        if there.issuperset(names):
            continue
        for place, name in enumerate(names):
            if name not in there:
                after = next((n for n in names[place + 1 :] if n in there), None)
                order.insert(len(order) if after is None else order.index(after), name)
                there.add(name)
    return tuple(order)


def number(text: str | None) -> float | None:
    """Return the first number in ``text`` (``"$52,000 a year"`` is 52000.0, ``"1e5"`` and ``"$100k"`` 100000.0), or None."""
    match = _NUMBER.search(text or "")
    if match is None:
        return None
    amount = float(match[2].replace(",", "")) * _TIMES.get((match[3] or "").lower(), 1)
    return -amount if match[1] else amount


def bands(attribute: str) -> tuple[tuple[float, float, str], ...]:
    """Return the bands of ``age`` or ``income``, and nothing for any other attribute."""
    return {"age": AGE_BANDS, "income": INCOME_BANDS}.get(attribute, ())


def band(attribute: str, value: str | None) -> str:
    """Return the label under which a value is grouped.

    Ages and incomes fall into ``AGE_BANDS`` and ``INCOME_BANDS``; any other attribute groups by its own text. A value
    that is missing, or an age that is no number, is ``NOT_STATED``: it is a group of its own, not a guess.
    """
    if value is None or is_missing(attribute, value):
        return NOT_STATED
    if not (ranges := bands(attribute)) or value in {label for *_, label in ranges}:
        return value
    amount = number(value)
    if amount is None:
        return NOT_STATED
    # Whole dollars and years bound the bands, so 24,999.50 belongs to the one below; "less than $25,000" ends there.
    whole = math.floor(amount) - bool(_LESS.match(value))
    return next((label for low, high, label in ranges if low <= whole <= high), NOT_STATED)


def require_attributes(names: Iterable[str], where: str, there: Collection[str] = ATTRIBUTES) -> tuple[str, ...]:
    """Return the names as a tuple; raise ``PersonaError`` for the first that is none of ``there`` (the 33, or a file's)."""
    checked = tuple(names)
    for name in checked:
        if name not in there:
            ours = set(there) == set(ATTRIBUTES)
            if not ours and name in ATTRIBUTES:
                raise PersonaError(f"{where}: no persona states {name!r}; {_listed(there)}")
            raise PersonaError(
                f"{where}: {shorten(name, 40)!r} is not an attribute{suggest(name, there)};"
                + (" persona-metrics doctor --attributes lists the 33" if ours else f" {_listed(there)}")
            )
    return checked


def _listed(there: Iterable[str]) -> str:
    return f"the personas have {shorten(', '.join(there) or 'nothing', 200)}"
