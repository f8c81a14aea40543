"""Intersectionality: for which combinations of groups the model personalises (arXiv 2407.17387, section 5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import chain
from typing import Any

import numpy as np
from typing_extensions import Self

from ..dataset.adapters import stated_names
from ..dataset.support import fills
from ..errors import PersonaError, shorten
from ..personas import ATTRIBUTES, NOT_STATED, Persona, attribute_name, band, bands, columns_of, number
from ..settings import Settings
from ..settings.spellings import read_json, split_names
from ..statistics.clusters import Counts, effective_counts
from ..statistics.pooling import between_group_sd, pooled_rates
from .base import WHOLE, Evaluation, Outcome, Row, Variant, breakdown, row_of, shares
from .facts import PERSONALIZED, Fact

MOST_GROUPS = 1_000
"""Groups of one cross."""
MOST_KNOWN = 10_000
"""Different people whose intersections are remembered: there are hundreds of intersections, and they ask for little."""
DEFAULT_CROSS = ("sex", "age", "race")
"""The finest cells of the set that is taken without a file; its coarser ones are sex × age band and sex × race."""

_RANGE = re.compile(r"^\s*(\d[\d,]*)\s*(?:-|–|to)\s*(\d[\d,]*)\s*$")
_OPEN = re.compile(r"^\s*(?:(\d[\d,]*)\s*\+|(?:>=|≥)\s*(\d[\d,]*))\s*$")
_BELOW = re.compile(r"^\s*(?:under|below|<)\s*(\d[\d,]*)\s*$", re.I)


@dataclass(frozen=True)
class Intersection:
    """A named combination: for each attribute the values that belong to it."""

    name: str
    conditions: tuple[tuple[str, tuple[str, ...]], ...]

    def holds(self, persona: Persona) -> bool:
        """Return whether the persona has one of the values of every attribute."""
        return all(
            any(matches(attribute, value, persona.attributes.get(attribute)) for value in values)
            for attribute, values in self.conditions
        )


@lru_cache(1 << 16)
def matches(attribute: str, wanted: str, value: str | None) -> bool:
    """Return whether a persona's value is the wanted one: the exact text, or for age and income a range or a band."""
    if value is None:
        return wanted == NOT_STATED
    if wanted in (value, band(attribute, value)):
        return True
    if not bands(attribute) or (amount := number(value)) is None:
        return False
    if found := _RANGE.match(wanted):
        return _int(found[1]) <= amount <= _int(found[2])
    if found := _OPEN.match(wanted):
        return amount >= _int(found[1] or found[2])
    found = _BELOW.match(wanted)
    return bool(found) and amount < _int(found[1] if found else "0")


def _int(text: str) -> int:
    return int(text.replace(",", ""))


@dataclass(frozen=True)
class Intersectionality(Evaluation):
    """One variant a pair; the pair's value also stands under every intersection that holds its persona.

    ``worst_group`` is the lowest of the partially pooled rates, not the lowest raw one, which mostly is the smallest
    group's luck; ``between_group_sd`` is corrected for what chance alone would spread. Both are made over all pairs
    at once, so a pair hands its value, its group numbers and its person on as a text; persons that repeat count for as
    much as they are worth (``statistics.clusters.effective_counts``).
    """

    name = "intersectionality"
    title = "Intersectionality"
    task = "persona_intersection"
    aliases = ("intersection",)
    terms = ("intersections", "min_support")
    rows = (
        PERSONALIZED,
        Fact("worst_group", "lowest partially pooled rate over the intersections"),
        Fact(
            "between_group_sd",
            "standard deviation of the groups' rates beyond chance",
            higher_is_better=False,
        ),
    )
    intersections: tuple[Intersection, ...] = ()
    min_support: int = 30
    groups: Sequence[frozenset[int]] = field(default=(), repr=False)

    @classmethod
    def build(cls, settings: Settings, personas: Sequence[Persona]) -> Self:
        """Take the intersections from ``intersection_json``, ``cross`` or the default set.

        Raises ``PersonaError`` for an attribute or value that does not exist, an intersection no persona fits, a
        name that stands twice, and an ``n`` that could not even fill one intersection.
        """
        if settings.intersection_json and settings.cross:
            raise PersonaError("intersection_json and cross both name the intersections; give one of them")
        if settings.intersection_json:
            chosen = parse(read_json(settings.intersection_json, "intersection_json"), personas)
        elif settings.cross:
            names = stated_names(split_names(settings.cross), "cross", (*columns_of(personas), *ATTRIBUTES))
            chosen = full_cross(names, personas)
            if not chosen:
                raise PersonaError(f"cross={settings.cross}: no persona states {' and '.join(names)}")
        else:
            chosen = default_set(personas, settings.n, settings.min_support)
        if settings.n < settings.min_support:
            raise PersonaError(
                f"n={settings.n} is smaller than min_support={settings.min_support}: raise n or lower min_support"
            )
        groups = list(_members(chosen, personas))
        for item, group in zip(chosen, groups, strict=True):
            if not group:
                raise PersonaError(f"intersection {item.name!r}: no persona fits it")
        return cls(tuple(chosen), settings.min_support, groups)

    @classmethod
    def restore(cls, recorded: Mapping[str, Any], settings: Settings, personas: Sequence[Persona], where: str) -> Self:
        """Take the recorded intersections, unless the settings name others."""
        if settings.intersection_json or settings.cross:
            return cls.build(settings, personas)
        try:
            items = tuple(
                Intersection(name, tuple((a, tuple(map(str, values))) for a, values in conditions.items()))
                for name, conditions in recorded["intersections"].items()
            )
        except (AttributeError, KeyError, TypeError):
            raise PersonaError(f"{where}: metadata.intersections does not describe the intersections") from None
        return cls(items, settings.min_support)

    def variants(self, persona: Persona) -> tuple[Variant, ...]:
        """Return the whole persona."""
        return (Variant(WHOLE, persona),)

    def metrics(self, persona: Persona, outcomes: Sequence[Outcome]) -> dict[str, Row]:
        """Return the pair's value under ``personalized`` and under each of its intersections."""
        (outcome,) = outcomes
        rows = breakdown(outcome.personalized, persona, ())
        if outcome.personalized is not None:
            inside = self._holding(persona)
            for i in inside:
                rows[row_of(self.intersections[i].name)] = outcome.personalized
            if inside:
                packed = f"{outcome.personalized:.0f}:{','.join(map(str, inside))}:{persona.id}"
                rows["worst_group"] = rows["between_group_sd"] = packed
        return {**rows, **shares(outcomes)}

    @cached_property
    def _found(self) -> tuple[tuple[str, ...], dict[tuple[str | None, ...], tuple[int, ...]]]:
        """What the intersections ask for, and those that hold who states just this, as far as they were looked up."""
        return tuple(dict.fromkeys(name for item in self.intersections for name, _ in item.conditions)), {}

    def _holding(self, persona: Persona) -> tuple[int, ...]:
        names, known = self._found
        stated = tuple(map(persona.attributes.get, names))
        if (found := known.get(stated)) is None:
            if len(known) >= MOST_KNOWN:
                known.clear()
            found = known[stated] = tuple(i for i, item in enumerate(self.intersections) if item.holds(persona))
        return found

    def aggregates(self) -> Mapping[str, Callable[[Iterable[Any]], float]]:
        """Return the two rows that look at all groups at once."""
        return {"worst_group": worst_group, "between_group_sd": spread}

    def record(self) -> dict[str, Any]:
        """Return the intersections with their conditions, and the support asked for."""
        described = {i.name: {a: list(v) for a, v in i.conditions} for i in self.intersections}
        return {"intersections": described, "min_support": self.min_support}

    def support(self, personas: Iterable[Persona]) -> dict[str, int]:
        """Return how many of the drawn personas each intersection holds."""
        drawn = list(personas)
        return {
            i.name: len(group) for i, group in zip(self.intersections, _members(self.intersections, drawn), strict=True)
        }


def _members(items: Iterable[Intersection], personas: Sequence[Persona]) -> Iterator[frozenset[int]]:
    """Yield for each intersection where those stand that it holds; who stands there often is looked at once."""
    places: dict[int, list[int]] = {}
    for place, persona in enumerate(personas):
        places.setdefault(id(persona), []).append(place)
    for item in items:
        held = (stands for stands in places.values() if item.holds(personas[stands[0]]))
        yield frozenset(chain.from_iterable(held))


def _once(personas: Sequence[Persona]) -> Collection[Persona]:
    """Return everybody once, however often they stand there."""
    return {id(persona): persona for persona in personas}.values()


def counts(packed: Iterable[str]) -> tuple[Counts, float]:
    """Return what each group's pairs are worth, and the rate of all, from texts like ``"1:0,3:p12"``.

    A text is a pair's value, the numbers of its groups and its person; groups without a pair are left out.
    """
    parts = [text.split(":", 2) for text in packed]
    values = np.array([float(value) for value, _, _ in parts])
    listed = [tuple(map(int, numbers.split(","))) for _, numbers, _ in parts]
    order = sorted({number for numbers in listed for number in numbers})
    inside = np.array([[group in numbers for group in order] for numbers in listed], bool)
    return effective_counts(values, inside, np.array([person for _, _, person in parts])), float(values.mean())


def worst_group(packed: Iterable[str]) -> float:
    """Return the lowest partially pooled rate over the groups that have a judged pair.

    The lowest of groups is never above the rate of all their pairs, as a pooled estimate could be by a hair.
    """
    found, overall = counts(packed)
    return float(min(*pooled_rates(found.successes, found.totals).rates, overall))


def spread(packed: Iterable[str]) -> float:
    """Return the bias-corrected standard deviation of the groups' rates; 0.0 where there is one group."""
    found, _ = counts(packed)
    return float(between_group_sd(found.successes, found.totals)) if len(found.totals) > 1 else 0.0


def parse(data: Any, personas: Sequence[Persona]) -> list[Intersection]:
    """Return the intersections of ``[{"name": …, "attributes": [{"attribute": …, "values": […]}]}]``."""
    if not isinstance(data, list):
        raise PersonaError('intersection_json: expected a list of {"attributes": [{"attribute": …, "values": […]}]}')
    if not data:
        raise PersonaError("intersection_json: the list is empty")
    chosen = [_parse_one(entry, f"intersection_json[{i}]", personas) for i, entry in enumerate(data)]
    names = [item.name for item in chosen]
    for name in names:
        if names.count(name) > 1:
            raise PersonaError(f"intersection_json: the name {shorten(name, 60)!r} stands twice")
    return chosen


def _parse_one(entry: Any, where: str, personas: Sequence[Persona]) -> Intersection:
    listed = entry.get("attributes") if isinstance(entry, Mapping) else None
    if not isinstance(listed, list) or not listed:
        raise PersonaError(f'{where}: expected {{"attributes": [{{"attribute": …, "values": […]}}]}}')
    conditions: list[tuple[str, tuple[str, ...]]] = []
    there = columns_of(personas)
    for item in listed:
        if not isinstance(item, Mapping) or not isinstance(item.get("attribute"), str):
            raise PersonaError(f'{where}: each condition needs "attribute" (a name) and "values" (a list)')
        (attribute,) = stated_names((attribute_name(item["attribute"]),), where, there)
        values = item.get("values")
        if not isinstance(values, list) or not values:
            raise PersonaError(f'{where}: {attribute} needs "values", a list that is not empty')
        texts = tuple(dict.fromkeys(str(v) for v in values))
        for text in texts:
            if not any(matches(attribute, text, p.attributes.get(attribute)) for p in _once(personas)):
                raise PersonaError(
                    f"{where}: no persona has {attribute} = {shorten(text, 60)!r}{_examples(attribute, personas)}"
                )
        if attribute in dict(conditions):
            raise PersonaError(f"{where}: {attribute} stands twice; put its values into one list")
        conditions.append((attribute, texts))
    name = " ".join(str(entry.get("name") or "").split())
    label = " × ".join("/".join(values) for _, values in conditions)
    return Intersection(name or label, tuple(conditions))


def _examples(attribute: str, personas: Sequence[Persona]) -> str:
    found = sorted({band(attribute, p.attributes.get(attribute)) for p in personas})
    return f" (values: {shorten(', '.join(found), 160)})"


def full_cross(attributes: Sequence[str], personas: Sequence[Persona]) -> list[Intersection]:
    """Return every combination of the attributes' groups that some persona has, in the order of the groups' names.

    Made from the personas, not from the product of all groups: attributes in free text have as many as personas.
    """
    combinations = sorted({tuple(band(a, p.attributes.get(a)) for a in attributes) for p in _once(personas)})
    combinations = [c for c in combinations if NOT_STATED not in c]
    if len(combinations) > MOST_GROUPS:
        raise PersonaError(
            f"{' × '.join(attributes)}: {len(combinations):,} groups, of which no run says anything; at most"
            f" {MOST_GROUPS:,}: take attributes with fewer values"
        )
    levels = [{c[i] for c in combinations} for i in range(len(attributes))]
    # "No × Yes" says nothing; where attributes share a value the names say whose it is.
    shared = len(set().union(*levels)) < sum(map(len, levels))
    return [
        Intersection(
            " × ".join(f"{a}={v}" if shared else v for a, v in zip(attributes, c, strict=True)),
            tuple((a, (v,)) for a, v in zip(attributes, c, strict=True)),
        )
        for c in combinations
    ]


def default_set(personas: Sequence[Persona], n: int, min_support: int) -> list[Intersection]:
    """Return of sex × age band, sex × race and sex × age band × race what ``n`` pairs can hold ``min_support`` of each.

    Cells are taken in that order, the commonest of a cross first, each only where all taken so far can still be filled:
    a cell of a few pairs would only show noise. Where none can (a small file of one's own), sex × age band is taken as
    it is; of personas that do not state both, the groups of the attribute with the fewest, and of those without any
    attribute in groups (prose) everybody.
    """
    if not {"sex", "age"} <= set(columns_of(personas)):
        return _coarsest(personas)
    kept: list[Intersection] = []
    groups: list[frozenset[int]] = []
    for names in (("sex", "age"), ("sex", "race"), DEFAULT_CROSS):
        crossed = full_cross(names, personas)
        cells = list(zip(crossed, _members(crossed, personas), strict=True))
        for item, group in sorted(cells, key=lambda cell: -len(cell[1])):
            if len(group) * max(1, n // len(personas)) < min_support:
                continue
            if fills(len(personas), n, [*groups, group], min_support):
                kept.append(item)
                groups.append(group)
    return kept or full_cross(("sex", "age"), personas)


GROUPS_AT_MOST = 8
"""Groups of an attribute that stands in for sex and age."""


def _coarsest(personas: Sequence[Persona]) -> list[Intersection]:
    """Return the groups of the attribute that has the fewest (two at least), or everybody where none has few."""
    most = min(GROUPS_AT_MOST, len(personas) // 2)
    sizes = {
        name: len({band(name, p.attributes.get(name)) for p in _once(personas)} - {NOT_STATED})
        for name in columns_of(personas)
    }
    few = {name: size for name, size in sizes.items() if 2 <= size <= most}
    return full_cross((min(few, key=few.__getitem__),), personas) if few else [Intersection("everybody", ())]


__all__ = ["ATTRIBUTES", "Intersection", "Intersectionality", "counts", "default_set", "full_cross", "matches", "parse"]
