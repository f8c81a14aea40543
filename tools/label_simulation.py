"""How often intervals of rates corrected by people hold the truth at n = 300: ``python -m tools.label_simulation`` prints it.

1,000 runs each. Every interval is made by the functions that ``persona-metrics agree`` calls; only the data are drawn here.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from persona_metrics.statistics.agreement import agreement
from persona_metrics.statistics.misclassification import Errors, rogan_gladen
from persona_metrics.statistics.prediction_powered import corrected, difference, power_tuned
from persona_metrics.statistics.two_phase import Interval

RUNS, N = 1000, 300
Generator = np.random.Generator
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """Answers that fit at ``rate``; the critic passes what fits at ``good`` and catches what does not at ``bad``."""

    rate: float
    good: float
    bad: float

    def draw(self, rng: Generator, n: int = N) -> tuple[Floats, Floats]:
        """Return the truth and the verdicts of ``n`` answers."""
        y = (rng.random(n) < self.rate).astype(float)
        return y, np.where(y == 1, rng.random(n) < self.good, rng.random(n) >= self.bad).astype(float)

    def __str__(self) -> str:
        return f"{self.rate:.0%} fit, critic right on {self.good:.0%} of these and {self.bad:.0%} of the others"


def at_random(rng: Generator, y: Floats, _f: Floats, n: int) -> tuple[Floats, Floats | None]:
    """Label ``n`` answers at random."""
    labels = np.full(len(y), np.nan)
    chosen = rng.choice(len(y), n, replace=False)
    labels[chosen] = y[chosen]
    return labels, None


def by_verdict(rng: Generator, y: Floats, f: Floats, n: int) -> tuple[Floats, Floats | None]:
    """Label ``n`` answers, each verdict's share by the square root of its number, as a sheet is drawn."""
    labels = np.full(len(y), np.nan)
    sides = [np.flatnonzero(f == value) for value in (0.0, 1.0)]
    roots = np.sqrt([len(side) for side in sides])
    for side, share in zip(sides, n * roots / roots.sum(), strict=True):
        chosen = rng.choice(side, min(len(side), max(2, round(share))), replace=False)
        labels[chosen] = y[chosen]
    return labels, f


Label = Callable[[Generator, Floats, Floats, int], tuple[Floats, Floats | None]]


@dataclass(frozen=True)
class Case:
    """One interval under one truth; ``low`` and ``high`` bound its coverage, and ``why`` says why where they are wider."""

    interval: str
    truth: str
    simulate: Callable[[Generator], Iterator[tuple[float, float, float]]]
    low: float = 0.93
    high: float = 0.97
    why: str = ""

    def coverage(self, seed: int = 0) -> float:
        """Return the share of intervals (low, high) that hold the truth, which comes third."""
        found = np.array(list(self.simulate(np.random.default_rng([seed, *self.truth.encode()]))))
        return float(np.mean((found[:, 0] <= found[:, 2] + 1e-12) & (found[:, 2] <= found[:, 1] + 1e-12)))


def rate(world: World, n: int, label: Label) -> Callable[[Generator], Iterator[tuple[float, float, float]]]:
    """Correct the rate by ``n`` labels."""

    def simulate(rng: Generator) -> Iterator[tuple[float, float, float]]:
        for _ in range(RUNS):
            y, f = world.draw(rng)
            labels, strata = label(rng, y, f, n)
            found = corrected(labels, f, strata).found
            yield found.low, found.high, world.rate

    return simulate


def plain(world: World, n: int) -> Callable[[Generator], Iterator[tuple[float, float, float]]]:
    """Take the published form: the normal quantile and the large-sample error."""

    def simulate(rng: Generator) -> Iterator[tuple[float, float, float]]:
        for _ in range(RUNS):
            y, f = world.draw(rng)
            labels, _ = at_random(rng, y, f, n)
            seen = ~np.isnan(labels)
            found = power_tuned(labels[seen], f[seen], f[~seen])
            reach = 1.959964 * found.stderr
            yield found.value - reach, found.value + reach, world.rate

    return simulate


def contrast(n: int) -> Callable[[Generator], Iterator[tuple[float, float, float]]]:
    """Correct a difference of two rates over the same pairs, labels drawn by verdict on each side; it is 0.32."""

    def simulate(rng: Generator) -> Iterator[tuple[float, float, float]]:
        pairs = list(range(N))
        for _ in range(RUNS):
            hard = rng.random(N)  # what makes a pair's two answers alike
            sides = []
            for share in (0.7, 0.5):
                y = (0.5 * hard + 0.5 * rng.random(N) < share).astype(float)
                right = rng.random(N) < 0.85
                sides.append((y, np.where(right, y, 1 - y)))
            found = []
            for y, f in sides:
                labels, strata = by_verdict(rng, y, f, n // 2)
                found.append(corrected(labels, f, strata))
            ends = difference(found[0], found[1], (pairs, pairs))
            # Of the mean of two uniforms: P(U + V < 1.4) − P(U + V < 1) = 0.82 − 0.5.
            yield ends.low, ends.high, 0.32

    return simulate


def clustered(n: int) -> Callable[[Generator], Iterator[tuple[float, float, float]]]:
    """Label ``n`` of 75 pairs with four attempts each, all of a pair alike in truth and in how the critic errs."""

    def simulate(rng: Generator) -> Iterator[tuple[float, float, float]]:
        pair = np.repeat(np.arange(75), 4)
        for _ in range(RUNS):
            own = rng.beta(1.2, 0.8, 75)
            y = (rng.random(N) < own[pair]).astype(float)
            right = np.where(rng.random(N) < rng.beta(8, 2, 75)[pair], 1.0, 0.0)
            f = np.where(right == 1, y, 1 - y)
            labels = np.full(N, np.nan)
            for one in rng.choice(75, n // 4, replace=False):
                labels[pair == one] = y[pair == one]
            found = corrected(labels, f, None, (pair,)).found
            yield found.low, found.high, 0.6

    return simulate


def measure(
    world: World, n: int, name: str, truth: float
) -> Callable[[Generator], Iterator[tuple[float, float, float]]]:
    """Measure the critic by ``n`` labels drawn by verdict."""

    def simulate(rng: Generator) -> Iterator[tuple[float, float, float]]:
        for _ in range(RUNS):
            y, f = world.draw(rng)
            labels, strata = by_verdict(rng, y, f, n)
            found: Interval = getattr(agreement(labels, f, strata), name)
            yield found.low, found.high, truth

    return simulate


def elsewhere(world: World, good: int, bad: int) -> Callable[[Generator], Iterator[tuple[float, float, float]]]:
    """Correct the rate by errors on other answers."""

    def simulate(rng: Generator) -> Iterator[tuple[float, float, float]]:
        for _ in range(RUNS):
            _, f = world.draw(rng)
            errors = Errors(rng.binomial(good, world.good) / good, good, rng.binomial(bad, world.bad) / bad, bad)
            if not errors.informative:
                continue
            found = rogan_gladen(float(f.mean()), N, errors)
            yield found.low, found.high, world.rate

    return simulate


FAIR = World(0.6, 0.9, 0.85)
POOR = World(0.6, 0.7, 0.6)
HIGH = World(0.8, 0.95, 0.9)
LENIENT = World(0.8, 0.99, 0.6)
SHARP = World(0.5, 0.98, 0.98)
SURE = "where the critic hardly errs, a verdict's labels are mostly all alike, which is not taken for certain"
STEPS = "six or seven labels that differ: coverage moves in steps"
_AGREES = 0.6 * 0.9 + 0.4 * 0.85
_CRITIC = 0.6 * 0.9 + 0.4 * 0.15
_CHANCE = 0.6 * _CRITIC + 0.4 * (1 - _CRITIC)

CASES: tuple[Case, ...] = (
    *(
        Case(f"corrected rate, {n} labels {how}", str(world), rate(world, n, label))
        for how, label in (("at random", at_random), ("by verdict", by_verdict))
        for world in (FAIR, POOR, LENIENT)
        for n in (50, 100, 200)
    ),
    Case("corrected rate, 50 labels at random", str(HIGH), rate(HIGH, 50, at_random)),
    Case("corrected rate, 50 labels by verdict", str(HIGH), rate(HIGH, 50, by_verdict), 0.93, 0.985, SURE),
    Case("corrected rate, 15 labels by verdict", str(HIGH), rate(HIGH, 15, by_verdict), 0.97, 1.0, SURE),
    Case("corrected rate, 100 labels by verdict", str(HIGH), rate(HIGH, 100, by_verdict)),
    Case("corrected rate, 50 labels by verdict", str(SHARP), rate(SHARP, 50, by_verdict), 0.93, 0.99, SURE),
    Case("corrected rate, 100 labels by verdict", str(SHARP), rate(SHARP, 100, by_verdict)),
    Case("PPI++ as published, 50 labels", str(HIGH), plain(HIGH, 50), 0.9, 0.94, "large-sample error; not used"),
    *(Case(f"corrected difference, {n} labels", "0.32, paired", contrast(n)) for n in (50, 100, 200)),
    *(
        Case(f"corrected rate, {n} labels on {n // 4} pairs", "75 pairs, four attempts", clustered(n))
        for n in (100, 200)
    ),
    Case("agreement, 50 labels", str(FAIR), measure(FAIR, 50, "agreement", _AGREES), 0.93, 0.98, STEPS),
    Case("agreement, 200 labels", str(FAIR), measure(FAIR, 200, "agreement", _AGREES)),
    *(
        Case(f"Cohen's κ, {n} labels", str(FAIR), measure(FAIR, n, "kappa", (_AGREES - _CHANCE) / (1 - _CHANCE)))
        for n in (50, 200)
    ),
    *(Case(f"specificity, {n} labels", str(FAIR), measure(FAIR, n, "specificity", 0.9)) for n in (50, 200)),
    *(
        Case("Rogan–Gladen, errors on 60 + 60 others", str(world), elsewhere(world, 60, 60))
        for world in (FAIR, HIGH, LENIENT)
    ),
)


def lines() -> Iterator[str]:
    """Yield the table in Markdown."""
    yield f"| interval (95%, n = {N}) | truth | held it in | |"
    yield "| --- | --- | ---: | --- |"
    for case in CASES:
        yield f"| {case.interval} | {case.truth} | {case.coverage():.1%} | {case.why} |"


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    for line in lines():
        print(line, flush=True)
