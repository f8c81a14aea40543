"""The personas as a whole: the same bytes from the same seed, and as the population is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from persona_metrics import personas
from persona_metrics.cli import main
from persona_metrics.dataset.sources import parse_personas, read_rows
from persona_metrics.errors import PersonaError
from persona_metrics.synthesis import build, census, check, generate, leaks
from persona_metrics.synthesis.draw import read_rows as read_rows_of
from persona_metrics.synthesis.views import VIEWS
from persona_metrics.synthesis.vocabulary import LABELS
from tests.simulated import FULL

DATA = Path(personas.__file__).parent / "dataset" / "embedded"


@pytest.fixture(scope="module")
def embedded() -> pd.DataFrame:
    return pd.read_json(DATA / "personas_v2.jsonl", lines=True, dtype=False)


def test_attributes_stand_in_the_order_of_the_prompt() -> None:
    assert generate.ATTRIBUTES == personas.ATTRIBUTES


def test_regenerating_gives_the_embedded_bytes(tmp_path: Path) -> None:
    build.main(tmp_path)
    assert (tmp_path / "personas_v2.jsonl").read_bytes() == (DATA / "personas_v2.jsonl").read_bytes()


def test_embedded_data_stay_under_six_megabytes() -> None:
    assert sum(file.stat().st_size for file in DATA.iterdir()) < 6_000_000


def test_all_33_attributes_of_every_embedded_persona_say_something(embedded: pd.DataFrame) -> None:
    assert len(embedded) == 1000
    assert embedded["id"].is_unique
    assert not embedded.isin(["", "nan", "None"]).to_numpy().any()
    for name, labels in LABELS.items():
        assert set(embedded[name]) <= set(labels)


def test_another_seed_gives_other_people() -> None:
    first, second = generate.generate(50, 1), generate.generate(50, 2)
    assert not first.equals(second)
    assert first.equals(generate.generate(50, 1))


def test_a_single_person_can_be_generated() -> None:
    assert len(generate.generate(1, 0)) == 1


@pytest.mark.slow
def test_embedded_personas_are_within_chance_of_every_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "check.json"
    assert main(["personas", "--check", str(DATA / "personas_v2.jsonl"), "--json", str(out)]) == 0
    assert capsys.readouterr().out.endswith("within bounds\n")
    found = json.loads(out.read_text())
    assert found["n"] == 1000
    assert all(row["distance"] <= row["limit"] for row in found["distances"])
    assert sum(row["held_out"] for row in found["distances"]) >= 10
    assert {row["of"] for row in found["leaks"]} >= {"sex", "race: not White alone"}
    assert [t["duplicates"] for t in found["texts"]] == [0, 0, 0, 0]


@pytest.mark.slow
@pytest.mark.skipif(not FULL, reason="takes half a minute; SIMULATIONS=full, and test_shards.py has 40,000")
def test_a_hundred_thousand_personas_meet_every_margin_and_conditional() -> None:
    found = check.report(generate.generate(100_000, 5))
    too_far = {r["name"]: r["distance"] for r in found["distances"] if not r["within"]}
    assert too_far == {}
    assert all(r["limit"] > r["chance"] or r["limit"] == r["chance"] > 0.02 for r in found["distances"])
    assert found["within"]


def test_a_shifted_sample_is_out_of_bounds_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    people = generate.generate(400, 3)
    people["religion"] = "Buddhist"
    path = tmp_path / "people.csv"
    people.to_csv(path, index=False)
    assert main(["personas", "--check", str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("!! religion ") for line in lines)
    assert any(line.startswith("ok sex ") for line in lines)
    assert lines[-1] == "out of bounds"


def test_distance_and_chance_of_a_table_done_by_hand() -> None:
    table = pd.DataFrame(
        {"group": ["all"] * 2, "label": ["Male", "Female"], "share": [0.5, 0.5], "kind": "x", "source": "y"}
    )
    people = pd.DataFrame({"sex": ["Male"] * 70 + ["Female"] * 30})
    found = check._distance(people["sex"], check.groups_of(people, ()), "sex", (), "adults", table)
    assert found.distance == pytest.approx(0.2)
    # 99 in 100 samples of 100 fair coins are within 13 of 50.
    assert found.chance == pytest.approx(0.13, abs=0.011)
    assert not found.within


def test_a_held_out_figure_has_its_allowance_on_top_of_chance() -> None:
    table = pd.DataFrame(
        {"group": ["all"] * 2, "label": ["Male", "Female"], "share": [0.5, 0.5], "kind": "x", "source": "y"}
    )
    people = pd.DataFrame({"sex": ["Male"] * 70 + ["Female"] * 30})
    found = check._distance(
        people["sex"], check.groups_of(people, ()), "sex", (), "adults", table.assign(allowance="0.1")
    )
    assert found.held_out
    assert found.limit == pytest.approx(found.chance + 0.1)
    assert found.within


def test_no_association_held_out_is_one_that_a_fit_is_checked_by() -> None:
    fitted = {(r["of"], r["given"]) for r in read_rows_of("targets") if r["kind"] == "published"}
    held_out = {(r["of"], r["given"]) for r in read_rows_of("held_out")}
    assert len(held_out) >= 10
    assert not held_out & fitted


@pytest.mark.slow
def test_words_that_tell_sex_are_found_and_words_by_chance_are_not() -> None:
    people = generate.generate(2000, 12)
    assert all(row["within"] for row in leaks.leaks(people))
    planted = people.copy()
    women = planted["sex"] == "Female"
    planted.loc[women, "lifestyle"] = planted.loc[women, "lifestyle"] + " Owns a zither."
    found = {row["of"]: row for row in leaks.leaks(planted)}
    assert found["sex"]["gain"] > 0.05
    assert not found["sex"]["within"]


def test_women_hold_the_share_of_each_occupation_and_title_that_they_do() -> None:
    people = census.sample(20_000, np.random.Generator(np.random.PCG64(21)))
    civilian = people[people["employment status"].isin(LABELS["employment status"][:2])]
    asked = {
        r["group"]: float(r["share"]) for r in read_rows_of("held_out") if r["of"] == "sex" and r["label"] == "Female"
    }
    group = VIEWS["occupation (22 groups)"](civilian)
    women = civilian["sex"] == "Female"
    # The survey of 2019, which nothing is fitted to; that of 2022, which the titles are, moved by up to two points.
    assert {
        g: round(float(women[group == g].mean()) - s, 3)
        for g, s in asked.items()
        if abs(women[group == g].mean() - s) > 0.05
    } == {}
    titles = {row["job"]: float(row["women"]) / 100 for row in read_rows_of("jobs") if row["bls"]}
    for title, persons in women.groupby(civilian["_job"]):
        if len(persons) >= 25 and title in titles:
            assert abs(persons.mean() - titles[title]) <= 0.10, title


def test_nobody_who_states_hours_and_is_paid_earns_less_than_the_minimum() -> None:
    people = generate.generate(3000, 2)
    hours = pd.to_numeric(people["detailed job description"].str.extract(r"about (\d+) hours")[0])
    paid = hours.notna() & (people["class of worker"] != "Working without pay in a family business or farm")
    assert paid.sum() > 1000
    assert (people["income"].astype(int)[paid] / hours[paid] / 52).min() >= 7.25


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"income": "fifty"}, "income 'fifty' is no number"),
        ({"big five scores": "Open"}, "each must name five scores"),
        ({"religion": None}, "no persona has 'religion'"),
    ],
)
def test_what_cannot_be_checked_is_one_line(change: dict[str, object], says: str) -> None:
    people = generate.generate(30, 3).assign(**change)
    with pytest.raises(PersonaError, match=says):
        check.report(people)


def test_a_conditional_is_the_mean_over_its_groups() -> None:
    table = pd.DataFrame({"group": ["Male", "Male", "Female", "Female"], "label": ["Yes", "No"] * 2})
    table = table.assign(share=[0.5, 0.5, 0.2, 0.8], kind="x", source="y")
    people = pd.DataFrame(
        {"sex": ["Male"] * 30 + ["Female"] * 10, "vision difficulty": ["Yes"] * 30 + ["Yes"] * 2 + ["No"] * 8}
    )
    group = check.groups_of(people, ("sex",))
    found = check._distance(people["vision difficulty"], group, "vision difficulty", ("sex",), "adults", table)
    assert found.distance == pytest.approx((30 * 0.5 + 10 * 0.0) / 40)


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_a_generated_file_can_be_run_on_in_every_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"people.{suffix}"
    assert main(["personas", "--n", "30", "--seed", "4", "--out", str(path)]) == 0
    people = parse_personas(read_rows(str(path), "personas"), str(path))
    made = generate.generate(30, 4).drop(columns=["id"])
    assert [dict(p.attributes) for p in people] == made.to_dict("records")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--n", "0", "--out", "x.csv"], "--n 0: must be 1 or more"),
        (["--seed", "-1", "--out", "x.csv"], "--seed -1: must not be negative"),
        (["--n", "9", "--shards", "10", "--out", "x.csv"], "--shards 10: must be between 1 and --n, 9"),
        (["--n", "9", "--shards", "3", "--shard", "3", "--out", "x.csv"], "--shard 3: there are 3, counted from 0"),
        (["--n", "9", "--shard", "1", "--out", "x.csv"], "--shard 1: there are 1, counted from 0 (--shards)"),
        (["--n", "20000000", "--shards", "3", "--out", "x.csv"], "at most 5,000,000 in a shard; raise --shards to 4"),
        (["--address", "auto", "--out", "x.csv"], "--address belongs to --engine ray"),
        (["--engine", "ray", "--out", "x.csv"], "with --engine ray a folder"),
        (["--out", "x.txt"], "the file must be .jsonl, .csv or .parquet"),
        (["--out", "nowhere/x.csv"], "there is no folder nowhere"),
        ([], "--out FILE is missing"),
        (["--check", "none.jsonl"], "no such file"),
        (["--check", "a.jsonl", "--out", "b.jsonl"], "one of them"),
        (["--json", "a.json", "--out", "b.jsonl"], "--json belongs to --check"),
    ],
)
def test_wrong_arguments_are_one_line(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["personas", *arguments]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_education_of_men_and_women_held_out_of_the_fit() -> None:
    """Census CB23-TPS.21 (CPS 2022): 39.0 percent of women and 36.2 of men of 25 and over have a bachelor's degree."""
    people = census.sample(50_000, np.random.Generator(np.random.PCG64(8)))
    grown = people[people["age"] >= 25]
    degree = grown["education"].isin(["Bachelor's degree", *LABELS["education"][7:]])
    share = degree.groupby(grown["sex"]).mean()
    assert share["Female"] == pytest.approx(0.390, abs=0.03)
    assert share["Male"] == pytest.approx(0.362, abs=0.03)
    assert share["Female"] > share["Male"]
