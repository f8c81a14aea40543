"""The numbers that the documentation shows are those that the tools and benches named beside them give today."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import improve
from tests.e2e.command import CHECKOUT
from tools import example_board, example_numbers

DOCS = CHECKOUT / "docs"


def printed(main: Callable[[], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    monkeypatch.setattr("sys.argv", ["tool"])
    main()
    return capsys.readouterr().out.splitlines()


def values(lines: list[str]) -> set[tuple[str, ...]]:
    """Return metric, direction, value and error of each row of lm-eval's tables; the pages leave out what goes before."""
    return {tuple(cell.strip() for cell in line.split("|")[-6:-1]) for line in lines if re.match(r"\|.*±", line)}


@pytest.mark.slow
def test_tables_of_the_page_on_numbers(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    page = (DOCS / "numbers.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```text\n(.*?)^```", page, re.M | re.S)
    shown = values("\n".join(blocks).splitlines())
    assert len(shown) > 35
    made = printed(example_numbers.main, monkeypatch, capsys)
    assert shown <= values(made)
    said = re.findall(r"^persona-metrics: persona_.* generations, .*$", page, re.M)
    assert len(said) == 5
    assert set(said) <= set(made)


@pytest.mark.slow
def test_leaderboard_of_the_page_on_reports(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (DOCS / "reports.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (?:rank|\d).* \|$", page, re.M)
    assert len(rows) == 1 + len(example_board.RATES)
    # The page leaves the last columns out.
    made = printed(example_board.main, monkeypatch, capsys)
    assert [row for row in rows if not any(line.startswith(row) for line in made)] == []


def test_rounds_of_the_page_on_better_models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (DOCS / "improve.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```text\n(persona_main: 300 pairs.*?)^```", page, re.M | re.S)
    assert improve.loop(tmp_path)
    assert shown in capsys.readouterr().out
