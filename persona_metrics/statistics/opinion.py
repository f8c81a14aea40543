"""Whether modelled answers know how groups differ, and by how much they exaggerate. Knows no survey, model or file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]

NAN = float("nan")


@dataclass(frozen=True)
class GroupAnswer:
    """One group's answers to one item, surveyed and modelled: shares of the options in the same order, adding up to 1.

    ``everybody``: the survey's shares over all people. ``model`` holds NaN, or is empty, where no answer could be had.
    ``n_effective``: how many independent answers the group's shares are worth. ``ordinal``: the order means something.
    """

    item: str
    topic: str
    grouping: str
    group: str
    ordinal: bool
    survey: tuple[float, ...]
    everybody: tuple[float, ...]
    model: tuple[float, ...]
    n_effective: float


@dataclass(frozen=True)
class Estimate:
    """A value with the ends of its interval (NaN where there is none) and the number of items it rests on."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class OpinionScore:
    """All that is said of a set of answers.

    ``steer`` is the plain slope, ``steer_corrected`` that with the survey's sampling noise taken out of the slope's
    denominator, and ``reliability`` the share of the denominator that is no noise. ``items`` and ``cells`` (item ×
    grouping × group) were scored; ``missing`` cells had no modelled answer.
    """

    skill: Estimate
    ceiling: float
    skill_ordinal: Estimate
    ceiling_ordinal: float
    steer: Estimate
    steer_corrected: Estimate
    reliability: float
    items: int
    cells: int
    missing: int


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are drawn: ``model_n`` is the number of sampled answers behind each modelled share, None for exact."""

    seed: int = 0
    resamples: int = 2000
    confidence_level: float = 0.95
    model_n: int | None = None


DEFAULT = Bootstrap()


# -- distances ---------------------------------------------------------------------------------------------------------


def total_variation(p: ArrayLike, q: ArrayLike) -> Floats:
    """Return half the sum of absolute differences over the last axis: 0 where equal, 1 where nothing is shared."""
    return np.asarray(0.5 * np.abs(np.asarray(p, float) - np.asarray(q, float)).sum(-1))


def wasserstein(p: ArrayLike, q: ArrayLike, options: ArrayLike) -> Floats:
    """Return the mean distance that answers have to move, in steps of the scale divided by its ``options`` − 1.

    Arrays of shape (…, K), padded with 0 beyond ``options`` of shape (…). The 1-Wasserstein distance of distributions on
    equidistant points is the sum of the absolute differences of their cumulative shares (Vallender 1974).
    """
    gap = np.cumsum(np.asarray(p, float) - np.asarray(q, float), -1)
    return np.asarray(np.abs(gap).sum(-1) / (np.asarray(options) - 1))


# -- estimators --------------------------------------------------------------------------------------------------------


def skill(answers: Sequence[GroupAnswer], bootstrap: Bootstrap = DEFAULT) -> Estimate:
    """Return 1 − Σ TV(model, group) / Σ TV(everybody, group), summed over all cells.

    1 is the group's own table, 0 is as near as the survey's average person, below 0 is farther off. NaN where no group
    differs from everybody. A skill score in the sense of Murphy 1988 (Monthly Weather Review 116), the reference being
    everybody.
    """
    return _skill(_sums(answers, bootstrap), "tv", bootstrap)


def skill_ordinal(answers: Sequence[GroupAnswer], bootstrap: Bootstrap = DEFAULT) -> Estimate:
    """Return the same with the Wasserstein distance in place of TV, over the cells of ordinal items alone."""
    return _skill(_sums([a for a in answers if a.ordinal], bootstrap), "w", bootstrap)


def ceiling(answers: Sequence[GroupAnswer], bootstrap: Bootstrap = DEFAULT) -> float:
    """Return the skill that a model which knows every group's true shares can expect: 1 − Σ noise / Σ TV(everybody, group).

    ``noise`` is the expected TV between sampled and true shares, by the normal approximation of each option's share
    (mean absolute deviation √(2/π)·σ), with variance q(1−q)(1/n_effective + 1/model_n). Clustered sampling makes the
    true ceiling a little lower.
    """
    return _ceiling(_sums(answers, bootstrap), "tv")


def steer(answers: Sequence[GroupAnswer], bootstrap: Bootstrap = DEFAULT, corrected: bool = False) -> Estimate:
    """Return the slope through the origin of the model's differences on the survey's: Σ y·d / Σ d·d over cells and options.

    A difference is a group's share minus that of all groups of its item and grouping together, weighted by
    ``n_effective``, on either side its own. 1 is right, above 1 exaggerates, 0 ignores the group.

    The survey's d carries sampling error, so that the slope of a model that knows the truth is attenuated by Σδ²/Σd²
    (Fuller 1987, Measurement Error Models, 1.1). ``corrected`` takes the error's expected square out of Σd², with
    v = (1 − Σq²)/(n − 1) a cell's summed variance, w its weight: v(1 − 2w) + Σ w²v. Right for a model whose answers are
    independent of this sample; one that repeats the published table itself has 1 uncorrected, and more corrected.
    """
    return _steer(_sums(answers, bootstrap), bootstrap, corrected)


def score(answers: Sequence[GroupAnswer], bootstrap: Bootstrap = DEFAULT) -> OpinionScore:
    """Return every estimate over the answers; intervals by bootstrap over items (see ``_ratio``)."""
    sums = _sums(answers, bootstrap)
    ordinal = sums if all(a.ordinal for a in answers) else _sums([a for a in answers if a.ordinal], bootstrap)
    spread = float(sums.of["dd"].sum())
    return OpinionScore(
        skill=_skill(sums, "tv", bootstrap),
        ceiling=_ceiling(sums, "tv"),
        skill_ordinal=_skill(ordinal, "w", bootstrap),
        ceiling_ordinal=_ceiling(ordinal, "w"),
        steer=_steer(sums, bootstrap, False),
        steer_corrected=_steer(sums, bootstrap, True),
        reliability=1 - float(sums.of["error"].sum()) / spread if spread > 0 else NAN,
        items=sums.items,
        cells=sums.cells,
        missing=sums.missing,
    )


def score_by(
    answers: Sequence[GroupAnswer], key: Literal["topic", "grouping"], bootstrap: Bootstrap = DEFAULT
) -> dict[str, OpinionScore]:
    """Return a score for each topic or grouping, in the order in which the answers name them."""
    parts: dict[str, list[GroupAnswer]] = {}
    for answer in answers:
        parts.setdefault(answer.topic if key == "topic" else answer.grouping, []).append(answer)
    return {name: score(part, bootstrap) for name, part in parts.items()}


# -- sums by item ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Sums:
    """Sums over the cells of each item, arrays of shape (items,), by name."""

    of: dict[str, Floats]
    items: int
    cells: int
    missing: int


def _sums(answers: Sequence[GroupAnswer], bootstrap: Bootstrap) -> _Sums:
    here = [a for a in answers if _answered(a)]
    item = _index([a.item for a in here])
    items = int(item.max()) + 1 if here else 0
    options = np.array([len(a.survey) for a in here], int)
    width = int(options.max()) if here else 1
    survey, everybody, model = (
        np.array([(*shares, *(0.0,) * (width - len(shares))) for shares in rows], float).reshape(-1, width)
        for rows in ([a.survey for a in here], [a.everybody for a in here], [a.model for a in here])
    )
    n = np.array([a.n_effective for a in here], float)
    per_answer = 1 / n + (1 / bootstrap.model_n if bootstrap.model_n else 0.0)
    block = _index([(a.item, a.grouping) for a in here])
    weight = n / np.bincount(block, n)[block] if here else n
    d, y = _centred(survey, weight, block), _centred(model, weight, block)
    variance = (1 - (survey**2).sum(1)) / (n - 1)
    shared = np.bincount(block, weight**2 * variance)[block] if here else n
    columns = {
        "tv_model": total_variation(model, survey),
        "tv_everybody": total_variation(everybody, survey),
        "tv_noise": 0.5 * _deviation(survey, per_answer),
        "w_model": wasserstein(model, survey, options),
        "w_everybody": wasserstein(everybody, survey, options),
        "w_noise": _deviation(np.clip(np.cumsum(survey, 1), 0, 1), per_answer) / (options - 1),
        "yd": (y * d).sum(1),
        "dd": (d * d).sum(1),
        "error": variance * (1 - 2 * weight) + shared,
    }
    of = {name: np.asarray(np.bincount(item, column, items), float) for name, column in columns.items()}
    return _Sums(of, items, len(here), len(answers) - len(here))


def _answered(answer: GroupAnswer) -> bool:
    if not answer.model or not all(map(isfinite, answer.model)):
        return False
    shares = (answer.survey, answer.everybody, answer.model)
    if len({len(s) for s in shares}) > 1 or any(min(s) < -1e-9 or abs(sum(s) - 1) > 1e-6 for s in shares):
        raise ValueError(f"{answer.item} / {answer.group}: shares of the same options, each adding up to 1, are needed")
    if len(answer.survey) < 2 or not answer.n_effective > 1:
        raise ValueError(f"{answer.item} / {answer.group}: two options and more than one answer are needed")
    return True


def _index(keys: Sequence[object]) -> NDArray[np.intp]:
    order = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    return np.array([order[key] for key in keys], np.intp)


def _centred(shares: Floats, weight: Floats, block: NDArray[np.intp]) -> Floats:
    """Return shares, shape (cells, K), minus the weighted mean of the cells of their block."""
    if not len(shares):
        return shares
    means = np.stack([np.bincount(block, weight * column) for column in shares.T], 1)
    return np.asarray(shares - means[block])


def _deviation(shares: Floats, per_answer: Floats) -> Floats:
    spread = np.sqrt(np.clip(shares * (1 - shares), 0, None) * per_answer[:, None])
    return np.asarray(np.sqrt(2 / np.pi) * spread.sum(1))


# -- ratios of sums ----------------------------------------------------------------------------------------------------


def _skill(sums: _Sums, distance: Literal["tv", "w"], bootstrap: Bootstrap) -> Estimate:
    lost = _ratio(sums.of[f"{distance}_model"], sums.of[f"{distance}_everybody"], bootstrap)
    return Estimate(1 - lost.value, 1 - lost.high, 1 - lost.low, lost.n)


def _ceiling(sums: _Sums, distance: Literal["tv", "w"]) -> float:
    apart = float(sums.of[f"{distance}_everybody"].sum())
    return 1 - float(sums.of[f"{distance}_noise"].sum()) / apart if apart > 0 else NAN


def _steer(sums: _Sums, bootstrap: Bootstrap, corrected: bool) -> Estimate:
    return _ratio(sums.of["yd"], sums.of["dd"] - (sums.of["error"] if corrected else 0.0), bootstrap)


def _ratio(top: Floats, bottom: Floats, bootstrap: Bootstrap) -> Estimate:
    """Return Σ top / Σ bottom, arrays of shape (items,), with an interval from resampling items.

    The value ± t · se with items − 1 degrees of freedom, se the bootstrap's standard error times √(n/(n − 1)), since
    resampling understates a variance by that (Efron & Tibshirani 1993, An Introduction to the Bootstrap, 12.2). Over few
    items it is wide where a percentile interval is too narrow. No value where Σ bottom is not above 0; no interval for a
    single item, or where more than a hundredth of the resamples have no value.
    """
    n = len(top)
    if not n or not bottom.sum() > 0:
        return Estimate(NAN, NAN, NAN, n)
    value = float(top.sum() / bottom.sum())
    if n == 1:
        return Estimate(value, NAN, NAN, n)
    counts = _resampled(n, bootstrap.resamples, bootstrap.seed)
    over, under = counts @ top, counts @ bottom
    usable = under > 0
    if usable.mean() < 0.99:
        return Estimate(value, NAN, NAN, n)
    error = float(np.std(over[usable] / under[usable], ddof=1)) * np.sqrt(n / (n - 1))
    reach = float(stats.t.ppf((1 + bootstrap.confidence_level) / 2, n - 1) * error)
    return Estimate(value, value - reach, value + reach, n)


@lru_cache(maxsize=2)
def _resampled(n: int, resamples: int, seed: int) -> NDArray[np.int64]:
    """Return how often each of n items is drawn, shape (resamples, n): the same for every ratio over them."""
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), resamples)
