"""A design's power and width are those of the report's tests and intervals: by worked values and simulation."""

from __future__ import annotations

import numpy as np
import pytest

from persona_metrics.analysis import power
from persona_metrics.analysis.rates import LEVEL
from persona_metrics.errors import PersonaError
from persona_metrics.statistics.paired import mcnemar_exact, paired_difference, step_down_max_t
from tests.simulated import runs


def test_the_half_width_is_wilsons() -> None:
    # z = 1.959964: half width at p = 1/2 is z·sqrt(n/4 + z²/4)/(n + z²).
    z = 1.959964
    for n in (10, 300, 1000):
        assert power.half_width(n) == pytest.approx(z * np.sqrt(n / 4 + z * z / 4) / (n + z * z), abs=1e-6)


@pytest.mark.parametrize("width", [0.03, 0.05, 0.2])
def test_n_for_a_half_width_is_the_least(width: float) -> None:
    n = power.n_for_half_width(width)
    assert power.half_width(n) <= width < power.half_width(n - 1)


def test_n_for_a_difference_finds_it_and_much_fewer_do_not() -> None:
    n = power.n_for_difference(0.1)
    assert power.difference(n) <= 0.1 < power.difference(round(0.9 * n))


def test_what_no_number_of_pairs_shows_is_said() -> None:
    with pytest.raises(PersonaError, match="takes more than 200,000 pairs"):
        power.n_for_half_width(0.0001)


@pytest.mark.parametrize(("n", "discordance"), [(100, 0.3), (300, 0.3), (300, 0.1)])
def test_the_foretold_difference_is_found_in_four_of_five_simulated_runs(n: int, discordance: float) -> None:
    delta = power.difference(n, discordance)
    rng = np.random.default_rng(7)
    moved = rng.binomial(n, max(discordance, delta), 20_000)
    more = rng.binomial(moved, 0.5 + delta / (2 * max(discordance, delta)))
    known: dict[tuple[int, int], bool] = {}
    hits = 0
    for b, m in zip(more, moved, strict=True):
        key = (int(b), int(m - b))
        if key not in known:
            known[key] = mcnemar_exact(*key) <= 1 - LEVEL
        hits += known[key] and key[0] > key[1]
    assert hits / 20_000 == pytest.approx(power.POWER, abs=0.02)
    # And that is the report's verdict on such runs.
    for b, c in list(known)[:20]:
        d = np.r_[np.ones(b), np.zeros(c), np.zeros(n - b - c)]
        e = np.r_[np.zeros(b), np.ones(c), np.zeros(n - b - c)]
        assert (paired_difference(d, e).p <= 1 - LEVEL) == known[b, c]


@pytest.mark.slow
def test_the_foretold_importance_survives_the_reports_correction_in_four_of_five_runs() -> None:
    n, items, discordance, number = 300, 10, 0.2, runs(400)
    delta = power.importance(n, items, discordance)
    rng = np.random.default_rng(3)
    found = 0
    for _ in range(number):
        d = np.where(rng.random((n, items)) < discordance, rng.choice([-1.0, 1.0], (n, items)), 0.0)
        one = rng.random(n) < discordance
        d[:, 0] = np.where(one, np.where(rng.random(n) < 0.5 + delta / (2 * discordance), 1.0, -1.0), 0.0)
        exact = mcnemar_exact(int((d[:, 0] > 0).sum()), int((d[:, 0] < 0).sum()))
        found += max(step_down_max_t(d, 999).adjusted[0], exact) <= 1 - LEVEL and d[:, 0].mean() > 0
    # 400 runs: two standard errors are four points.
    assert found / number == pytest.approx(power.POWER, abs=0.04 * (400 / number) ** 0.5)
