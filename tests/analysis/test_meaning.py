"""What every number is taken to mean: the cases in which a printed number once meant something else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from persona_metrics import analysis
from persona_metrics.analysis.rates import summary
from persona_metrics.leaderboard.board import build
from persona_metrics.leaderboard.collect import collect
from persona_metrics.leaderboard.render import markdown
from persona_metrics.report import words
from persona_metrics.report.load import find, read
from persona_metrics.report.tables import TaskTables, comparisons, of_entry
from tests.analysis.made import LOO, MAIN, NAN, attempts, tidy
from tests.conftest import full_attributes
from tests.fakes.runs import Planted, write_run


def tables_of(*paths: Path) -> list[TaskTables]:
    return [of_entry(entry) for entry in read(find(paths)[0]).entries]


# -- missing verdicts in pass@k ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def interrupted() -> dict[str, pd.DataFrame]:
    """Four attempts of 300 pairs, 8.5% of them without a verdict."""
    rng = np.random.default_rng(0)
    good = (rng.random((300, 4)) < rng.beta(1, 2, 300)[:, None]).astype(float)
    return attempts(np.where(rng.random((300, 4)) < 0.085, NAN, good).tolist(), 4)


def test_estimates_of_attempts_lie_within_their_bounds(interrupted: dict[str, pd.DataFrame]) -> None:
    curve = interrupted["curve"]
    for value, low, high in (
        ("pass_at_k", "bound_low", "bound_high"),
        ("pass_hat_k", "hat_bound_low", "hat_bound_high"),
    ):
        assert (curve[low] <= curve[value] + 1e-12).all()
        assert (curve[value] <= curve[high] + 1e-12).all()
        assert (curve[low] < curve[high]).any()
    head = interrupted["headline"]
    assert (head["bound_low"] <= head["value"]).all()
    assert (head["value"] <= head["bound_high"]).all()


def test_curve_of_incomplete_attempts_never_turns(interrupted: dict[str, pd.DataFrame]) -> None:
    curve = interrupted["curve"]
    assert curve["pass_at_k"].diff().dropna().ge(0).all()
    assert curve["pass_hat_k"].diff().dropna().le(0).all()
    assert set(curve["n"]) == set(interrupted["headline"]["n"]) == {300}


def test_warning_counts_attempts_and_not_pairs(interrupted: dict[str, pd.DataFrame]) -> None:
    tries = interrupted["tries"].iloc[0]
    assert tries["attempts"] == 1200
    assert tries["missing"] == 1200 - tries["judged"] > tries["pairs_touched"] > 0
    (line,) = [text for text in analysis.doubts("pass_at_k", interrupted) if "completed" in text]
    missing, touched = int(tries["missing"]), int(tries["pairs_touched"])
    assert line.startswith(f"{missing} attempts of 1,200 (on {touched} pairs) have no verdict")


def test_pair_that_is_decided_counts_as_decided() -> None:
    curve = attempts([[1.0, NAN, NAN, NAN], [0.0, 0.0, 0.0, NAN]], 4)["curve"].set_index("k")
    assert curve.loc[4, "bound_low"] == 0.5  # the first pair's pass@4 is 1, whatever is missing
    assert curve.loc[4, "hat_bound_high"] == 0.5
    assert curve.loc[4, "pass_at_k"] >= 0.5


def test_repeated_answers_are_fewer_attempts() -> None:
    rows = [[1.0, 0.0, 1.0, 0.0]] * 30
    frame = tidy(rows, [f"attempt {i + 1}" for i in range(4)])
    metadata = {"evaluation": "pass_at_k", "k": 4}
    assert not [x for x in analysis.doubts("pass_at_k", analysis.tables(frame, metadata)) if "repeat" in x]
    # Of four answers two are the same: three quarters are distinct, not only at one in four is there a word.
    frame["answer_key"] = [str(key).replace("attempt 2", "attempt 1") for key in frame["answer_key"]]
    (line,) = [x for x in analysis.doubts("pass_at_k", analysis.tables(frame, metadata)) if "repeat" in x]
    assert "75% of the answers are distinct" in line
    assert "4 attempts are worth 3.0 or fewer" in line


# -- what is compared ----------------------------------------------------------------------------------------------


def people(name: str, folder: Path, count: int = 40) -> str:
    path = folder / f"{name}.jsonl"
    lines = [json.dumps(full_attributes(lifestyle=f"{name} {i}", age=str(20 + i))) for i in range(count)]
    path.write_text("\n".join(lines))
    return str(path)


def test_runs_without_one_person_in_common_are_said_and_not_compared(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_run(tmp_path, model=name, n=40, personas=people(name, tmp_path))
    found, notes = comparisons(tables_of(tmp_path))
    assert found == []
    (note,) = notes
    assert note.startswith("not compared on persona_main: ")
    assert "data hash" in note


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"critic_model": "critic-y"}, "critic: critic-"),
        ({"metadata": {"critic_template": "t2"}}, "critic template: "),
        ({"generation": {"temperature": 0.7}}, "temperature: "),
        ({"generation": {"max_gen_toks": 64}}, "length limit: "),
    ],
)
def test_runs_on_other_terms_are_said_and_not_compared(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    write_run(tmp_path, model="one", n=20)
    write_run(tmp_path, model="two", n=20, **change)
    found, notes = comparisons(tables_of(tmp_path))
    assert found == []
    assert said in notes[0]
    assert len(collect([tmp_path])[0]) == 2


def test_those_on_the_same_terms_are_compared_beside_one_that_is_not(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_run(tmp_path, model=name, n=20)
    write_run(tmp_path, model="three", n=20, critic_model="critic-y")
    (found,), (note,) = comparisons(tables_of(tmp_path))
    assert {*found.rates["name"]} == {"one", "two"}
    assert "three with" in note


def test_pairs_join_on_content_whatever_their_numbers_and_ids() -> None:
    rng = np.random.default_rng(0)
    one = tidy((rng.random((60, 1)) < 0.6).astype(float).tolist())
    two = tidy((rng.random((60, 1)) < 0.5).astype(float).tolist())
    straight = analysis.compare({"one": one, "two": two}).iloc[0]
    order = rng.permutation(60)
    moved = two.iloc[order].assign(doc_id=range(60), pair_id="x", persona_id=[f"z{i}" for i in order], question_id=None)
    turned = analysis.compare({"one": one, "two": moved}).iloc[0]
    assert turned["n"] == 60
    for name in ("difference", "only_first", "only_second", "p", "low", "high"):
        assert turned[name] == straight[name]
    by_number = one.set_index("doc_id")["personalized"] - moved.set_index("doc_id")["personalized"]
    assert int((by_number > 0).sum()) != straight["only_first"]  # what joining by row number would have counted


def test_attempts_are_compared_at_each_k_on_their_means() -> None:
    rng = np.random.default_rng(0)
    names = [f"attempt {i + 1}" for i in range(8)]
    rates = {"one": rng.beta(4, 4, 80), "two": np.full(80, 0.3)}
    frames = {name: tidy((rng.random((80, 8)) < p[:, None]).astype(float).tolist(), names) for name, p in rates.items()}
    table = analysis.compare(frames)
    assert list(table["row"]) == ["pass@1", "pass@2", "pass@4", "pass@8"]
    by_name = {
        n: analysis.tables(f, {"evaluation": "pass_at_k", "k": 8})["curve"].set_index("k") for n, f in frames.items()
    }
    for row in table.to_dict("records"):
        k = int(row["row"].partition("@")[2])
        assert row["difference"] == pytest.approx(
            by_name["one"].loc[k, "pass_at_k"] - by_name["two"].loc[k, "pass_at_k"]
        )
        assert (row["low"] > 0 or row["high"] < 0) == (row["p"] <= 0.05)
    assert table["p"].iloc[0] < 0.001
    assert words.difference(table.iloc[1]).startswith("one less two in pass@2: ")


# -- clusters ------------------------------------------------------------------------------------------------------


def test_repetition_widens_and_is_said_in_one_line() -> None:
    rng = np.random.default_rng(2)
    who = np.arange(300) % 10
    y = (rng.random(300) < np.linspace(0.1, 0.95, 10)[who]).astype(float)
    found = analysis.tables(tidy([[v] for v in y], personas=list(who)), MAIN)
    row, plain = found["headline"].iloc[0], summary(y)
    assert row["design_effect"] > 2
    assert row["high"] - row["low"] > 2 * (plain["high"] - plain["low"])
    sentences = analysis.doubts("main", found)
    assert sum("design effect" in text for text in sentences) == 1
    assert "Persons or questions repeat: the 300 pairs weigh like" in " ".join(sentences)
    once = analysis.tables(tidy([[v] for v in y]), MAIN)
    assert not any("design effect" in text for text in analysis.doubts("main", once))


def test_whatever_the_missing_verdicts_are_repetition_widens_too() -> None:
    rng = np.random.default_rng(2)
    who = np.arange(300) % 10
    y = np.where(rng.random(300) < 0.1, NAN, rng.random(300) < np.linspace(0.1, 0.95, 10)[who])
    once, repeated = (
        analysis.tables(tidy([[v] for v in y], personas=people), MAIN)["headline"].iloc[0]
        for people in (None, list(who))
    )
    assert repeated["partial_low"] < once["partial_low"] - 0.05
    assert repeated["partial_high"] > once["partial_high"] + 0.05
    assert repeated["partial_low"] <= repeated["low"]
    assert repeated["high"] <= repeated["partial_high"]


def test_importances_of_few_persons_do_not_survive_on_their_pairs() -> None:
    # Four persons with 30 pairs each, of whom three gain: 90 pairs say so, four persons cannot.
    who = [i // 30 for i in range(120)]
    rows = [[1.0, 0.0] if person < 3 else [1.0, 1.0] for person in who]
    alone = analysis.tables(tidy(rows, ["whole", "without age"]), LOO)["importance"].iloc[0]
    together = analysis.tables(tidy(rows, ["whole", "without age"], personas=who), LOO)["importance"].iloc[0]
    assert (alone["survives"], together["survives"]) == (True, False)
    assert together["p"] >= 2 / 2**3
    assert together["low"] <= 0 < alone["low"]
    assert together["detectable"] > alone["detectable"]


def test_comparisons_of_repeated_questions_are_the_clustered_ones() -> None:
    rng = np.random.default_rng(3)
    questions = [i // 50 for i in range(200)]
    base = (rng.random(200) < 0.5).astype(float)
    better = np.where(np.array(questions) < 2, 1.0, base)
    frames = {n: tidy([[v] for v in y], questions=questions) for n, y in (("a", better), ("b", base))}
    free = {n: tidy([[v] for v in y]) for n, y in (("a", better), ("b", base))}
    clustered, plain = analysis.compare(frames).iloc[0], analysis.compare(free).iloc[0]
    assert plain["p"] < 1e-6
    assert clustered["p"] > 0.05
    assert clustered["design_effect"] > 2
    assert clustered["low"] <= 0 <= clustered["high"]


# -- groups --------------------------------------------------------------------------------------------------------


def grouped(counts: list[tuple[int, int]]) -> dict[str, pd.DataFrame]:
    values, attributes = [], []
    for group, (good, n) in enumerate(counts):
        values += [[1.0]] * good + [[0.0]] * (n - good)
        attributes += [full_attributes(race=f"g{group}")] * n
    named = {f"G{i}": {"race": [f"g{i}"]} for i in range(len(counts))}
    metadata = {"evaluation": "intersectionality", "intersections": named, "min_support": 20}
    return analysis.tables(tidy(values, attributes=attributes), metadata)


def test_equal_groups_have_no_worst_and_no_spread() -> None:
    found = grouped([(30, 50), (31, 50), (29, 50), (28, 50)])
    row = found["groups"].iloc[0]
    assert row["homogeneity_p"] > 0.05
    assert row["worst_group_name"] is None
    assert row["worst_group"] <= row["overall"]
    assert row["sd_low"] == 0.0 < row["sd_high"]
    assert "none is named the lowest" in analysis.finding("intersectionality", found)


def test_odd_group_is_named_with_what_is_known_of_it() -> None:
    found = grouped([(35, 100), *[(65, 100)] * 7])
    row = found["groups"].iloc[0]
    assert (row["worst_group_name"], row["worst_n"]) == ("G0", 100)
    assert row["worst_low"] <= row["worst_group"] <= row["worst_high"]
    assert (row["worst_raw"], row["gap"]) == (0.35, pytest.approx(-0.3))
    assert row["worst_raw_low"] < 0.35 < row["worst_raw_high"]
    assert row["gap_low"] < -0.3 < row["gap_high"] < 0
    assert row["worst_probability"] > 0.95
    assert row["worst_raw"] < row["worst_group"] < row["overall"]
    assert 0 < row["sd_low"] < row["between_group_sd"] < row["sd_high"]
    said = analysis.finding("intersectionality", found)
    assert "G0, 35% ± " in said
    assert "of its 100 pairs, -30.0 points" in said


def test_worst_group_never_stands_above_the_rate_of_the_same_pairs() -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        n = rng.integers(1, 60, 5)
        found = grouped([(int(k), int(m)) for k, m in zip(rng.binomial(n, rng.random(5)), n, strict=True)])[
            "groups"
        ].iloc[0]
        assert found["worst_group"] <= found["overall"]
        if found["worst_group_name"]:
            assert found["worst_low"] <= found["worst_group"] <= found["worst_high"]


def test_small_unanimous_group_is_not_known_without_error() -> None:
    found = analysis.tables(
        tidy([[1.0]] * 4 + [[0.0]] * 40, attributes=[full_attributes(sex="Male")] * 4 + [full_attributes()] * 40), MAIN
    )
    rows = found["by_attribute"].set_index(["attribute", "group"])
    male = rows.loc[("sex", "Male")]
    assert (male["rate"], male["n"], bool(male["small"])) == (1.0, 4, True)
    assert (male["low"], male["high"]) == (pytest.approx(0.5101, abs=1e-4), 1.0)  # Wilson's of 4 of 4
    assert analysis.intervals("main", found)["personalized[sex=Male]"] == (male["low"], male["high"])


# -- the leaderboard's order ---------------------------------------------------------------------------------------


def lost_where_bad(folder: Path) -> Path:
    """A model that is worse on shared pairs but stands higher on those it was judged on: 18% missing, most of them bad."""
    path = write_run(folder, model="worse", n=300, planted=Planted(rate=lambda pair, _: float(int(pair.id) % 100 < 58)))
    samples = next(path.parent.glob("samples_*"))
    lines = [json.loads(line) for line in samples.read_text().splitlines()]
    for number, line in enumerate(lines):
        if 58 <= number % 100 < 76:
            result = json.loads(line["filtered_resps"][0][0])
            result["verdict"] |= {"personalized": None, "missing": "timeout"}
            line["filtered_resps"] = [[json.dumps(result)]]
    samples.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_model_that_is_worse_on_the_same_pairs_does_not_stand_first(tmp_path: Path) -> None:
    write_run(
        tmp_path,
        model="better",
        n=300,
        planted=Planted(rate=lambda pair, _: float(int(pair.id) % 100 < 58 or 70 <= int(pair.id) % 100 < 82)),
    )
    lost_where_bad(tmp_path)
    board = build(collect([tmp_path])[0][0])
    first, second = board.rows
    assert (first.model, second.model) == ("better", "worse")
    assert second.missing == 54
    assert second.personalized is not None
    assert first.personalized is not None
    assert second.personalized > first.personalized  # by rate alone it would be the other way round
    assert [(r.rank_low, r.rank_high, r.groups) for r in board.rows] == [(1, 1, "a"), (2, 2, "b")]


def test_rank_is_a_range_of_what_the_comparisons_leave_open(tmp_path: Path) -> None:
    for name, rate in (("a", 0.8), ("b", 0.8), ("c", 0.2)):
        write_run(tmp_path, model=name, n=120, planted=Planted(rate=lambda _, __, r=rate: r))
    board = build(collect([tmp_path])[0][0])
    assert [(r.rank_low, r.rank_high) for r in board.rows] == [(1, 2), (1, 2), (3, 3)]
    assert "| 1–2 |" in markdown([board], [])


@pytest.mark.parametrize(("temperature", "shown"), [(1.0, True), (0.0, False)])
def test_single_attempt_stands_beside_the_rate_only_at_its_temperature(
    tmp_path: Path, temperature: float, shown: bool
) -> None:
    write_run(tmp_path, n=10, generation={"temperature": temperature})
    write_run(tmp_path, ("persona_pass_at_k",), n=10, k=4, stamp="2026-06-01T00-00-00.000001")
    (row,) = build(collect([tmp_path])[0][0]).rows
    assert (row.passes[1] is not None) is shown
    assert row.passes[4] is not None
