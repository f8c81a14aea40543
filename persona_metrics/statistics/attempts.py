"""Pass@k where some attempts have no verdict: each pair's attempts completed as the verdicts that are there suggest. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from .pooling import pooled_rates
from .rates import expected_attempts, pass_at_k, pass_hat_k

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Prior:
    """The beta law of the pairs' own chances: its mean and its weight in attempts (infinite: all pairs alike)."""

    mean: float = 0.5
    weight: float = 1.0


def fitted_prior(judged: ArrayLike, passed: ArrayLike) -> Prior:
    """Return the beta-binomial prior of pairs with ``judged`` attempts of which ``passed`` passed (shape (pairs,)).

    Fitted by marginal maximum likelihood over the pairs with a verdict (``pooling.pooled_rates``); Jeffreys' without any.
    """
    n, c = np.asarray(judged, int), np.asarray(passed, int)
    if not np.any(n > 0):
        return Prior()
    # In one order, so that the fit is the same to the last digit whatever the order of the pairs.
    order = np.lexsort((c, n))
    order = order[n[order] > 0]
    found = pooled_rates(c[order].tolist(), n[order].tolist())
    return Prior(found.mean, found.prior_n)


def completed(attempts: int, judged: int, passed: int, prior: Prior) -> Floats:
    """Return the chances, shape (K + 1,), that 0…K of a pair's K attempts pass, given those judged and the prior.

    The missing ones are beta-binomial around what the pair and the others showed (missing at random within a pair). With
    all K judged it is one certain number. Raises ``ValueError`` for counts that cannot be.
    """
    if not 0 <= passed <= judged <= attempts:
        raise ValueError(f"{passed} passed of {judged} judged of {attempts} attempts")
    chances = np.zeros(attempts + 1)
    missing = attempts - judged
    more = np.arange(missing + 1)
    if not missing:
        chances[passed] = 1.0
    elif np.isinf(prior.weight) or prior.mean in (0.0, 1.0):
        chances[passed + more] = stats.binom.pmf(more, missing, prior.mean)
    else:
        a, b = prior.mean * prior.weight + passed, (1 - prior.mean) * prior.weight + judged - passed
        chances[passed + more] = stats.betabinom.pmf(more, missing, a, b)
    return np.asarray(chances / chances.sum())


@dataclass(frozen=True)
class Completed:
    """A pair's expected pass@k and pass^k for k = 1…K, attempts until the first success, and chance of none."""

    pass_at: tuple[float, ...]
    pass_hat: tuple[float, ...]
    attempts: float
    never: float


def expected(attempts: int, judged: int, passed: int, prior: Prior) -> Completed:
    """Return the pair's estimates over its K attempts (Chen et al. 2021, arXiv 2107.03374, eq. 1; τ-bench's pass^k).

    With all attempts judged they are the unbiased ones. Otherwise each is the mean over the ways in which the missing
    attempts could have come out (``completed``), so that it lies within the bounds those ways set, every k rests on the
    same pairs, and the curve cannot fall.
    """
    chances = completed(attempts, judged, passed, prior).tolist()
    possible = [c for c, p in enumerate(chances) if p]

    def mean(values: Sequence[float]) -> float:
        return float(sum(chances[c] * values[c] for c in possible))

    at, hat, first = _of_each(attempts)
    return Completed(tuple(map(mean, at)), tuple(map(mean, hat)), mean(first), chances[0])


_Values = tuple[float, ...]


@cache
def _of_each(attempts: int) -> tuple[tuple[_Values, ...], tuple[_Values, ...], _Values]:
    """Return pass@k and pass^k for k = 1…K, and the expected attempts, each of 0…K successes."""
    steps, counts = range(1, attempts + 1), range(attempts + 1)
    return (
        tuple(tuple(pass_at_k(attempts, c, k) for c in counts) for k in steps),
        tuple(tuple(pass_hat_k(attempts, c, k) for c in counts) for k in steps),
        tuple(expected_attempts(attempts, c) for c in counts),
    )


def curves(
    attempts: int, judged: Sequence[int], passed: Sequence[int], prior: Prior | None = None
) -> list[Completed | None]:
    """Return each pair's ``expected``, None for a pair without any verdict; the prior is fitted where none is given."""
    known = prior or fitted_prior(np.asarray(judged, int), np.asarray(passed, int))
    made: dict[tuple[int, int], Completed] = {}
    found: list[Completed | None] = []
    for n, c in zip(judged, passed, strict=True):
        if not n:
            found.append(None)
            continue
        if (int(n), int(c)) not in made:
            made[int(n), int(c)] = expected(attempts, int(n), int(c), known)
        found.append(made[int(n), int(c)])
    return found
