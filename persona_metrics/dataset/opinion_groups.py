"""Which survey group a persona falls into, and which personas fill the groups. Knows no item, no model and no answer."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import product
from types import MappingProxyType
from typing import Any

from ..errors import PersonaError, suggest
from ..personas import Persona, number

CROSS = "+"
"""Between the names in a crossed grouping: ``party+age``."""

BETWEEN = " | "
"""Between the groups of a cross, in the order of the grouping's name: ``Democrat | 18-34``."""


@dataclass(frozen=True)
class Grouping:
    """How the values of one attribute fall into a survey's groups: by ``values`` (lower case), or by ``bands`` of years."""

    name: str
    attribute: str
    groups: tuple[str, ...]
    values: Mapping[str, str]
    bands: tuple[tuple[float, float | None, str], ...]

    def group(self, value: str | None) -> str | None:
        """Return the group of a value, or None: a value that is missing or unknown is in no group, never in a guessed one."""
        if value is None:
            return None
        if not self.bands:
            return self.values.get(_plain(value))
        years = number(value)
        if years is None:
            return None
        return next((g for low, high, g in self.bands if low <= years and (high is None or years < high + 1)), None)


@dataclass(frozen=True)
class Draw:
    """The personas drawn for each group, the hidden attributes left out; ``lacking``: group → how many are missing."""

    grouping: str
    personas: Mapping[str, tuple[Persona, ...]]
    lacking: Mapping[str, int]


@cache
def single_groupings() -> Mapping[str, Grouping]:
    """Return the groupings by one attribute, by name; the crosses are made of them."""
    path = files("persona_metrics") / "dataset" / "embedded" / "opinion_groupings.json"
    return MappingProxyType({k: _grouping(k, v) for k, v in json.loads(path.read_text("utf-8")).items()})


def attributes_of(grouping: str) -> tuple[str, ...]:
    """Return the persona attributes that a grouping reads; raise ``PersonaError`` for an unknown one."""
    return tuple(part.attribute for part in _parts(grouping))


def groups_of(grouping: str) -> tuple[str, ...]:
    """Return every group of a grouping, of a cross all combinations; raise ``PersonaError`` for an unknown one."""
    return tuple(BETWEEN.join(groups) for groups in product(*(part.groups for part in _parts(grouping))))


def group_of(attributes: Mapping[str, str], grouping: str) -> str | None:
    """Return the group that the attributes place a persona in, or None where one is missing or in no group.

    Case, outer blanks and the kind of apostrophe do not matter. Raises ``PersonaError`` for an unknown grouping.
    """
    found = [part.group(attributes.get(part.attribute)) for part in _parts(grouping)]
    return None if None in found else BETWEEN.join(g for g in found if g is not None)


def personas_for(
    pool: Sequence[Persona],
    grouping: str,
    per_group: int,
    seed: int,
    about: Iterable[str] = (),
    groups: Iterable[str] | None = None,
) -> Draw:
    """Draw up to ``per_group`` different personas for every group, without the attributes in ``about``.

    The draw hangs on the seed, the group and the ids alone: neither the pool's order nor the other groups change it,
    and a smaller draw is the beginning of a larger one. ``groups`` narrows it to some groups. A group with fewer
    personas gets those it has and stands in ``lacking``. Raises ``PersonaError`` where ``per_group`` is below 1, a
    group is unknown, or the grouping reads an attribute that has to be hidden.
    """
    hidden = tuple(about)
    if clash := [name for name in attributes_of(grouping) if name in hidden]:
        raise PersonaError(f"grouping {grouping!r} reads {clash[0]!r}, which the item itself asks about: leave it out")
    if per_group < 1:
        raise PersonaError(f"per_group: {per_group} is below 1")
    known = groups_of(grouping)
    wanted = known if groups is None else tuple(groups)
    for name in wanted:
        if name not in known:
            raise PersonaError(f"grouping {grouping!r} has no group {name!r}{suggest(name, known)}")
    members: dict[str, list[Persona]] = {name: [] for name in wanted}
    for persona in sorted(pool, key=lambda p: p.id):
        found = group_of(persona.attributes, grouping)
        if found in members:
            members[found].append(persona)
    drawn: dict[str, tuple[Persona, ...]] = {}
    for name, those in members.items():
        random.Random(f"{seed}/{grouping}/{name}").shuffle(those)
        drawn[name] = tuple(p.without(*hidden) for p in those[:per_group])
    lacking = {name: per_group - len(those) for name, those in drawn.items() if len(those) < per_group}
    return Draw(grouping, MappingProxyType(drawn), MappingProxyType(lacking))


@cache
def _parts(grouping: str) -> tuple[Grouping, ...]:
    known = single_groupings()
    for name in grouping.split(CROSS):
        if name not in known:
            raise PersonaError(f"{name!r} is not a grouping{suggest(name, known)}: {', '.join(known)}, or a cross a+b")
    return tuple(known[name] for name in grouping.split(CROSS))


def _grouping(name: str, entry: Mapping[str, Any]) -> Grouping:
    values = {_plain(value): group for value, group in entry.get("values", {}).items()}
    bands = tuple((low, high, group) for low, high, group in entry.get("bands", ()))
    return Grouping(name, entry["attribute"], tuple(entry["groups"]), MappingProxyType(values), bands)


def _plain(value: str) -> str:
    return " ".join(value.replace("’", "'").split()).lower()
