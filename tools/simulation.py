"""How often 95% intervals hold the truth at n = 300: 1,000 runs an estimator. ``python -m tools.simulation`` prints it.

Every interval is made by the functions that the analysis itself calls; only the data are drawn here.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import betaln

from persona_metrics.analysis.intersectionality import gap
from persona_metrics.analysis.rates import summary
from persona_metrics.statistics.attempts import curves
from persona_metrics.statistics.paired import paired_difference
from persona_metrics.statistics.pooling import (
    homogeneity,
    pooled_intervals,
    pooled_rates,
    worst,
)
from persona_metrics.statistics.rates import imbens_manski, pass_at_k, pass_hat_k
from tools.simulated_comparisons import (
    compared,
    crossed,
    preferences_at_equal_length,
    rates_at_equal_length,
    several_others,
)
from tools.simulated_groups import repeated, spread_of

RUNS, FEW, N, K = 1000, 100, 300, 16
Generator = np.random.Generator
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One estimator under one truth: ``simulate`` returns intervals (…, 2) and what they should hold, broadcastable.

    ``low`` and ``high`` bound the coverage that is promised; outside 0.93 to 0.97 ``why`` says why. ``few`` is
    ``simulate`` with ``FEW`` runs, where all of them take seconds.
    """

    estimator: str
    truth: str
    simulate: Callable[[Generator], tuple[Floats, Floats]]
    low: float = 0.93
    high: float = 0.97
    why: str = ""
    few: Callable[[Generator], tuple[Floats, Floats]] | None = None

    def coverage(self, seed: int = 0, few: bool = False) -> float:
        """Return the share of intervals that hold the truth, of few runs where the case has such and they are asked for."""
        simulate = self.few if few and self.few else self.simulate
        intervals, truth = simulate(np.random.default_rng([seed, *self.truth.encode()]))
        held = (intervals[..., 0] <= truth + 1e-12) & (truth <= intervals[..., 1] + 1e-12)
        return float(held.mean())


def rate(p: float) -> Callable[[Generator], tuple[Floats, Floats]]:
    """Draw independent verdicts with rate ``p``."""

    def simulate(rng: Generator) -> tuple[Floats, Floats]:
        found = [summary(row) for row in (rng.random((RUNS, N)) < p).astype(float)]
        return np.array([(s["low"], s["high"]) for s in found]), np.array(p)

    return simulate


def clustered(
    personas: int, questions: int, naive: bool = False, spread: float = 0.8
) -> Callable[[Generator], tuple[Floats, Floats]]:
    """Draw verdicts in which a persona and a question each shift the chance (probit, standard deviation ``spread``)."""

    def simulate(rng: Generator) -> tuple[Floats, Floats]:
        found = []
        for _ in range(RUNS):
            one, two = crossed(rng, personas, questions)
            chance = stats.norm.cdf(0.5 + rng.normal(0, spread, personas)[one] + rng.normal(0, spread, questions)[two])
            y = (rng.random(N) < chance).astype(float)
            row = summary(y, () if naive else (list(one), list(two)))
            found.append((row["low"], row["high"]))
        return np.array(found), np.array(stats.norm.cdf(0.5 / np.sqrt(1 + 2 * spread**2)))

    return simulate


def paired_clustered(personas: int, questions: int, runs: int = 400) -> Callable[[Generator], tuple[Floats, Floats]]:
    """Draw pairs of verdicts whose difference a persona and a question each shift; no difference over all of them."""

    def simulate(rng: Generator) -> tuple[Floats, Floats]:
        found = []
        for _ in range(runs):
            one, two = crossed(rng, personas, questions)
            lean = rng.normal(0, 0.8, personas)[one] + rng.normal(0, 0.8, questions)[two] + rng.normal(0, 1, N)
            moves = np.sign(lean) * (rng.random(N) < 0.4)
            row = paired_difference((moves > 0).astype(float), (moves < 0).astype(float), 0.95, (one, two))
            found.append((row.low, row.high))
        return np.array(found), np.array(0.0)

    return simulate


def paired(difference: float, discordant: float) -> Callable[[Generator], tuple[Floats, Floats]]:
    """Draw pairs of verdicts with a true difference and a share of pairs that disagree."""

    def simulate(rng: Generator) -> tuple[Floats, Floats]:
        weights = [(discordant + difference) / 2, (discordant - difference) / 2, 1 - discordant]
        moves = rng.choice([1.0, -1.0, 0.0], size=(RUNS, N), p=weights)
        first = np.where(moves == 0, rng.integers(0, 2, (RUNS, N)), moves > 0).astype(float)
        found = [paired_difference(a, a - d) for a, d in zip(first, moves, strict=True)]
        return np.array([(f.low, f.high) for f in found]), np.array(difference)

    return simulate


def attempts(k: int, a: float, b: float, every: bool = False) -> Callable[[Generator], tuple[Floats, Floats]]:
    """Draw 16 attempts of pairs whose own chance is Beta(a, b); the truth is pass@k, or pass^k where ``every``."""

    def simulate(rng: Generator) -> tuple[Floats, Floats]:
        passed = rng.binomial(K, rng.beta(a, b, (RUNS, N)))
        estimator = pass_hat_k if every else pass_at_k
        values = np.array([estimator(K, c, k) for c in range(K + 1)])[passed]
        found = [summary(row) for row in values]
        truth = np.exp(betaln(a + k, b) - betaln(a, b)) if every else 1 - np.exp(betaln(a, b + k) - betaln(a, b))
        return np.array([(s["low"], s["high"]) for s in found]), np.array(truth)

    return simulate


def groups(
    weight: float | None, number: int, mean: float, plain: bool = False, runs: int = RUNS
) -> Callable[[Generator], tuple[Floats, Floats]]:
    """Draw groups of unequal size whose rates are Beta around ``mean`` with ``weight`` pairs (None: all alike)."""

    def simulate(rng: Generator) -> tuple[Floats, Floats]:
        found, truths = [], []
        share = np.arange(1, number + 1) / np.arange(1, number + 1).sum()
        for _ in range(runs):
            rates = np.full(number, mean) if weight is None else rng.beta(mean * weight, (1 - mean) * weight, number)
            n = np.maximum(rng.multinomial(N, share), 1)
            k = rng.binomial(n, rates)
            pooled = pooled_rates(k, n, 0.95)
            ends = (pooled.lows, pooled.highs) if plain else pooled_intervals(k, n, 0.95)
            found.append(np.stack(ends, axis=1))
            truths.append(rates)
        return np.array(found), np.array(truths)

    return simulate


def lowest(weight: float, number: int, runs: int = 400) -> Callable[[Generator], tuple[Floats, Floats]]:
    """Draw groups as ``groups`` does and take the pooled interval of the one that is lowest after pooling."""

    def simulate(rng: Generator) -> tuple[Floats, Floats]:
        found, truths = [], []
        for _ in range(runs):
            rates = rng.beta(0.6 * weight, 0.4 * weight, number)
            n = np.full(number, N // number)
            row = worst(rng.binomial(n, rates), n)
            found.append((row.low, row.high))
            truths.append(rates[row.group])
        return np.array(found), np.array(truths)

    return simulate


def odd_one(
    what: str, number: int = 8, size: int = 100, runs: int = 400
) -> Callable[[Generator], tuple[Floats, Floats]]:
    """Draw one group of 0.35 among others of 0.65, and keep the runs that name a worst group: its ``pooled`` or ``raw``
    rate, or its ``gap`` from the other pairs."""

    def simulate(rng: Generator) -> tuple[Floats, Floats]:
        found, truths = [], []
        rates, n = np.r_[0.35, np.full(number - 1, 0.65)], np.full(number, size)
        member = np.repeat(np.eye(number, dtype=bool), size, axis=0)
        for _ in range(runs):
            y = (rng.random(number * size) < np.repeat(rates, size)).astype(float)
            if homogeneity(y, member).p > 0.05:
                continue
            k = y.reshape(number, size).sum(axis=1).astype(int)
            at = pooled_rates(k, n).worst
            if what == "pooled":
                row = worst(k, n)
                found.append((row.low, row.high))
            elif what == "raw":
                one = summary(y.reshape(number, size)[at])
                found.append((one["low"], one["high"]))
            else:
                found.append(gap(k[at], size, k.sum() - k[at], size * (number - 1)))
            truths.append(rates[at] - np.delete(rates, at).mean() if what == "gap" else rates[at])
        return np.array(found), np.array(truths)

    return simulate


def interrupted(
    k: int, share: float, informative: bool = False, runs: int = 600
) -> Callable[..., tuple[Floats, Floats]]:
    """Draw 16 attempts of pairs, a share of whose verdicts goes missing (``informative``: only of those that failed)."""

    def simulate(rng: Generator) -> tuple[Floats, Floats]:
        found = []
        for _ in range(runs):
            good = rng.random((N, K)) < rng.beta(1, 1, N)[:, None]
            lost = rng.random((N, K)) < share
            lost &= ~good | (not informative)
            done = curves(K, list((~lost).sum(1)), list((good & ~lost).sum(1)))
            row = summary([np.nan if one is None else one.pass_at[k - 1] for one in done])
            found.append((row["low"], row["high"]))
        return np.array(found), np.array(k / (k + 1))

    return simulate


def missing(share: float) -> Callable[[Generator], tuple[Floats, Floats]]:
    """Draw verdicts at a rate of 0.6 of which only bad ones go missing, the worst there is."""

    def simulate(rng: Generator) -> tuple[Floats, Floats]:
        good = rng.random((RUNS, N)) < 0.6
        lost = ~good & (rng.random((RUNS, N)) < share / 0.4)
        counts = zip(good.sum(1), (~good & ~lost).sum(1), lost.sum(1), strict=True)
        found = [imbens_manski(int(g), int(b), int(m)) for g, b, m in counts]
        return np.array([(f.low, f.high) for f in found]), np.array(0.6)

    return simulate


def complete_cases(share: float) -> Callable[[Generator], tuple[Floats, Floats]]:
    """Draw as ``missing`` does and take Wilson's interval of the verdicts that are there."""

    def simulate(rng: Generator) -> tuple[Floats, Floats]:
        good = rng.random((RUNS, N)) < 0.6
        lost = ~good & (rng.random((RUNS, N)) < share / 0.4)
        found = [summary(row) for row in np.where(lost, np.nan, good.astype(float))]
        return np.array([(s["low"], s["high"]) for s in found]), np.array(0.6)

    return simulate


EXACT = "the interval agrees with McNemar's exact test, which errs on the safe side at no difference"
ONE_SIDED = "a spread of 0 can only be missed from one side"
FLOOR = "the upper end is never below what groups that are alike would leave"
ALIKE = "verdicts of one persona are alike"
PRIOR = "the prior is learned from few verdicts a group; fewer than min_support"
LARGEST = "the interval agrees with the test, which takes the larger of three p-values"
RARE = "so few pairs differ from the rest that their variance is not to be had; n stands in for the effective n"
CASES: tuple[Case, ...] = (
    *(Case("Wilson", f"rate {p}", rate(p)) for p in (0.05, 0.2, 0.5, 0.8, 0.95)),
    Case("two-way clustered", "150 personas twice, 109 questions", clustered(150, 109)),
    Case("two-way clustered", "300 personas once, 40 questions", clustered(300, 40)),
    Case("two-way clustered", "30 personas, 20 questions", clustered(30, 20)),
    Case("two-way clustered", "10 personas, 300 questions", clustered(10, 300)),
    Case("two-way clustered", "10 personas, 300 questions, hardly alike", clustered(10, 300, spread=0.2)),
    Case("Wilson", "as above, clusters ignored", clustered(30, 20, True), 0.5, 0.75, ALIKE),
    Case("paired difference", "0, 10% of pairs disagree", paired(0.0, 0.1), 0.95, 0.985, EXACT),
    Case("paired difference", "0, 1% of pairs disagree", paired(0.0, 0.01), 0.97, 1.0, EXACT),
    Case("paired difference", "0.01, 1% disagree, all one way", paired(0.01, 0.01)),
    Case("paired difference", "0.02, 3% disagree", paired(0.02, 0.03)),
    Case("paired difference, clustered", "0, 150 personas twice, 109 questions", paired_clustered(150, 109)),
    Case(
        *(
            "paired difference, clustered",
            "0, 30 personas, 20 questions",
            paired_clustered(30, 20),
            0.94,
            0.99,
            LARGEST,
        ),
        few=paired_clustered(30, 20, FEW),
    ),
    Case("paired difference", "0.05, 30% disagree", paired(0.05, 0.3)),
    Case("paired difference", "0.2, 40% disagree", paired(0.2, 0.4)),
    *(Case(f"pass@{k}", "chances uniform", attempts(k, 1, 1)) for k in (1, 2, 4, 8, 16)),
    *(Case(f"pass^{k}", "chances uniform ", attempts(k, 1, 1, True)) for k in (2, 4, 8, 16)),
    *(Case(f"pass@{k}", "chances Beta(0.3, 3)", attempts(k, 0.3, 3)) for k in (1, 4, 16)),
    *(Case(f"pass@{k}", "chances uniform, 8.5% of attempts missing", interrupted(k, 0.085)) for k in (1, 4, 16)),
    Case(
        "pass@1",
        "chances uniform, 8.5% missing, all of them failures",
        interrupted(1, 0.17, True),
        0.0,
        0.6,
        "what is missing is not like what is there; see the bounds",
    ),
    Case("pass@8", "chances Beta(30, 20): 0.999", attempts(8, 30, 20), 0.97, 1.0, RARE),
    Case("pass^8", "chances Beta(0.3, 3): 0.001", attempts(8, 0.3, 3, True), 0.97, 1.0, RARE),
    Case("pooled rates", "8 groups, spread 0.11", groups(20, 8, 0.6), 0.92, 0.97, "the prior is learned from 8 groups"),
    Case("pooled rates", "20 groups, spread 0.11", groups(20, 20, 0.5, runs=300)),
    Case(
        "pooled rates",
        "8 groups, all alike",
        groups(None, 8, 0.6, runs=300),
        0.97,
        1.0,
        "that groups are exactly alike is what the flat prior holds for unlikely",
    ),
    Case(
        "pooled rates, prior taken for certain",
        "8 groups, spread 0.11 ",
        groups(20, 8, 0.6, plain=True, runs=300),
        0.6,
        0.85,
        "its uncertainty is left out; not used in the tables",
    ),
    Case("worst group, pooled", "8 groups, spread 0.11, the lowest", lowest(20, 8)),
    Case("worst group, pooled", "20 groups of 15, spread 0.11, the lowest", lowest(20, 20), 0.88, 0.97, PRIOR),
    Case("worst group, raw", "8 groups, one of .35 among .65, named", odd_one("raw")),
    Case(
        "worst group, pooled",
        "8 groups, one of .35 among .65, named ",
        odd_one("pooled"),
        0.5,
        0.95,
        "an odd one is drawn towards the many; its raw rate stands beside it",
    ),
    Case("worst group, gap", "8 groups, one of .35 among .65, named  ", odd_one("gap")),
    Case("pooled rates, clustered", "8 groups of 10 persons with 4 questions", repeated("rates", 8, 10, 4)),
    Case("pooled rates, clustered", "20 groups of 5 persons with 4 questions", repeated("rates", 20, 5, 4)),
    Case("worst group, clustered", "8 groups of 10 persons with 4 questions", repeated("lowest", 8, 10, 4)),
    *(
        Case(
            "spread of groups, clustered",
            f"{groups} groups of {size} persons with 4 questions",
            repeated("spread", groups, size, 4),
            0.93,
            0.99,
            FLOOR,
        )
        for groups, size in ((8, 10), (20, 5))
    ),
    Case(
        "pooled rates",
        "8 groups of 10 persons with 4 questions, clusters ignored",
        repeated("rates", 8, 10, 4, plain=True),
        0.8,
        0.93,
        ALIKE,
    ),
    Case(
        "spread of groups",
        "20 groups of 5 persons with 4 questions, clusters ignored",
        repeated("spread", 20, 5, 4, plain=True),
        0.6,
        0.85,
        ALIKE,
    ),
    Case("spread of groups", "8 groups, spread 0.11", spread_of(lambda rng: rng.beta(12, 8, 8), 40)),
    Case("spread of groups", "20 groups, all alike", spread_of(lambda _: np.full(20, 0.6), 30), 0.96, 1.0, ONE_SIDED),
    Case("spread of groups", "8 groups, one of .35 among .65 ", spread_of(lambda _: np.r_[0.35, [0.65] * 7], 40)),
    Case("contrast", "0.2, three other people averaged", several_others(3), few=several_others(3, FEW)),
    Case("preferred", "0.65, ties half", compared("preferred")),
    Case("preferred, clustered", "0.65, 30 personas, 20 questions", compared("preferred", 30, 20)),
    Case("order bias", "0.06, 30% of comparisons tied", compared("order")),
    Case("order bias, clustered", "0.06, 30 personas, 20 questions ", compared("order", 30, 20)),
    Case("preferred at equal length", "0.60, longer ones win", preferences_at_equal_length("rate")),
    Case("slope of length in preferences", "0.8", preferences_at_equal_length("slope")),
    Case("rate at equal length", "0.65, longer ones pass", rates_at_equal_length("rate")),
    Case(
        *("difference at equal length", "0.20, longer ones pass", rates_at_equal_length("difference")),
        few=rates_at_equal_length("difference", runs=FEW),
    ),
    Case("slope of length in verdicts", "0.6", rates_at_equal_length("slope")),
    *(Case("Imbens–Manski", f"{share:.0%} missing, all of them bad", missing(share)) for share in (0.02, 0.1, 0.3)),
    Case(
        "Wilson",
        "10% missing, all of them bad, left out",
        complete_cases(0.1),
        0.0,
        0.6,
        "the verdicts that are there are not like those that are not; see the bounds",
    ),
)


def lines() -> Iterator[str]:
    """Yield the table in Markdown."""
    yield f"| interval (95%, n = {N}) | truth | held it in | |"
    yield "| --- | --- | ---: | --- |"
    for case in CASES:
        yield f"| {case.estimator} | {case.truth.strip()} | {case.coverage():.1%} | {case.why} |"


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    for line in lines():
        print(line, flush=True)
