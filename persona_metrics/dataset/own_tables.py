"""Holds any personas against margins and conditionals of one's own: CSV files with attribute, given, value and share.

The distance is the total variation distance, half the sum of the absolute differences of the shares; its chance level the
99th percentile of that distance among samples of the same size drawn from the table itself.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import PersonaError, shorten
from ..files import read_text
from ..personas import Persona, attribute_name, columns_of
from .conditions import matches_value

COLUMNS = ("attribute", "given", "value", "share")
OTHER = "any other value"
PERCENTILE, SAMPLES, SEED = 99, 1_000, 7
LARGE, LIMIT = 20_000, 0.03
"""From so many persons on the limit holds where it is above the chance level, which is then next to nothing."""


@dataclass(frozen=True)
class Table:
    """The shares of an attribute's values among the people of ``given`` (attribute and value each; none: everybody)."""

    attribute: str
    given: tuple[tuple[str, str], ...]
    shares: tuple[tuple[str, float], ...]
    source: str

    @property
    def name(self) -> str:
        """``religion | nation=Wales``."""
        condition = " & ".join(f"{name}={value}" for name, value in self.given)
        return f"{self.attribute} | {condition}" if condition else self.attribute


@dataclass(frozen=True)
class Line:
    """One table held against the personas; ``rows`` are value, published and found share. ``n`` of 0: nobody to compare."""

    table: Table
    n: int
    distance: float
    chance: float
    limit: float
    rows: tuple[tuple[str, float, float], ...]
    note: str = ""

    @property
    def within(self) -> bool:
        """Whether the distance is within its limit; a table without anybody to compare is not."""
        return bool(self.n) and self.distance <= self.limit


def read_tables(folder: Path) -> list[Table]:
    """Return the tables of all CSV files of a folder, in the order of their names.

    ``share`` is a share or a percentage (``0.51``, ``51``, ``51%``; a table whose shares sum to more than 2 is in percent).
    ``given`` is blank, or ``sex=Female`` or ``sex=Female & age=65+``. Lines that begin with ``#`` are comments. Raises
    ``PersonaError``, with file and line, for what is none, and for shares that sum to more than everybody.
    """
    if not folder.is_dir():
        raise PersonaError(f"--tables {shorten(folder)}: no such folder")
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() == ".csv")
    tables = [table for path in paths for table in _read(path)]
    if not tables:
        raise PersonaError(f"--tables {shorten(folder)}: no .csv with the columns {', '.join(COLUMNS)} there")
    return tables


def _read(path: Path) -> list[Table]:
    split = read_text(path).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    lines = [(i, line) for i, line in enumerate(split, 1) if line.strip() and line[:1] != "#"]
    reader = csv.DictReader(io.StringIO("\n".join(line for _, line in lines)))
    found: dict[tuple[str, tuple[tuple[str, str], ...]], dict[str, float]] = {}
    try:
        header = {attribute_name(name): name for name in reader.fieldnames or ()}
        if missing := [name for name in COLUMNS if name not in header]:
            raise PersonaError(f"{shorten(path)}: these columns are missing: {', '.join(missing)}")
        for (number, _), row in zip(lines[1:], reader, strict=False):
            where = f"{shorten(path)}:{number}"
            attribute, given, value, share = ((row[header[name]] or "").strip() for name in COLUMNS)
            if not attribute or not value:
                raise PersonaError(f"{where}: attribute and value must not be blank")
            shares = found.setdefault((attribute_name(attribute), _conditions(given, where)), {})
            if value in shares:
                raise PersonaError(f"{where}: {shorten(value, 40)!r} stands twice for {shorten(attribute, 40)}")
            shares[value] = _share(share, where)
    except csv.Error as error:
        raise PersonaError(f"{shorten(path)}: cannot be read: {shorten(error)}") from None
    return [_table(path, attribute, given, shares) for (attribute, given), shares in found.items()]


def _share(text: str, where: str) -> float:
    try:
        value = float(text.rstrip("%").replace(",", "."))
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        raise PersonaError(f"{where}: the share {shorten(text, 20)!r} is no number from 0 to 1, or to 100 in percent")
    return value / 100 if text.endswith("%") else value


def _conditions(given: str, where: str) -> tuple[tuple[str, str], ...]:
    conditions = []
    for part in filter(None, map(str.strip, given.split("&"))):
        name, equals, value = part.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise PersonaError(f"{where}: given {shorten(given, 40)!r}: write sex=Female, or sex=Female & age=65+")
        conditions.append((attribute_name(name), value.strip()))
    return tuple(conditions)


def _table(path: Path, attribute: str, given: tuple[tuple[str, str], ...], shares: dict[str, float]) -> Table:
    total = sum(shares.values())
    scale = 100.0 if total > 2 else 1.0
    if total / scale > 1.02 or total == 0:
        raise PersonaError(f"{shorten(path)}: the shares of {attribute} sum to {total:g}, and everybody is {scale:g}")
    over = max(total / scale, 1.0)
    scaled = tuple((value, share / scale / over) for value, share in shares.items())
    return Table(attribute, given, scaled, path.name)


def compare(personas: Sequence[Persona], tables: Sequence[Table]) -> list[Line]:
    """Return a line a table: those who state the attribute, among those whom ``given`` fits."""
    there = columns_of(personas)
    return [_line(personas, table, there) for table in tables]


def _line(personas: Sequence[Persona], table: Table, there: Sequence[str]) -> Line:
    if lacking := [n for n in (table.attribute, *(name for name, _ in table.given)) if n not in there]:
        return Line(table, 0, 1.0, 0.0, 0.0, (), f"no persona states {', '.join(lacking)}")
    labels = [value for value, _ in table.shares]
    counts = dict.fromkeys([*labels, OTHER], 0)
    for persona in personas:
        own = persona.attributes
        if all(name in own and _is(name, value, own[name]) for name, value in table.given) and table.attribute in own:
            counts[next((v for v in labels if _is(table.attribute, v, own[table.attribute])), OTHER)] += 1
    n = sum(counts.values())
    if not n:
        return Line(table, 0, 1.0, 0.0, 0.0, (), "nobody to compare")
    shares = np.array([share for _, share in table.shares])
    shares = np.append(shares, max(0.0, 1 - shares.sum()))
    shares = shares / shares.sum()
    found = np.array(list(counts.values())) / n
    drawn = np.random.Generator(np.random.PCG64(SEED)).multinomial(n, shares, size=SAMPLES) / n
    chance = float(np.percentile(np.abs(drawn - shares).sum(axis=1) / 2, PERCENTILE))
    limit = max(chance, LIMIT) if len(personas) >= LARGE else chance
    rows = tuple(
        (label, float(asked), float(got))
        for label, asked, got in zip(counts, shares, found, strict=True)
        if asked or got
    )
    return Line(table, n, float(np.abs(found - shares).sum() / 2), chance, limit, rows)


def _is(attribute: str, wanted: str, value: str) -> bool:
    return wanted.lower() == value.strip().lower() or matches_value(attribute, wanted, value)
