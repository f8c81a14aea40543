"""How often chance alone is taken for a finding: letters, worst groups, spread. Each run is a whole made-up table."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from persona_metrics import analysis
from persona_metrics.leaderboard.letters import letters
from persona_metrics.statistics.paired import paired_difference
from persona_metrics.statistics.pooling import homogeneity, worst
from tests.analysis.made import tidy
from tests.simulated import runs, slack


@pytest.mark.slow
def test_equal_models_on_repeated_questions_rarely_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    # The same test with fewer flips: 999 are enough to tell 0.005 (Holm's first step over ten comparisons) apart.
    comparing = importlib.import_module("persona_metrics.analysis.compare")
    monkeypatch.setattr(comparing, "paired_difference", lambda *given: paired_difference(*given, flips=999))
    rng, number, wrong = np.random.default_rng(5), runs(120), 0
    questions = [i % 40 for i in range(300)]
    made = tidy([[0.0]] * 300, questions=questions)
    for _ in range(number):
        # Each model has its own luck with each question.
        chance = np.clip(0.6 + rng.normal(0, 0.25, (5, 40)), 0.02, 0.98)[:, questions]
        good = (rng.random((5, 300)) < chance).astype(float)
        frames = {f"m{i}": made.assign(personalized=row) for i, row in enumerate(good)}
        compared = analysis.compare(frames)
        shown = letters(list(frames), [(r.first, r.second) for r in compared.itertuples() if r.p_adjusted < 0.05])
        wrong += len(set(shown.values())) > 1
    assert wrong / number <= 0.06 + slack(0.05, number)


@pytest.mark.slow
def test_clusters_ignored_would_tell_equal_models_apart() -> None:
    # What the test above would find without them: it can fail.
    rng, wrong = np.random.default_rng(5), 0
    questions = np.arange(300) % 40
    for _ in range(200):
        chance = np.clip(0.6 + rng.normal(0, 0.25, (5, 40)), 0.02, 0.98)[:, questions]
        good = (rng.random((5, 300)) < chance).astype(float)
        p = [paired_difference(good[i], good[j]).p for i in range(5) for j in range(i)]
        wrong += 10 * min(p) <= 0.05
    assert wrong / 200 > 0.06


def test_worst_group_is_named_in_one_of_twenty_runs_with_equal_groups() -> None:
    rng, named, n = np.random.default_rng(6), 0, np.array([35, 40, 50, 60, 30, 85])
    member = np.repeat(np.eye(6, dtype=bool), n, axis=0)
    for _ in range(2000):
        named += homogeneity((rng.random(300) < 0.6).astype(float), member).p <= 0.05
    assert 0.03 <= named / 2000 <= 0.06


@pytest.mark.slow
def test_worst_group_is_named_as_rarely_where_groups_overlap() -> None:
    rng, named, number = np.random.default_rng(8), 0, runs(240)
    for run in range(number):
        sex, age = np.eye(2, dtype=bool)[rng.integers(0, 2, 200)], np.eye(4, dtype=bool)[rng.integers(0, 4, 200)]
        named += (
            homogeneity((rng.random(200) < 0.6).astype(float), np.hstack([sex, age]), resamples=399, seed=run).p <= 0.05
        )
    assert named / number <= 0.05 + 2 * (0.05 * 0.95 / number) ** 0.5


@pytest.mark.slow
def test_chance_of_being_the_worst_is_what_it_says() -> None:
    rng, told, right = np.random.default_rng(9), [], []
    n = np.full(8, 60)
    for run in range(200):
        rates = rng.beta(12, 8, 8)
        found = worst(rng.binomial(n, rates), n, seed=run)
        told.append(found.probability)
        right.append(found.group == int(np.argmin(rates)))
    assert np.mean(told) == pytest.approx(np.mean(right), abs=0.09)
