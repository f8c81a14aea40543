"""How long tests simulate: a quarter by default, so that the suite ends soon; as the claims say with SIMULATIONS=full."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
FULL = os.environ.get("SIMULATIONS") == "full"


def runs(whole: int) -> int:
    """Return how many runs to make of so many."""
    return whole if FULL else max(40, whole // 4)


def cases(every: Sequence[T]) -> Sequence[T]:
    """Return those to run of many cases that make their runs each."""
    return every if FULL else every[::4]


def slack(share: float, of: int) -> float:
    """Return by how much a share over ``of`` runs may miss a bound that is meant for all: 2.6 standard errors."""
    return 0.0 if FULL else 2.6 * (share * (1 - share) / of) ** 0.5
