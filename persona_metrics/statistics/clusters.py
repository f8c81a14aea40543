"""Repeated personas and questions: clustered errors, the design effect, and tests that flip whole clusters. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


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
    size = len(y)
    one, two, both = _codes(first, second)
    v1, v2, v12 = (_variance(y, groups) for groups in (one, two, both))
    variance, fallback = v1 + v2 - v12, False
    if variance <= 1e-15:
        variance, fallback = max(v1, v2), True
    naive = float(y.std(ddof=1) / np.sqrt(size)) if size > 1 else float("nan")
    df = int(min(one.max(), two.max())) if size else 0
    return Clustered(float(y.mean()), naive, v1**0.5, v2**0.5, variance**0.5, df, fallback)


def _codes(first: ArrayLike, second: ArrayLike) -> tuple[Any, Any, Any]:
    one = np.unique(np.asarray(first), return_inverse=True)[1].ravel()
    two = np.unique(np.asarray(second), return_inverse=True)[1].ravel()
    both = np.unique(np.stack([one, two]), axis=1, return_inverse=True)[1].ravel()
    return one, two, both


def _variance(y: Floats, groups: Any, *, corrected: bool = False) -> float:
    found = float(np.sum(np.bincount(groups, y - y.mean()) ** 2)) / len(y) ** 2
    count = int(groups.max()) + 1 if len(groups) else 0
    return found * count / (count - 1) if corrected and count > 1 else found


@dataclass(frozen=True)
class Design:
    """What repetition costs: the variance of the mean over that of as many independent pairs, and t's degrees of freedom.

    ``effect`` is never below 1; ``df`` is None where the clusters add nothing and the normal quantile holds.
    """

    effect: float
    df: int | None
    stderr: float


def design(values: ArrayLike, first: ArrayLike, second: ArrayLike) -> Design | None:
    """Return the design effect of a mean of values (shape (n,)) whose personas or questions repeat; None where none does.

    The two-way variance of Cameron, Gelbach & Miller 2011 with G/(G − 1) for each of its sums: with ten personas the
    plain sums cover 89 to 94%. Repetition can make values look less variable than independent ones by luck alone; the
    effect is then 1. Where all values are of one persona (or question) it is no cluster: the number speaks of it alone.
    Kish 1965 (Survey Sampling, 8.2) for the name.
    """
    y = np.asarray(values, float)
    size = len(y)
    if size < 2:
        return None
    one, two, both = _codes(first, second)
    counts = [int(groups.max()) + 1 for groups in (one, two)]
    # One persona (or question) for all is the one that the number speaks of, not a sample of several.
    kept = [g for g, count in zip((one, two), counts, strict=True) if count > 1]
    if all(int(groups.max()) + 1 == size for groups in kept):
        return None
    naive = float(y.var(ddof=1)) / size
    if naive <= 1e-15:
        return Design(1.0, None, 0.0)
    variance = sum(_variance(y, groups, corrected=True) for groups in kept)
    if len(kept) == 2:
        variance -= _variance(y, both, corrected=True)
    if variance <= naive * (1 + 1e-9):
        return Design(1.0, None, naive**0.5)
    return Design(variance / naive, min(int(groups.max()) for groups in kept), variance**0.5)


def cluster_sums(differences: ArrayLike, groups: ArrayLike) -> Floats:
    """Return the sums of ``differences`` (n × m, NaN counts as no difference) within each cluster: (clusters × m)."""
    d = np.nan_to_num(np.asarray(differences, float))
    codes = np.unique(np.asarray(groups), return_inverse=True)[1].ravel()
    return np.stack([np.bincount(codes, column) for column in d.T], axis=1)


def repeats(groups: ArrayLike) -> bool:
    """Return whether any cluster has more than one member."""
    listed = np.asarray(groups)
    return len(np.unique(listed)) < len(listed)


@dataclass(frozen=True)
class Counts:
    """Successes and totals a group, as many as they are worth, and the design effect that both were divided by."""

    successes: Floats
    totals: Floats
    effect: float


def effective_counts(values: ArrayLike, inside: ArrayLike, persons: ArrayLike) -> Counts:
    """Return successes and totals of groups whose persons repeat: 0/1 values (n,), memberships (n, groups), persons (n,).

    Counts are divided by one design effect, that of the persons within their groups over all groups together (Rao & Scott
    1992, Biometrics 48; one for all, since a group of few persons does not tell its own), so that what takes them for
    binomial holds. Rates stay as they are, no total falls below 1, and where no person repeats nothing changes.
    """
    y, member = np.asarray(values, float), np.asarray(inside, bool)
    totals, successes = member.sum(axis=0).astype(float), member.T.astype(float) @ y
    who = np.unique(np.asarray(persons), return_inverse=True)[1].ravel()
    if len(np.unique(who)) == len(who):
        return Counts(successes, totals, 1.0)
    between = naive = 0.0
    for column in member.T:
        off = y[column] - y[column].mean() if column.any() else y[column]
        clusters = len(np.unique(who[column]))
        if clusters < 2:
            continue
        between += float(np.sum(np.bincount(who[column], off) ** 2)) * clusters / (clusters - 1)
        naive += float(np.sum(off**2)) * len(off) / (len(off) - 1)
    effect = max(1.0, between / naive) if naive > 1e-15 else 1.0
    worth = np.where(totals > 0, np.maximum(totals / effect, 1.0), 0.0)
    rates = np.divide(successes, totals, out=np.zeros_like(totals), where=totals > 0)
    return Counts(rates * worth, worth, effect)
