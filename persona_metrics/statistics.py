"""Estimators that scipy and statsmodels lack, each with its source. Knows no file, no frame and no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A value with its interval and the number of observations it rests on."""

    value: float
    low: float
    high: float
    n: int


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


# -- groups ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PooledRates:
    """Partially pooled rates: prior mean and weight (in pairs), and per group rate, ``low``, ``high``.

    ``prior_n`` is infinite where the groups do not differ more than chance would make them; every group then has the
    common rate and no interval around it of its own.
    """

    mean: float
    prior_n: float
    rates: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]

    @property
    def worst(self) -> int:
        """Return the position of the lowest rate."""
        return int(np.argmin(self.rates))


# Beyond this prior weight the likelihood is flat and the groups are one.
_LOG_MAX = np.log(1e7)


def pooled_rates(successes: Sequence[int], totals: Sequence[int], confidence_level: float = 0.9) -> PooledRates:
    """Return empirical-Bayes rates of groups under a beta-binomial model fitted by marginal maximum likelihood.

    ``successes`` and ``totals`` have one entry a group, every total ≥ 1. The rate of a group is its posterior mean
    (k + μκ)/(n + κ), its interval the central posterior one (Gelman et al., Bayesian Data Analysis, 5.3; Casella 1985).
    Groups that share members are treated as if they did not: pooling is then too confident, not biased.
    Raises ``ValueError`` without groups or with an empty one.
    """
    k, n = _groups(successes, totals)
    tail = (1 - confidence_level) / 2
    overall = float(k.sum() / n.sum())
    if len(k) == 1 or overall in (0.0, 1.0):
        # One group, or no variation at all: nothing to learn a prior from. Jeffreys' interval of what there is.
        a, b = k.sum() + 0.5, n.sum() - k.sum() + 0.5
        low, high = (float(x) for x in stats.beta.ppf([tail, 1 - tail], a, b))
        same = (overall,) * len(k)
        return PooledRates(overall, float("inf"), same, (min(low, overall),) * len(k), (max(high, overall),) * len(k))

    def loss(parameters: Floats) -> tuple[float, Floats]:
        mean, prior = float(special.expit(parameters[0])), float(np.exp(parameters[1]))
        a, b = mean * prior, (1 - mean) * prior
        value = -np.sum(special.betaln(k + a, n - k + b) - special.betaln(a, b))
        shared = special.digamma(prior) - special.digamma(n + prior)
        by_a = np.sum(special.digamma(k + a) - special.digamma(a) + shared)
        by_b = np.sum(special.digamma(n - k + b) - special.digamma(b) + shared)
        return float(value), np.array([-(by_a - by_b) * prior * mean * (1 - mean), -(by_a * a + by_b * b)])

    start = special.logit(np.clip(overall, 1e-6, 1 - 1e-6))
    bounds = [(-20.0, 20.0), (-5.0, _LOG_MAX)]
    # The likelihood can have a flat far end; start on both sides and keep the better.
    fits = [optimize.minimize(loss, [start, s], jac=True, method="L-BFGS-B", bounds=bounds) for s in (2.0, 6.0)]
    best = min(fits, key=lambda fit: float(fit.fun))
    # Near the optimum the value is flat to machine precision, its slope is not.
    exact = optimize.root(lambda x: loss(x)[1], best.x, method="hybr", tol=1e-12)
    if exact.success and bounds[1][0] < exact.x[1] < _LOG_MAX and loss(exact.x)[0] <= best.fun + 1e-9:
        best = exact
    mean, log_prior = float(special.expit(best.x[0])), min(float(best.x[1]), _LOG_MAX)
    prior = float(np.exp(log_prior))
    a, b = k + mean * prior, n - k + (1 - mean) * prior
    lows, highs = stats.beta.ppf(tail, a, b), stats.beta.ppf(1 - tail, a, b)
    shown = float("inf") if log_prior >= _LOG_MAX - 1e-6 else prior
    return PooledRates(mean, shown, _tuple(a / (a + b)), _tuple(lows), _tuple(highs))


def between_group_variance(successes: Sequence[int], totals: Sequence[int]) -> float:
    """Return the variance of true group rates beyond sampling noise: s² − mean of p(1−p)/(n−1); may be negative.

    Both corrections of the moment estimator: s² with K − 1, and the unbiased estimate of each group's own variance
    (Kleinman 1973, JASA 68; DerSimonian & Laird 1986 for equal weights). Groups of one pair have no variance
    estimate and are left out. Raises ``ValueError`` where fewer than two groups remain.
    """
    k, n = _groups(successes, totals)
    k, n = k[n > 1], n[n > 1]
    if len(k) < 2:
        raise ValueError("at least two groups of two pairs are needed")
    p = k / n
    return float(np.var(p, ddof=1) - np.mean(p * (1 - p) / (n - 1)))


def between_group_sd(successes: Sequence[int], totals: Sequence[int]) -> float:
    """Return the square root of ``between_group_variance``; 0.0 where chance alone explains the spread, or all is one."""
    _, n = _groups(successes, totals)
    return float(np.sqrt(max(0.0, between_group_variance(successes, totals)))) if np.sum(n > 1) > 1 else 0.0


def _groups(successes: Sequence[int], totals: Sequence[int]) -> tuple[Floats, Floats]:
    k, n = np.asarray(successes, float), np.asarray(totals, float)
    if k.shape != n.shape or k.ndim != 1 or not len(k) or np.any(n < 1) or np.any(k < 0) or np.any(k > n):
        raise ValueError("need one success count and one total (≥ 1) for each group")
    return k, n


# -- clustered errors --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Clustered:
    """A mean with its naive, one-way and two-way clustered standard errors; ``df`` are the t degrees of freedom."""

    mean: float
    naive: float
    first: float
    second: float
    two_way: float
    df: int
    fallback: bool


def clustered_errors(values: ArrayLike, first: ArrayLike, second: ArrayLike) -> Clustered:
    """Return the standard error of a mean whose observations share personas (``first``) and questions (``second``).

    Arrays of shape (n,). Cameron, Gelbach & Miller 2011 (JBES 29): V = V₁ + V₂ − V₁₂ with CR0 sums. That can come out
    at or below zero; then the larger one-way error stands in and ``fallback`` says so. Use t with ``df`` = min(G) − 1.
    """
    y = np.asarray(values, float)
    residual = y - y.mean()
    size = len(y)
    one = np.unique(np.asarray(first), return_inverse=True)[1]
    two = np.unique(np.asarray(second), return_inverse=True)[1]
    both = np.unique(np.stack([one, two]), axis=1, return_inverse=True)[1].ravel()
    v1, v2, v12 = (float(np.sum(np.bincount(g, residual) ** 2)) / size**2 for g in (one, two, both))
    variance, fallback = v1 + v2 - v12, False
    if variance <= 1e-15:
        variance, fallback = max(v1, v2), True
    naive = float(y.std(ddof=1) / np.sqrt(size)) if size > 1 else float("nan")
    df = int(min(one.max(), two.max())) if size else 0
    return Clustered(float(y.mean()), naive, v1**0.5, v2**0.5, variance**0.5, df, fallback)


# -- missing verdicts --------------------------------------------------------------------------------------------------


def missing_bounds(good: int, bad: int, missing: int) -> tuple[float, float]:
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


def imbens_manski(good: int, bad: int, missing: int, confidence_level: float = 0.95) -> PartialInterval:
    """Return the interval for a rate known only up to its missing verdicts (Imbens & Manski 2004, Econometrica 72).

    The critical value solves Φ(C + Δ/max(se)) − Φ(−C) = level, where Δ is the width of the bounds and each bound has
    the binomial error of a mean over all n pairs.
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


def _tuple(values: Floats) -> tuple[float, ...]:
    return tuple(float(v) for v in values)
