from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_metrics import analysis, evaluations
from persona_metrics.analysis.rates import summary
from persona_metrics.errors import PersonaError
from persona_metrics.settings import load
from persona_metrics.statistics.pooling import homogeneity
from persona_metrics.statistics.rates import effective_n, wilson
from tests.conftest import full_attributes

REFERENCE: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data" / "reference_values.json").read_text())
NAN = float("nan")
close = lambda value: pytest.approx(value, abs=1e-6, nan_ok=True)  # noqa: E731
# A verdict: personalised, not, or missing.
VERDICT = st.sampled_from([1.0, 0.0, NAN])


def tidy(
    rows: Sequence[Sequence[float]],
    variants: Sequence[str] = ("whole",),
    attributes: Sequence[dict[str, str]] | None = None,
    personas: Sequence[Any] | None = None,
    questions: Sequence[Any] | None = None,
) -> pd.DataFrame:
    """One pair a row of ``rows``, one variant a column."""
    return pd.DataFrame(
        [
            {
                "doc_id": i,
                "pair_id": f"{i:05d}",
                "persona_id": personas[i] if personas else f"p{i}",
                "question_id": questions[i] if questions else f"q{i}",
                "content": f"content {i}",
                "variant": name,
                "dropped": (name.removeprefix("without "),) if name.startswith("without") else (),
                "attempt": int(name.split()[1]) if name.startswith("attempt") else 0,
                "answer_key": f"{i} {name}",
                "choice": None,
                "shares": None,
                "personalized": value,
                "persona": attributes[i] if attributes else full_attributes(),
            }
            for i, values in enumerate(rows)
            for name, value in zip(variants, values, strict=True)
        ],
        columns=[
            *("doc_id", "pair_id", "persona_id", "question_id", "content", "variant"),
            *("dropped", "attempt", "answer_key", "choice", "shares", "personalized", "persona"),
        ],
    )


def column(good: int, bad: int, missing: int = 0) -> list[list[float]]:
    return [[1.0]] * good + [[0.0]] * bad + [[NAN]] * missing


MAIN: dict[str, Any] = {"evaluation": "main"}
LOO: dict[str, Any] = {"evaluation": "leave_one_out"}


def attempts(rows: Sequence[Sequence[float]], k: int) -> dict[str, pd.DataFrame]:
    frame = tidy(rows, [f"attempt {i + 1}" for i in range(k)])
    return analysis.tables(frame, {"evaluation": "pass_at_k", "k": k})


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
    for _ in range(400):
        moves = generator.choice([1.0, 0.0, -1.0], 300, p=[0.19, 0.7, 0.11])
        whole = np.where(moves == 0, 1.0, moves > 0)
        table = tidy(np.column_stack([whole, whole - moves]).tolist(), ["whole", "without age"])
        row = analysis.tables(table, LOO)["importance"].iloc[0]
        effects.append(row["detectable"])
        found += row["low"] > 0
    # The error of ±1 in three of ten, n = 300; the exact test finds a little less than the normal law's 2.8 errors.
    assert np.mean(effects) == pytest.approx(2.8 * 0.0313, rel=0.08)
    assert found / 400 == pytest.approx(0.70, abs=0.06)  # power at 0.08, a little below what is detectable


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


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 6), st.data())
def test_missing_verdicts_move_estimates_only_within_their_bounds(pairs: int, data: st.DataObject) -> None:
    full, seen = hidden(data, pairs, 3)
    variants = ["whole", "without age", "none of the listed"]
    before, after = (analysis.tables(tidy(x.tolist(), variants), LOO) for x in (full, seen))
    for name, column in (("headline", "value"), ("importance", "difference")):
        for was, now in zip(before[name].to_dict("records"), after[name].to_dict("records"), strict=True):
            assert within(was[column], now["bound_low"], now["bound_high"])
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


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(st.booleans(), min_size=8, max_size=8), min_size=1, max_size=8))
def test_curve_of_complete_pairs_is_monotone(rows: list[list[bool]]) -> None:
    curve = attempts([[float(v) for v in row] for row in rows], 8)["curve"]
    assert curve["pass_at_k"].diff().dropna().ge(-1e-12).all()
    assert curve["pass_hat_k"].diff().dropna().le(1e-12).all()


@settings(deadline=None, max_examples=25)
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
