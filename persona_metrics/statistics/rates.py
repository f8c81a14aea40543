"""Estimators that scipy and statsmodels lack, each with its source. Knows no file, no frame and no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats
from statsmodels.stats.proportion import proportion_confint

Floats = NDArray[np.float64]


# -- pass@k ------------------------------------------------------------------------------------------------------------


def pass_at_k(n: int, c: int, k: int) -> float:
    """Return the unbiased estimate that at least one of k attempts succeeds, from c successes in n ≥ k attempts.

    1 − C(n−c, k)/C(n, k): Chen et al. 2021 (arXiv 2107.03374), equation 1. Raises ``ValueError`` for k outside 1…n.
    """
    _counts(n, c, k)
    return 1.0 - comb(n - c, k) / comb(n, k)


def pass_hat_k(n: int, c: int, k: int) -> float:
    """Return the unbiased estimate that all of k attempts succeed: C(c, k)/C(n, k).

    Yao et al. 2024, τ-bench (arXiv 2406.12045), pass^k. Raises ``ValueError`` for k outside 1…n.
    """
    _counts(n, c, k)
    return comb(c, k) / comb(n, k)


def expected_attempts(n: int, c: int) -> float:
    """Return the expected number of attempts until the first success, capped at n: (n+1)/(c+1), and n where c is 0.

    The mean position of the first success over all orders of n attempts with c successes (negative hypergeometric
    distribution: Johnson, Kemp & Kotz, Univariate Discrete Distributions, 6.2.2).
    """
    _counts(n, c, 1)
    return (n + 1) / (c + 1) if c else float(n)


def _counts(n: int, c: int, k: int) -> None:
    if not 0 <= c <= n:
        raise ValueError(f"c={c} successes in n={n} attempts")
    if not 1 <= k <= n:
        raise ValueError(f"k={k} must be between 1 and n={n}")


# -- rates -------------------------------------------------------------------------------------------------------------


def wilson(rate: float, n: float, confidence_level: float = 0.95, df: float | None = None) -> tuple[float, float]:
    """Return Wilson's score interval of a rate from ``n`` observations; ``n`` may be an effective number.

    Wilson 1927 (JASA 22), by statsmodels. With ``df`` the quantile is that of t instead of the normal, for an error
    that few clusters estimate (Korn & Graubard 1998 take the effective n so for clustered rates).
    """
    return _wilson(float(rate), float(n), confidence_level, df)


@lru_cache(65_536)
def _wilson(rate: float, n: float, confidence_level: float, df: float | None) -> tuple[float, float]:
    # A report's groups are many and small: the same few counts come by again and again.
    tail = (1 - confidence_level) / 2
    alpha = 2 * float(stats.norm.sf(stats.t.isf(tail, df))) if df is not None else 2 * tail
    low, high = proportion_confint(rate * n, n, alpha, method="wilson")
    # At 0 and 1 rounding can put the end a hair beside the rate.
    return min(float(low), rate), max(float(high), rate)


def effective_n(values: ArrayLike) -> float:
    """Return how many 0/1 observations say as much as these values in 0…1, array of shape (n,): n·p(1−p)/variance.

    It is n for 0/1 values and larger for shares, whose variance is smaller (Kish 1965). It is n, too, where p is
    within ten observations of 0 or 1: the few that differ show too little of the variance.
    """
    y = np.asarray(values, float)
    mean, variance = float(y.mean()), float(y.var())
    if variance <= 1e-15 or len(y) * min(mean, 1 - mean) < 10:
        return float(len(y))
    return len(y) * mean * (1 - mean) / variance


# -- missing verdicts --------------------------------------------------------------------------------------------------


def missing_bounds(good: float, bad: float, missing: float) -> tuple[float, float]:
    """Return the rate if every missing verdict were bad, and if every one were good (Manski 1990)."""
    total = good + bad + missing
    if not total:
        raise ValueError("no pair at all")
    return good / total, (good + missing) / total


@dataclass(frozen=True)
class PartialInterval:
    """An interval that covers a partly identified rate, with the critical value it used."""

    low: float
    high: float
    critical: float


def imbens_manski(good: float, bad: float, missing: float, confidence_level: float = 0.95) -> PartialInterval:
    """Return the interval for a rate known only up to its missing verdicts (Imbens & Manski 2004, Econometrica 72).

    The critical value solves Φ(C + Δ/max(se)) − Φ(−C) = level, where Δ is the width of the bounds and each bound has
    the binomial error of a mean over all n pairs. The counts may be effective ones, divided by a design effect.
    """
    low, high = missing_bounds(good, bad, missing)
    total = good + bad + missing
    errors = [float(np.sqrt(p * (1 - p) / total)) for p in (low, high)]
    worst = max(errors)
    if worst == 0:
        return PartialInterval(low, high, 0.0)

    def gap(c: float) -> float:
        return float(stats.norm.cdf(c + (high - low) / worst) - stats.norm.cdf(-c)) - confidence_level

    critical = float(optimize.brentq(gap, 0.0, 10.0, xtol=1e-14))
    return PartialInterval(low - critical * errors[0], high + critical * errors[1], critical)


def paired_bounds(pairs: Sequence[tuple[float | None, float | None]]) -> tuple[float, float]:
    """Return the least and greatest mean difference first − second over all fillings of the missing (None) values."""
    if not pairs:
        raise ValueError("no pair at all")
    low = sum((0.0 if a is None else a) - (1.0 if b is None else b) for a, b in pairs)
    high = sum((1.0 if a is None else a) - (0.0 if b is None else b) for a, b in pairs)
    return low / len(pairs), high / len(pairs)
