"""How often 95% intervals hold the truth at n = 300: 1,000 runs an estimator. ``python -m tools.simulation`` prints it.

Every interval is made by the functions that the analysis itself calls; only the data are drawn here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import betaln

from persona_metrics.analysis.rates import summary, two_way
from persona_metrics.statistics.paired import paired_difference
from persona_metrics.statistics.pooling import pooled_intervals, pooled_rates
from persona_metrics.statistics.rates import imbens_manski, pass_at_k, pass_hat_k

RUNS, N, K = 1000, 300, 16
Generator = np.random.Generator
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One estimator under one truth: ``simulate`` returns intervals (…, 2) and what they should hold, broadcastable.

    ``low`` and ``high`` bound the coverage that is promised; outside 0.93 to 0.97 ``why`` says why.
    """

    estimator: str
    truth: str
    simulate: Callable[[Generator], tuple[Floats, Floats]]
    low: float = 0.93
    high: float = 0.97
    why: str = ""

    def coverage(self, seed: int = 0) -> float:
        """Return the share of intervals that hold the truth."""
        intervals, truth = self.simulate(np.random.default_rng([seed, *self.truth.encode()]))
        held = (intervals[..., 0] <= truth + 1e-12) & (truth <= intervals[..., 1] + 1e-12)
        return float(held.mean())


def rate(p: float) -> Callable[[Generator], tuple[Floats, Floats]]:
    """Draw independent verdicts with rate ``p``."""

    def simulate(rng: Generator) -> tuple[Floats, Floats]:
        found = [summary(row) for row in (rng.random((RUNS, N)) < p).astype(float)]
        return np.array([(s["low"], s["high"]) for s in found]), np.array(p)

    return simulate


def clustered(personas: int, questions: int, naive: bool = False) -> Callable[[Generator], tuple[Floats, Floats]]:
    """Draw verdicts in which a persona and a question each shift the chance (probit, standard deviation 0.8 each)."""

    def simulate(rng: Generator) -> tuple[Floats, Floats]:
        found = []
        for _ in range(RUNS):
            one, two = (np.resize(rng.permutation(size), N) for size in (personas, questions))
            rng.shuffle(two)
            chance = stats.norm.cdf(0.5 + rng.normal(0, 0.8, personas)[one] + rng.normal(0, 0.8, questions)[two])
            y = (rng.random(N) < chance).astype(float)
            row = summary(y) if naive else two_way(y, list(one), list(two))
            found.append((row["low"], row["high"]) if naive else (row["low_two_way"], row["high_two_way"]))
        return np.array(found), np.array(stats.norm.cdf(0.5 / np.sqrt(1 + 2 * 0.8**2)))

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
) -> Callable[..., tuple]:
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


RARE = "so few pairs differ from the rest that their variance is not to be had; n stands in for the effective n"
CASES: tuple[Case, ...] = (
    *(Case("Wilson", f"rate {p}", rate(p)) for p in (0.05, 0.2, 0.5, 0.8, 0.95)),
    Case("two-way clustered", "150 personas twice, 109 questions", clustered(150, 109)),
    Case("two-way clustered", "300 personas once, 40 questions", clustered(300, 40)),
    Case("two-way clustered", "30 personas, 20 questions", clustered(30, 20)),
    Case(
        "Wilson", "as above, clusters ignored", clustered(30, 20, True), 0.5, 0.75, "verdicts of one persona are alike"
    ),
    Case("paired difference", "0, 10% of pairs disagree", paired(0.0, 0.1)),
    Case("paired difference", "0.05, 30% disagree", paired(0.05, 0.3)),
    Case("paired difference", "0.2, 40% disagree", paired(0.2, 0.4)),
    *(Case(f"pass@{k}", "chances uniform", attempts(k, 1, 1)) for k in (1, 2, 4, 8, 16)),
    *(Case(f"pass^{k}", "chances uniform ", attempts(k, 1, 1, True)) for k in (2, 4, 8, 16)),
    *(Case(f"pass@{k}", "chances Beta(0.3, 3)", attempts(k, 0.3, 3)) for k in (1, 4, 16)),
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
    for line in lines():
        print(line, flush=True)
