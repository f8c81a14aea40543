"""Spans that hold whole pairs, and what is wrong with pairs whose rows do not stand together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from persona_metrics.cli import main
from persona_metrics.cluster import groups
from persona_metrics.cluster.spans import File, rows_of
from persona_metrics.errors import PersonaError
from tests.scoring.made import line, write

VARIANTS = ("whole", "without age", "none of the listed")


def lines(pairs: int) -> list[dict[str, Any]]:
    return [line(i, variant=v, answer=f"{i} {v}") for i in range(pairs) for v in VARIANTS]


def test_a_span_ends_where_a_pair_does_and_no_row_is_lost(tmp_path: Path) -> None:
    path = write(tmp_path / "answers.jsonl", lines(20))
    path.write_text(path.read_text().replace("\n", "\n\n", 3))  # blank lines are none
    spans = groups.cut_whole(File(str(path)), rows=7)
    assert [span.rows for span in spans] == [9, 9, 9, 9, 9, 9, 6]
    rows = [row for span in spans for row in rows_of(span)]
    assert [number for number, _, _ in rows] == list(range(60))
    assert [row["answer"] for _, _, row in rows] == [one["answer"] for one in lines(20)]
    assert rows[-1][1] == f"{path}:63"
    found = groups.look(spans, "leave_one_out", None).joined(groups.Groups())
    assert (found.sizes, found.starts) == ([3, 3, 3, 3, 3, 3, 2], (0, 3, 6, 9, 12, 15, 18))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([*lines(3), lines(1)[0]], "do not stand together"),
        (lines(3)[:-1], "1 answers are missing in 1 pairs"),
        ([*lines(2), {**lines(2)[-1], "variant": "with a hat"}], "'with a hat' does not belong to persona_loo"),
    ],
)
def test_pairs_that_cannot_be_judged_apart_are_one_line(rows: list[dict[str, Any]], said: str, tmp_path: Path) -> None:
    path = write(tmp_path / "answers.jsonl", rows)
    spans = groups.cut_whole(File(str(path)), rows=2)
    found = groups.look(spans, "leave_one_out", None)
    with pytest.raises(PersonaError, match=said):
        groups.terms("persona_loo", "leave_one_out", found, {}, None, "answers.jsonl")


def test_parquet_of_several_rows_a_pair_is_one_line() -> None:
    with pytest.raises(PersonaError, match="two row groups of Parquet"):
        groups.cut_whole(File("answers.parquet"))


def test_an_evaluation_that_looks_at_others_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ray", reason="needs the ray extra")
    path = write(tmp_path / "answers.jsonl", lines(2))
    arguments = ["score", str(path), "--task", "persona_contrast", "--engine", "ray", "--out", str(tmp_path / "out")]
    assert main(arguments) == 2
    assert "score it in one process" in capsys.readouterr().err
