"""Spans of a dataset: every row once, with its number and place, whatever the files are and however they are cut."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_metrics.cluster.spans import File, Span, cut, joined, rows_of, spans_of
from persona_metrics.errors import PersonaError

ROWS = [
    {"persona": {"age": i} if i % 2 else {"job": "cook"}, "question": f"Q{i}?", "answer": f"A{i} ä"} for i in range(95)
]


def rows(spans: list[Span]) -> list[tuple[int, dict[str, Any]]]:
    return [(number, row) for span in spans for number, _, row in rows_of(span)]


def jsonl(path: Path, part: list[dict[str, Any]], between: str = "\n") -> Path:
    path.write_text(between.join(json.dumps(row, ensure_ascii=False) for row in part) + "\n", encoding="utf-8")
    return path


@given(st.integers(1, 120), st.sampled_from(["\n", "\n\n", "\r\n"]))
@settings(max_examples=20)
def test_lines_are_read_once_however_they_are_cut(
    tmp_path_factory: pytest.TempPathFactory, size: int, between: str
) -> None:
    path = jsonl(tmp_path_factory.mktemp("f") / "a.jsonl", ROWS, between)
    found = cut(File(str(path)), size)
    assert [one.rows for one in found][:-1] == [size] * (len(found) - 1)
    assert rows(found) == list(enumerate(ROWS))


def test_folder_of_several_kinds_is_one_dataset(tmp_path: Path) -> None:
    jsonl(tmp_path / "a.jsonl", ROWS[:30])
    with gzip.open(tmp_path / "b.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write("".join(json.dumps(row) + "\n" for row in ROWS[30:50]))
    pq.write_table(pa.Table.from_pylist(ROWS[50:]), tmp_path / "c.parquet", row_group_size=20)
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / ".part-9.jsonl").write_text("no JSON")
    found = spans_of(str(tmp_path), 7)
    read = rows(found)
    assert [number for number, _ in read] == list(range(95))
    assert [row["answer"] for _, row in read] == [row["answer"] for row in ROWS]
    assert [span.number for span in found] == list(range(len(found)))
    assert rows(spans_of(str(tmp_path / "*.jsonl"), 7)) == list(enumerate(ROWS[:30]))
    assert rows(spans_of(f"file://{tmp_path}/a.jsonl")) == list(enumerate(ROWS[:30]))
    assert rows(spans_of(f"file://{tmp_path}/*.jsonl")) == list(enumerate(ROWS[:30]))
    assert len(rows(spans_of(f"file://{tmp_path}"))) == 95


def test_null_in_a_table_is_not_there_but_an_answer_that_is_none_stays(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"question": ["q", "r"], "answer": ["a", None], "topic": [None, "work"]}), tmp_path / "a.parquet"
    )
    assert [row for _, row in rows(spans_of(str(tmp_path)))] == [
        {"question": "q", "answer": "a"},
        {"question": "r", "answer": None, "topic": "work"},
    ]


def test_place_of_a_row_is_its_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"n": 1}\n\n{"n": 2}\n{"n": 3}\n[4]\n')
    found = cut(File(str(path)), 1)
    assert [where for span in found[:3] for _, where, _ in rows_of(span)] == [f"{path}:1", f"{path}:3", f"{path}:4"]
    with pytest.raises(PersonaError, match=r"a\.jsonl:5: a line must be a JSON object, this one is a list"):
        rows(found[3:])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none.jsonl", "no such file"),
        ("empty.jsonl", "there are no rows"),
        ("words.txt", "neither JSONL nor Parquet"),
        ("broken.parquet", "no Parquet file"),
        ("cut.jsonl.gz", "cannot be read"),
        ("*.csv", "no file there ends in"),
        ("s4://bucket/x", "cannot be read"),
    ],
)
def test_what_is_no_dataset_is_one_line(name: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "words.txt").write_text("words")
    (tmp_path / "broken.parquet").write_text("words")
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(b'{"a": 1}\n' * 50)[:-20])
    with pytest.raises(PersonaError, match=said) as error:
        rows(spans_of(name if "://" in name else str(tmp_path / name)))
    assert "\n" not in str(error.value)


def test_rows_count_through_all_files() -> None:
    parts = [[Span(0, "a", 0, 3), Span(1, "a", 3, 2)], [Span(0, "b", 0, 4)]]
    assert [(s.number, s.first) for s in joined(parts)] == [(0, 0), (1, 3), (2, 5)]
