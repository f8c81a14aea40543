"""Whether a run is worse than another: exit code 0, 1 or 2, one line, and a block for a pull request."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from persona_metrics.cli import main
from persona_metrics.report import worse
from tests.fakes.runs import Planted, write_run


def _run(folder: Path, rate: float, name: str, **more: object) -> Path:
    return write_run(folder / name, planted=Planted(rate=lambda *_: rate), model="m", **{"n": 150, **more})  # type: ignore[arg-type]


def test_worse_beyond_the_margin_is_1_and_the_other_way_round_is_0(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = _run(tmp_path, 0.9, "good"), _run(tmp_path, 0.4, "bad")
    words = ["--fail-if-worse", "--margin", "0.02", "--out", str(tmp_path / "block.md")]
    assert main(["compare", str(good), str(bad), *words]) == 1
    out = capsys.readouterr().out
    assert out.startswith("worse by more than 2 points: persona_main personalized -")
    assert "| persona_main | personalized |" in out
    assert "**worse**" in (tmp_path / "block.md").read_text()
    assert main(["compare", str(bad), str(good), *words]) == 0
    assert capsys.readouterr().out.startswith("not worse by more than 2 points")
    # Without the flag it says the same, and fails nothing.
    assert main(["compare", str(good), str(bad)]) == 0
    assert capsys.readouterr().out.startswith("worse: ")


def test_a_large_margin_forgives_and_chance_is_no_loss(tmp_path: Path) -> None:
    good, bad, same = _run(tmp_path, 0.9, "good"), _run(tmp_path, 0.4, "bad"), _run(tmp_path, 0.9, "same")
    assert main(["compare", str(good), str(bad), "--fail-if-worse", "--margin", "0.9"]) == 0
    assert main(["compare", str(good), str(same), "--fail-if-worse"]) == 0


def test_the_difference_is_second_less_first_over_the_shared_pairs(tmp_path: Path) -> None:
    (found,) = worse.differences(_run(tmp_path, 1.0, "a"), _run(tmp_path, 0.0, "b"))
    assert (found.first, found.second, found.difference, found.n) == (1.0, 0.0, -1.0, 150)
    assert found.low <= -1.0 <= found.high < 0
    assert found.worse(0.99)
    assert not found.worse(1.0)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"critic_model": "another"}, "critic: another here, critic-x there"),
        ({"tasks": ("persona_main_baseline",)}, "persona_main, .* persona_main_baseline"),
    ],
)
def test_what_cannot_be_compared_is_2_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: dict[str, object], said: str
) -> None:
    one, two = _run(tmp_path, 0.5, "one", n=10), _run(tmp_path, 0.5, "two", n=10, **more)
    assert main(["compare", str(one), str(two), "--fail-if-worse"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "cannot be compared" in line
    assert re.search(said, line), line
    assert main(["compare", str(one), str(tmp_path / "nowhere"), "--fail-if-worse"]) == 2


def test_a_margin_that_is_none_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(tmp_path), str(tmp_path), "--margin", "2"]) == 2
    assert "--margin 2" in capsys.readouterr().err


def test_names_make_no_table_and_no_html_of_their_own(tmp_path: Path) -> None:
    found = worse.differences(_run(tmp_path, 1.0, "a"), _run(tmp_path, 0.0, "b"))
    block = worse.markdown(found, 0.0, "a|b<img src=x>", "c\n| d")
    assert "<img" not in block
    assert "a|b" not in block
    assert "\n| d" not in block
