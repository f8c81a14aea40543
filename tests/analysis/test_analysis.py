from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_metrics import analysis, evaluations
from persona_metrics.analysis.rates import summary
from persona_metrics.errors import PersonaError
from persona_metrics.statistics.paired import paired_difference
from tests.analysis.made import LOO, MAIN, NAN, REFERENCE, VERDICT, attempts, close, column, tidy
from tests.conftest import full_attributes
from tests.simulated import runs


def test_unknown_evaluation_is_an_error() -> None:
    with pytest.raises(PersonaError, match="did you mean 'pass_at_k'"):
        analysis.tables(tidy([]), {"evaluation": "pass@k"})


@pytest.mark.parametrize("evaluation", evaluations.EVALUATIONS)
def test_no_pair_at_all_gives_empty_tables(evaluation: str) -> None:
    for table in analysis.tables(tidy([]), {"evaluation": evaluation, "k": 2}).values():
        assert not table.select_dtypes("number").drop(columns=["n", "missing"], errors="ignore").gt(0).any(
            axis=None
        ) or (evaluation == "pass_at_k")


# -- main --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("counts", ["8/10", "0/10", "10/10", "150/300"])
def test_headline_has_wilsons_interval(counts: str) -> None:
    good, total = map(int, counts.split("/"))
    row = analysis.tables(tidy(column(good, total - good)), MAIN)["headline"].iloc[0]
    assert [row["low"], row["high"]] == close(REFERENCE["proportion_ci_95"][counts]["wilson"])
    assert row["value"] == good / total
    assert row["n"] == total


@pytest.mark.parametrize(("name", "counts"), [("6pass_2fail_2missing", (6, 2, 2)), ("240_50_10", (240, 50, 10))])
def test_missing_verdicts_leave_the_rate_and_widen_the_bounds(name: str, counts: tuple[int, int, int]) -> None:
    ref = REFERENCE["missing"][name]
    row = analysis.tables(tidy(column(*counts)), MAIN)["headline"].iloc[0]
    assert row["value"] == close(ref["complete_case"])
    assert (row["n"], row["missing"]) == (counts[0] + counts[1], counts[2])
    assert [row["bound_low"], row["bound_high"]] == close(ref["bounds"])
    if name == "240_50_10":
        assert [row["partial_low"], row["partial_high"]] == close(ref["imbens_manski_95_[lo,hi,C]"][:2])


def test_partial_interval_near_an_end_is_wilsons_envelope() -> None:
    row = analysis.tables(tidy(column(6, 2, 2)), MAIN)["headline"].iloc[0]
    assert row["partial_low"] == close(summary([1.0] * 6 + [0.0] * 4)["low"])
    assert row["partial_high"] == close(summary([1.0] * 8 + [0.0] * 2)["high"])
    whole = analysis.tables(tidy(column(240, 50, 10)), MAIN)["headline"].iloc[0]
    assert summary([1.0] * 240 + [0.0] * 60)["low"] == close(REFERENCE["missing"]["240_50_10"]["wilson_envelope"][0])
    assert whole["partial_low"] > summary([1.0] * 240 + [0.0] * 60)["low"]


def test_all_missing_is_undetermined_and_nothing_is_zero() -> None:
    row = analysis.tables(tidy(column(0, 0, 4)), MAIN)["headline"].iloc[0]
    assert np.isnan([row["value"], row["low"], row["high"], row["stderr"]]).all()
    assert (row["bound_low"], row["bound_high"], row["missing"]) == (0.0, 1.0, 4)
    assert row["undetermined"]


def test_repeated_personas_get_clustered_errors() -> None:
    table, ref = REFERENCE["clustered_se_6row"]["table"], REFERENCE["clustered_se_6row"]
    frame = tidy([[float(y)] for y in table["y"]], personas=table["persona"], questions=table["question"])
    row = analysis.tables(frame, MAIN)["headline"].iloc[0]
    once = analysis.tables(tidy([[float(y)] for y in table["y"]]), MAIN)["headline"].iloc[0]
    # CR0's three sums (1/18 by persona, 1/72 by question, 1/24 by both), each with its G / (G − 1).
    assert ref["two_way_variance_CGM_CR0"] == close(1 / 18 + 1 / 72 - 1 / 24)
    assert row["stderr"] ** 2 == close(1 / 18 * 3 / 2 + 1 / 72 * 2 - 1 / 24 * 6 / 5)
    assert row["design_effect"] == close(row["stderr"] ** 2 / ref["se_naive_CLT(n-1)"] ** 2)
    assert row["low"] < once["low"]
    assert once["stderr"] == close(ref["se_naive_CLT(n-1)"])
    assert once["design_effect"] == 1.0


def test_by_attribute_groups_in_bands_and_marks_small_ones() -> None:
    people = [full_attributes(age=age) for age in ["20"] * 31 + ["30"] + ["70"] * 2]
    del people[-1]["age"]
    frame = tidy([[1.0]] * 30 + [[NAN]] * 2 + [[0.0]] * 2, attributes=people)
    table = analysis.tables(frame, MAIN)["by_attribute"].set_index(["attribute", "group"])
    young = table.loc[("age", "18-34")]
    assert (young["rate"], young["n"], young["missing"]) == (1.0, 30, 2)
    assert (young["bound_low"], young["bound_high"]) == (30 / 32, 1.0)
    assert table.loc["age"]["small"].to_dict() == {"18-34": False, "65+": True, "not stated": True}
    assert len(table.index.get_level_values("attribute").unique()) == 33


def test_by_attribute_keeps_the_twelve_largest_groups() -> None:
    people = [full_attributes(race=f"r{i % 20:02d}") for i in range(45)]
    table = analysis.tables(tidy(column(45, 0), attributes=people), MAIN)["by_attribute"]
    race = table[table["attribute"] == "race"]
    assert list(race["group"]) == [f"r{i:02d}" for i in range(12)]
    assert set(race["groups"]) == {20}


# -- leave-one-out -----------------------------------------------------------------------------------------------------


def test_importance_is_the_paired_difference_of_the_reference() -> None:
    ref = REFERENCE["paired"]
    rows = [[float(a), float(b)] for a, b in zip(ref["full"], ref["loo"], strict=True)]
    row = analysis.tables(tidy(rows, ["whole", "without age"]), LOO)["importance"].iloc[0]
    assert (row["item"], row["dropped"]) == ("age", "age")
    assert (row["difference"], row["stderr"]) == close((ref["delta"], ref["se_paired"]))
    assert (row["only_whole"], row["only_without"], row["n"]) == (2, 0, 8)


def test_importance_has_mcnemars_counts_and_exact_p() -> None:
    rows = [[1.0, 0.0]] * 10 + [[0.0, 1.0]] * 3 + [[1.0, 1.0]] * 40
    row = analysis.tables(tidy(rows, ["whole", "none of the listed"]), LOO)["importance"].iloc[0]
    assert row["item"] == "all listed"
    assert (row["only_whole"], row["only_without"]) == (10, 3)
    assert row["p"] == row["p_bh"] == close(REFERENCE["paired"]["mcnemar_b10_c3"]["exact_p"])
    assert row["p"] <= row["p_adjusted"] < row["p"] + 0.01  # one hypothesis: the same test, by random flips


def test_adjusted_p_holds_jointly_and_survivors_are_marked() -> None:
    ref = REFERENCE["maxT_sign_flip_exact"]
    d = np.array(ref["D"])
    # The whole persona passes where an item's absence costs it; two frames, since one whole serves all items.
    whole = np.ones(8)
    whole[[3, 6]] = 0.0
    rows = np.column_stack([whole, whole[:, None] - d])
    table = analysis.tables(tidy(rows.tolist(), ["whole", "without a", "without b", "without c"]), LOO)["importance"]
    assert list(table["p_adjusted"]) == close(ref["stepdown_adj_p"])
    assert list(table["p"]) == close(ref["raw_p"])
    assert list(table["survives"]) == [True, False, False]


def test_pair_without_a_verdict_leaves_only_its_own_row() -> None:
    rows = [[1.0, 0.0, 1.0], [1.0, NAN, 0.0], [0.0, 0.0, 0.0], [NAN, 1.0, 1.0]]
    table = analysis.tables(tidy(rows, ["whole", "without age", "without sex"]), LOO)["importance"].set_index("item")
    assert list(table["n"]) == [2, 3]
    assert list(table["missing"]) == [2, 1]
    assert table.loc["sex", "difference"] == pytest.approx(1 / 3)


def test_bounds_of_a_paired_difference_and_the_sign_they_flip() -> None:
    ref = REFERENCE["missing"]
    pairs = [[NAN if v is None else float(v) for v in pair] for pair in ref["paired_pairs"]]
    row = analysis.tables(tidy(pairs, ["whole", "without age"]), LOO)["importance"].iloc[0]
    assert [row["bound_low"], row["bound_high"]] == close(ref["paired_delta_bounds"])
    assert not row["undetermined"]
    pairs += [[0.0, NAN]] * 2
    row = analysis.tables(tidy(pairs, ["whole", "without age"]), LOO)["importance"].iloc[0]
    assert row["undetermined"]
    assert row["bound_low"] < 0 < row["bound_high"]


def test_no_discordant_pair_still_could_not_see_a_small_effect() -> None:
    row = analysis.tables(tidy([[1.0, 1.0]] * 20, ["whole", "without age"]), LOO)["importance"].iloc[0]
    assert row["difference"] == row["stderr"] == 0.0
    assert row["low"] < 0 < row["high"]
    assert row["detectable"] > 0.1


def test_detectable_difference_is_found_in_four_of_five_runs() -> None:
    generator = np.random.default_rng(0)
    found, effects = 0, []
    for run in range(400):
        moves = generator.choice([1.0, 0.0, -1.0], 300, p=[0.19, 0.7, 0.11])
        whole = np.where(moves == 0, 1.0, moves > 0)
        low = paired_difference(whole, whole - moves).low
        if run < 30:
            table = tidy(np.column_stack([whole, whole - moves]).tolist(), ["whole", "without age"])
            row = analysis.tables(table, LOO)["importance"].iloc[0]
            effects.append(row["detectable"])
            assert row["low"] == low
        found += low > 0
    # The error of ±1 in three of ten, n = 300; the exact test finds a little less than the normal law's 2.8 errors.
    assert np.mean(effects) == pytest.approx(2.8 * 0.0313, rel=0.08)
    assert found / 400 == pytest.approx(0.70, abs=0.06)  # power at 0.08, a little below what is detectable


# -- compare -----------------------------------------------------------------------------------------------------------


def test_compare_takes_the_pairs_that_both_have() -> None:
    one, two = tidy(column(10, 3) + column(40, 0)), tidy(column(0, 10) + column(43, 0) + column(1, 0))
    row = analysis.compare({"one": one, "two": two}).iloc[0]
    assert (row["first"], row["second"], row["n"]) == ("one", "two", 53)
    assert (row["only_first"], row["only_second"]) == (10, 3)
    assert row["p"] == row["p_adjusted"] == close(REFERENCE["paired"]["mcnemar_b10_c3"]["exact_p"])
    assert row["difference"] == pytest.approx(7 / 53)


def test_compare_with_missing_verdicts_gives_bounds() -> None:
    one, two = tidy(column(2, 0, 1)), tidy([[0.0], [NAN], [0.0]])
    row = analysis.compare({"one": one, "two": two}).iloc[0]
    assert (row["n"], row["missing"], row["difference"]) == (1, 2, 1.0)
    assert (row["bound_low"], row["bound_high"]) == (pytest.approx(1 / 3), 1.0)


def test_compare_adjusts_by_holm_over_all_rows() -> None:
    generator = np.random.default_rng(0)
    frames = {name: tidy((generator.random((100, 1)) < 0.5).astype(float).tolist()) for name in "abcd"}
    frames["d"]["personalized"] = 1.0
    table = analysis.compare(frames)
    assert len(table) == 6
    assert table["p_adjusted"].min() == pytest.approx(6 * table["p"].min())
    assert (table["p_adjusted"] >= table["p"]).all()


def test_nothing_shared_is_no_number() -> None:
    other = tidy(column(3, 0)).assign(content=["x", "y", "z"])
    row = analysis.compare({"one": tidy(column(3, 0)), "two": other}).iloc[0]
    assert row["n"] == 0
    assert np.isnan([row["difference"], row["p"], row["p_adjusted"], row["bound_low"]]).all()


def test_compare_counts_attempts_by_their_mean() -> None:
    names = ["attempt 1", "attempt 2"]
    one, two = tidy([[1.0, 0.0], [1.0, 1.0]], names), tidy([[0.0, 0.0], [1.0, NAN]], names)
    row = analysis.compare({"one": one, "two": two}).iloc[0]
    # Judged alone the second pairs would be equal; the missing attempt passes with a chance of 0.9983 (attempts.curves).
    assert (row["row"], row["n"], row["missing"]) == ("pass@1", 2, 0)
    assert row["difference"] == pytest.approx((0.5 + (1 - 0.998324)) / 2, abs=1e-5)
    assert (row["bound_low"], row["bound_high"]) == (pytest.approx(0.25), pytest.approx(0.5))


# -- what must hold for any verdicts -----------------------------------------------------------------------------------


def hidden(data: st.DataObject, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Complete verdicts, and the same with some of them missing."""
    bits = st.lists(st.booleans(), min_size=rows * columns, max_size=rows * columns)
    full = np.array(data.draw(bits), float).reshape(rows, columns)
    return full, np.where(np.array(data.draw(bits)).reshape(rows, columns), full, np.nan)


def within(value: float, low: float, high: float) -> bool:
    return low - 1e-9 <= value <= high + 1e-9


@pytest.mark.slow
@settings(max_examples=runs(80) // 2)
@given(st.integers(1, 6), st.data())
def test_missing_verdicts_move_estimates_only_within_their_bounds(pairs: int, data: st.DataObject) -> None:
    full, seen = hidden(data, pairs, 3)
    variants = ["whole", "without age", "none of the listed"]
    before, after = (analysis.tables(tidy(x.tolist(), variants), LOO) for x in (full, seen))
    for name, shown in (("headline", "value"), ("importance", "difference")):
        for was, now in zip(before[name].to_dict("records"), after[name].to_dict("records"), strict=True):
            assert within(was[shown], now["bound_low"], now["bound_high"])
    rate = after["headline"].iloc[0]
    assert np.isnan(rate["value"]) or within(rate["value"], rate["bound_low"], rate["bound_high"])
    curves = [attempts(x.tolist(), 3)["curve"].to_dict("records") for x in (full, seen)]
    for was, now in zip(*curves, strict=True):
        assert within(was["pass_at_k"], now["bound_low"], now["bound_high"])
        assert within(was["pass_hat_k"], now["hat_bound_low"], now["hat_bound_high"])
    other = tidy(full.tolist()[::-1], ["whole", "x", "y"])
    was, now = (
        analysis.compare({"a": tidy(x.tolist(), ["whole", "x", "y"]), "b": other}).iloc[0] for x in (full, seen)
    )
    assert within(was["difference"], now["bound_low"], now["bound_high"])


@settings(max_examples=40)
@given(st.lists(st.lists(st.booleans(), min_size=8, max_size=8), min_size=1, max_size=8))
def test_curve_of_complete_pairs_is_monotone(rows: list[list[bool]]) -> None:
    curve = attempts([[float(v) for v in row] for row in rows], 8)["curve"]
    assert curve["pass_at_k"].diff().dropna().ge(-1e-12).all()
    assert curve["pass_hat_k"].diff().dropna().le(1e-12).all()


@settings(max_examples=25)
@given(st.lists(st.lists(VERDICT, min_size=4, max_size=4), min_size=3, max_size=8), st.data())
def test_order_of_pairs_attributes_and_attempts_changes_nothing(rows: list[list[float]], data: st.DataObject) -> None:
    pairs, inner = data.draw(st.permutations(range(len(rows)))), data.draw(st.permutations(range(1, 4)))
    moved = [[rows[i][j] for j in (0, *inner)] for i in pairs]
    names = ["whole", "without age", "without sex", "none of the listed"]
    one = analysis.tables(tidy(rows, names), LOO)["importance"].set_index("item")
    two = analysis.tables(tidy(moved, [names[j] for j in (0, *inner)]), LOO)["importance"].set_index("item")
    pd.testing.assert_frame_equal(one, two.loc[one.index])
    tried = data.draw(st.permutations(range(4)))
    for name, table in attempts(rows, 4).items():
        pd.testing.assert_frame_equal(table, attempts([[rows[i][j] for j in tried] for i in pairs], 4)[name])
