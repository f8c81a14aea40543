"""Tables of personas as spreadsheets and data frames write them are read right, or named in one line."""

from __future__ import annotations

import codecs
import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from persona_metrics.dataset.sources import parse_personas, parse_questions, read_rows
from persona_metrics.errors import PersonaError
from persona_metrics.personas import ATTRIBUTES
from tests.conftest import full_attributes

TEXT = 'He said: "a; b, c"\nand left'


def personas(path: Path) -> list[dict[str, str]]:
    return [dict(p.attributes) for p in parse_personas(read_rows(str(path), "personas"), str(path))]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_any_delimiter_and_any_marked_encoding(tmp_path: Path, delimiter: str, encoding: str, end: str) -> None:
    people = [full_attributes(quirks="x", **{"defining quirks": TEXT, "ancestry": "Größe"})]
    text = pd.DataFrame(people).to_csv(index=False, sep=delimiter, lineterminator=end)
    path = tmp_path / "p.csv"
    path.write_bytes(text.encode(encoding))
    (found,) = personas(path)
    assert (found["defining quirks"], found["ancestry"]) == (TEXT, "Größe")
    assert set(found) == {*ATTRIBUTES, "quirks"}


def test_a_line_that_names_the_delimiter_is_taken_at_its_word(tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    path.write_text("sep=;\r\nid;question\r\n1;What, now?\r\n")
    (found,) = parse_questions(read_rows(str(path), "questions"), str(path))
    assert found.text == "What, now?"


@pytest.mark.parametrize(
    "data", ["question\nWas für ein Café?\n".encode("cp1252"), "question\nWhat?\n".encode("utf-16-le")]
)
def test_what_is_no_utf_8_is_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "q.csv"
    path.write_bytes(data)
    with pytest.raises(PersonaError, match=r"not UTF-8 .* save it as UTF-8"):
        read_rows(str(path), "questions")


def test_a_text_without_quotes_does_not_move_the_columns(tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    path.write_text("question,topic\nWhat, now?,work\n")
    with pytest.raises(PersonaError, match=r"q.csv:2: 3 cells, the header has 2"):
        read_rows(str(path), "questions")


def test_lists_and_objects_of_parquet_and_jsonl_read_as_their_items(tmp_path: Path) -> None:
    person = {
        **full_attributes(),
        "mannerisms": ["hums", "taps"],
        "age": 42,
        "big five scores": {"openness": 3, "other": None},
    }
    pd.DataFrame([person, {**person, "mannerisms": np.array(["nods", None])}]).to_parquet(tmp_path / "p.parquet")
    (tmp_path / "p.jsonl.gz").write_bytes(gzip.compress(json.dumps(person).encode()))
    first, second = personas(tmp_path / "p.parquet")
    for found in (first, *personas(tmp_path / "p.jsonl.gz")):
        assert (found["mannerisms"], found["age"], found["big five scores"]) == ("hums, taps", "42", "openness: 3")
    assert second["mannerisms"] == "nods"


def test_a_question_that_is_a_list_is_named(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text('{"question": ["a", "b"]}\n')
    with pytest.raises(PersonaError, match="the question is a list and not a text"):
        parse_questions(read_rows(str(path), "questions"), str(path))


def test_a_value_over_lines_overwrites_no_attribute(tmp_path: Path) -> None:
    lines = [f"{name}: {value}" for name, value in full_attributes(age="40").items()]
    at = next(i for i, line in enumerate(lines) if line.startswith("defining quirks"))
    lines[at : at + 1] = [
        "Defining_Quirks: says things like",
        "age: is just a number",
        "motto: never again",
        "  and hums",
    ]
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps({"persona": "\n".join(lines)}) + "\n")
    (found,) = personas(path)
    assert found["age"] == "40"
    assert found["defining quirks"] == "says things like\nage: is just a number\nmotto: never again\n  and hums"
    assert set(found) == set(ATTRIBUTES)


@pytest.mark.parametrize("data", [gzip.compress(b'{"question": "x"}', mtime=0)[:15], b"", b"\x1f\x8b", b"PAR1"])
@pytest.mark.parametrize("name", ["q.jsonl.gz", "q.parquet", "q.csv.gz"])
def test_cut_files_are_one_line(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(codecs.BOM_UTF8[:0] + data)
    with pytest.raises(PersonaError) as raised:
        read_rows(str(tmp_path / name), "questions")
    assert len(str(raised.value).splitlines()) == 1
