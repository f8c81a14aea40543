"""The people of a file of answers without holding them: read anew when one is drawn, or kept by what groups them alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, overload

from ..dataset.adapters import THEIR_NAMES
from ..evaluations.intersectionality import DEFAULT_CROSS, GROUPS_AT_MOST
from ..personas import Persona, attribute_name, band
from ..settings import Settings
from ..settings.spellings import read_json, split_names

READ = 2_048
"""So many people that were drawn are held."""


class Drawn(Sequence[Persona]):
    """People who are read when they are asked for, by ``read`` of what an array says of each; the latest are held."""

    def __init__(self, places: Any, read: Callable[[Any], Persona]) -> None:
        self._places = places
        self._read = lru_cache(READ)(lambda i: read(places[i]))

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, at: int) -> Persona: ...
    @overload
    def __getitem__(self, at: slice) -> list[Persona]: ...
    def __getitem__(self, at: int | slice) -> Persona | list[Persona]:
        """Return who stands there."""
        return [self[i] for i in range(len(self))[at]] if isinstance(at, slice) else self._read(range(len(self))[at])


class Grouped:
    """One person a pair, less what no intersection asks for; those who are then alike are one and the same.

    Without ``wanted`` attributes those are kept that have few groups.
    """

    def __init__(self, wanted: Iterable[str]) -> None:
        self.wanted = frozenset(wanted)
        self.people: list[Persona] = []
        self._alike: dict[tuple[tuple[str, str], ...], Persona] = {}
        self._levels: dict[str, set[str]] = {}
        self._many: set[str] = set()

    def add(self, attributes: Mapping[str, str]) -> None:
        """Add a pair's person."""
        if self.wanted:
            kept = tuple((k, v) for k, v in attributes.items() if k in self.wanted)
        else:
            kept = tuple((k, v) for k, v in attributes.items() if self._few(k, v))
        found = self._alike.get(kept)
        if found is None:
            found = self._alike[kept] = Persona("", dict(kept))
        self.people.append(found)

    def _few(self, name: str, value: str) -> bool:
        if name in self._many:
            return False
        levels = self._levels.setdefault(name, set())
        levels.add(band(name, value))
        if len(levels) > GROUPS_AT_MOST + 1:  # one of them may stand for what is not stated
            self._many.add(name)
            del self._levels[name]
            return False
        return True

    def __iter__(self) -> Iterator[Persona]:
        return iter(self.people)


def wanted_by(settings: Settings, stated: Iterable[str]) -> set[str]:
    """Return the attributes that intersections may be made of; none where those with few groups stand in for them.

    ``stated`` are the attributes of one of the people.
    """
    names: list[str] = []
    if settings.intersection_json:
        names = list(_named(read_json(settings.intersection_json, "intersection_json")))
    elif settings.cross:
        names = list(split_names(settings.cross))
    elif {"sex", "age"} <= set(stated):
        names = list(DEFAULT_CROSS)
    return {*names, *(THEIR_NAMES[name] for name in names if name in THEIR_NAMES)}


def _named(data: Any) -> Iterator[str]:
    """Yield the attributes that a list of intersections names, whatever else is wrong with it."""
    for entry in data if isinstance(data, list) else ():
        listed = entry.get("attributes") if isinstance(entry, Mapping) else None
        for item in listed if isinstance(listed, list) else ():
            if isinstance(item, Mapping) and isinstance(item.get("attribute"), str):
                yield attribute_name(item["attribute"])
