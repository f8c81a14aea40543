"""Groups: partially pooled rates, the spread beyond chance, and whether groups differ. Knows no file, frame or model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats

from .clusters import repeats

Floats = NDArray[np.float64]


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


def pooled_rates(successes: ArrayLike, totals: ArrayLike, confidence_level: float = 0.9) -> PooledRates:
    """Return empirical-Bayes rates of groups under a beta-binomial model fitted by marginal maximum likelihood.

    ``successes`` and ``totals`` have one entry a group, every total ≥ 1. The rate of a group is its posterior mean
    (k + μκ)/(n + κ), its interval the central posterior one (Gelman et al., Bayesian Data Analysis, 5.3; Casella 1985).
    Groups that share members are treated as if they did not: pooling is then too confident, not biased. Where persons repeat,
    give the counts that they are worth (``clusters.effective_counts``), here and in all that follows.
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
    # A beta heaped at 0 and 1 can have its mean outside its own central interval.
    rates = a / (a + b)
    return PooledRates(mean, shown, _tuple(rates), _tuple(np.minimum(lows, rates)), _tuple(np.maximum(highs, rates)))


def between_group_variance(successes: ArrayLike, totals: ArrayLike) -> float:
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


def between_group_sd(successes: ArrayLike, totals: ArrayLike) -> float:
    """Return the square root of ``between_group_variance``; 0.0 where chance alone explains the spread, or all is one."""
    _, n = _groups(successes, totals)
    return float(np.sqrt(max(0.0, between_group_variance(successes, totals)))) if np.sum(n > 1) > 1 else 0.0


def _groups(successes: ArrayLike, totals: ArrayLike) -> tuple[Floats, Floats]:
    k, n = np.asarray(successes, float), np.asarray(totals, float)
    if k.shape != n.shape or k.ndim != 1 or not len(k) or np.any(n < 1) or np.any(k < 0) or np.any(k > n):
        raise ValueError("need one success count and one total (≥ 1) for each group")
    return k, n


def pooled_intervals(successes: ArrayLike, totals: ArrayLike, confidence_level: float = 0.95) -> tuple[Floats, Floats]:
    """Return intervals of the groups' true rates, two arrays of shape (groups,), that also carry the prior's uncertainty.

    ``pooled_rates`` takes its fitted prior for certain, and its intervals shrink to nothing where the groups look
    alike. Here mean and weight of the prior are averaged over their posterior on a grid, flat in the mean and in
    κ^(−1/2), which is flat in the spread (Gelman et al., Bayesian Data Analysis, 5.3: p(α, β) ∝ (α+β)^(−5/2)); each
    group's posterior is then a mixture of betas, taken as the beta with its mean and variance. The interval always
    holds the empirical-Bayes rate.
    """
    k, n = _groups(successes, totals)
    pooled = pooled_rates(successes, totals, confidence_level)
    if len(k) == 1:
        return np.array(pooled.lows), np.array(pooled.highs)
    mean, prior, share = _grid(k, n)
    share = share[:, :, None]
    a = mean * prior
    rate = (k + a) / (n + prior)
    center = np.sum(share * rate, axis=(0, 1))
    variance = np.sum(share * (rate * (1 - rate) / (n + prior + 1) + rate**2), axis=(0, 1)) - center**2
    size = center * (1 - center) / variance - 1
    tail = (1 - confidence_level) / 2
    low, high = (stats.beta.ppf(q, center * size, (1 - center) * size) for q in (tail, 1 - tail))
    return np.minimum(low, pooled.rates), np.maximum(high, pooled.rates)


def _grid(k: Floats, n: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the prior's means (60, 1, 1), weights (1, 60, 1) and the posterior share of each pair of them (60, 60)."""
    total, overall = n.sum(), k.sum() / n.sum()
    # As far out as the mean could lie if the groups differed as much as rates can.
    weight = total * len(k) / (total + len(k))
    ends = stats.beta.ppf([1e-6, 1 - 1e-6], overall * weight + 0.5, (1 - overall) * weight + 0.5)
    first, last = (float(end) for end in np.clip(ends, 1e-6, 1 - 1e-6))
    mean = np.linspace(first, last, 60)[:, None, None]
    prior = np.linspace(0.004, 1.4, 60)[None, :, None] ** -2.0
    a, b = mean * prior, (1 - mean) * prior
    likelihood = np.sum(special.betaln(k + a, n - k + b) - special.betaln(a, b), axis=2)
    share = np.exp(likelihood - likelihood.max())
    return mean, prior, share / share.sum()


@dataclass(frozen=True)
class Homogeneity:
    """A test of "all groups have one rate": statistic, degrees of freedom, p, and ``chi2`` or ``permutation``."""

    statistic: float
    df: int
    p: float
    method: str


def homogeneity(
    values: ArrayLike, inside: ArrayLike, resamples: int = 9999, seed: int = 0, persons: ArrayLike | None = None
) -> Homogeneity:
    """Return Pearson's test of equal rates: 0/1 values of shape (n,), memberships of shape (n, groups), no empty group.

    The statistic is Σ n_g (p_g − p)²/(p(1−p)). Its chi-squared law needs disjoint groups, and expected counts of which
    none is below 1 and no more than a fifth below 5 (Cochran 1954); otherwise p is that of verdicts shuffled over the
    pairs, which keeps the overlap. ``persons`` are of shape (n,), a person's pairs all in the same groups: where one has
    several, whole persons are shuffled over the groups, since their verdicts are alike beyond what the group makes them.
    """
    member = np.asarray(inside, bool)
    placed = member.any(axis=1)
    if persons is not None and repeats(np.asarray(persons)[placed]):
        return _by_person(
            np.asarray(values, float)[placed], member[placed], np.asarray(persons)[placed], resamples, seed
        )
    y, member = np.asarray(values, float)[placed], member[placed].astype(float)
    sizes, rate = member.sum(axis=0), float(y.mean())
    if len(sizes) < 2 or rate in (0.0, 1.0):
        return Homogeneity(0.0, len(sizes) - 1, 1.0, "chi2")

    def statistic(x: Any, axis: int = -1) -> Any:  # noqa: ARG001
        return np.sum((x @ member - sizes * rate) ** 2 / sizes, axis=-1) / (rate * (1 - rate))

    df = len(sizes) - 1
    expected = np.outer([rate, 1 - rate], sizes)
    if member.sum(axis=1).max() == 1 and expected.min() >= 1 and np.mean(expected < 5) <= 0.2:
        k = y @ member
        found = stats.chi2_contingency(np.stack([k, sizes - k]), correction=False)
        return Homogeneity(float(found.statistic), df, float(found.pvalue), "chi2")
    shuffled = stats.permutation_test(
        (y,),
        statistic,
        permutation_type="pairings",
        vectorized=True,
        n_resamples=resamples,
        batch=512,
        alternative="greater",
        rng=np.random.default_rng(seed),
    )
    return Homogeneity(float(shuffled.statistic), df, float(shuffled.pvalue), "permutation")


def _by_person(y: Floats, member: Any, persons: Any, resamples: int, seed: int) -> Homogeneity:
    first, who = np.unique(persons, return_index=True, return_inverse=True)[1:]
    sums, counts = np.bincount(who, y), np.bincount(who).astype(float)
    groups, rate = member[first].astype(float), float(y.mean())
    df = groups.shape[1] - 1
    if df < 1 or rate in (0.0, 1.0):
        return Homogeneity(0.0, df, 1.0, "permutation")

    def statistic(order: Any) -> Any:
        sizes, good = counts[order] @ groups, sums[order] @ groups
        return np.sum((good - sizes * rate) ** 2 / sizes, axis=-1) / (rate * (1 - rate))

    rng = np.random.default_rng(seed)
    least = float(statistic(np.arange(len(counts)))) - 1e-9
    hits, left = 0, resamples
    while left:
        batch = min(left, 512)
        order = rng.permuted(np.tile(np.arange(len(counts)), (batch, 1)), axis=1)
        hits += int(np.sum(statistic(order) >= least))
        left -= batch
    return Homogeneity(least + 1e-9, df, (1 + hits) / (1 + resamples), "permutation")


def _tuple(values: Floats) -> tuple[float, ...]:
    return tuple(float(v) for v in values)


def between_group_sd_interval(
    successes: ArrayLike, totals: ArrayLike, confidence_level: float = 0.95
) -> tuple[float, float]:
    """Return an interval of the standard deviation of the groups' true rates; NaN where fewer than two have two pairs.

    The spread of the raw rates over their noise is taken as noncentral chi-squared and its noncentrality inverted
    (Venables 1975, JRSS B 37), with the noise that the common rate gives each group. 0 inside it: no spread was shown.
    Groups more alike than chance makes them in 5 of 6 draws say no more than those of the sixth: the upper end is a
    power-constrained limit (Cowan, Cranmer, Gross & Vitells 2011, arXiv 1105.3166; 16%), and never 0.
    Groups of very unequal size, of which a tiny one is far off, are covered less often than the level says.
    """
    k, n = _groups(successes, totals)
    k, n = k[n > 1], n[n > 1]
    if len(k) < 2:
        return float("nan"), float("nan")
    # Half a pair to each side, so that a rate of 0 or 1 has noise, too.
    common = (k.sum() + 0.5) / (n.sum() + 1)
    noise = float(np.mean(common * (1 - common) / n))
    df = len(k) - 1
    seen = float(np.sum((k / n - np.mean(k / n)) ** 2)) / noise
    tail = (1 - confidence_level) / 2
    low = _noncentrality(seen, df, 1 - tail)
    high = _noncentrality(max(seen, float(stats.chi2.ppf(0.16, df))), df, tail)
    return float(np.sqrt(low * noise / df)), float(np.sqrt(high * noise / df))


def _noncentrality(seen: float, df: int, chance: float) -> float:
    """Return the noncentrality at which ``seen`` or less comes with this chance, 0.0 where none is so large."""
    if stats.chi2.cdf(seen, df) <= chance:
        return 0.0
    return float(optimize.brentq(lambda x: float(stats.ncx2.cdf(seen, df, x)) - chance, 1e-9, 20 * seen + 100))


@dataclass(frozen=True)
class Worst:
    """The group with the lowest pooled rate: its position, rate and interval, and the chance that it is the lowest."""

    group: int
    rate: float
    low: float
    high: float
    probability: float


def worst(successes: ArrayLike, totals: ArrayLike, confidence_level: float = 0.95, seed: int = 0) -> Worst:
    """Return the group that is lowest after pooling, from 4,000 draws of all groups' rates (see ``pooled_intervals``).

    Rates are drawn together under the prior's uncertainty, so that having been picked as the lowest does not bias the
    interval where the groups are many and alike in kind. One odd group among few is drawn towards the others: read its raw
    rate beside it.
    """
    k, n = _groups(successes, totals)
    pooled = pooled_rates(successes, totals, confidence_level)
    at = pooled.worst
    if len(k) == 1:
        return Worst(0, pooled.rates[0], pooled.lows[0], pooled.highs[0], 1.0)
    rng = np.random.default_rng(seed)
    mean, prior, share = _grid(k, n)
    chosen = rng.choice(share.size, 4000, p=share.ravel())
    row, column = np.unravel_index(chosen, share.shape)
    a = k + (mean[row, 0, 0] * prior[0, column, 0])[:, None]
    b = n - k + ((1 - mean[row, 0, 0]) * prior[0, column, 0])[:, None]
    drawn = rng.beta(a, b)
    tail = (1 - confidence_level) / 2
    low, high = (float(end) for end in np.quantile(drawn[:, at], [tail, 1 - tail]))
    rate = pooled.rates[at]
    return Worst(at, rate, min(low, rate), max(high, rate), float(np.mean(np.argmin(drawn, axis=1) == at)))
