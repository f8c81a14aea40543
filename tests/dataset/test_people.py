"""Any table as personas: which columns are attributes, what is missing, what is named, and what large files cost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from persona_metrics import settings
from persona_metrics.dataset import rows, sources
from persona_metrics.dataset.part import Part, enough_for
from persona_metrics.dataset.people import People, read_people
from persona_metrics.dataset.sources import draw, load_pool, read_rows
from persona_metrics.errors import PersonaError
from tests.conftest import full_attributes


def people(*given: dict[str, Any], columns: tuple[str, ...] = ()) -> People:
    return read_people([(f"row {i}", row) for i, row in enumerate(given, 1)], "mine", columns)


def said(found: People) -> str:
    return " / ".join(found.remarks)


def test_columns_keep_the_files_order_and_what_is_not_there_is_not_said() -> None:
    found = people({"Region": "North", "AGE": 40, "Religion": None}, {"Region": "", "AGE": 41, "Religion": "None"})
    assert found.columns == ("region", "age", "religion")
    assert [dict(p.attributes) for p in found.personas] == [
        {"region": "North", "age": "40"},
        {"age": "41", "religion": "None"},
    ]
    assert found.remarks == ()


def test_none_is_missing_among_numbers_and_a_value_among_words() -> None:
    found = people({"rooms": "None", "pet": "None"}, {"rooms": "3", "pet": "cat"})
    assert dict(found.personas[0].attributes) == {"pet": "None"}


def test_what_is_no_attribute_is_left_out_and_named_once() -> None:
    row = {
        "uuid": "0f8fad5b-d9cb-469f-a165-70867728950e",
        "household_id": 7,
        "embedding": [0.1, 0.2, 0.3, 0.4],
        "vector": "[1, 2.5, -3e-2, 4]",
        "array": np.zeros(5),
        "digest": "9e107d9d372bb6826bd81d3542a419d6",
        "photo": b"\x89PNG",
        "memoir": "x" * 2_001,
        "question": "What shall I eat?",
        "bio": "x" * 2_000,
        "hobbies": ["chess", "tea"],
        "scores": [1, 2],
    }
    found = people(row)
    assert found.columns == ("bio", "hobbies", "scores")
    assert found.personas[0].attributes["hobbies"] == "chess, tea"
    (line,) = found.remarks
    assert "uuid and household id and digest (id)" in line
    assert "embedding and vector and array (numbers)" in line
    assert "memoir (text over 2,000 characters)" in line
    assert "question (question)" in line
    assert found.personas[0].id == row["uuid"]


def test_columns_chooses_whatever_they_hold() -> None:
    found = people({"age": 40, "memoir": "x" * 3_000, "Home_Town": "Ely"}, columns=("home_town", "MEMOIR"))
    assert found.columns == ("memoir", "home town")
    assert found.remarks == ()
    with pytest.raises(PersonaError, match=r"columns: 'hometwn' is not an attribute \(did you mean 'home town'\?\)"):
        people({"Home_Town": "Ely"}, columns=("hometwn",))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([{"uuid": "1", "embedding": [1.0] * 8}], r"no column is an attribute; left out: uuid \(id\)"),
        ([{"age": "40"}, {"age": ""}], "row 2: this persona has no attribute at all"),
        ([{"Sex": "F", "sex": "M"}], "row 1: two columns are called 'sex'"),
        ([{"region": "\ud800"}], "half a surrogate"),
    ],
)
def test_what_cannot_be_is_one_line(given: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(PersonaError, match=message) as raised:
        people(*given)
    assert len(str(raised.value).splitlines()) == 1


def test_ages_incomes_minors_and_duplicates_are_read_right_or_counted() -> None:
    found = people(
        {"age": "34.0", "income": "1e5"},
        {"age": "12", "income": "$100k"},
        {"age": 430, "income": 2},
        {"age": -1, "income": 3},
        {"age": "about forty", "income": 4},
        {"age": "34", "income": 100_000.0},
    )
    assert [p.attributes.get("age") for p in found.personas] == ["34", "12", None, None, "about forty", "34"]
    assert [p.attributes["income"] for p in found.personas][:2] == ["100000", "$100k"]
    assert said(found) == (
        "personas=mine: minors (1); ages outside 0 to 120, taken as not stated (2); ages without a number (1);"
        " the same as another persona (1)"
    )


def test_prose_is_one_attribute_and_lines_of_attributes_are_many() -> None:
    prose = "A nurse.\nReligion: a matter she keeps to herself."
    assert people({"persona": prose}).columns == ("persona",)
    assert people({"Input Persona": prose, "synthesized text": "x", "description": "y"}).columns == ("persona",)
    assert people({"persona": "age: 40\nreligion: None"}).columns == ("age", "religion")
    assert people({"persona": json.dumps({"age": 40, "region": "N"})}).columns == ("age", "region")


@pytest.mark.parametrize("end", ["\v", "\f", "\x1c", "\x85", "\u2028", "\u2029", "\r"])
def test_no_odd_line_break_in_a_line_begins_another_attribute(end: str) -> None:
    (one,) = people({"persona": f"lifestyle: quiet{end}income: 999999\r\nage: 40"}).personas
    assert set(one.attributes) == {"lifestyle", "age"}


def test_rows_of_persona_are_the_same_people_once_without_questions_and_answers() -> None:
    row = {
        "persona": "age: 40\nsex: Male",
        "instruction": "Why?",
        "original": "So.",
        "data": "Thus.",
        "critique": "No.",
    }
    found = people(row, {**row, "instruction": "How?"}, {**row, "persona": "age: 41\nsex: Male"})
    assert [dict(p.attributes) for p in found.personas] == [{"age": "40", "sex": "Male"}, {"age": "41", "sex": "Male"}]
    assert "the same as another persona (1), who is meant once" in said(found)


def test_nemotrons_words_become_ours() -> None:
    row = {"uuid": "a1", "professional_persona": "p", "persona": "q", "sex": "Female", "age": 40}
    row |= {"marital_status": "married_present", "education_level": "9th_12th_no_diploma", "occupation": "truck_driver"}
    row |= {"hobbies_and_interests": "chess", "hobbies_and_interests_list": "['chess']", "state": "CA"}
    (one,) = people(row).personas
    assert dict(one.attributes) == {
        "professional persona": "p",
        "persona": "q",
        "sex": "Female",
        "age": "40",
        "marital status": "Married",
        "education": "9th to 12th grade, no diploma",
        "detailed job description": "Truck driver",
        "personal time": "chess",
        "state": "CA",
    }


# -- large files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "csv"])
def test_of_a_large_file_the_same_part_is_kept_whatever_its_kind(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.DataFrame({"age": [20 + i % 60 for i in range(30_000)], "region": [f"R{i}" for i in range(30_000)]})
    path = tmp_path / f"many.{kind}"
    monkeypatch.setattr(rows, "BIG", 1_000)
    if kind == "parquet":
        frame.assign(vector=[[0.5, 1.5]] * 30_000).to_parquet(path, row_group_size=7_000)
    elif kind == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_csv(path, index=False)
    found = read_rows(str(path), "personas", Part(100, 3))
    assert (len(found), found.total) == (100, 30_000)
    assert [row["region"] for _, row in found] == [f"R{i}" for i in Part(100, 3).of(30_000)]
    pool = load_pool(settings.load({"personas": str(path), "n": 5}))
    assert len(pool.personas) == 10_000
    assert "10,000 of 30,000 rows are drawn from" in pool.remarks[0]
    assert ("vector (numbers)" in " ".join(pool.remarks)) == (kind == "parquet")
    assert draw(pool, 5, 0) == draw(load_pool(settings.load({"personas": str(path), "n": 9})), 9, 0)[:5]


def test_a_part_is_the_same_everywhere_and_spread_over_the_file() -> None:
    assert Part(5, 0).of(4) == [0, 1, 2, 3]
    chosen = Part(1_000, 1).of(1_000_000)
    assert chosen == sorted(set(chosen))
    assert chosen[:3] == EXPECTED, chosen[:3]
    counts = np.bincount(np.array(chosen) // 100_000, minlength=10)
    assert counts.min() > 60
    assert set(chosen) != set(Part(1_000, 2).of(1_000_000))
    assert (enough_for(300, 0).most, enough_for(10_001, 0).most) == (10_000, 20_000)


EXPECTED = [208, 853, 3363]


def test_columns_cuts_the_embedded_personas_too() -> None:
    pool = load_pool(settings.load({"columns": "sex+age"}))
    assert pool.columns == ("age", "sex")
    assert set(pool.personas[0].attributes) == {"age", "sex"}
    with pytest.raises(PersonaError, match="columns: 'regin' is not an attribute"):
        sources.load_pool(settings.load({"columns": "regin"}))


def test_what_to_group_by_is_checked_where_the_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text(json.dumps({**full_attributes(), "Home_Region": "N"}) + "\n")
    chosen = settings.load({"personas": str(tmp_path / "p.jsonl"), "by": "home_region"})
    assert chosen.by == ("home region",)
    with pytest.raises(PersonaError, match="by: 'home region' is not an attribute"):
        settings.load({"by": "home_region"})
