"""What a design can show before it is run: by the intervals and tests that the report uses, turned round for n as well."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..errors import PersonaError
from ..statistics.paired import critical_value, detectable_difference
from ..statistics.rates import wilson
from .rates import LEVEL

DISCORDANCE = 0.3
"""Share of pairs on which two models' verdicts differ, where nothing is known of them."""
POWER = 0.8
MOST = 200_000
"""Pairs beyond which nobody is told to go."""


def half_width(n: float, rate: float = 0.5) -> float:
    """Return half the width of the 95% interval (Wilson's) of a rate over ``n`` independent pairs; 0.5 is the widest."""
    low, high = wilson(rate, n, LEVEL)
    return (high - low) / 2


def difference(n: int, discordance: float = DISCORDANCE) -> float:
    """Return the smallest true difference of two models over the same ``n`` pairs that is told apart in four of five runs.

    Told apart is p ≤ 0.05 of McNemar's exact test, as ``analysis.compare`` has it; NaN below two pairs, 1.0 where even the
    largest would not be.
    """
    return detectable_difference(n, discordance, 0.0, level=LEVEL, power=POWER)


def importance(n: int, items: int, discordance: float = DISCORDANCE) -> float:
    """Return the smallest true importance that survives the joint correction for ``items`` of them in four of five runs.

    As the report's ``detectable``, with the critical value of items of which nothing is known (independent ones).
    """
    critical = critical_value(np.zeros((2, items)), LEVEL)
    return detectable_difference(n, discordance, critical, level=LEVEL, power=POWER)


def n_for_half_width(width: float, rate: float = 0.5) -> int:
    """Return the fewest pairs whose interval is no wider than ± ``width``; raise ``PersonaError`` beyond ``MOST``."""
    return _least(lambda n: half_width(n, rate) <= width, f"a half width of {width:g}")


def n_for_difference(smallest: float, discordance: float = DISCORDANCE) -> int:
    """Return the fewest pairs that tell a difference of ``smallest`` apart; raise ``PersonaError`` beyond ``MOST``."""
    return _least(lambda n: difference(n, discordance) <= smallest, f"a difference of {smallest:g}")


def _least(enough: Callable[[int], bool], what: str) -> int:
    high = 2
    while not enough(high):
        high *= 2
        if high > MOST:
            raise PersonaError(f"{what} takes more than {MOST:,} pairs; ask for less")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
