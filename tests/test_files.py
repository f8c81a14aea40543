"""Files: whole or not at all, names that lead nowhere else, cells that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_metrics import files
from persona_metrics.errors import PersonaError

NAMES = st.text(st.characters(), max_size=400)


@settings(max_examples=300)
@given(NAMES)
def test_any_name_is_one_part_of_a_path_that_can_be_written(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    folder = tmp_path_factory.mktemp("names")
    safe = files.safe_name(name)
    assert len(safe.encode()) <= files.LONGEST
    assert not set(safe) & set('<>:"/\\|?*\0\r\n')
    files.write_text(folder / safe, "x")
    assert [p.name for p in folder.iterdir()] == [safe]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("acme/m-1.5", "acme_m-1.5"),
        ("..", "unnamed"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("/abs/olute", "_abs_olute"),
        ("C:\\x", "C_x"),
        ("nul", "_nul"),
        ("COM1.txt", "_COM1.txt"),
        ("", "unnamed"),
        ("a\0b\ud800c", "a_b_c"),
        ("trailing. ", "trailing"),
        ("Grüße 日本", "Grüße 日本"),
    ],
)
def test_names_of_the_usual_kinds(name: str, safe: str) -> None:
    assert files.safe_name(name) == safe


def test_two_long_names_stay_two() -> None:
    assert files.safe_name("x" * 300 + "a") != files.safe_name("x" * 300 + "b")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", " =1", "＝1", "\ufeff=1", "\xa0=1"])
def test_a_cell_is_no_formula(text: str) -> None:
    assert files.safe_cell(text).startswith("'")


def test_a_cell_has_no_nul_which_python_3_10_cannot_write() -> None:
    assert files.safe_cell("a\0b") == "a\ufffdb"
    assert files.safe_cell("\0=1+1") == "'\ufffd=1+1"


def test_a_bare_carriage_return_begins_no_cell() -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow([files.safe_cell("a\r=cmd()"), files.safe_cell("b")])
    assert "\r" not in out.getvalue()
    assert next(csv.reader(io.StringIO(out.getvalue()))) == ["a\n=cmd()", "b"]
    assert (files.safe_cell("plain"), files.safe_cell(-1.5), files.safe_cell(None), files.safe_cell("")) == (
        "plain",
        -1.5,
        None,
        "",
    )


def test_a_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.txt"
    files.write_text(path, "first")

    def half() -> None:
        with files.writing(path) as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert path.read_text() == "first"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_a_link_is_followed_and_a_device_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    files.write_text(tmp_path / "link", "x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "x"
    with pytest.raises(PersonaError, match="No space left"):
        files.write_text(Path("/dev/full"), "x")
    assert not Path("/dev/full").is_file()
    files.write_text(Path(os.devnull), "x")


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 300, "file/x", "folder"])
def test_a_place_that_cannot_be_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(PersonaError, match="cannot be written") as raised:
        files.write_text(tmp_path / name, "x")
    assert len(str(raised.value).splitlines()) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


def test_several_files_are_placed_together_or_not_at_all(tmp_path: Path) -> None:
    with files.placing(tmp_path / "out") as part:
        files.write_text(part / "a" / "b.txt", "x")
    assert (tmp_path / "out" / "a" / "b.txt").read_text() == "x"

    def half() -> None:
        with files.placing(tmp_path / "out") as part:
            files.write_text(part / "c.txt", "x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert sorted(p.name for p in (tmp_path / "out").rglob("*")) == ["a", "b.txt"]


def test_ctrl_c_while_it_cleans_up_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really, come = shutil.rmtree, [KeyboardInterrupt]

    def interrupted(*given: Any, **more: Any) -> None:
        if come:
            raise come.pop()
        really(*given, **more)

    monkeypatch.setattr(shutil, "rmtree", interrupted)
    with pytest.raises(KeyboardInterrupt), files.placing(tmp_path / "out") as part:
        (part / "a").write_text("a")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]


@pytest.mark.parametrize("form", [str, str.encode])
def test_object_of_a_line_holds_whole_characters_alone(form: Callable[[str], str | bytes]) -> None:
    assert files.json_object(form('{"a\\ud83d": ["b\\ud83d", "é"]}'), "f:1") == {"a?": ["b?", "é"]}
    for line, said in (
        ('{"a": ', "f:1: not JSON (a line that was cut?): "),
        ("[1]", "f:1: a line must be a JSON object, this one is a list"),
    ):
        with pytest.raises(PersonaError) as caught:
            files.json_object(form(line), "f:1")
        assert str(caught.value).startswith(said)


def test_bytes_that_hold_half_a_character_unescaped_are_made_whole() -> None:
    assert files.json_object(b'{"a": "\xed\xa0\xbd"}', "f:1") == {"a": "?"}
