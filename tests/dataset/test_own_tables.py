"""A file against the user's own margins and conditionals: worked distances, a planted difference, and one line for errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from persona_metrics.cli import main
from persona_metrics.dataset.own_tables import OTHER, compare, read_tables
from persona_metrics.errors import PersonaError
from persona_metrics.personas import Persona


def folder(tmp_path: Path, text: str) -> Path:
    (tmp_path / "tables").mkdir(exist_ok=True)
    (tmp_path / "tables" / "t.csv").write_text(text, encoding="utf-8")
    return tmp_path / "tables"


def crowd(n: int, women: int) -> list[Persona]:
    return [Persona(str(i), {"sex": "Female" if i < women else "Male", "age": str(20 + i % 60)}) for i in range(n)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_as_any_spreadsheet_ends_them(tmp_path: Path, end: str) -> None:
    place = folder(tmp_path, "")
    lines = ("# source", "attribute,given,value,share", "sex,,Female,0.5", "sex,,Male,0.5", "")
    (place / "t.csv").write_bytes(end.join(lines).encode())
    (table,) = read_tables(place)
    assert table.name == "sex"


def test_a_heading_that_cannot_be_taken_apart_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(PersonaError) as caught:
        read_tables(folder(tmp_path, f"attribute,given,value,{'share' * 40_000}\nsex,,Female,0.5\n"))
    assert "\n" not in str(caught.value)


def test_distances_are_those_worked_by_hand(tmp_path: Path) -> None:
    text = "# source\nattribute,given,value,share\nsex,,female,50\nsex,,Male,50\n"
    text += "AGE,Sex=Female,18-49,0.5\nage,sex=Female,50+,50%\n"
    margin, conditional = compare(crowd(120, 60), read_tables(folder(tmp_path, text)))
    assert (margin.n, margin.distance, margin.within) == (120, 0.0, True)
    assert conditional.table.name == "age | sex=Female"
    assert (conditional.n, conditional.distance) == (60, 0.0)
    (far, _) = compare(crowd(120, 90), read_tables(folder(tmp_path, text)))
    assert far.distance == pytest.approx(0.25)
    assert not far.within
    assert far.rows == (("female", 0.5, 0.75), ("Male", 0.5, 0.25))


def test_chance_level_holds_in_99_of_100_samples_of_the_table(tmp_path: Path) -> None:
    import numpy as np

    (table,) = read_tables(folder(tmp_path, "attribute,given,value,share\nsex,,Female,0.6\nsex,,Male,0.4\n"))
    rng = np.random.Generator(np.random.PCG64(5))
    inside = [compare(crowd(150, int(rng.binomial(150, 0.6))), [table])[0].within for _ in range(300)]
    assert 0.97 <= sum(inside) / 300 <= 1.0
    assert sum(compare(crowd(150, int(rng.binomial(150, 0.8))), [table])[0].within for _ in range(50)) < 5


def test_what_a_table_lacks_is_a_difference_and_what_a_file_lacks_is_said(tmp_path: Path) -> None:
    text = "attribute,given,value,share\nsex,,Female,1\nshoe,,red,1\nage,sex=Other,18+,1\n"
    sex, shoe, nobody = compare(crowd(100, 50), read_tables(folder(tmp_path, text)))
    assert (OTHER, 0.0, 0.5) in sex.rows
    assert (shoe.n, shoe.note) == (0, "no persona states shoe")
    assert (nobody.n, nobody.note) == (0, "nobody to compare")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("attribute,value,share\nsex,Female,1\n", "these columns are missing: given"),
        ("attribute,given,value,share\nsex,,Female,many\n", r"t\.csv:2: the share 'many' is no number"),
        ("attribute,given,value,share\nsex,,Female,-1\n", "is no number from 0 to 1"),
        ("attribute,given,value,share\nsex,,Female,nan\n", "is no number from 0 to 1"),
        ("attribute,given,value,share\nsex,,Female,80\nsex,,Male,40\n", "sum to 120"),
        ("attribute,given,value,share\nsex,,Female,1\nsex,,Female,1\n", "stands twice"),
        ("attribute,given,value,share\nsex,women,Female,1\n", "write sex=Female"),
        ("attribute,given,value,share\n,,Female,1\n", "must not be blank"),
        ("", "these columns are missing"),
        ("attribute,given,value,share\n", "no .csv with the columns"),
    ],
)
def test_what_is_no_table_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(PersonaError, match=message) as raised:
        read_tables(folder(tmp_path, text))
    assert len(str(raised.value).splitlines()) == 1


def test_command_says_what_differs_and_ends_with_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "mine.csv"
    mine.write_text("sex,town\n" + "Female,Ely\n" * 90 + "Male,\n" * 10)
    tables = folder(tmp_path, "attribute,given,value,share\nsex,,Female,51\nsex,,Male,49\n")
    out = tmp_path / "found.json"
    assert main(["personas", "--check", str(mine), "--tables", str(tables), "--json", str(out)]) == 1
    shown = capsys.readouterr().out
    assert "!! sex" in shown
    assert "Female: 51.0% in the table, 90.0% here" in shown
    assert json.loads(out.read_text())["lines"][0]["within"] is False


def test_check_without_tables_says_what_it_needs_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.csv"
    mine.write_text("sex,town\nFemale,Ely\n")
    assert main(["personas", "--check", str(mine)]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "no persona states age, race" in line
    assert "--tables DIR" in line


def test_convert_writes_ours_and_says_what_became_of_each_column(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from bench.nemotron import write

    write(tmp_path / "theirs.parquet", 50)
    mine = tmp_path / "mine.jsonl"
    assert main(["personas", "--convert", str(tmp_path / "theirs.parquet"), "--to", str(mine)]) == 0
    shown = capsys.readouterr().out
    assert "50 of 50 rows written" in shown
    assert "read as nemotron" in shown
    assert "occupation → detailed job description: one of the 33" in shown
    assert "state: a column beyond the 33" in shown
    assert "skills and expertise list: left out" in shown
    assert "not stated: race," in shown
    first = json.loads(mine.read_text().splitlines()[0])
    assert first["id"]
    assert first["education"] != "high_school"
