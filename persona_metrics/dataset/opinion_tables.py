"""The embedded survey items and how groups answered them, read and checked. Knows no persona, no model and no score."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import ascii_uppercase
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..errors import PersonaError, shorten
from ..personas import require_attributes
from .opinion_groups import attributes_of

if TYPE_CHECKING:
    # It moved between Python 3.10 and 3.14; only annotations name it.
    from importlib.resources.abc import Traversable

ALL = "all"
"""The grouping, and its one group, of everybody."""


@dataclass(frozen=True)
class Signal:
    """How far the groups of one grouping differ in one item, each a mean over the groups of total variation distances.

    ``tv``: group to everybody. ``chance``: the same with group labels dealt out at random. ``noise``: group to its own
    truth, from sampling alone. ``ceiling``: 1 − noise/tv. ``groups``: how many; ``min_n``: people in the smallest.
    """

    tv: float
    chance: float
    noise: float
    ceiling: float
    groups: int
    min_n: int


@dataclass(frozen=True)
class Item:
    """One survey item in our words.

    ``options`` in the questionnaire's order, an order that means something where ``ordinal``. ``about``: the persona's
    attributes that the answer would state, to be hidden from the persona. ``signal``: the groupings that may be scored.
    ``n``: people who chose an option.
    """

    id: str
    topic: str
    question: str
    options: tuple[str, ...]
    ordinal: bool
    source: str
    variable: str
    years: tuple[int, ...]
    n: int
    weights: str
    licence: str
    about: tuple[str, ...]
    note: str
    signal: Mapping[str, Signal]


@dataclass(frozen=True)
class Cell:
    """How one group answered one item: weighted shares of the options, and Kish's effective number of people."""

    item: str
    grouping: str
    group: str
    shares: tuple[float, ...]
    n_effective: float


@dataclass(frozen=True)
class OpinionTables:
    """All items by id, and the cells of every item by grouping, ``all`` among them."""

    items: Mapping[str, Item]
    cells: Mapping[tuple[str, str], tuple[Cell, ...]]

    def everybody(self, item: str) -> Cell:
        """Return how all people of the survey answered an item."""
        return self.cells[item, ALL][0]

    def groups(self, item: str, grouping: str) -> tuple[Cell, ...]:
        """Return the cells of one item by one grouping; groups under 50 people have none."""
        return self.cells[item, grouping]

    def scored(self) -> tuple[Cell, ...]:
        """Return the cells of every item and grouping that carry signal: all but those of everybody."""
        return tuple(cell for key, cells in self.cells.items() if key[1] != ALL for cell in cells)


def wording(item: Item, order: Sequence[int] | None = None) -> str:
    """Return the item as it is put to a model: when it was asked, the question, and its options under letters.

    ``order`` gives the options' indices as they are to be shown; raises ``ValueError`` where it is no permutation.
    """
    shown = tuple(range(len(item.options))) if order is None else tuple(order)
    if sorted(shown) != list(range(len(item.options))):
        raise ValueError(f"{shown} is no order of {len(item.options)} options")
    lines = [when(item), item.question]
    lines += [f"{letter}. {item.options[i]}" for letter, i in zip(ascii_uppercase, shown, strict=False)]
    return "\n".join(lines)


def when(item: Item) -> str:
    """Return whom the survey asked, and when, as a sentence."""
    *first, last = map(str, item.years)
    years = f"{', '.join(first)} and {last}" if first else last
    return f"Asked of adults in the United States in {years}."


@cache
def opinion_tables() -> OpinionTables:
    """Return the embedded tables, read once."""
    return read_tables(files("persona_metrics") / "dataset" / "embedded")


def read_tables(folder: Traversable) -> OpinionTables:
    """Return the tables in a folder; raise ``PersonaError`` where a file is unreadable, incomplete or contradicts another."""
    try:
        signal = _signal(folder / "opinion_signal.csv")
        items = _items(folder / "opinion_items.jsonl", signal)
        cells = _cells(folder / "opinion_cells.csv.gz", items)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise PersonaError(f"{folder}: the opinion tables cannot be read: {shorten(error)}") from None
    for item in items.values():
        for grouping in (ALL, *item.signal):
            if len(cells.get((item.id, grouping), ())) < (1 if grouping == ALL else 2):
                raise PersonaError(f"opinion_cells.csv.gz: too few groups of {item.id} by {grouping}")
    return OpinionTables(MappingProxyType(items), MappingProxyType(cells))


def _rows(text: str, name: str) -> Iterator[tuple[str, dict[str, str]]]:
    for number, row in enumerate(csv.DictReader(io.StringIO(text)), start=2):
        yield f"{name}:{number}", row


def _signal(path: Traversable) -> dict[str, dict[str, Signal]]:
    found: dict[str, dict[str, Signal]] = {}
    for where, row in _rows(path.read_text("utf-8"), path.name):
        try:
            tv, chance, noise, ceiling = (float(row[name]) for name in ("tv", "chance", "noise", "ceiling"))
            signal = Signal(tv, chance, noise, ceiling, int(row["n_groups"]), int(row["min_n"]))
            found.setdefault(row["item"], {})[row["grouping"]] = signal
        except (KeyError, ValueError, TypeError) as error:
            raise PersonaError(f"{where}: not a row of signal: {shorten(error)}") from None
    return found


def _items(path: Traversable, signal: Mapping[str, Mapping[str, Signal]]) -> dict[str, Item]:
    items: dict[str, Item] = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        where = f"{path.name}:{number}"
        try:
            item = _item(json.loads(line), signal)
        except (KeyError, ValueError, TypeError) as error:
            raise PersonaError(f"{where}: not an item: {shorten(error)}") from None
        require_attributes(item.about, where)
        if item.id in items:
            raise PersonaError(f"{where}: {item.id} stands there twice")
        if len(item.options) < 2 or len(set(item.options)) < len(item.options):
            raise PersonaError(f"{where}: {item.id} needs two or more different options")
        for grouping in item.signal:
            if asked := set(attributes_of(grouping)) & set(item.about):
                raise PersonaError(f"{where}: {item.id} asks about {min(asked)}, so {grouping!r} cannot group it")
        items[item.id] = item
    return items


def _item(row: Mapping[str, Any], signal: Mapping[str, Mapping[str, Signal]]) -> Item:
    texts = {name: str(row[name]) for name in ("id", "topic", "question", "source", "variable", "weights", "licence")}
    return Item(
        **texts,
        options=tuple(map(str, row["options"])),
        ordinal=bool(row["ordinal"]),
        years=tuple(map(int, row["years"])),
        n=int(row["n"]),
        about=tuple(row["about"]),
        note=str(row["note"]),
        signal=MappingProxyType({g: signal[row["id"]][g] for g in row["groupings"]}),
    )


def _cells(path: Traversable, items: Mapping[str, Item]) -> dict[tuple[str, str], tuple[Cell, ...]]:
    shares: dict[tuple[str, str, str], dict[int, float]] = {}
    people: dict[tuple[str, str, str], float] = {}
    for where, row in _rows(gzip.decompress(path.read_bytes()).decode("utf-8"), path.name):
        try:
            key, option, share = (row["item"], row["grouping"], row["group"]), int(row["option"]), float(row["share"])
            people[key] = float(row["n_effective"])
        except (KeyError, ValueError, TypeError) as error:
            raise PersonaError(f"{where}: not a row of a cell: {shorten(error)}") from None
        if key[0] not in items or (key[1] != ALL and key[1] not in items[key[0]].signal):
            raise PersonaError(f"{where}: no item {key[0]!r} is scored by {key[1]!r}")
        if not (0 <= share <= 1 and people[key] > 1) or option in shares.setdefault(key, {}):
            raise PersonaError(f"{where}: a share is outside 0…1, an option stands there twice, or nobody answered")
        shares[key][option] = share
    cells: dict[tuple[str, str], tuple[Cell, ...]] = {}
    for key, found in shares.items():
        cell = _cell(key, found, people[key], len(items[key[0]].options))
        cells[key[:2]] = (*cells.get(key[:2], ()), cell)
    return cells


def _cell(key: tuple[str, str, str], shares: Mapping[int, float], people: float, options: int) -> Cell:
    total = sum(shares.values())
    if set(shares) != set(range(options)) or abs(total - 1) > 1e-3:
        raise PersonaError(f"opinion_cells.csv.gz: {' / '.join(key)}: not one share for every option, adding up to 1")
    # The file rounds to five digits; distances want shares that add up to 1 exactly.
    return Cell(*key, tuple(shares[i] / total for i in range(options)), people)
