"""The estimators of paired differences, clusters, completed attempts and spread, each against a value made another way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from persona_metrics.statistics.attempts import Prior, completed, curves, expected
from persona_metrics.statistics.clusters import design
from persona_metrics.statistics.paired import critical_value, detectable_difference, paired_difference, tango
from persona_metrics.statistics.paired import step_down_max_t as max_t
from persona_metrics.statistics.pooling import between_group_sd_interval, homogeneity
from tests.simulated import runs, slack

Z = float(stats.norm.isf(0.025))


# -- Tango ---------------------------------------------------------------------------------------------------------


def score_by_likelihood(b: int, c: int, n: int, delta: float) -> float:
    """The score statistic with the nuisance chance found by maximising the multinomial likelihood, not by formula."""

    def loss(q: float) -> float:
        chances = np.clip([q + delta, q, 1 - 2 * q - delta], 1e-300, None)
        return -float(np.sum(np.array([b, c, n - b - c]) * np.log(chances)))

    low, high = max(0.0, -delta), (1 - delta) / 2
    q = optimize.minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x
    variance = (2 * q + delta - delta**2) / n
    return ((b - c) / n - delta) / variance**0.5


@pytest.mark.parametrize(
    ("b", "c", "n"), [(10, 3, 100), (1, 7, 21), (6, 16, 161), (3, 0, 300), (0, 1, 44), (53, 16, 425)]
)
def test_tangos_interval_is_where_the_score_passes_its_quantile(b: int, c: int, n: int) -> None:
    low, high = tango(b, c, n, Z)
    kept = [d for d in np.linspace(-0.999, 0.999, 2001) if abs(score_by_likelihood(b, c, n, d)) <= Z]
    assert (low, high) == pytest.approx((min(kept), max(kept)), abs=0.0011)


def test_tangos_interval_of_published_tables() -> None:
    # Fagerland, Lydersen & Laake 2014 (Stat. Med. 33): airway hyper-responsiveness before and after transplantation.
    assert tango(1, 7, 21, Z) == pytest.approx((-0.517, -0.026), abs=5e-4)


def test_nothing_moved_leaves_the_width_that_n_allows() -> None:
    assert tango(0, 0, 300, Z) == pytest.approx((-(Z**2) / (300 + Z**2), Z**2 / (300 + Z**2)))


def test_everything_moved_one_way_is_no_certainty() -> None:
    low, high = tango(20, 0, 20, Z)
    assert (high, 0.5 < low < 1.0) == (1.0, True)


def test_one_sided_discordance_holds_its_level() -> None:
    # 3 of 300 pairs move, all one way (d = .01): the ±1.96 errors around it held the truth in 80% of runs.
    held = [
        low <= 0.01 <= high
        for low, high in (tango(int(b), 0, 300, Z) for b in np.random.default_rng(0).binomial(300, 0.01, 4000))
    ]
    assert 0.93 <= np.mean(held) <= 0.98


# -- an interval and the test beside it ----------------------------------------------------------------------------


@settings(max_examples=300)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 400))
def test_interval_excludes_nothing_exactly_where_mcnemar_does(more: int, less: int, same: int) -> None:
    a = [1] * more + [0] * less + [1] * same
    found = paired_difference(a, [0] * more + [1] * less + [1] * same)
    if found.n > 1:
        assert (found.low > 0 or found.high < 0) == (found.p <= 0.05)
        assert found.low <= found.difference <= found.high


@settings(max_examples=60)
@given(st.lists(st.sampled_from([-0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0]), min_size=2, max_size=30))
def test_interval_of_shares_excludes_nothing_exactly_where_its_test_does(moves: list[float]) -> None:
    found = paired_difference(np.array(moves), np.zeros(len(moves)), flips=499)
    assert (found.low > 0 or found.high < 0) == (found.p <= 0.05)


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(2, 12), st.floats(0.0, 0.9))
def test_clustered_interval_excludes_nothing_exactly_where_its_test_does(seed: int, people: int, lean: float) -> None:
    rng = np.random.default_rng(seed)
    who, what = rng.integers(0, people, 60), rng.integers(0, 25, 60)
    d = np.sign(rng.normal(lean, 1, people)[who]) * (rng.random(60) < 0.5)
    found = paired_difference((d > 0).astype(float), (d < 0).astype(float), clusters=(who, what), flips=499)
    assert (found.low > 0 or found.high < 0) == (found.p <= 0.05)


def test_permutation_of_attempts_is_scipys() -> None:
    d = np.array([0.25, 0.5, -0.25, 0.75, 0.5, 0.25, 0.0, 1.0])
    ours = paired_difference(d, np.zeros(8))
    theirs = stats.permutation_test(
        (d,), np.mean, permutation_type="samples", alternative="two-sided", n_resamples=10_000
    )
    assert ours.p == pytest.approx(max(theirs.pvalue, stats.ttest_1samp(d, 0).pvalue))


# -- clusters ------------------------------------------------------------------------------------------------------


def test_ten_personas_need_the_correction() -> None:
    rng = np.random.default_rng(1)
    y, who = (rng.random(300) < 0.6).astype(float), np.arange(300) % 10
    y[who < 3] = 1.0
    found = design(y, who, np.arange(300))
    assert found is not None
    plain = float(np.sum(np.bincount(who, y - y.mean()) ** 2)) / 300**2
    assert found.stderr**2 == pytest.approx(plain * 10 / 9)
    assert (found.df, found.effect) == (9, pytest.approx(found.stderr**2 / (y.var(ddof=1) / 300)))


def test_no_repetition_and_one_person_alone_are_no_clusters() -> None:
    y = np.array([0.0, 1.0] * 10)
    assert design(y, np.arange(20), np.arange(20)) is None
    assert design(y, np.zeros(20), np.arange(20)) is None


def test_alternating_values_are_never_taken_for_more_pairs() -> None:
    found = design(np.array([0.0, 1.0] * 10), np.repeat(np.arange(10), 2), np.arange(20))
    assert found is not None
    assert found.effect == 1.0


# -- attempts without a verdict ------------------------------------------------------------------------------------


def test_two_attempts_completed_by_hand() -> None:
    # Beta(2, 1) and one pass: the other passes with (2 + 1)/(3 + 1) = 3/4.
    prior = Prior(mean=2 / 3, weight=3.0)
    assert completed(2, 1, 1, prior) == pytest.approx([0.0, 0.25, 0.75])
    found = expected(2, 1, 1, prior)
    assert found.pass_at == pytest.approx((0.25 * 0.5 + 0.75, 1.0))
    assert found.pass_hat == pytest.approx((0.25 * 0.5 + 0.75, 0.75))
    assert (found.attempts, found.never) == (pytest.approx(0.25 * 1.5 + 0.75), 0.0)
    # And with the one that was judged failed: 2/4 for the other.
    assert completed(2, 1, 0, prior) == pytest.approx([0.5, 0.5, 0.0])
    assert expected(2, 1, 0, prior).never == pytest.approx(0.5)


def test_completion_is_beta_binomial() -> None:
    rng = np.random.default_rng(0)
    chance = rng.beta(0.6 * 5, 0.4 * 5, 400_000)
    seen, unseen = rng.binomial(3, chance), rng.binomial(2, chance)
    drawn = np.bincount(2 + unseen[seen == 2], minlength=6) / np.sum(seen == 2)
    assert completed(5, 3, 2, Prior(0.6, 5.0)) == pytest.approx(drawn, abs=0.005)


@given(st.integers(1, 12), st.data())
def test_completed_curve_never_falls_and_lies_within_its_bounds(k: int, data: st.DataObject) -> None:
    judged = data.draw(st.integers(0, k))
    passed = data.draw(st.integers(0, judged))
    found = expected(k, judged, passed, Prior(data.draw(st.floats(0.02, 0.98)), data.draw(st.floats(0.1, 1000))))
    least, most = (expected(k, k, c, Prior()) for c in (passed, passed + k - judged))
    assert np.all(np.diff(found.pass_at) >= -1e-9)
    assert np.all(np.diff(found.pass_hat) <= 1e-9)
    for name in ("pass_at", "pass_hat"):
        assert np.all(np.array(getattr(least, name)) - 1e-9 <= getattr(found, name))
        assert np.all(getattr(found, name) <= np.array(getattr(most, name)) + 1e-9)


def test_all_attempts_judged_is_the_unbiased_estimator() -> None:
    (found,) = curves(4, [4], [1])
    assert found is not None
    assert found.pass_at == pytest.approx((1 / 4, 1 / 2, 3 / 4, 1.0))
    assert curves(4, [0], [0]) == [None]


# -- spread and homogeneity ----------------------------------------------------------------------------------------


def test_spreads_ends_are_where_the_seen_spread_is_rare() -> None:
    n, k = np.full(8, 60), np.array([20, 30, 35, 38, 42, 30, 44, 25])
    low, high = between_group_sd_interval(k, n)
    rng, common = np.random.default_rng(0), (k.sum() + 0.5) / (n.sum() + 1)
    noise = np.sqrt(common * (1 - common) / 60)
    seen = np.var(k / n, ddof=1)
    for end, share in ((low, 0.975), (high, 0.025)):
        # Any set of true rates with this spread: the noncentral law knows nothing else of them.
        shape = np.array([-1.0, 1.0] * 4) * end * np.sqrt(7 / 8)
        spread = np.var(shape + rng.normal(0, noise, (40_000, 8)), axis=1, ddof=1)
        assert np.mean(spread <= seen) == pytest.approx(share, abs=0.006)


def test_spread_of_equal_groups_holds_nothing() -> None:
    assert between_group_sd_interval([30, 31, 29, 30], [50] * 4)[0] == 0.0
    assert np.isnan(between_group_sd_interval([1, 1], [1, 5])).all()


@pytest.mark.parametrize("k", [[0, 0], [30, 30], [15, 15], [10] * 8])
def test_groups_that_happen_to_be_quite_alike_are_no_certainty(k: list[int]) -> None:
    n = np.full(len(k), 30)
    low, high = between_group_sd_interval(k, n)
    # What the sixth of draws that are most alike leave, of groups with one rate: of 100 a group it is less.
    assert low == 0.0 < high < 0.2
    assert between_group_sd_interval(100 * np.array(k), 100 * n)[1] < high / 5


def test_persons_are_shuffled_whole_where_they_repeat() -> None:
    rng = np.random.default_rng(0)
    named = {"pairs": 0, "persons": 0}
    for run in range(150):
        who = np.repeat(np.arange(24), 10)
        y = (rng.random(240) < np.clip(rng.normal(0.6, 0.3, 24), 0, 1)[who]).astype(float)
        inside = np.eye(4, dtype=bool)[who % 4]
        named["pairs"] += homogeneity(y, inside).p <= 0.05
        named["persons"] += homogeneity(y, inside, resamples=199, seed=run, persons=who).p <= 0.05
    assert named["pairs"] > 40  # what takes a person's ten pairs for ten persons
    assert named["persons"] <= 15


# -- what n could have seen ----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("n", "discordant"), [(300, 0.25), (150, 0.1)])
def test_detectable_is_found_by_the_whole_procedure_in_four_of_five_runs(n: int, discordant: float) -> None:
    rng, number, flips = np.random.default_rng(7), runs(150), 999
    noise = rng.choice([-1.0, 1.0, 0.0], size=(n, 10), p=[discordant / 2, discordant / 2, 1 - discordant])
    target = detectable_difference(n, discordant, critical_value(noise))
    assert 0.02 < target < 0.5
    share = max(discordant, target)
    found = 0
    for run in range(number):
        d = rng.choice([-1.0, 1.0, 0.0], size=(n, 10), p=[discordant / 2, discordant / 2, 1 - discordant])
        d[:, 0] = rng.choice([-1.0, 1.0, 0.0], size=n, p=[(share - target) / 2, (share + target) / 2, 1 - share])
        own = paired_difference((d[:, 0] > 0).astype(float), (d[:, 0] < 0).astype(float)).p
        found += max(max_t(d, flips=flips, seed=run).adjusted[0], own) <= 0.05
    assert found / number == pytest.approx(0.8, abs=0.07 + slack(0.8, number))
