"""The same path means the same runs to report, leaderboard, export, score and samples; a broken neighbour blocks none."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pandas as pd
import pytest

import persona_metrics
from persona_metrics.cli import main
from persona_metrics.errors import PersonaError
from persona_metrics.evaluations.facts import kind_of
from persona_metrics.runs.find import Keep, find
from persona_metrics.runs.read import COLUMNS, load_run
from tests.fakes.runs import Planted, odd_answers, write_run
from tests.fakes.server import Server

OLD, NEW, BROKEN = (f"2026-03-0{day}T10-00-00.000001" for day in (1, 2, 3))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two runs of a model, and newer files that are broken, another benchmark's, or impossible."""
    for stamp in (OLD, NEW):
        write_run(tmp_path / "runs", ("persona_main", "persona_loo"), n=4, attributes="age", stamp=stamp)
    place = tmp_path / "runs" / "model-a"
    (place / f"results_{BROKEN}.json").write_text('{"configs": ')
    (place / "results_2026-03-04T10-00-00.000001.json").write_text('{"configs": {"mmlu": {}}, "results": {}}')
    return tmp_path / "runs"


def names(*paths: Path, keep: Keep = Keep.ALL, **more: object) -> list[tuple[str, list[str]]]:
    return [(r.path.name[8:18], [t.name for t in r.tasks]) for r in find(paths, keep, **more).runs]  # type: ignore[arg-type]


def test_a_folder_is_its_runs_the_newest_first(folder: Path) -> None:
    both = ["persona_main", "persona_loo"]
    assert names(folder) == [("2026-03-02", both), ("2026-03-01", both)]
    assert names(folder, keep=Keep.NEWEST) == names(folder, keep=Keep.NEWEST_OF_EACH) == [("2026-03-02", both)]
    notes = find([folder], Keep.ALL).notes
    assert sum("left out" in note for note in notes) == 1
    assert any("mmlu" in note for note in notes)


def test_what_a_killed_writer_left_is_no_run(tmp_path: Path) -> None:
    write_run(tmp_path / "runs", ("persona_main",), n=4, attributes="age", stamp=OLD)
    write_run(tmp_path / "runs" / ".4711.part", ("persona_main",), n=4, attributes="age", stamp=NEW)
    assert names(tmp_path / "runs") == [("2026-03-01", ["persona_main"])]


@pytest.mark.parametrize("packed", [False, True])
def test_a_samples_file_is_its_task_alone_in_every_command(folder: Path, tmp_path: Path, packed: bool) -> None:
    place = folder / "model-a"
    if packed:
        for path in [*place.glob("samples_*"), *place.glob(f"results_{OLD}*")]:
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
    samples = next(place.glob(f"samples_persona_loo_{OLD}*"))
    for keep in Keep:
        assert names(samples, keep=keep) == [("2026-03-01", ["persona_loo"])]
    out = tmp_path / "out"
    assert main(["export", str(samples), "--to", "eee", "--developer", "d", "--out", str(out)]) == 0
    (log,) = (p for p in out.rglob("*.json"))
    listed = {r["evaluation_name"].split(".")[1] for r in json.loads(log.read_text())["evaluation_results"]}
    assert listed == {"loo"}
    assert main(["report", str(samples), "--out", str(out / "r"), "--no_figures"]) == 0
    assert [t["task"] for t in json.loads((out / "r" / "report.json").read_text())["tasks"]] == ["persona_loo"]


def test_score_of_a_folder_goes_by_newer_files_that_are_none_of_ours(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server() as server:
        monkeypatch.setenv("PERSONA_CRITIC_MODEL", "c")
        monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", server.base_url)
        assert main(["score", str(folder), "--task", "persona_main", "--out", str(tmp_path / "out")]) == 0
    assert names(tmp_path / "out") == [(names(tmp_path / "out")[0][0], ["persona_main"])]


def test_a_broken_file_among_several_is_a_note_and_alone_an_error(folder: Path) -> None:
    good, bad = folder / "model-a" / f"results_{NEW}.json", folder / "model-a" / f"results_{BROKEN}.json"
    found = find([bad, good, good, folder], Keep.ALL)
    assert [r.path.name[8:18] for r in found.runs] == ["2026-03-02", "2026-03-01"]
    assert any(note.startswith("left out") for note in found.notes)
    with pytest.raises(PersonaError, match="not a results file"):
        find([bad], Keep.ALL)
    with pytest.raises(PersonaError, match="no such file"):
        find([good, folder / "nowhere"], Keep.ALL)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"personalized,critic": 2}, "the row personalized cannot be 2"),
        ({"critic_failures,critic": -0.5}, "cannot be -0.5"),
    ],
)
def test_a_row_that_cannot_be_is_no_result(tmp_path: Path, change: dict[str, object], said: str) -> None:
    path = write_run(tmp_path, n=3)
    data = json.loads(path.read_text())
    data["results"]["persona_main"] |= change
    path.write_text(json.dumps(data))
    with pytest.raises(PersonaError, match=said):
        load_run(path)


def test_numbers_that_are_texts_are_read_as_numbers(tmp_path: Path) -> None:
    path = write_run(tmp_path, ("persona_pass_at_k",), n=3, k=2)
    data = json.loads(path.read_text())
    data["results"]["persona_pass_at_k"]["pass@1,critic"] = "0.5"
    data["configs"]["persona_pass_at_k"]["metadata"]["k"] = "2"
    path.write_text(json.dumps(data))
    task = load_run(path).tasks[0]
    assert (task.rows["pass@1"].value, task.metadata["k"]) == (0.5, 2)


@pytest.mark.parametrize(
    ("name", "kind", "argument"),
    [
        ("personalized[sex=Female]", "personalized", "sex=Female"),
        ("importance[a [b]]", "importance", "a [b]"),
        ("pass@16", "pass@k", "16"),
        ("pass^2", "pass^k", "2"),
        ("attempts", "attempts", None),
        ("[odd", "[odd", None),
        ("", "", None),
    ],
)
def test_names_of_rows_are_taken_apart_once(name: str, kind: str, argument: str | None) -> None:
    assert kind_of(name) == (kind, argument)


def test_samples_are_one_tidy_table_in_python_and_in_every_file(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", ("persona_main", "persona_pass_at_k"), n=6, k=2, planted=Planted(missing=0.3))
    odd_answers(next(path.parent.glob("samples_persona_main_*")))
    frame = persona_metrics.samples(path)
    assert list(frame.columns) == list(COLUMNS)
    assert len(frame) == 6 + 12
    assert isinstance(frame["verdict"].iloc[0], dict)
    for ending in ("parquet", "jsonl", "csv"):
        out = tmp_path / f"tidy.{ending}"
        assert main(["samples", str(tmp_path / "run"), "--out", str(out)]) == 0
    table = pd.read_parquet(tmp_path / "tidy.parquet")
    lines = [json.loads(line) for line in (tmp_path / "tidy.jsonl").read_text().split("\n") if line]
    cells = pd.read_csv(tmp_path / "tidy.csv")
    assert [len(table), len(lines), len(cells)] == [18, 18, 18]
    assert table["personalized"].isna().sum() == sum(line["personalized"] is None for line in lines)
    assert (
        table["personalized"].isna().sum()
        == frame["personalized"].isna().sum()
        == cells["personalized"].isna().sum()
        > 0
    )
    assert [v["personalized"] for v in table["verdict"]] == [line["verdict"]["personalized"] for line in lines]
    assert json.loads(cells["persona"].iloc[0]) == lines[0]["persona"] == frame["persona"].iloc[0]
    assert "\ud800" not in "".join(frame["answer"].dropna())


def test_samples_to_another_ending_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["samples", str(write_run(tmp_path, n=2)), "--out", str(tmp_path / "t.xlsx")]) == 2
    assert "must be .parquet, .csv or .jsonl" in capsys.readouterr().err
