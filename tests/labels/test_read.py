"""Label files: what is read, what is left out with a line, and what is an error of one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from persona_metrics.errors import PersonaError
from persona_metrics.labels.read import Label, consensus, read_labels
from tests.labels.planted import label, write


def test_line_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [label("k1", "yes", note="too long", sheet="s")])
    (found,), notes = read_labels([path])
    assert found == Label("k1", "yes", "anna", "too long", True, 3.0, "2026-03-02T10:00:00.000Z", "s")
    assert found.fits == 0.0
    assert notes == []


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_of_any_spreadsheet_is_read(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "bo.csv"
    lines = [
        ["key", "question", "label", "rater"],
        ["k1", '"Q, or; not?"', "Yes", ""],
        ["k2", "Q", "no", ""],
        ["k3", "Q", "", ""],
    ]
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(separator.join(line) for line in lines).encode())
    found, notes = read_labels([path])
    assert [(one.key, one.label, one.rater) for one in found] == [("k1", "yes", "bo"), ("k2", "no", "bo")]
    assert notes == []


def test_cut_line_is_left_out_and_said(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [label("k1", "yes"), label("k2", "no")])
    path.write_text(path.read_text()[:-30])
    found, (note,) = read_labels([path])
    assert [one.key for one in found] == ["k1"]
    assert "1 line could not be read" in note


def test_same_label_twice_counts_once_and_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [label("k1", "yes"), label("k1", "yes"), label("k2", "no")])
    found, (note,) = read_labels([path])
    assert len(found) == 2
    assert "1 answer has the same label twice" in note


def test_of_two_different_labels_of_one_rater_the_later_counts_and_it_is_said(tmp_path: Path) -> None:
    later = label("k1", "no", time="2026-03-03T10:00:00.000Z")
    path = write(tmp_path / "a.jsonl", [later, label("k1", "yes")])
    (found,), (note,) = read_labels([path])
    assert found.label == "no"
    assert "two different labels from one rater (anna)" in note


def test_two_raters_both_count(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [label("k1", "yes"), label("k1", "no", "bo")])
    assert len(read_labels([path])[0]) == 2


def test_raters_without_a_name_are_called_as_their_files_are(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{name}.jsonl", [label("k1", "yes", "")]) for name in ("one", "two")]
    assert [one.rater for one in read_labels(files)[0]] == ["one", "two"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no label could be read"),
        ("{cut\n", "no label could be read"),
        ('{"format": "other/1", "key": "k", "label": "yes"}\n', "'other/1'"),
        ('["yes"]\n', "no label"),
        (
            '{"format": "persona-metrics/label/1", "key": "k", "label": "maybe"}\n',
            "'maybe' is none of yes, no, cannot tell",
        ),
        ('{"format": "persona-metrics/label/1", "label": "yes"}\n', "a label without a key"),
        ('{"format": "persona-metrics/label/1", "key": "k", "label": ""}\n', "no label in it yet"),
        ("\udcff", "not UTF-8"),
    ],
)
def test_what_is_no_label_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(PersonaError, match=said) as caught:
        read_labels([path])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_csv_with_any_line_end_is_read(tmp_path: Path, end: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(end.join(("Key;Label;Note", f'k1;yes;"a, b, c, d,{end}e, f, g, h, i"', "k2;no;")) + end, newline="")
    labels = read_labels([path])[0]
    assert [(one.key, one.label) for one in labels] == [("k1", "yes"), ("k2", "no")]


def test_csv_that_cannot_be_taken_apart_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"key,label\0\nk,y\res\0\n")
    with pytest.raises(PersonaError) as caught:
        read_labels([path])
    assert "\n" not in str(caught.value)


def test_csv_without_the_columns_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("question,verdict\nQ,yes\n")
    with pytest.raises(PersonaError, match="no columns key and label"):
        read_labels([path])


def test_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(PersonaError, match="cannot be read"):
        read_labels([tmp_path / "none.jsonl"])


def test_most_raters_decide_and_a_split_does_not() -> None:
    def said(*labels: str) -> float | None:
        return consensus([Label("k", one, str(number)) for number, one in enumerate(labels)])

    assert said("yes", "yes", "no") == 0.0
    assert said("no", "cannot tell") == 1.0
    assert said("yes", "no") is None
    assert said("cannot tell") is None
