from __future__ import annotations

import gc
import itertools
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from persona_metrics.statistics import clusters, paired, pooling, rates
from persona_metrics.statistics.multiple import holm

REFERENCE: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data" / "reference_values.json").read_text())
close = lambda value: pytest.approx(value, abs=1e-6)  # noqa: E731


def test_pass_at_k_reference() -> None:
    ref = REFERENCE["pass_at_k"]
    assert rates.pass_at_k(16, 3, 4) == close(ref["n16_c3_k4"])
    assert rates.pass_at_k(16, 3, 16) == ref["n16_c3_k16"]
    assert rates.pass_at_k(16, 0, 4) == ref["n16_c0_k4"]
    assert rates.pass_at_k(16, 13, 4) == ref["n16_c13_k4"]
    assert rates.pass_hat_k(16, 12, 4) == close(ref["pass_hat_k_n16_c12_k4"])
    assert rates.pass_hat_k(16, 3, 4) == ref["pass_hat_k_n16_c3_k4"]
    values = [rates.pass_at_k(n, c, 4) for n, c in ref["five_items_nc"]]
    assert values == close(ref["five_items_pass@4"])
    assert np.mean(values) == close(ref["five_items_mean"])
    assert np.std(values, ddof=1) / 5**0.5 == close(ref["five_items_se_over_items"])
    for name, expected in ref["expected_attempts_min_T_16"].items():
        if name != "closed_form":
            assert rates.expected_attempts(16, int(name[1:])) == close(expected)


def test_pass_at_k_is_unbiased_where_the_plug_in_is_not() -> None:
    ref, p = REFERENCE["pass_at_k"], 0.2
    truth = 1 - (1 - p) ** 4
    for label, expected in ref["one_item_sampling_var_p0.2_k4"].items():
        n = int(label.split()[0].removeprefix("n="))
        chance = stats.binom.pmf(range(n + 1), n, p)
        values = np.array([rates.pass_at_k(n, c, 4) for c in range(n + 1)])
        assert chance @ values == close(truth)
        assert chance @ (values - truth) ** 2 == close(expected)
    plug_in = 1 - (1 - np.arange(17) / 16) ** 4
    assert stats.binom.pmf(range(17), 16, p) @ plug_in - truth == close(ref["plugin_bias_p0.2_k4_n16"])
    assert plug_in[3] == close(ref["plugin_biased_n16_c3_k4"])
    assert rates.pass_at_k(16, 3, 4) == close(float(Fraction(ref["n16_c3_k4_fraction"])))
    assert rates.pass_hat_k(16, 12, 4) == close(float(Fraction(ref["pass_hat_k_n16_c12_k4_fraction"])))


@pytest.mark.parametrize(("n", "c", "k"), [(4, 5, 1), (4, -1, 1), (4, 2, 0), (4, 2, 5)])
def test_impossible_counts_are_an_error(n: int, c: int, k: int) -> None:
    with pytest.raises(ValueError):
        rates.pass_at_k(n, c, k)


@given(st.integers(1, 40), st.data())
def test_pass_at_k_is_monotone_and_bounds_pass_hat_k(n: int, data: st.DataObject) -> None:
    c = data.draw(st.integers(0, n))
    at = [rates.pass_at_k(n, c, k) for k in range(1, n + 1)]
    hat = [rates.pass_hat_k(n, c, k) for k in range(1, n + 1)]
    assert all(a <= b + 1e-12 for a, b in itertools.pairwise(at))
    assert all(a >= b - 1e-12 for a, b in itertools.pairwise(hat))
    assert all(h <= a + 1e-12 for a, h in zip(at, hat, strict=True))
    assert at[0] == pytest.approx(c / n)
    if c < n:
        assert rates.expected_attempts(n, c + 1) < rates.expected_attempts(n, c) + 1e-12


def test_expected_attempts_is_the_area_over_the_curve() -> None:
    # E[min(T, n)] = sum over k = 0…n−1 of P(T > k), and P(T > k) = 1 − pass@k.
    for c in range(17):
        area = 1 + sum(1 - rates.pass_at_k(16, c, k) for k in range(1, 16))
        assert rates.expected_attempts(16, c) == close(area)


def test_groups_reference() -> None:
    ref = REFERENCE["groups"]
    k, n = zip(*ref["k_n"], strict=True)
    pooled = pooling.pooled_rates(k, n)
    assert pooled.mean == close(ref["EB_mu"])
    # The likelihood is flat here: the reference value is 1e-5 off the root of the score equations, found to 40 digits.
    assert pooled.prior_n == pytest.approx(285.73693994657788, rel=1e-9)
    assert pooled.prior_n == pytest.approx(ref["EB_kappa(prior n)"], rel=2e-5)
    assert pooled.rates == close(tuple(ref["EB_rates"]))
    assert max(pooled.rates) - min(pooled.rates) == close(ref["EB_gap"])
    assert pooled.rates[pooled.worst] == close(ref["EB_worst_group"])
    assert (pooled.lows[4], pooled.highs[4]) == close(tuple(ref["EB_90CrI_group5(3/8)"]))
    assert pooling.between_group_variance(k, n) == close(ref["double_corrected_between_var"])


@given(st.lists(st.tuples(st.integers(1, 60), st.floats(0, 1)), min_size=1, max_size=8))
def test_pooled_rates_lie_between_raw_and_common_rate(groups: list[tuple[int, float]]) -> None:
    n = [size for size, _ in groups]
    k = [round(size * rate) for size, rate in groups]
    pooled = pooling.pooled_rates(k, n)
    for success, total, rate, low, high in zip(k, n, pooled.rates, pooled.lows, pooled.highs, strict=True):
        raw = success / total
        assert min(raw, pooled.mean) - 1e-6 <= rate <= max(raw, pooled.mean) + 1e-6
        assert low <= rate + 1e-9
        assert rate <= high + 1e-9
    assert pooling.between_group_sd(k, n) >= 0


def test_chance_alone_gives_no_spread_on_average() -> None:
    generator = np.random.default_rng(0)
    spread = [pooling.between_group_variance(generator.binomial(30, 0.6, 10), [30] * 10) for _ in range(2000)]
    assert abs(np.mean(spread)) < 3 * np.std(spread) / 2000**0.5


def test_clustered_reference() -> None:
    ref = REFERENCE["clustered_se_6row"]
    table = ref["table"]
    found = clusters.clustered_errors(table["y"], table["persona"], table["question"])
    assert found.mean == ref["mean"]
    assert found.naive == close(ref["se_naive_CLT(n-1)"])
    assert found.first == close(ref["se_cluster_persona_CR0(=Miller 2024)"])
    assert found.second == close(ref["se_cluster_question_CR0"])
    assert found.two_way**2 == close(ref["two_way_variance_CGM_CR0"])
    assert not found.fallback
    robust = np.std(table["y"]) / 6**0.5
    assert robust == close(ref["se_naive_HC0"])
    assert (found.first / robust) ** 2 == close(ref["deff_persona=se_cl^2/se_HC0^2"])


def test_missing_reference() -> None:
    ref = REFERENCE["missing"]
    for name, counts in {"6pass_2fail_2missing": (6, 2, 2), "240_50_10": (240, 50, 10)}.items():
        assert rates.missing_bounds(*counts) == close(tuple(ref[name]["bounds"]))
        found = rates.imbens_manski(*counts)
        assert (found.low, found.high, found.critical) == close(tuple(ref[name]["imbens_manski_95_[lo,hi,C]"]))
    assert rates.paired_bounds([tuple(p) for p in ref["paired_pairs"]]) == close(tuple(ref["paired_delta_bounds"]))


def test_paired_reference() -> None:
    ref = REFERENCE["paired"]
    found = paired.paired_difference(ref["full"], ref["loo"])
    assert (found.difference, found.stderr) == close((ref["delta"], ref["se_paired"]))
    apart = [np.var(ref[name], ddof=1) / len(ref[name]) for name in ("full", "loo")]
    assert sum(apart) ** 0.5 == close(ref["se_unpaired"])
    assert found.stderr < ref["se_unpaired"]
    ten_three = paired.paired_difference([1] * 10 + [0] * 3, [0] * 10 + [1] * 3)
    assert ten_three.p == close(ref["mcnemar_b10_c3"]["exact_p"])
    d, low, high = ref["newcombe10_ci_40_10_3_47"]
    assert d == close((40 + 10 - 40 - 3) / 100)
    # Another method with the same aim: Newcombe's square-and-add interval lies within about a point of Tango's.
    assert paired.tango(10, 3, 100, stats.norm.isf(0.025)) == pytest.approx((low, high), abs=0.011)


def test_no_discordant_pair_is_not_certainty() -> None:
    found = paired.paired_difference([1, 0, 1, 1], [1, 0, 1, 1])
    assert found.p == 1.0
    assert found.low < 0 < found.high


def test_max_t_reference() -> None:
    ref = REFERENCE["maxT_sign_flip_exact"]
    found = paired.step_down_max_t(ref["D"])
    assert found.exact
    assert found.statistics == close(tuple(ref["t"]))
    assert found.raw == close(tuple(ref["raw_p"]))
    assert found.adjusted == close(tuple(ref["stepdown_adj_p"]))
    # Of a column of −1, 0, 1 the studentised and the plain mean order the flips alike.
    assert found.raw == close(tuple(ref["scipy_permutation_test_raw_p(|mean|)"]))
    assert all(a <= h + 1e-9 for a, h in zip(found.adjusted, ref["holm_of_raw"], strict=True))


def test_all_pairs_moved_alike_is_the_strongest_evidence_there_is() -> None:
    found = paired.step_down_max_t([[1.0, 0.0]] * 8)
    assert found.statistics == (np.inf, 0.0)
    assert found.raw == found.adjusted == (2 / 2**8, 1.0)
    assert paired.paired_difference([1] * 8, [0] * 8).low < 1.0
    assert paired.step_down_max_t([[1.0, -1.0]]).adjusted == (1.0, 1.0)


def test_pairs_that_never_moved_change_no_p() -> None:
    data = np.array(REFERENCE["maxT_sign_flip_exact"]["D"])
    many = np.concatenate([data, np.zeros((2000, 3))])
    assert paired.step_down_max_t(many).exact
    assert paired.step_down_max_t(np.zeros((5, 2))).adjusted == (1.0, 1.0)
    wide = np.random.default_rng(0).choice([-1.0, 1.0], size=(1100, 2))  # 2**1100 is no float
    assert not paired.step_down_max_t(wide, flips=99).exact


def test_random_flips_come_near_the_exact_p() -> None:
    data = np.random.default_rng(0).choice([-1.0, 0.0, 1.0], size=(12, 3), p=[0.1, 0.4, 0.5])
    exact, drawn = paired.step_down_max_t(data), paired.step_down_max_t(data, flips=4000)
    assert (exact.exact, drawn.exact, exact.flips, drawn.flips) == (True, False, 4096, 4000)
    assert drawn.adjusted == pytest.approx(exact.adjusted, abs=0.03)


def test_adjusted_p_values_are_those_of_the_reference() -> None:
    ref = REFERENCE["multiplicity"]
    assert holm(ref["p"]) == close(np.array(ref["holm"]))
    assert stats.false_discovery_control(ref["p"]) == close(np.array(ref["fdr_bh"]))


def test_holm_is_statsmodels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gc, "collect", lambda *_: 0)  # of the whole process, after every correction
    generator = np.random.default_rng(3)
    for n in range(1, 40):
        p = generator.choice([0.0, 0.01, 0.02, 0.04, 1.0, *generator.random(5)], n)
        assert holm(p) == close(multipletests(p, method="holm")[1])


@given(st.permutations(range(8)), st.permutations(range(3)))
def test_max_t_does_not_depend_on_order(rows: list[int], columns: list[int]) -> None:
    data = np.array(REFERENCE["maxT_sign_flip_exact"]["D"])
    expected = paired.step_down_max_t(data).adjusted
    found = paired.step_down_max_t(data[rows][:, columns]).adjusted
    assert found == close(tuple(expected[c] for c in columns))


def test_max_t_keeps_the_familywise_error() -> None:
    generator = np.random.default_rng(1)
    wrong = 0
    for run in range(200):
        shared = generator.choice([-1.0, 0.0, 1.0], size=(60, 1), p=[0.2, 0.6, 0.2])
        data = np.where(generator.random((60, 8)) < 0.5, shared, generator.choice([-1.0, 0.0, 1.0], size=(60, 8)))
        wrong += min(paired.step_down_max_t(data, flips=499, seed=run).adjusted) <= 0.05
    assert wrong / 200 < 0.05 + 3 * (0.05 * 0.95 / 200) ** 0.5


def test_missing_difference_leaves_only_its_own_column() -> None:
    data = np.array(REFERENCE["maxT_sign_flip_exact"]["D"])
    holed = data.copy()
    holed[3, 2] = np.nan
    assert paired.studentised(holed)[:2] == pytest.approx(paired.studentised(data)[:2])
    assert paired.studentised(holed)[2] == pytest.approx(paired.studentised(np.delete(data[:, 2:], 3, axis=0))[0])


def test_agreement_reference() -> None:
    ref = REFERENCE["agreement"]
    assert paired.krippendorff_alpha(ref["krippendorff_table"]) == close(ref["krippendorff_alpha_nominal"])
    votes = [(1.0, 1.0)] * 85 + [(1.0, 0.0)] * 15
    assert paired.pairwise_agreement(votes) == close(ref["40_10_5_45"]["agree"])
    assert np.isnan(paired.pairwise_agreement([(1.0, None)]))
