"""Generates whole personas: the census part, then the person part on top of it, from one seed."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pandas as pd

from . import census, person
from .vocabulary import CENSUS_ATTRIBUTES, EXTRA_ATTRIBUTES, PERSON_ATTRIBUTES

# The order in which a prompt shows the attributes; persona_metrics.personas holds the same, and a test compares them.
ATTRIBUTES: tuple[str, ...] = (*CENSUS_ATTRIBUTES[:20], *PERSON_ATTRIBUTES, *CENSUS_ATTRIBUTES[20:])


def generate(n: int, seed: int | np.random.SeedSequence, *, first: int = 0, of: int | None = None) -> pd.DataFrame:
    """Return ``n`` personas: the column ``id``, the 33 attributes, state and urbanity, all text. The same seed gives the same personas.

    Persons of a smaller ``n`` are not the first of a larger one: each sample is balanced as a whole. Ids count from
    ``first`` + 1, as wide as those of ``of`` personas.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    people = census.sample(n, rng)
    rest = person.sample(people, rng)
    width = max(4, len(str(of or n)))
    columns: dict[str, object] = {"id": [f"p{i:0{width}d}" for i in range(first + 1, first + n + 1)]}
    for name in (*ATTRIBUTES, *EXTRA_ATTRIBUTES):
        values = rest[name] if name in PERSON_ATTRIBUTES else people[name]
        columns[name] = values.astype(str).to_numpy()
    return pd.DataFrame(columns)


def lines(frame: pd.DataFrame) -> Iterator[str]:
    """Yield one line of JSON a persona, with no blanks between items: the same bytes on every machine."""
    names = list(frame.columns)
    for row in frame.itertuples(index=False, name=None):
        yield json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, separators=(",", ":")) + "\n"
