"""Which rows of a large file a run draws from: the same on every machine, by seed and place alone. Knows no file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOST = 10_000
"""Personas that a run draws its pairs from; of a larger file that many are drawn, more where ``n`` asks for more."""


@dataclass(frozen=True)
class Part:
    """At most ``most`` rows, chosen by ``seed``."""

    most: int
    seed: int

    def of(self, total: int) -> list[int]:
        """Return the places (from 0, ascending) of the rows to keep of ``total``; all where there are no more than ``most``.

        The rows with the lowest of hashed places (splitmix64), so that the draw hangs on no library's generator.
        """
        if total <= self.most:
            return list(range(total))
        with np.errstate(over="ignore"):
            mixed = (
                np.arange(1, total + 1, dtype=np.uint64) + np.uint64(self.seed % 2**32) * np.uint64(2**32)
            ) * np.uint64(0x9E3779B97F4A7C15)
            mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            mixed ^= mixed >> np.uint64(31)
        return [int(i) for i in np.sort(np.argpartition(mixed, self.most)[: self.most])]


def enough_for(n: int, seed: int) -> Part:
    """Return the part that ``n`` pairs are drawn from: ``MOST`` rows, doubled until there are as many as pairs.

    Up to ``MOST`` pairs the part is the same, so that the first pairs of a larger ``n`` are those of a smaller one.
    """
    most = MOST
    while most < n:
        most *= 2
    return Part(most, seed)
