"""Tables by intersection and by attempt: reference values, support, what is missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from persona_metrics import analysis, evaluations
from persona_metrics.settings import load
from persona_metrics.statistics.pooling import homogeneity
from persona_metrics.statistics.rates import effective_n, wilson
from tests.analysis.made import NAN, REFERENCE, attempts, close, column, tidy
from tests.conftest import full_attributes

# -- intersections -----------------------------------------------------------------------------------------------------

K_N = REFERENCE["groups"]["k_n"]


def grouped() -> tuple[pd.DataFrame, dict[str, Any]]:
    rows, people = [], []
    for group, (k, n) in enumerate(K_N):
        rows += column(k, n - k)
        people += [full_attributes(race=f"g{group}")] * n
    named = {f"G{i}": {"race": [f"g{i}"]} for i in range(len(K_N))}
    return tidy(rows, attributes=people), {"evaluation": "intersectionality", "intersections": named, "min_support": 20}


def test_groups_reference_values() -> None:
    frame, metadata = grouped()
    ref = REFERENCE["groups"]
    tables = analysis.tables(frame, metadata)
    table, overall = tables["intersections"], tables["groups"].iloc[0]
    assert list(table["pooled"]) == close(ref["EB_rates"])
    assert overall["worst_group"] == close(ref["EB_worst_group"])
    assert overall["worst_group_name"] is None  # p = 0.10: that they differ is not shown
    assert overall["between_group_sd"] ** 2 == close(ref["double_corrected_between_var"])
    assert overall["between_group_sd"] ** 2 < ref["naive_between_var(1/K)"]
    assert (overall["homogeneity_method"], overall["homogeneity_df"]) == ("chi2", 5)
    assert overall["homogeneity_p"] == close(ref["chi2_homogeneity_p"])
    shown = [i for i, (_, n) in enumerate(K_N) if n >= 20]
    assert list(table["rate"].iloc[shown]) == close([ref["rates"][i] for i in shown])
    assert table[["low", "high"]].iloc[shown].to_numpy() == close(np.array(ref["wilson"])[shown])
    assert (table["pooled_low"] < table["pooled"]).all()
    assert (table["pooled"] < table["pooled_high"]).all()


def test_below_support_the_own_rate_is_suppressed_and_the_pooled_one_stays() -> None:
    frame, metadata = grouped()
    table = analysis.tables(frame, metadata)["intersections"].set_index("name")
    assert table["suppressed"].to_dict() == {f"G{i}": n < 20 for i, (_, n) in enumerate(K_N)}
    assert np.isnan(table.loc["G4", ["rate", "low", "high"]].astype(float)).all()
    assert table.loc["G4", "pooled"] > 0.6
    assert table.loc["G4", "n"] == 8


def test_worst_group_and_spread_are_those_of_lm_evals_table() -> None:
    frame, metadata = grouped()
    packed = [f"{int(i < k)}:{group}:p{group}-{i}" for group, (k, n) in enumerate(K_N) for i in range(n)]
    own = evaluations.build("intersectionality", load({"min_support": 1}), [evaluations.Variant("x", NOBODY).persona])
    overall = analysis.tables(frame, metadata)["groups"].iloc[0]
    for row, function in own.aggregates().items():
        assert overall[row] == pytest.approx(function(packed))


NOBODY = evaluations.base.Persona("p", full_attributes())


def test_repeated_persons_weigh_as_much_as_they_are_worth_in_table_and_report_alike() -> None:
    rng = np.random.default_rng(2)
    groups, persons, each = 5, 12, 4
    chance = np.clip(rng.normal(0.6, 0.35, groups * persons), 0.02, 0.98)
    who = np.repeat(np.arange(groups * persons), each)
    values = (rng.random(len(who)) < chance[who]).astype(float)
    frame = tidy(values[:, None].tolist(), attributes=[{"race": f"g{p // persons}"} for p in who])
    named = {f"G{i}": {"race": [f"g{i}"]} for i in range(groups)}
    metadata = {"evaluation": "intersectionality", "intersections": named, "min_support": 20}
    alone = analysis.tables(frame, metadata)["groups"].iloc[0]
    found = analysis.tables(frame.assign(persona_id=[f"p{p}" for p in who]), metadata)
    row = found["groups"].iloc[0]
    assert alone["design_effect"] == 1.0 < 1.3 < row["design_effect"]
    assert row["sd_high"] - row["sd_low"] > alone["sd_high"] - alone["sd_low"]
    packed = [f"{v:.0f}:{p // persons}:p{p}" for v, p in zip(values, who, strict=True)]
    own = evaluations.build("intersectionality", load({"min_support": 1}), [NOBODY])
    for name, function in own.aggregates().items():
        assert row[name] == pytest.approx(function(packed))
    (line,) = [text for text in analysis.doubts("intersectionality", found) if "divided by" in text]
    assert f"divided by {row['design_effect']:.2g}" in line
    assert not [
        text for text in analysis.doubts("intersectionality", analysis.tables(frame, metadata)) if "divided" in text
    ]


def test_overlapping_groups_are_tested_by_shuffling() -> None:
    generator = np.random.default_rng(3)
    inside = generator.random((300, 3)) < 0.5
    same = homogeneity((generator.random(300) < 0.6).astype(float), inside)
    assert same.method == "permutation"
    assert same.p > 0.05
    apart = homogeneity((generator.random(300) < np.where(inside[:, 0], 0.8, 0.4)).astype(float), inside)
    assert apart.p < 0.01


def test_shuffling_agrees_with_chi_squared_where_both_hold() -> None:
    generator = np.random.default_rng(4)
    inside = np.eye(3, dtype=bool)[generator.integers(0, 3, 300)]
    values = (generator.random(300) < 0.55 + 0.1 * inside[:, 0]).astype(float)
    plain = homogeneity(values, inside)
    # A fourth group that holds everybody adds (p − p)² = 0, so the statistic stays and the method changes.
    shuffled = homogeneity(values, np.column_stack([inside, np.ones(300, bool)]))
    assert (plain.method, shuffled.method) == ("chi2", "permutation")
    assert shuffled.statistic == pytest.approx(plain.statistic)
    assert shuffled.p == pytest.approx(plain.p, abs=0.02)


# -- pass@k ------------------------------------------------------------------------------------------------------------


def test_curve_reference_values() -> None:
    ref = REFERENCE["pass_at_k"]
    rows = [[1.0] * c + [0.0] * (n - c) for n, c in ref["five_items_nc"]]
    tables = attempts(rows, 16)
    fourth = tables["curve"].set_index("k").loc[4]
    assert fourth["pass_at_k"] == close(ref["five_items_mean"])
    assert fourth["stderr"] == close(ref["five_items_se_over_items"])
    assert list(tables["headline"]["row"]) == ["pass@1", "pass@2", "pass@4", "pass@8", "pass@16"]
    assert list(tables["curve"]["noisy"]) == [k > 8 for k in range(1, 17)]


def test_attempt_distribution_has_the_mean_of_the_attempts_row() -> None:
    ref = REFERENCE["pass_at_k"]["expected_attempts_min_T_16"]
    for successes in (0, 1, 3, 16):
        table = attempts([[1.0] * successes + [0.0] * (16 - successes)], 16)["attempts"]
        assert table["pairs"].sum() == pytest.approx(1.0)
        assert (table["attempts"] * table["pairs"]).sum() == close(ref[f"c{successes}"])
    assert table["capped"].tolist() == [False] * 16 + [True]
    never = attempts([[0.0] * 16], 16)["attempts"]
    assert never[never["capped"]]["pairs"].item() == 1.0


def test_attempts_within_fewer_than_were_made() -> None:
    curve = attempts([[1.0] * 3 + [0.0] * 13], 16)["curve"]
    area = 1 + (1 - curve["pass_at_k"].iloc[:7]).sum()
    assert area == close(REFERENCE["pass_at_k"]["expected_attempts_min_T_8_n16_c3"])


def test_pair_with_a_missing_attempt_enters_every_row() -> None:
    curve = attempts([[1.0, 0.0, NAN, 0.0], [1.0, 1.0, 1.0, 1.0]], 4)["curve"].set_index("k")
    assert list(curve["n"]) == [2, 2, 2, 2]
    assert curve.loc[4, "pass_at_k"] == 1.0
    assert (curve.loc[4, "bound_low"], curve.loc[4, "bound_high"]) == (1.0, 1.0)
    assert curve.loc[1, "bound_low"] == pytest.approx((1 / 4 + 1) / 2)
    assert curve.loc[1, "bound_high"] == pytest.approx((2 / 4 + 1) / 2)


def test_interval_of_shares_uses_the_effective_n() -> None:
    ref = REFERENCE["groups"]["clustered_group_p0.6_se0.08_n60"]
    assert ref["n_eff"] == close(0.6 * 0.4 / 0.08**2)
    assert list(wilson(0.6, ref["n_eff"])) == close(ref["wilson_neff"])
    assert effective_n([0.25, 0.75] * 30) == pytest.approx(60 * 0.25 / 0.0625)
    assert effective_n([1.0, 0.0, 0.0]) == 3
    assert effective_n([0.5] * 40) == 40
