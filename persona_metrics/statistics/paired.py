"""Paired comparisons: intervals, McNemar, step-down max-T, agreement between votes. Knows no file, frame or model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Paired:
    """A mean paired difference: error over pairs, t interval, discordant counts and McNemar's exact p."""

    difference: float
    stderr: float
    low: float
    high: float
    n: int
    only_first: int
    only_second: int
    p: float


def paired_difference(first: ArrayLike, second: ArrayLike, confidence_level: float = 0.95) -> Paired:
    """Return first − second over pairs of 0/1 values, arrays of shape (n,) without missing values.

    The error is that of the mean of differences; ``p`` is McNemar's exact binomial p over the discordant pairs
    (McNemar 1947), 1.0 without any. With fewer than two pairs the error and the interval are NaN.
    """
    a, b = np.asarray(first, float), np.asarray(second, float)
    d = a - b
    n = len(d)
    more, less = int(np.sum(d > 0)), int(np.sum(d < 0))
    p = float(mcnemar([[0, more], [less, 0]], exact=True).pvalue) if more + less else 1.0
    if n < 2:
        return Paired(float(d.mean()) if n else float("nan"), *(float("nan"),) * 3, n, more, less, p)
    error = float(d.std(ddof=1) / np.sqrt(n))
    if error == 0.0:
        # All differences alike: the t interval would claim certainty. Newcombe's keeps the width that n allows.
        both, neither = int(np.sum((a == 1) & (b == 1))), int(np.sum((a == 0) & (b == 0)))
        low, high = newcombe_paired(both, more, less, neither, confidence_level)
        return Paired(float(d.mean()), error, low, high, n, more, less, p)
    reach = float(stats.t.ppf(0.5 + confidence_level / 2, n - 1)) * error
    low, high = max(-1.0, float(d.mean()) - reach), min(1.0, float(d.mean()) + reach)
    return Paired(float(d.mean()), error, low, high, n, more, less, p)


def newcombe_paired(
    both: int, only_first: int, only_second: int, neither: int, confidence_level: float = 0.95
) -> tuple[float, float]:
    """Return the score interval of a paired difference of proportions: method 10 of Newcombe 1998 (Stat. Med. 17).

    It combines the two Wilson intervals with the correlation of the table, corrected for continuity.
    """
    n = both + only_first + only_second + neither
    alpha = 1 - confidence_level
    p1, p2 = (both + only_first) / n, (both + only_second) / n
    l1, u1 = proportion_confint(both + only_first, n, alpha, method="wilson")
    l2, u2 = proportion_confint(both + only_second, n, alpha, method="wilson")
    product = (both + only_first) * (only_second + neither) * (both + only_second) * (only_first + neither)
    cross = both * neither - only_first * only_second
    if cross > n / 2:
        cross_adjusted = cross - n / 2
    elif cross >= 0:
        cross_adjusted = 0.0
    else:
        cross_adjusted = float(cross)
    phi = cross_adjusted / np.sqrt(product) if product else 0.0
    d = p1 - p2
    down, up = p1 - l1, u2 - p2
    back, forth = u1 - p1, p2 - l2
    low = d - np.sqrt(max(0.0, down**2 - 2 * phi * down * up + up**2))
    high = d + np.sqrt(max(0.0, back**2 - 2 * phi * back * forth + forth**2))
    return float(low), float(high)


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


def step_down_max_t(differences: ArrayLike, flips: int = 9999, seed: int = 0) -> MaxT:
    """Return p-values for "column j of ``differences`` (n × m) is centred at 0" that hold jointly over all columns.

    Westfall & Young 1993, algorithm 4.1 (step-down max-T), with signs flipped jointly for a whole row, which keeps the
    columns' dependence: scipy's ``permutation_test`` flips the rows of all columns together and hands back their joint
    null. NaN is a missing difference. Where the n pairs that moved have 2ⁿ ≤ ``flips`` flips, each is taken and p is
    exact; otherwise ``flips`` random ones and p = (1 + hits)/(1 + flips) (Phipson & Smyth 2010).
    """
    d = np.asarray(differences, float)
    observed, filled = studentised(d), np.nan_to_num(d)
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


def detectable_difference(stderr: float, confidence_level: float = 0.95, power: float = 0.8) -> float:
    """Return the smallest true difference that a test at this level would have found with this power: (z_α + z_β)·se."""
    return float(stats.norm.ppf(0.5 + confidence_level / 2) + stats.norm.ppf(power)) * stderr


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
