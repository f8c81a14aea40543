"""Means over answers of which only some were labelled: the draw's strata, clusters, and their errors. Knows no label file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from .rates import wilson

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEAST = 2
"""Labels that a stratum needs for a variance of its own; one with fewer is counted with another."""


@dataclass(frozen=True)
class Interval:
    """A value with its standard error, interval and the number of labels that it rests on."""

    value: float
    stderr: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Draw:
    """Which of N answers were labelled, how they were drawn, and which of them belong together.

    ``labelled`` and ``strata`` have shape (N,): within a stratum the labelled are a simple random draw. ``clusters`` are
    none, one (the pair) or two (persona and question) arrays of shape (N,).
    """

    labelled: Bools
    strata: NDArray[np.intp]
    clusters: tuple[NDArray[np.intp], ...] = ()

    @property
    def total(self) -> int:
        """N."""
        return len(self.labelled)

    @property
    def n(self) -> int:
        """How many were labelled."""
        return int(self.labelled.sum())

    @property
    def number(self) -> int:
        """How many strata there are."""
        return int(self.strata.max(initial=-1)) + 1

    def counts(self) -> tuple[Floats, Floats]:
        """Return the answers and the labels of each stratum."""
        every = np.bincount(self.strata, minlength=self.number).astype(float)
        drawn = np.bincount(self.strata[self.labelled], minlength=self.number).astype(float)
        return every, drawn

    @property
    def df(self) -> int:
        """Degrees of freedom of a standard error: labels less strata."""
        return max(1, self.n - self.number)

    def weights(self) -> Floats:
        """Return what each label stands for, shape (n,), adding up to 1."""
        every, drawn = self.counts()
        inside = self.strata[self.labelled]
        return np.asarray(every[inside] / drawn[inside] / self.total)


def draw(labelled: ArrayLike, strata: ArrayLike | None = None, clusters: Sequence[ArrayLike] = ()) -> Draw:
    """Return the draw; a stratum with fewer than ``LEAST`` labels is counted with the next one in order.

    ``strata`` are labels of any kind, sorted, so that what sorts side by side (a verdict's groups) is pooled first. None:
    one stratum, a simple random draw. Raises ``ValueError`` without any label.
    """
    seen = np.asarray(labelled, bool)
    if not seen.any():
        raise ValueError("nothing is labelled")
    names = np.zeros(len(seen), int) if strata is None else np.asarray(strata)
    codes = np.unique(names, return_inverse=True)[1].ravel()
    drawn = np.bincount(codes[seen], minlength=codes.max() + 1)
    merged = np.zeros(len(drawn), int)
    at, held = 0, 0
    for code, count in enumerate(drawn):
        merged[code] = at
        held += int(count)
        if held >= LEAST:
            at, held = at + 1, 0
    if held < LEAST and at:  # what is left over at the end goes with the last one that had enough
        merged[merged == at] = at - 1
    kept = tuple(np.unique(np.asarray(ids), return_inverse=True)[1].ravel() for ids in clusters)
    return Draw(seen, merged[codes], kept)


@dataclass(frozen=True)
class Mean:
    """A mean with each answer's influence on it, shape (N,): the sum of squares of the influences is its variance.

    ``limit`` is the part of the variance that more labels on the same answers would not take away; ``floor`` what is added
    where labels of a stratum are all alike, which shows no variance though there may be some.
    """

    value: float
    influence: Floats
    limit: float
    floor: float
    of: Draw

    @property
    def variance(self) -> float:
        """The variance of the value, clustered where the draw has clusters."""
        return variance(self.influence, self.of.clusters) + self.floor


def mean(values: ArrayLike, of: Draw, known: ArrayLike | None = None) -> Mean:
    """Return the mean over all answers of ``values`` (shape (n,), of the labelled), helped by ``known`` (shape (N,)).

    ``known`` is what is known of every answer, times what it is worth. The mean of the labelled is taken within each
    stratum and weighted by the stratum's share, that of ``known`` over all answers stands for what it knows: two-phase
    sampling with a regression estimator (Cochran 1977, Sampling Techniques, 12.2 and 12.6). The influences are those of
    an infinite population that the N answers were drawn from; residuals are those of HC2, n/(n − 1) without ``known``.
    """
    y = np.asarray(values, float)
    f = np.zeros(of.total) if known is None else np.asarray(known, float)
    every, drawn = of.counts()
    inside = of.strata[of.labelled]
    residual = y - f[of.labelled]
    centres = np.bincount(inside, residual, of.number) / drawn
    value = float(f.mean() + (every / of.total) @ centres)
    influence = (f + centres[of.strata] - value) / of.total
    # A label pulls the estimate towards itself; that is given back to its residual (HC2, MacKinnon & White 1985).
    spread = (residual - centres[inside]) / np.sqrt(1 - _leverage(f[of.labelled], inside, drawn))
    influence[of.labelled] += of.weights() * spread
    share = every / of.total
    within = np.bincount(inside, spread**2, of.number) / drawn
    by_labels = float(np.sum(share**2 * within / drawn))
    floor = _floor(y, inside, share, drawn, within)
    limit = max(0.0, variance(influence, of.clusters) - by_labels)
    return Mean(value, influence, limit, floor, of)


def _leverage(f: Floats, inside: NDArray[np.intp], drawn: Floats) -> Floats:
    """Return each label's leverage on its stratum's mean and, where ``f`` differs there, on the slope; at most 3/4."""
    centred = f - (np.bincount(inside, f, len(drawn)) / drawn)[inside]
    squares = np.bincount(inside, centred**2, len(drawn))[inside]
    slope = np.divide(centred**2, squares, out=np.zeros_like(f), where=squares > 1e-12)
    return np.asarray(np.minimum(1 / drawn[inside] + slope, 0.75))


def _floor(y: Floats, inside: NDArray[np.intp], share: Floats, drawn: Floats, within: Floats) -> float:
    # Of 0/1 labels that are all alike the sample variance is 0: half of one and half of the other is added (Jeffreys).
    if not np.isin(y, (0.0, 1.0)).all():
        return 0.0
    ones = np.bincount(inside, y, len(drawn))
    share_of_ones = (ones + 0.5) / (drawn + 1)
    least = share_of_ones * (1 - share_of_ones)
    alike = (ones == 0) | (ones == drawn)
    return float(np.sum((share**2 * np.maximum(least - within, 0.0) / drawn)[alike]))


def variance(influence: Floats, clusters: Sequence[NDArray[np.intp]] = ()) -> float:
    """Return the variance of a sum of influences, those of one cluster added first; of two clusterings the two-way one.

    Cameron, Gelbach & Miller 2011 with G/(G − 1) for each sum. Never below that of independent answers, since clusters can
    look less variable by luck alone.
    """
    plain = float(influence @ influence)
    found = []
    for groups in clusters:
        number = int(groups.max(initial=-1)) + 1
        if number < 2:
            continue
        sums = np.bincount(groups, influence)
        found.append(float(sums @ sums) * number / (number - 1))
    if len(found) == 2:
        both = np.unique(np.stack(clusters), axis=1, return_inverse=True)[1].ravel()
        sums = np.bincount(both, influence)
        found = [sum(found) - float(sums @ sums), float(sums @ sums)]
    return max([plain, *found])


def rate_interval(value: float, spread: float, n: int, df: int, confidence_level: float = 0.95) -> Interval:
    """Return a rate's interval: Wilson's with the n that its variance ``spread`` is worth, and t's quantile.

    Korn & Graubard 1998. Where there is no variance at all, ``n`` labels stand for it.
    """
    p = min(1.0, max(0.0, value))
    size = p * (1 - p) / spread if spread > 1e-15 and 0 < p < 1 else float(n)
    low, high = wilson(p, size, confidence_level, df)
    return Interval(p, spread**0.5, low, high, n)


def plain_interval(
    value: float,
    spread: float,
    n: int,
    df: int,
    ends: tuple[float, float] = (-1.0, 1.0),
    confidence_level: float = 0.95,
) -> Interval:
    """Return Student's interval within ``ends``."""
    reach = float(stats.t.isf((1 - confidence_level) / 2, df)) * spread**0.5
    value = min(ends[1], max(ends[0], value))
    return Interval(value, spread**0.5, max(ends[0], value - reach), min(ends[1], value + reach), n)
