"""Draws labels by quota from tables of shares, and reads those tables. Knows no attribute.

A label is not drawn for each person alone: persons are laid in order (those of one group beside each other, in random
order within it) and the numbers that pick their labels advance by the golden ratio, so that every stretch of that
order, each group and the whole, gets each label as often as the shares say, to within one or two. A thousand persons
then look like the population far better than a thousand independent draws would. Only ``Generator.random`` is used:
numpy keeps its stream, while it may change those of ``choice`` or ``normal``.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]

POPULATION = Path(__file__).parent / "population"
_GOLDEN = 0.6180339887498949


@dataclass(frozen=True)
class Table:
    """Shares of labels given keys: ``shares`` has one axis a key and the labels on its last, which sums to 1."""

    keys: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    labels: tuple[str, ...]
    shares: Floats

    def draw(self, rng: np.random.Generator, *keys: Codes, strata: Sequence[Codes] = ()) -> Codes:
        """Return a label's position for each person, given the positions of their keys' levels."""
        return quota(rng, self.shares, keys, *strata)


def read_rows(name: str, folder: Path = POPULATION) -> list[dict[str, str]]:
    """Return the rows of a file of ours whose first lines, beginning with #, say where its figures come from."""
    with (folder / f"{name}.csv").open(encoding="utf-8") as lines:
        return list(csv.DictReader((line for line in lines if not line.startswith("#")), delimiter="|"))


def read_table(name: str, folder: Path = POPULATION) -> Table:
    """Return a table of shares; the header comment ``keys:`` names its keys."""
    path = folder / f"{name}.csv"
    header = next(line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("# keys:"))
    keys = tuple(k.strip() for k in header.removeprefix("# keys:").split(",") if k.strip())
    rows = read_rows(name, folder)
    labels = tuple(k for k in rows[0] if k not in keys)
    levels = tuple(tuple(dict.fromkeys(row[key] for row in rows)) for key in keys)
    shares = np.zeros((*map(len, levels), len(labels)))
    for row in rows:
        place = tuple(level.index(row[key]) for key, level in zip(keys, levels, strict=True))
        shares[place] = [float(row[label]) for label in labels]
    total = shares.sum(axis=-1, keepdims=True)
    return Table(keys, levels, labels, np.divide(shares, total, out=np.zeros_like(shares), where=total > 0))


def write_table(
    name: str,
    header: Mapping[str, str],
    keys: Mapping[str, Sequence[str]],
    labels: Sequence[str],
    shares: Floats,
    folder: Path = POPULATION,
) -> None:
    """Write a table of shares (axes: the keys in order, then the labels) under a header that says where it comes from.

    Rows without any share (combinations that nobody has) are left out.
    """
    lines = [f"# {key}: {value}" for key, value in header.items()] + [f"# keys: {', '.join(keys)}"]
    lines.append("|".join([*keys, *labels]))
    sizes = tuple(len(level) for level in keys.values())
    for place in np.ndindex(*sizes):
        row = shares[place]
        if (total := row.sum()) > 0:
            names = [level[i] for level, i in zip(keys.values(), place, strict=True)]
            lines.append("|".join([*names, *(f"{x:.6g}" for x in np.round(row / total, 7))]))
    (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def order(rng: np.random.Generator, *codes: Codes) -> Codes:
    """Return the order that lays persons of one group together (first code outermost), random within a group."""
    return np.lexsort((rng.random(len(codes[0])), *reversed(codes)))


def spread(rng: np.random.Generator, places: Codes) -> Floats:
    """Return for each person a number in [0, 1), evenly spread over every stretch of the order ``places``."""
    numbers = np.empty(len(places))
    numbers[places] = (rng.random() + np.arange(len(places)) * _GOLDEN) % 1.0
    return numbers


def pick(shares: Floats, cells: Codes, numbers: Floats) -> Codes:
    """Return the position of the label that each person's number points to, in row ``cells`` of ``shares``.

    Rows need not sum to 1; a row without any share raises ``ValueError``, for its persons could get no label.
    """
    chosen = np.empty(len(cells), dtype=np.int64)
    by_cell = np.argsort(cells, kind="stable")
    starts = np.flatnonzero(np.diff(cells[by_cell], prepend=-1))
    for places in np.split(by_cell, starts[1:]):
        row = shares[cells[places[0]]]
        heights = np.cumsum(row)
        if not heights[-1] > 0:
            raise ValueError(f"no label has a share in row {cells[places[0]]}")
        found = np.searchsorted(heights, numbers[places] * heights[-1], side="right")
        # Rounding may leave a number at the very top: the last label that has a share takes it.
        chosen[places] = np.minimum(found, np.flatnonzero(row > 0)[-1])
    return chosen


def quota(rng: np.random.Generator, shares: Floats, keys: Sequence[Codes], *strata: Codes) -> Codes:
    """Return a label's position for each person, in proportion to the shares of their keys (axes of ``shares``).

    The keys come first in the order, so shares are met in each cell of the table; ``strata`` refine it further.
    """
    cells = np.ravel_multi_index(tuple(keys), shares.shape[:-1])
    return pick(shares.reshape(-1, shares.shape[-1]), cells, spread(rng, order(rng, *keys, *strata)))


Part = tuple[Floats, Sequence[Codes]]
"""Shares, or factors to be multiplied with them (labels on the last axis), and each person's positions on the other axes."""


def quota_of_product(rng: np.random.Generator, parts: Sequence[Part], *strata: Codes) -> Codes:
    """Return a label's position for each person, in proportion to the product of all parts' rows."""
    keys = list({id(key): key for _, axes in parts for key in axes}.values())
    rows, cell = product_rows(parts)
    return pick(rows, cell, spread(rng, order(rng, *keys, *strata)))


def product_rows(parts: Sequence[Part]) -> tuple[Floats, Codes]:
    """Return the product of the parts' rows in each combination of keys that occurs, and each person's combination."""
    keys = list({id(key): key for _, axes in parts for key in axes}.values())
    cell = np.ravel_multi_index(tuple(keys), tuple(int(key.max()) + 1 for key in keys))
    _, first, cell = np.unique(cell, return_index=True, return_inverse=True)
    rows = np.ones((len(first), parts[0][0].shape[-1]))
    for shares, axes in parts:
        rows = rows * shares[tuple(key[first] for key in axes)]
    return rows, cell
