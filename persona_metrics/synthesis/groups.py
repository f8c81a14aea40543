"""Groups of ages, origins and schooling by which the tables are keyed, and how a person falls into them. Knows no table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .vocabulary import RACE

OLDEST = 99
"""Everybody older is 99, as the public use file groups the oldest."""

AGES: dict[str, tuple[int, ...]] = {
    "band": (18, 20, 25, 30, 35, 45, 55, 65, 75, 85),
    "school age": (18, 20, 21, 22, 23, 24, 25, 26, 30, 35, 45, 55, 65, 75),
    "marital age": (18, 20, 22, 25, 30, 35, 45, 55, 65, 75, 85),
    "home age": (18, 20, 25, 30, 35, 45, 55, 65, 75),
    "decade": (18, 25, 35, 45, 55, 65, 75),
    "work age": (18, 22, 25, 35, 45, 55, 62, 65, 70, 75),
    "job age": (18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 30, 33, 35),
    "life": (18, 35, 65),
    "third": (18, 35, 50, 65),
    "parent age": (18, 20, 22, 25, 30, 35, 40, 45, 51, 56, 65, 75),
    "service age": (18, 20, 35, 55, 65, 75),
    "health age": (18, 25, 35, 45, 55, 65, 75),
    "birth age": (18, 20, 35, 51),
    "cover age": (18, 26, 35, 45, 55, 65),
    "faith age": (18, 30, 45, 65),
}
"""The lowest age of each group of each grouping."""

ORIGIN = ("Hispanic", "White", "Black", "Asian", "Other")
"""Hispanic or Latino of any race; the others are not. Asian includes Pacific Islander, Other all further and several."""

REGION = ("Northeast", "Midwest", "South", "West")
"""The regions of the Census Bureau."""

SCHOOLING = ("No diploma", "High school", "Some college", "Bachelor", "Graduate")
_SCHOOLING_OF = np.array([0, 0, 1, 1, 2, 2, 3, 4, 4, 4])


def age_labels(grouping: str) -> list[str]:
    """Return the groups' labels: ``18-24``, …, ``75+``."""
    lows = AGES[grouping]
    ends = [f"-{high - 1}" for high in lows[1:]] + ["+"]
    return [f"{low}" if end == f"-{low}" else f"{low}{end}" for low, end in zip(lows, ends, strict=True)]


def age_group(grouping: str, age: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the position of each age's group."""
    return np.searchsorted(np.array(AGES[grouping]), age, side="right") - 1


def schooling(education: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the position in ``SCHOOLING`` of each position in ``EDUCATION``."""
    return _SCHOOLING_OF[education]


def origin(race: NDArray[np.int64], hispanic: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the position in ``ORIGIN`` of each race (position in ``RACE``) and Hispanic origin (0 or 1)."""
    by_race = np.array([{"White": 1, "Black": 2, "Asian": 3, "Native": 3}.get(name.split()[0], 4) for name in RACE])
    return np.where(hispanic == 1, 0, by_race[race])
