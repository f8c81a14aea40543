"""How far a critic agrees with people, and people with each other, under a draw's weights. Knows no file, frame or model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .two_phase import Draw, Interval, draw, mean, plain_interval, rate_interval

Floats = NDArray[np.float64]
NAN = float("nan")
NOTHING = Interval(NAN, NAN, NAN, NAN, 0)


@dataclass(frozen=True)
class Agreement:
    """A critic's verdicts against people's labels.

    ``sensitivity``: it asks for a revision where people do; ``specificity``: it asks for none where they do not. ``cells``
    are the labels behind (people, critic) = (revision, revision), (revision, none), (none, revision), (none, none), and
    ``shares`` what they stand for among all answers.
    """

    agreement: Interval
    kappa: Interval
    ac1: Interval
    sensitivity: Interval
    specificity: Interval
    cells: tuple[int, int, int, int]
    shares: tuple[float, float, float, float]


def agreement(
    labels: ArrayLike,
    verdicts: ArrayLike,
    strata: ArrayLike | None = None,
    clusters: Sequence[ArrayLike] = (),
    confidence_level: float = 0.95,
) -> Agreement:
    """Return the agreement of 0/1 ``labels`` (N,; NaN: nobody labelled) with 0/1 ``verdicts`` (N,), 1: needs no revision.

    Cohen's κ (Cohen 1960) and Gwet's AC1 (Gwet 2008, Br. J. Math. Stat. Psychol. 61), which does not fall where nearly all
    answers are alike. All are functions of the four weighted shares; their errors are linearised (delta method) under the
    draw of ``statistics.two_phase``, shares' intervals are Wilson's with the n that is worth, κ's and AC1's Student's. A
    measure that the labels do not define (κ where all is alike) is NaN. Raises ``ValueError`` without labels.
    """
    y, f = np.asarray(labels, float), np.asarray(verdicts, float)
    of = draw(~np.isnan(y), strata, clusters)
    people, critic = y[of.labelled], f[of.labelled]
    weights = of.weights()
    same = (people == critic).astype(float)
    po, a, b = (float(weights @ values) for values in (same, people, critic))
    agreed = mean(same, of)
    cells = tuple((people == h) & (critic == c) for h in (0, 1) for c in (0, 1))

    def beyond_chance(pe: float, slope: Floats) -> Interval:
        if 1 - pe <= 1e-12:
            return NOTHING
        found = mean(same / (1 - pe) - (1 - po) / (1 - pe) ** 2 * slope, of)
        spread = found.variance + agreed.floor / (1 - pe) ** 2
        return plain_interval((po - pe) / (1 - pe), spread, of.n, of.df, confidence_level=confidence_level)

    centre = (a + b) / 2
    return Agreement(
        rate_interval(po, agreed.variance, of.n, of.df, confidence_level),
        beyond_chance(a * b + (1 - a) * (1 - b), (2 * b - 1) * people + (2 * a - 1) * critic),
        beyond_chance(2 * centre * (1 - centre), (1 - 2 * centre) * (people + critic)),
        _share(critic == 0, people == 0, of, confidence_level),
        _share(critic == 1, people == 1, of, confidence_level),
        (int(cells[0].sum()), int(cells[1].sum()), int(cells[2].sum()), int(cells[3].sum())),
        (
            float(weights @ cells[0]),
            float(weights @ cells[1]),
            float(weights @ cells[2]),
            float(weights @ cells[3]),
        ),
    )


def _share(hit: NDArray[np.bool_], inside: NDArray[np.bool_], of: Draw, confidence_level: float) -> Interval:
    """Return the share of the labels ``inside`` that are a ``hit``: a ratio of two weighted means."""
    n = int(inside.sum())
    if not n:
        return NOTHING
    weights = of.weights()
    size = float(weights @ inside)
    value = float(weights @ (hit & inside)) / size
    found = mean((hit - value) * inside / size, of)
    return rate_interval(value, found.variance, n, max(1, min(of.df, n - 1)), confidence_level)


def alpha(
    table: Sequence[Sequence[float | None]],
    weights: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    confidence_level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Return Krippendorff's nominal α of a raters × items table with missing entries, items weighted; n are items used.

    Krippendorff 2011, each item's coincidences times its weight (of mean 1); without weights it is
    ``statistics.paired.krippendorff_alpha``. The interval is that of a bootstrap over items, or over ``clusters`` of them
    (percentiles). NaN where no item has two labels, or all are alike.
    """
    data = np.array([[np.nan if v is None else v for v in row] for row in table], float)
    values = np.unique(data[~np.isnan(data)])
    counts = np.stack([np.sum(data == v, axis=0) for v in values]) if len(values) else np.zeros((1, data.shape[1]))
    usable = counts.sum(axis=0) > 1
    counts = counts[:, usable].astype(float)
    if not counts.shape[1]:
        return NOTHING
    w = np.ones(counts.shape[1]) if weights is None else np.asarray(weights, float)[usable]
    groups = np.arange(len(w)) if clusters is None else np.unique(np.asarray(clusters)[usable], return_inverse=True)[1]
    value = _alpha(counts, w)
    rng = np.random.default_rng(seed)
    number = int(groups.max()) + 1
    drawn = (np.bincount(rng.integers(0, number, number), minlength=number)[groups.ravel()] for _ in range(resamples))
    found = np.array([_alpha(counts, w * times) for times in drawn])
    found = found[~np.isnan(found)]
    if math.isnan(value) or not len(found):
        return Interval(value, NAN, NAN, NAN, len(w))
    tail = 100 * (1 - confidence_level) / 2
    low, high = np.percentile(found, [tail, 100 - tail])
    return Interval(value, float(found.std()), min(float(low), value), max(float(high), value), len(w))


def _alpha(counts: Floats, weights: Floats) -> float:
    used = weights > 0
    if not used.any():
        return NAN
    # Scaled so that the labels count as many as there are.
    w = weights[used] * used.sum() / weights[used].sum()
    counts = counts[:, used]
    sizes = counts.sum(axis=0)
    total = float(w @ sizes)
    observed = float(np.sum(w * (sizes**2 - np.sum(counts**2, axis=0)) / (sizes - 1))) / total
    margins = counts @ w
    expected = float(total**2 - np.sum(margins**2)) / (total * (total - 1))
    return 1.0 - observed / expected if expected > 1e-15 else NAN
