"""Conditions on a persona's attributes: their notation in JSON, and whether a persona meets one. Knows no file.

``{"attribute": "age", "values": ["65+"]}`` holds where the persona has one of the values; ``{"not": C}``,
``{"any": [C, …]}`` and ``{"all": [C, …]}`` combine; a list means all of it, and an empty list always holds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..errors import PersonaError, shorten
from ..personas import ATTRIBUTES, NOT_STATED, attribute_name, band, bands, number, require_attributes

_AMOUNT = r"\$?(\d[\d,]*(?:\.\d+)?k?)"
_RANGE = re.compile(rf"^\s*{_AMOUNT}\s*(?:-|–|to)\s*{_AMOUNT}\s*$", re.I)
_OPEN = re.compile(rf"^\s*(?:{_AMOUNT}\s*\+|(?:>=|≥)\s*{_AMOUNT})\s*$", re.I)
_BELOW = re.compile(rf"^\s*(?:under|below|<)\s*{_AMOUNT}\s*$", re.I)


@dataclass(frozen=True)
class Has:
    """The persona has one of the values of the attribute."""

    attribute: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Not:
    """The condition does not hold."""

    condition: Condition


@dataclass(frozen=True)
class AnyOf:
    """At least one of the conditions holds."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class AllOf:
    """Every condition holds; without any it always does."""

    conditions: tuple[Condition, ...]


Condition = Has | Not | AnyOf | AllOf

ALWAYS = AllOf(())


def parse(data: Any, where: str, attributes: Collection[str] = ATTRIBUTES) -> Condition:
    """Return the condition that ``data`` (parsed JSON) writes down over ``attributes``.

    Raises ``PersonaError``, with ``where`` and the place inside, for anything that is not the notation: an attribute
    that is none of them, an empty list of values, an age or income that is no number, range or band.
    """
    if isinstance(data, list):
        return AllOf(_parse_list(data, where, attributes))
    if not isinstance(data, Mapping):
        raise PersonaError(f'{where}: expected a condition such as {{"attribute": "age", "values": ["65+"]}}')
    keys = frozenset(data)
    if keys == {"attribute", "values"}:
        return _parse_has(data["attribute"], data["values"], where, attributes)
    if len(keys) == 1:
        (key,) = keys
        if key == "not":
            return Not(parse(data["not"], f"{where}.not", attributes))
        if key in ("any", "all"):
            if not isinstance(data[key], list):
                raise PersonaError(f'{where}: "{key}" needs a list of conditions')
            inside = _parse_list(data[key], f"{where}.{key}", attributes)
            return AnyOf(inside) if key == "any" else AllOf(inside)
    found = shorten(", ".join(map(str, data)), 60) or "nothing"
    raise PersonaError(
        f'{where}: a condition has "attribute" and "values", or one of "not", "any", "all"; found {found}'
    )


def _parse_list(data: Sequence[Any], where: str, attributes: Collection[str]) -> tuple[Condition, ...]:
    return tuple(parse(entry, f"{where}[{i}]", attributes) for i, entry in enumerate(data))


def _parse_has(attribute: Any, values: Any, where: str, attributes: Collection[str]) -> Has:
    if not isinstance(attribute, str):
        raise PersonaError(f'{where}: "attribute" is the name of one of the 33, or of a column of the personas')
    attribute = attribute_name(attribute)
    require_attributes((attribute,), where, attributes)
    if not isinstance(values, list) or not values or not all(isinstance(v, str) and v.strip() for v in values):
        raise PersonaError(f'{where}: {attribute} needs "values", a list of texts that is not empty')
    for value in values:
        if bands(attribute) and "*" not in value and not _is_amount(attribute, value):
            raise PersonaError(
                f"{where}: {attribute} = {shorten(value, 40)!r} is no number or range;"
                ' write "65+", "18-34", "under 30" or a band'
            )
    return Has(attribute, tuple(values))


def _is_amount(attribute: str, value: str) -> bool:
    return number(value) is not None and (
        value in {label for _, _, label in bands(attribute)}
        or any(pattern.match(value) for pattern in (_RANGE, _OPEN, _BELOW))
        or re.fullmatch(r"-?\$?[\d,.]+", value.strip()) is not None
    )


def matches_value(attribute: str, wanted: str, value: str) -> bool:
    """Return whether a stated value is the wanted one.

    The exact text; for age and income also a band's label (``"25k-50k"``), a range with both ends in it (``"18-34"``),
    ``"65+"``, ``"≥ 40000"`` or ``"under 30"``; with ``*`` at an end, any text there (then upper and lower case are one).
    """
    if wanted == value:
        return True
    if wanted.startswith("*") or wanted.endswith("*"):
        return _matches_part(wanted.lower(), value.lower())
    if not (ranges := bands(attribute)):
        return False
    if wanted in {label for _, _, label in ranges}:
        return wanted == band(attribute, value)
    if (amount := number(value)) is None:
        return False
    low, high = _bounds(wanted)
    return low <= amount <= high


def _matches_part(wanted: str, value: str) -> bool:
    core = wanted.strip("*")
    if wanted.startswith("*"):
        return core in value if wanted.endswith("*") else value.endswith(core)
    return value.startswith(core)


def _bounds(wanted: str) -> tuple[float, float]:
    if found := _RANGE.match(wanted):
        return _amount(found[1]), _amount(found[2])
    if found := _OPEN.match(wanted):
        return _amount(found[1] or found[2]), math.inf
    if found := _BELOW.match(wanted):
        return -math.inf, math.nextafter(_amount(found[1]), -math.inf)
    exact = number(wanted)
    return (exact, exact) if exact is not None else (math.inf, -math.inf)


def _amount(text: str) -> float:
    plain = text.replace(",", "").lower()
    return float(plain.removesuffix("k")) * (1000 if plain.endswith("k") else 1)


def holds(condition: Condition, attributes: Mapping[str, str]) -> bool | None:
    """Return whether the persona meets the condition; None where an attribute that decides it is not stated.

    An age or income that is no number counts as not stated. One condition of an "all" that fails settles it, as does
    one of an "any" that holds, whatever else is unknown.
    """
    match condition:
        case Has(attribute, values):
            value = attributes.get(attribute)
            return None if value is None else _has(attribute, values, value)
        case Not(inside):
            found = holds(inside, attributes)
            return None if found is None else not found
        case AnyOf(inside_any):
            return _settle((holds(c, attributes) for c in inside_any), by=True)
        case AllOf(inside_all):
            return _settle((holds(c, attributes) for c in inside_all), by=False)


@lru_cache(maxsize=1 << 15)
def _has(attribute: str, values: tuple[str, ...], value: str) -> bool | None:
    """Return what ``Has`` says of a value: a population repeats few of them, and every item asks all people."""
    if band(attribute, value) == NOT_STATED:
        return None
    return any(matches_value(attribute, wanted, value) for wanted in values)


def _settle(found: Iterable[bool | None], by: bool) -> bool | None:
    unknown = False
    for one in found:
        if one is by:
            return by
        unknown = unknown or one is None
    return None if unknown else not by


def named_attributes(condition: Condition) -> frozenset[str]:
    """Return every attribute that the condition looks at."""
    match condition:
        case Has(attribute, _):
            return frozenset({attribute})
        case Not(inside):
            return named_attributes(inside)
        case AnyOf(several) | AllOf(several):
            return frozenset().union(*map(named_attributes, several))
