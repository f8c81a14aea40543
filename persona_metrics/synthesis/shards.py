"""Cuts a large draw into shards with seeds of their own, so that each can be made alone, anywhere, and the whole out of them.

A sample is balanced as a whole (see ``draw``): rows of one draw cannot be had without the others. A sharded draw is another
sample of the same population, balanced shard by shard; it is the same whoever makes it, and on however many machines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from . import generate as generator

MOST = 5_000_000
"""Personas of one shard; 100,000 take some 900 MB at the peak (``bench/personas.py``)."""
EACH = 100_000
"""Personas of a shard where nobody says how many shards there should be."""


@dataclass(frozen=True)
class Shard:
    """Rows ``first`` (from 0) to ``first + rows`` of ``n`` personas: shard ``number`` (from 0) of ``of``."""

    number: int
    of: int
    first: int
    rows: int
    n: int
    seed: int

    @property
    def name(self) -> str:
        """Return the name of its file without an ending: all that decides what is in it."""
        return f"personas-{self.n}-seed{self.seed}-{self.number:05d}-of-{self.of:05d}"

    def frame(self) -> pd.DataFrame:
        """Return its personas as ``generate.generate`` does; their ids go on through all shards."""
        if self.of == 1:
            return generator.generate(self.n, self.seed)
        own = np.random.SeedSequence(self.seed, spawn_key=(self.of, self.number))
        return generator.generate(self.rows, own, first=self.first, of=self.n)


def default_count(n: int) -> int:
    """Return how many shards a draw has where nobody says: one up to ``MOST`` personas, then one for every ``EACH``."""
    return 1 if n <= MOST else -(-n // EACH)


def cut(n: int, seed: int, of: int) -> list[Shard]:
    """Return the shards of a draw, of equal size but for one persona."""
    starts = [n * i // of for i in range(of + 1)]
    return [Shard(i, of, starts[i], starts[i + 1] - starts[i], n, seed) for i in range(of)]
