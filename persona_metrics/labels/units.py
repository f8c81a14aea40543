"""A task's answers as arrays: verdict, label, stratum, and what belongs together. Knows no label file and no group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..statistics.prediction_powered import Corrected, corrected
from .draw import Weights
from .items import Item

Floats = NDArray[np.float64]
ENOUGH = 15
"""Labels below which no rate of a group, kind or difference is corrected."""


@dataclass(frozen=True)
class Rate:
    """One rate as the critic gives it, corrected, and as so many labels alone would give it."""

    row: str
    critic: float
    answers: int
    result: Corrected


@dataclass(frozen=True)
class Units:
    """The answers of a task as arrays, aligned: label (NaN: none), verdict, stratum, and what they belong to."""

    items: Sequence[Item]
    label: Floats
    verdict: Floats
    strata: NDArray[np.str_] | None
    clusters: tuple[NDArray[np.intp], ...]

    def of(self, inside: NDArray[np.bool_]) -> Units:
        """Return the part ``inside``."""
        return Units(
            [item for item, kept in zip(self.items, inside, strict=True) if kept],
            self.label[inside],
            self.verdict[inside],
            None if self.strata is None else self.strata[inside],
            tuple(ids[inside] for ids in self.clusters),
        )

    @property
    def n(self) -> int:
        """How many carry a label."""
        return int((~np.isnan(self.label)).sum())

    def corrected(self) -> Corrected:
        """Return the corrected rate of these answers."""
        return corrected(self.label, self.verdict, self.strata, self.clusters)


def strata_of(items: Sequence[Item], weights: Sequence[Weights]) -> NDArray[np.str_] | None:
    """Return each answer's stratum; None where a draw does not know one of the answers, or draws differ in their strata.

    Two draws from the same run by the same attributes have their strata in common, and their labels count together.
    """
    if not weights:
        return None
    found = [weights[0].strata.get(item.key) for item in items]
    same = all(one.strata.get(item.key) == name for one in weights[1:] for item, name in zip(items, found, strict=True))
    return None if not same or any(name is None for name in found) else np.array(found, str)
