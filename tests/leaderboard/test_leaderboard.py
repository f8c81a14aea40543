"""The leaderboard: letters mean what they say, unlike runs stay apart, and the page runs nothing but its own script."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_metrics import analysis
from persona_metrics.cli import main
from persona_metrics.leaderboard.board import build
from persona_metrics.leaderboard.collect import collect
from persona_metrics.leaderboard.letters import letters
from persona_metrics.leaderboard.render import as_csv, html, markdown
from tests.fakes.runs import Planted, write_run
from tests.fakes.server import draw

MAIN = ("persona_main",)
OLD, NEW = "2025-01-01T00-00-00.000001", "2026-06-01T00-00-00.000001"


def at(rate: float, **more: Any) -> Planted:
    return Planted(rate=lambda pair, variant: rate, **more)  # noqa: ARG005


def board_of(*paths: Path) -> Any:
    tables, _ = collect(paths)
    return build(tables[0])


# -- letters -------------------------------------------------------------------------------------------------------


def test_letters_of_a_textbook_chain() -> None:
    # best, middle and worst, where only best and worst differ
    assert letters(["x", "y", "z"], [("x", "z")]) == {"x": "a", "y": "ab", "z": "b"}
    assert letters(["x", "y"], []) == {"x": "a", "y": "a"}
    assert letters(["x", "y"], [("y", "x")]) == {"x": "a", "y": "b"}


@settings(max_examples=200)
@given(st.integers(1, 9), st.randoms(use_true_random=False))
def test_letters_are_shared_exactly_by_those_that_do_not_differ(size: int, luck: Any) -> None:
    names = [str(i) for i in range(size)]
    apart = {pair for pair in itertools.combinations(names, 2) if luck.random() < luck.random()}
    shown = {name: set(re.findall(r"[a-z]\d*", text)) for name, text in letters(names, apart).items()}
    assert all(shown.values())
    for pair in itertools.combinations(names, 2):
        assert bool(shown[pair[0]] & shown[pair[1]]) == (pair not in apart)


def test_letters_go_on_after_z() -> None:
    names = [f"m{i:02d}" for i in range(30)]
    shown = letters(names, itertools.combinations(names, 2))
    assert (shown["m25"], shown["m26"], shown["m29"]) == ("z", "a2", "d2")


def simulated(rates: dict[str, float], round_: int, n: int = 100) -> dict[str, str]:
    frames = {
        name: pd.DataFrame(
            {
                "doc_id": range(n),
                "pair_id": range(n),
                "persona_id": range(n),
                "question_id": range(n),
                "content": range(n),
                "variant": "whole",
                "attempt": 0,
                "personalized": [float(draw(round_, name, i) < rate) for i in range(n)],
            }
        )
        for name, rate in rates.items()
    }
    compared = analysis.compare(frames)
    return letters(list(rates), [(r.first, r.second) for r in compared.itertuples() if r.p_adjusted < 0.05])


def test_models_of_equal_truth_share_a_letter_in_95_of_100_runs() -> None:
    rounds = 40
    together = sum(
        len(set(simulated({"a": 0.6, "b": 0.6, "c": 0.6, "d": 0.6}, r).values())) == 1 for r in range(rounds)
    )
    assert together >= 0.95 * rounds


def test_models_far_apart_share_none() -> None:
    for round_ in range(20):
        shown = simulated({"a": 0.8, "b": 0.75, "c": 0.35}, round_, n=200)
        assert not set(shown["c"]) & (set(shown["a"]) | set(shown["b"]))


# -- rows ----------------------------------------------------------------------------------------------------------


def test_row_gives_the_numbers_of_the_runs_table(tmp_path: Path) -> None:
    tasks = ("persona_main", "persona_loo", "persona_intersection", "persona_pass_at_k")
    planted = at(0.7, missing=0.05, failures=0.05)
    path = write_run(tmp_path, tasks, planted=planted, generation={"temperature": 1.0}, n=60, k=4, min_support=10)
    (row,) = board_of(path).rows
    table = json.loads(path.read_text())["results"]
    assert row.personalized == pytest.approx(table["persona_main"]["personalized,critic"])
    assert row.n + row.missing == 60
    assert row.missing > 0
    assert row.low < row.personalized < row.high
    assert row.answer_failures == pytest.approx(table["persona_main"]["answer_failures,critic"])
    assert row.worst_group == pytest.approx(table["persona_intersection"]["worst_group,critic"])
    assert row.between_group_sd == pytest.approx(table["persona_intersection"]["between_group_sd,critic"])
    assert row.passes == {
        1: table["persona_pass_at_k"]["pass@1,critic"],
        4: table["persona_pass_at_k"]["pass@4,critic"],
        16: None,
    }
    assert len(row.importances) == 3


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_planted_importance_comes_first_and_survives(tmp_path: Path) -> None:
    planted = Planted(rate=lambda pair, variant: 0.3 if "income" in variant.dropped else 0.8)  # noqa: ARG005
    (row,) = board_of(write_run(tmp_path, ("persona_main", "persona_loo"), planted=planted, n=120)).rows
    assert (row.importances[0].item, row.importances[0].survives) == ("income", True)
    assert row.importances[0].difference == pytest.approx(0.5, abs=0.15)


def test_ranked_by_rate_with_letters_from_paired_tests(tmp_path: Path) -> None:
    for name, rate in (("low", 0.3), ("high", 0.8), ("near", 0.78)):
        write_run(tmp_path, model=name, planted=at(rate), n=200)
    board = board_of(tmp_path)
    assert {row.model for row in board.rows[:2]} == {"high", "near"}
    assert [row.groups for row in board.rows] == ["a", "a", "b"]
    assert [row.rank for row in board.rows] == [1, 2, 3]
    assert len(board.comparisons) == 3
    assert all(c["n"] == 200 for c in board.comparisons)


def test_newest_run_of_a_model_wins_and_says_so(tmp_path: Path) -> None:
    write_run(tmp_path / "a", planted=at(0.0), n=10, stamp=OLD)
    write_run(tmp_path / "b", planted=at(1.0), n=10, stamp=NEW)
    for order in ("ab", "ba"):
        tables, notes = collect([tmp_path / name for name in order])
        assert build(tables[0]).rows[0].personalized == 1.0
        assert notes == ["model-a: 1 older run of persona_main left out, the newest counts"]


def test_run_named_twice_counts_once(tmp_path: Path) -> None:
    path = write_run(tmp_path, n=5)
    tables, notes = collect([path, tmp_path, path.parent])
    assert (len(tables), len(tables[0].models), notes) == (1, 1, [])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"metadata": {"data_hash": "other"}}, "data hash: other here"),
        ({"critic_model": "critic-y"}, "critic: critic-y here, critic-x there"),
        ({"metadata": {"critic_template": "t2"}}, "critic template: t2 here"),
        ({"critic_votes": 3}, "votes: 3 here, 1 there"),
        ({"metadata": {"pack_version": "0.0.1"}}, "pack version: 0.0.1 here"),
        ({"metadata": {"answer_template": "x"}}, "answer template: x here"),
        ({"mode": "chain_of_thought"}, "mode: chain_of_thought here, output_only there"),
        ({"seed": 7}, "pairs: "),
        ({"n": 40}, "pairs: "),
    ],
)
def test_unlike_runs_are_not_ranked_together(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    for name in ("one", "two"):
        write_run(tmp_path, model=name, n=20)
    write_run(tmp_path, model="three", **{"n": 20, **change})
    tables, _ = collect([tmp_path])
    assert [sorted(table.models) for table in tables] == [["one", "two"], ["three"]]
    assert any(text.startswith(reason) for text in tables[1].reasons)
    assert tables[0].reasons == ()


def test_column_measured_on_other_pairs_is_left_out_and_noted(tmp_path: Path) -> None:
    tasks = ("persona_pass_at_k",)
    for name in ("one", "two", "three"):
        write_run(tmp_path, model=name, n=20)
        write_run(tmp_path, tasks, model=name, n=20 if name != "three" else 15, k=4, stamp=NEW)
    board = board_of(tmp_path)
    passes = {row.model: row.passes[4] for row in board.rows}
    assert passes["three"] is None
    assert passes["one"] is not None
    assert "three: persona_pass_at_k left out, measured on other pairs, items or sampling" in board.notes


def test_run_without_samples_has_a_row_and_says_why(tmp_path: Path) -> None:
    write_run(tmp_path, model="full", n=20)
    path = write_run(tmp_path, model="bare", n=20)
    next(path.parent.glob("samples_*")).unlink()
    rows = {row.model: row for row in board_of(tmp_path).rows}
    assert rows["bare"].groups == ""
    assert rows["bare"].personalized is not None
    assert (rows["bare"].low, rows["bare"].n) == (None, None)
    assert "without --log_samples" in rows["bare"].notes[0]


def test_model_without_main_is_not_ranked(tmp_path: Path) -> None:
    write_run(tmp_path, model="ranked", n=10)
    write_run(tmp_path, ("persona_pass_at_k",), model="attempts", n=10, k=4)
    board = board_of(tmp_path)
    assert [(row.model, row.rank) for row in board.rows] == [("ranked", 1), ("attempts", None)]
    assert board.rows[1].passes[4] is not None
    assert "attempts: no run of the main evaluation, so not ranked" in board.notes


def test_meaningless_critics_are_named(tmp_path: Path) -> None:
    write_run(tmp_path / "a", n=5, critic_model="embedded")
    write_run(tmp_path / "b", n=5, model="critic-x")
    assert any("mean nothing" in note for note in board_of(tmp_path / "a").notes)
    assert "the critic is the model itself" in board_of(tmp_path / "b").rows[0].notes


def test_no_verdict_at_all_is_no_zero(tmp_path: Path) -> None:
    write_run(tmp_path, model="mute", planted=at(0.5, missing=1.0), n=10)
    write_run(tmp_path, model="fine", n=10)
    rows = {row.model: row for row in board_of(tmp_path).rows}
    assert (rows["mute"].personalized, rows["mute"].missing, rows["mute"].rank) == (None, 10, None)


def test_lines_that_are_cut_are_counted(tmp_path: Path) -> None:
    path = write_run(tmp_path, n=20)
    samples = next(path.parent.glob("samples_*"))
    samples.write_bytes(samples.read_bytes()[:-700])
    board = board_of(tmp_path)
    assert any("1 of 20 lines could not be read" in note for note in board.notes)
    assert any("19 of 20 pairs" in note for note in board.notes)


# -- files ---------------------------------------------------------------------------------------------------------

EVIL = '</script><script>document.title="pwned"</script> | `x` [a](javascript:alert(1)) {{7*7}}'


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    """Three models, one of whose name, critic and groups are an attack."""
    write_run(tmp_path, model="plain", planted=at(0.7), n=40)
    write_run(tmp_path, model="other", planted=at(0.2), n=40)
    path = write_run(tmp_path, model="evil", planted=at(0.5), n=40)
    data = json.loads(path.read_text())
    data["model_name"] = data["configs"]["persona_main"]["metadata"]["model_name"] = EVIL
    data["configs"]["persona_main"]["metadata"]["critic_endpoint"] = EVIL
    path.write_text(json.dumps(data))
    return tmp_path


def test_json_is_strict_and_has_every_comparison(evil: Path, tmp_path: Path) -> None:
    assert main(["leaderboard", str(evil), "--out", str(tmp_path / "out")]) == 0
    data = json.loads(
        (tmp_path / "out" / "leaderboard.json").read_text(), parse_constant=lambda name: pytest.fail(name)
    )
    assert data["schema"] == "persona-metrics/leaderboard/1"
    (table,) = data["tables"]
    assert [row["model"] for row in table["rows"]] == ["plain", EVIL, "other"]
    assert len(table["comparisons"]) == 3


def test_csv_has_one_line_a_model_and_no_formula(tmp_path: Path) -> None:
    write_run(tmp_path, model="=cmd()", n=10)
    write_run(tmp_path, model="b", n=10, critic_model="critic-y")
    boards = [build(table) for table in collect([tmp_path])[0]]
    rows = list(csv.DictReader(io.StringIO(as_csv(boards))))
    assert sorted(row["model"] for row in rows) == ["'=cmd()", "b"]
    assert [row["table"] for row in rows] == ["1", "2"]
    assert float(rows[0]["personalized"]) == boards[0].rows[0].personalized


def test_markdown_row_has_as_many_cells_as_the_head(evil: Path) -> None:
    text = markdown([board_of(evil)], [])
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({len(re.split(r"(?<!\\)\|", row)) for row in rows}) == 1
    assert "<script" not in text.replace(r"\<script", "")


def test_html_escapes_and_allows_only_its_own_script(evil: Path) -> None:
    page = html([board_of(evil)], [])
    assert page.count("<script>") == 1
    assert "pwned&#34;&lt;/script&gt;" in page
    assert "default-src &#39;none&#39;" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


def test_columns_without_any_value_are_not_shown(tmp_path: Path) -> None:
    text = markdown([board_of(write_run(tmp_path, n=5))], [])
    assert "worst group" not in text
    assert "no verdict" in text


# -- the command ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (None, None, "no run of a persona_ task there"),
        ("results_2026-01-01T00-00-00.1.json", '{"configs": {"gsm8k": {}}, "results": {}}', "it holds only gsm8k"),
        ("results_2026-01-01T00-00-00.1.json", "[1, 2]", "not a results file of lm-eval"),
        ("results_2026-01-01T00-00-00.1.json", '{"configs": 3, "results": {}}', "not a results file of lm-eval"),
    ],
)
def test_nothing_to_show_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str | None, content: str | None, says: str
) -> None:
    if name:
        (tmp_path / name).write_text(str(content))
    assert main(["leaderboard", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err.strip()
    assert says in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_path_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["leaderboard", str(tmp_path / "nowhere")]) == 2
    assert "no such file or folder" in capsys.readouterr().err


def test_by_gives_each_kind_of_question_a_column(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    only_advice = Planted(rate=lambda pair, variant: float(pair.question.kind == "advice"))  # noqa: ARG005
    runs = [write_run(tmp_path, MAIN, model="m", planted=only_advice, n=100)]
    assert main(["leaderboard", *map(str, runs), "--by", "kind", "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    (row,) = build(collect(runs)[0][0], by=["kind"]).rows
    assert row.others["kind=advice"].value == 1.0
    assert row.others["kind=value"].value == 0.0
    assert "kind=advice" in said
    assert main(["leaderboard", *map(str, runs), "--by", "region", "--out", str(tmp_path / "out")]) != 0
    assert "--by region: no run has a question or persona with that" in capsys.readouterr().err
