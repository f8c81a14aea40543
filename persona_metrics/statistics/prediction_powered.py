"""Rates corrected by people: labels on some answers, a critic's verdicts on all (PPI++). Knows no file, frame or model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .rates import wilson
from .two_phase import Draw, Interval, Mean, draw, mean, plain_interval, rate_interval, variance

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Plain:
    """PPI++ as published: the weight λ̂, the mean and its standard error for large samples."""

    weight: float
    value: float
    stderr: float


def power_tuned(labels: ArrayLike, predicted: ArrayLike, rest: ArrayLike) -> Plain:
    """Return the PPI++ mean of ``labels`` (n,) with their ``predicted`` (n,) and the predictions of the ``rest`` (N,).

    λ̂ = clip(cov(Y, f) / ((1 + n/N) var f), 0, 1), θ̂ = λ̂·mean f over the rest + mean(Y − λ̂ f) (Angelopoulos, Duchi &
    Zrnic 2023, arXiv 2311.01453, example 6.1). λ̂ is 0 where the predictions are all alike, and where there is no rest.
    """
    y, f, others = (np.asarray(values, float) for values in (labels, predicted, rest))
    weight = _weight(y, f, others)
    residual = y - weight * f
    value = float(residual.mean()) + (weight * float(others.mean()) if len(others) else 0.0)
    error = float(residual.var()) / len(y) + (weight**2 * float(others.var()) / len(others) if len(others) else 0.0)
    return Plain(weight, value, error**0.5)


def _weight(y: Floats, f: Floats, others: Floats) -> float:
    if not len(others):
        return 0.0
    pooled = np.concatenate([f, others])
    spread = float(pooled.var(ddof=1))
    if spread <= 1e-15:
        return 0.0
    together = float(np.mean((y - y.mean()) * (f - f.mean())))
    return float(np.clip(together / ((1 + len(y) / len(others)) * spread), 0.0, 1.0))


@dataclass(frozen=True)
class Corrected:
    """A corrected rate, or difference of rates, and what it is worth.

    ``weight`` is λ̂, ``total`` the answers, ``people`` what so many labels alone would give (drawn at random, without the
    critic). ``more`` is how many more labels would halve the interval, None where labels on all answers would not.
    """

    found: Interval
    weight: float
    total: int
    people: Interval
    more: int | None
    mean: Mean


def corrected(
    labels: ArrayLike,
    predicted: ArrayLike,
    strata: ArrayLike | None = None,
    clusters: Sequence[ArrayLike] = (),
    confidence_level: float = 0.95,
) -> Corrected:
    """Return the corrected mean of 0/1 ``labels`` (N,), NaN where nobody labelled, by the ``predicted`` 0…1 values (N,).

    PPI++ (``power_tuned``) under a stratified draw: labels weigh what their stratum's share is, λ̂ is the one that is best
    within strata; where these are the critic's verdicts themselves the strata do its work and λ̂ moves nothing. For few
    labels the plain form's error is too small (it holds in 92.7% of runs with 50): residuals are HC2's, the interval is
    Wilson's with the n that the error is worth and t's quantile, and strata whose labels are all alike are not taken for
    certain. Clustered by ``clusters`` (N,), the pair, or persona and question. Raises ``ValueError`` without labels.
    """
    y, f = np.asarray(labels, float), np.asarray(predicted, float)
    of = draw(~np.isnan(y), strata, clusters)
    given = y[of.labelled]
    weight = _stratified_weight(given, f, of)
    rest = 1 - of.n / of.total
    found = mean(given, of, (weight / rest if rest else 0.0) * f)
    spread = found.variance
    interval = rate_interval(found.value, spread, of.n, of.df, confidence_level)
    return Corrected(interval, weight, of.total, _people(given, of, confidence_level), more_labels(found), found)


def _stratified_weight(y: Floats, f: Floats, of: Draw) -> float:
    inside = of.strata[of.labelled]
    if of.number == 1:
        return _weight(y, f[of.labelled], f[~of.labelled])
    every, drawn = of.counts()
    seen = f[of.labelled]

    def centred(values: Floats) -> Floats:
        return np.asarray(values - (np.bincount(inside, values, of.number) / drawn)[inside])

    scale = (every / drawn) ** 2 * (1 - drawn / every) * drawn / np.maximum(drawn - 1, 1)
    together = float(np.sum(scale[inside] * centred(y) * centred(seen)))
    spread = float(np.sum(scale[inside] * centred(seen) ** 2))
    if spread <= 1e-12:
        return _weight(y, seen, f[~of.labelled])
    return float(np.clip(together / spread * (1 - of.n / of.total), 0.0, 1.0))


def _people(y: Floats, of: Draw, confidence_level: float) -> Interval:
    value = min(1.0, float(of.weights() @ y))
    low, high = wilson(value, of.n, confidence_level, max(1, of.n - 1))
    return Interval(value, float(np.sqrt(value * (1 - value) / of.n)), low, high, of.n)


def more_labels(found: Mean) -> int | None:
    """Return how many more labels would halve the error; None where labels on all of these answers would not."""
    spread, n = found.variance, found.of.n
    target, by_labels = spread / 4, spread - found.limit
    if by_labels <= 0 or target <= found.limit:
        return None
    needed = math.ceil(by_labels * n / (target - found.limit))
    return needed - n if needed <= found.of.total else None


Places = tuple[ArrayLike, ArrayLike]
"""A name for each answer of the one and of the other, shapes (N₁,) and (N₂,)."""


def difference(
    one: Corrected, two: Corrected, pairs: Places, clusters: Sequence[Places] = (), confidence_level: float = 0.95
) -> Interval:
    """Return one − two of two corrected rates over answers that share ``pairs``, paired where they do.

    Influences on the two means are added within a pair, so that what both share cancels, whichever of the two answers was
    labelled; then within ``clusters`` (persona and question), if any.
    """
    codes, first = _codes(pairs)
    sums: Floats = np.bincount(codes, np.concatenate([one.mean.influence, -two.mean.influence])).astype(float)
    groups = tuple(_codes(places)[0][first] for places in clusters)
    spread = variance(sums, groups) + one.mean.floor + two.mean.floor
    n, df = one.found.n + two.found.n, one.mean.of.df + two.mean.of.df
    return plain_interval(one.mean.value - two.mean.value, spread, n, df, (-1.0, 1.0), confidence_level)


def _codes(places: Places) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    joined = np.concatenate([np.asarray(place, object).astype(str) for place in places])
    _, first, codes = np.unique(joined, return_index=True, return_inverse=True)
    return codes.ravel(), first
