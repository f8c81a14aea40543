"""Groups whose rates differ, or whose persons repeat, for ``tools.simulation``: draws verdicts and takes the intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from persona_metrics.statistics.clusters import effective_counts
from persona_metrics.statistics.pooling import between_group_sd_interval, pooled_intervals, worst

Generator = np.random.Generator
Floats = NDArray[np.float64]
RUNS = 1000


def spread_of(rates: Callable[[Generator], Floats], size: int) -> Callable[[Generator], tuple[Floats, Floats]]:
    """Draw groups with these true rates, ``size`` pairs each; the truth is the standard deviation of the rates."""

    def simulate(rng: Generator) -> tuple[Floats, Floats]:
        found, truths = [], []
        for _ in range(RUNS):
            true = rates(rng)
            n = np.full(len(true), size)
            found.append(between_group_sd_interval(rng.binomial(n, true), n))
            truths.append(float(np.std(true, ddof=1)))
        return np.array(found), np.array(truths)

    return simulate


def repeated(
    what: str, number: int, persons: int, each: int, spread: float = 0.3, runs: int = 400, plain: bool = False
) -> Callable[[Generator], tuple[Floats, Floats]]:
    """Draw groups of ``persons`` with ``each`` questions, whose verdicts are alike (probit, standard deviation 0.8).

    ``what`` is the interval: of the pooled ``rates``, of the ``lowest`` group, of the ``spread``. ``plain`` takes all
    pairs for independent.
    """

    def simulate(rng: Generator) -> tuple[Floats, Floats]:
        found: list[Any] = []
        truths: list[Any] = []
        group, who = np.repeat(np.arange(number), persons), np.repeat(np.arange(number * persons), each)
        inside = np.eye(number, dtype=bool)[group[who]]
        for _ in range(runs):
            middle = 0.3 + rng.normal(0, spread, number)
            true = stats.norm.cdf(middle / np.sqrt(1 + 0.8**2))
            y = (rng.random(len(who)) < stats.norm.cdf(middle[group] + rng.normal(0, 0.8, len(group)))[who]).astype(
                float
            )
            counted = effective_counts(y, inside, np.arange(len(who)) if plain else who)
            k, n = counted.successes, counted.totals
            if what == "rates":
                found.append(np.stack(pooled_intervals(k, n, 0.95), axis=1))
                truths.append(true)
            elif what == "lowest":
                row = worst(k, n)
                found.append((row.low, row.high))
                truths.append(true[row.group])
            else:
                found.append(between_group_sd_interval(k, n))
                truths.append(float(np.std(true, ddof=1)))
        return np.array(found), np.array(truths)

    return simulate
