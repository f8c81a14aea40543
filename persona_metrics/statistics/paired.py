"""Paired comparisons: intervals, McNemar, step-down max-T, agreement between votes. Knows no file, frame or model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import mcnemar

from .clusters import cluster_sums, design, repeats

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Paired:
    """A mean paired difference: error over pairs, interval, discordant counts, p, and the design effect (1: none).

    ``stderr`` is that of the mean of independent differences, or the clustered one where personas or questions repeat.
    """

    difference: float
    stderr: float
    low: float
    high: float
    n: int
    only_first: int
    only_second: int
    p: float
    effect: float = 1.0


def paired_difference(
    first: ArrayLike,
    second: ArrayLike,
    confidence_level: float = 0.95,
    clusters: Sequence[ArrayLike] = (),
    flips: int = 9999,
) -> Paired:
    """Return first − second over pairs of values in 0…1, arrays of shape (n,) without missing values.

    Of 0/1 values ``p`` is McNemar's exact binomial p over the discordant pairs (McNemar 1947), 1.0 without any, and the
    interval Tango's score interval (Tango 1998, Stat. Med. 17), which holds its level where all that moved moved one
    way; an end is drawn to 0 where the exact test does not exclude it, so that the two agree. Of shares (means
    of attempts, pass@k) p is that of a paired permutation test on the mean (signs flipped by pair), the interval Student's.

    ``clusters`` are two arrays of shape (n,), persona and question: where either repeats, error, interval and p are the
    clustered ones (``clusters.design``; p is the largest of the two-way t test's and those of sign flips by cluster).
    ``p`` is never below that of the interval, and the interval holds 0 where p is above 1 − level: the interval excludes 0
    exactly where p does not exceed it. With fewer than two pairs the error and the interval are NaN.
    """
    a, b = np.asarray(first, float), np.asarray(second, float)
    d = a - b
    n = len(d)
    more, less = int(np.sum(d > 0)), int(np.sum(d < 0))
    whole = bool(np.isin(d, (-1.0, 0.0, 1.0)).all())
    mean = float(d.mean()) if n else float("nan")
    if n < 2:
        return Paired(mean, *(float("nan"),) * 3, n, more, less, 1.0)
    tail = (1 - confidence_level) / 2
    design_ = design(d, *clusters) if clusters else None
    error = float(d.std(ddof=1) / np.sqrt(n))
    effect, df = 1.0, None
    if design_ is not None:
        error, effect, df = design_.stderr, design_.effect, design_.df
    p = mcnemar_exact(more, less) if whole else step_down_max_t(d[:, None], flips).adjusted[0]
    if design_ is not None:
        p = clustered_p(d[:, None], clusters, flips)[0]
    if whole:
        z = float(stats.norm.isf(tail)) if df is None else float(stats.t.isf(tail, df))
        low, high = tango(more / effect, less / effect, n / effect, z)
        if df is not None and more + less:
            p = max(p, 2 * float(stats.t.sf(abs(more - less) / np.sqrt((more + less) * effect), df)))
    elif error:
        degrees = n - 1 if df is None else df
        reach = float(stats.t.isf(tail, degrees)) * error
        low, high = max(-1.0, mean - reach), min(1.0, mean + reach)
        p = max(p, 2 * float(stats.t.sf(abs(mean) / error, degrees)))
    else:
        # All moved by one and the same share: the width that so many pairs without a difference allow.
        spare = tango(0.0, 0.0, n, float(stats.norm.isf(tail)))[1]
        low, high = max(-1.0, mean - spare), min(1.0, mean + spare)
        p = max(p, 2 * float(stats.norm.sf(np.sqrt(n * abs(mean) / (1 - abs(mean))))))
    if p > 2 * tail:
        low, high = min(low, 0.0), max(high, 0.0)
    return Paired(mean, error, low, high, n, more, less, p, effect)


def unanimous(
    lean: ArrayLike, confidence_level: float = 0.95, clusters: Sequence[ArrayLike] = ()
) -> tuple[float, float, float]:
    """Return the interval of the mean of leans in -½…½ that are all alike, and its p; array of shape (n,).

    Student's interval has no width there, which is no certainty: half of ``paired_difference``'s of one side less the other.
    """
    both = 2 * np.asarray(lean, float)
    found = paired_difference(np.maximum(both, 0), np.maximum(-both, 0), confidence_level, clusters)
    return found.low / 2, found.high / 2, found.p


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Return McNemar's exact two-sided p over the discordant pairs, 1.0 without any."""
    if not only_first + only_second:
        return 1.0
    return float(mcnemar([[0, only_first], [only_second, 0]], exact=True).pvalue)


def tango(only_first: float, only_second: float, n: float, z: float) -> tuple[float, float]:
    """Return Tango's score interval of a paired difference of proportions: {δ : |T(δ)| ≤ z} (Stat. Med. 17, 1998, eq. 4).

    Counts of discordant pairs among ``n``; they may be effective (divided by a design effect). ``z`` is the quantile.
    """
    b, c = only_first, only_second
    found = (b - c) / n

    def score(delta: float) -> float:
        big = -b - c + (2 * n - b + c) * delta
        inner = big * big + 8 * n * c * delta * (1 - delta)
        q = (float(np.sqrt(max(0.0, inner))) - big) / (4 * n)
        gap = b - c - n * delta
        return 0.0 if abs(gap) < 1e-12 else gap / float(np.sqrt(max(n * (2 * q + delta * (1 - delta)), 1e-300)))

    edge = 1 - 1e-12
    low = -1.0 if found <= -edge or score(-edge) <= z else float(optimize.brentq(lambda x: score(x) - z, -edge, found))
    high = 1.0 if found >= edge or score(edge) >= -z else float(optimize.brentq(lambda x: score(x) + z, found, edge))
    return min(low, found), max(high, found)


def clustered_p(differences: ArrayLike, clusters: Sequence[ArrayLike], flips: int = 9999, seed: int = 0) -> Floats:
    """Return p-values of the columns of ``differences`` (n × m) that hold jointly, where personas or questions repeat.

    Signs are flipped for whole clusters, by persona and by question (Cameron, Gelbach & Miller 2008, REStat 90, for
    flips by cluster; Westfall & Young 1993 for the joint maximum), and the two-way t statistics are held against each
    null; the larger p counts, as does that of the two-way t test. NaN is a missing difference.
    """
    d = np.asarray(differences, float)
    columns = []
    for column in d.T:
        seen = ~np.isnan(column)
        columns.append(design(column[seen], *(np.asarray(c)[seen] for c in clusters)) if seen.sum() > 1 else None)
    means = np.array([float(np.nanmean(c)) if np.any(~np.isnan(c)) else 0.0 for c in d.T])
    plain = studentised(d)
    observed = np.array(
        [
            plain[i] if found is None else abs(means[i]) / found.stderr if found.stderr > 1e-15 else plain[i]
            for i, found in enumerate(columns)
        ]
    )
    observed = np.where(np.isnan(observed), 0.0, observed)
    p = np.zeros(len(columns))
    for i, found in enumerate(columns):
        if found is not None and found.df:
            p[i] = float(2 * stats.t.sf(observed[i], found.df))
    for groups in clusters:
        if repeats(groups) and len(np.unique(np.asarray(groups))) > 1:
            sums = cluster_sums(d, groups)
            p = np.maximum(p, step_down_max_t(sums, flips, seed, observed=observed).adjusted)
    return p


def studentised(differences: ArrayLike) -> Floats:
    """Return |t| of each column of ``differences`` (n × m), NaN entries left out; 0 where a column never moves."""
    d = np.asarray(differences, float)
    return _ratio(np.nansum(d, axis=0), np.sum(~np.isnan(d), axis=0), np.nansum(d**2, axis=0))


def _ratio(total: Any, count: Any, square: Any) -> Floats:
    mean = total / np.maximum(count, 1)
    variance = np.maximum(square - count * mean**2, 0.0) / np.maximum(count - 1, 1)
    error = np.sqrt(variance / np.maximum(count, 1))
    flat = error < 1e-12
    # Every pair moved by the same amount: infinitely many errors away, unless it did not move at all.
    still = np.where(np.abs(mean) > 1e-12, np.inf, 0.0)
    return np.asarray(np.where(flat, still, np.abs(mean) / np.where(flat, 1.0, error)))


@dataclass(frozen=True)
class MaxT:
    """Raw and step-down adjusted p-values of m hypotheses, in their order."""

    statistics: tuple[float, ...]
    raw: tuple[float, ...]
    adjusted: tuple[float, ...]
    flips: int
    exact: bool


def step_down_max_t(
    differences: ArrayLike, flips: int = 9999, seed: int = 0, observed: ArrayLike | None = None
) -> MaxT:
    """Return p-values for "column j of ``differences`` (n × m) is centred at 0" that hold jointly over all columns.

    Westfall & Young 1993, algorithm 4.1 (step-down max-T), with signs flipped jointly for a whole row, which keeps the
    columns' dependence: scipy's ``permutation_test`` flips the rows of all columns together and hands back their joint
    null. NaN is a missing difference. Where the n pairs that moved have 2ⁿ ≤ ``flips`` flips, each is taken and p is
    exact; otherwise ``flips`` random ones and p = (1 + hits)/(1 + flips) (Phipson & Smyth 2010). ``observed`` are
    statistics of shape (m,) to hold against the null in place of the columns' own, smaller where clusters overlap.
    """
    d = np.asarray(differences, float)
    filled = np.nan_to_num(d)
    observed = studentised(d) if observed is None else np.asarray(observed, float)
    count, square = np.sum(~np.isnan(d), axis=0), np.sum(filled**2, axis=0)
    # A pair without any difference stays what it is under a flip; most are such.
    moved = filled[np.any(filled != 0, axis=1)]
    rows, columns = moved.shape
    if rows < 2:
        # One pair cannot speak against chance, and scipy takes no sample of one.
        one = (1.0,) * columns
        return MaxT(_tuple(observed), one, one, flips=2**rows, exact=True)

    def statistic(x: Any, axis: int) -> Floats:
        # A flip changes a column's sum alone, neither its count nor its squares.
        # Finite, since scipy subtracts a tolerance from it.
        return np.minimum(_ratio(np.sum(x, axis=axis), count, square), _HUGE)

    exact = rows < 1024 and 2**rows <= flips
    found = stats.permutation_test(
        (moved,),
        statistic,
        permutation_type="samples",
        vectorized=True,
        axis=0,
        alternative="greater",
        n_resamples=flips,
        # Some 100 MB at once, whatever the run's size.
        batch=int(min(512, max(1, 4_000_000 // (rows * columns)))),
        rng=np.random.default_rng(seed),
    )
    null = found.null_distribution
    # Both p-values are counted from the one null, so that they agree about ties.
    least = np.minimum(observed, _HUGE) - _TIE
    raw = _share(null >= least, exact)
    order = np.argsort(-observed, kind="stable")
    # The maximum over each hypothesis and all that rank below it.
    below = np.maximum.accumulate(null[:, order][:, ::-1], axis=1)[:, ::-1]
    adjusted = np.empty(columns)
    adjusted[order] = np.maximum.accumulate(_share(below >= least[order], exact))
    return MaxT(_tuple(observed), _tuple(raw), _tuple(adjusted), flips=len(null), exact=exact)


_HUGE = 1e12
_TIE = 1e-10
"""Statistics this close are equal: the sums of flipped rows come in another order."""


def _share(hits: Any, exact: bool) -> Floats:
    offset = 0 if exact else 1
    return np.asarray((hits.sum(axis=0) + offset) / (len(hits) + offset))


def _tuple(values: Floats) -> tuple[float, ...]:
    return tuple(float(v) for v in values)


def critical_value(differences: ArrayLike, level: float = 0.95, flips: int = 1999, seed: int = 0) -> float:
    """Return the largest |t| that chance alone reaches over all columns of ``differences`` (n × m) in ``level`` of flips."""
    d = np.nan_to_num(np.asarray(differences, float))
    moved = d[np.any(d != 0, axis=1)]
    floor = float(stats.norm.isf((1 - level) / 2))
    if len(moved) < 2:
        # Nothing moved: as if the columns were independent.
        return max(floor, float(stats.norm.isf((1 - level ** (1 / max(1, d.shape[1]))) / 2)))
    count, square = np.full(d.shape[1], len(d)), np.sum(moved**2, axis=0)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (flips, len(moved)))
    return max(floor, float(np.quantile(_ratio(signs @ moved, count, square).max(axis=1), level)))


def detectable_difference(
    n: int, discordant: float, critical: float, *, level: float = 0.95, power: float = 0.8, seed: int = 0
) -> float:
    """Return the smallest true difference over ``n`` pairs that would survive in ``power`` of runs, NaN below two pairs.

    ``discordant`` is the share of pairs that differ at all; where the difference asks for more, it is that. A difference
    survives where |t| passes ``critical`` (``critical_value``, joint over all items) and McNemar's exact p is at most
    1 − level: both are simulated (2,000 runs a step) rather than taken from a normal law, since few discordant pairs make
    the exact test coarse. 1.0 where even a difference of 1 would not be found.
    """
    if n < 2:
        return float("nan")
    limit = _least_extreme(n, 1 - level)

    def found(delta: float) -> float:
        rng = np.random.default_rng(seed)
        share = max(discordant, delta)
        moved = rng.binomial(n, min(1.0, share), 2000)
        more = rng.binomial(moved, min(1.0, 0.5 + delta / (2 * share)) if share else 0.5)
        t = _ratio((2 * more - moved).astype(float), np.full(2000, n), moved.astype(float))
        return float(np.mean((t >= critical) & (2 * more - moved > 0) & (moved - more <= limit[moved])))

    if found(1.0) < power:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (low, middle) if found(middle) >= power else (middle, high)
    return high


def _least_extreme(n: int, alpha: float) -> Any:
    """Return for 0…n discordant pairs the greatest minority count whose exact two-sided p is at most ``alpha``, or −1."""
    m = np.arange(n + 1)
    tail = stats.binom.ppf(alpha / 2, m, 0.5)
    reached = 2 * stats.binom.cdf(tail, m, 0.5) <= alpha
    return np.where(m == 0, -1, np.where(reached, tail, tail - 1)).astype(int)


def pairwise_agreement(votes: Sequence[Sequence[float | None]]) -> float:
    """Return the mean share of agreeing pairs of votes over the items that have at least two; NaN without any."""
    shares = []
    for item in votes:
        cast = [v for v in item if v is not None]
        if len(cast) > 1:
            good = sum(cast)
            bad = len(cast) - good
            shares.append((good * (good - 1) + bad * (bad - 1)) / (len(cast) * (len(cast) - 1)))
    return float(np.mean(shares)) if shares else float("nan")


def krippendorff_alpha(table: Sequence[Sequence[float | None]]) -> float:
    """Return Krippendorff's nominal alpha of a raters × items table with missing entries (Krippendorff 2011).

    1 − D_observed/D_expected over pairable values; NaN where all values are alike, since nothing then can differ.
    """
    data = np.array([[np.nan if v is None else v for v in row] for row in table], float)
    values = np.unique(data[~np.isnan(data)])
    per_item = np.stack([np.sum(data == v, axis=0) for v in values])
    sizes = per_item.sum(axis=0)
    usable = sizes > 1
    per_item, sizes = per_item[:, usable], sizes[usable]
    total = sizes.sum()
    observed = float(np.sum((sizes**2 - np.sum(per_item**2, axis=0)) / (sizes - 1))) / total
    margins = per_item.sum(axis=1)
    expected = float(total**2 - np.sum(margins**2)) / (total * (total - 1))
    return 1.0 - observed / expected if expected else float("nan")
