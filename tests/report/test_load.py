"""Which runs a report finds, what it leaves out, and what it says about it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from persona_metrics import evaluate_model
from persona_metrics.cli import main
from persona_metrics.errors import PersonaError
from persona_metrics.report.load import find, read
from persona_metrics.report.reader import read_lines
from persona_metrics.runs.find import find_results
from persona_metrics.runs.read import load_run, read_samples, tidy
from tests.fakes.runs import Planted, write_run
from tests.fakes.server import Server


def notes(*paths: Path) -> list[str]:
    runs, said = find(paths)
    return [*said, *read(runs).notes]


def test_no_path_takes_the_newest_run_below_here_and_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path, n=3, stamp="2026-03-01T10-00-00.000001")
    newest = write_run(tmp_path, n=3, stamp="2026-03-02T10-00-00.000001")
    monkeypatch.chdir(tmp_path)
    runs, said = find([])
    assert [r.path.name for r in runs] == [newest.name]
    assert newest.name in said[0]


def test_no_run_is_one_line_and_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in ([], [str(tmp_path)], [str(tmp_path / "nowhere")]):
        assert main(["report", *path]) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_folder_takes_the_newest_of_each_model_and_task(tmp_path: Path) -> None:
    write_run(tmp_path, ("persona_main",), n=3, stamp="2026-03-01T10-00-00.000001")
    write_run(tmp_path, ("persona_main", "persona_loo"), n=3, stamp="2026-03-02T10-00-00.000001")
    runs, said = find([tmp_path])
    assert [(r.path.name[8:18], [t.name for t in r.tasks]) for r in runs] == [
        ("2026-03-02", ["persona_main", "persona_loo"])
    ]
    assert said == ["1 older result of the same model and task left out; name a file to see it"]


def test_samples_file_stands_for_its_own_task(tmp_path: Path) -> None:
    path = write_run(tmp_path, ("persona_main", "persona_loo"), n=3)
    samples = next(path.parent.glob("samples_persona_loo_*"))
    runs, _ = find([samples])
    assert [t.name for r in runs for t in r.tasks] == ["persona_loo"]


def test_samples_file_without_results_says_what_is_missing(tmp_path: Path) -> None:
    path = write_run(tmp_path, n=3)
    path.unlink()
    with pytest.raises(PersonaError, match="no results_"):
        find([next(path.parent.glob("samples_*"))])


def test_cut_line_is_left_out_and_counted(tmp_path: Path) -> None:
    path = write_run(tmp_path, n=5)
    samples = next(path.parent.glob("samples_*"))
    samples.write_bytes(samples.read_bytes()[:-400])
    said = notes(path)
    assert any("1 line of 5 could not be read" in line for line in said)
    assert len(read(find([path])[0]).entries[0].data.frame) == 4


def test_results_without_samples_give_the_table_and_say_why(tmp_path: Path) -> None:
    path = write_run(tmp_path, n=5)
    next(path.parent.glob("samples_*")).unlink()
    assert any("run without --log_samples" in line for line in notes(path))
    assert main(["report", str(path), "--out", str(tmp_path / "out")]) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert list(report["tasks"][0]["tables"]) == ["lm_eval"]
    assert not list((tmp_path / "out" / "figures").iterdir())


def test_other_benchmarks_are_ignored_and_named(tmp_path: Path) -> None:
    path = write_run(tmp_path, n=3)
    data = json.loads(path.read_text())
    data["configs"]["hellaswag"], data["results"]["hellaswag"] = {"task": "hellaswag"}, {"acc,none": 0.5}
    path.write_text(json.dumps(data))
    (path.parent / "results_other.json").write_text(json.dumps({"configs": {"mmlu": {}}, "results": {"mmlu": {}}}))
    (path.parent / "results_broken.json").write_text("{")
    said = notes(tmp_path)
    assert any("ignored: hellaswag" in line for line in said)
    assert any("no task of ours, ignored: mmlu" in line for line in said)
    assert any("results_broken.json" in line and line.startswith("left out") for line in said)


def test_older_pack_version_is_said(tmp_path: Path) -> None:
    path = write_run(tmp_path, n=3, metadata={"pack_version": "0.0.1"})
    assert any("run with persona-metrics 0.0.1" in line for line in notes(path))


def test_two_runs_of_a_model_are_told_apart(tmp_path: Path) -> None:
    one = write_run(tmp_path / "1", n=3, critic_model="x")
    two = write_run(tmp_path / "2", n=3, critic_model="y")
    assert read(find([one, two])[0]).models == ("model-a (critic model x)", "model-a (critic model y)")


@pytest.mark.parametrize("task", ["persona_main", "persona_loo", "persona_pass_at_k"])
def test_streaming_reader_agrees_with_tidy(tmp_path: Path, task: str) -> None:
    path = write_run(tmp_path, (task,), n=8, k=3, planted=Planted(missing=0.2, failures=0.2))
    run = load_run(path)
    assert run.tasks[0].samples is not None
    data = read(find([path])[0]).entries[0].data
    whole = tidy(read_samples(run.tasks[0].samples), task, run.tasks[0].metadata, run.model, heavy=False)
    pd.testing.assert_frame_equal(data.frame, whole)
    lines = read_lines(run.tasks[0].samples, data.offsets)
    assert [json.loads(line)["doc_id"] for line in lines] == list(range(8))


def test_persona_is_held_once(tmp_path: Path) -> None:
    path = write_run(tmp_path, ("persona_loo",), n=4)
    frame = read(find([path])[0]).entries[0].data.frame
    assert frame["persona"].map(id).nunique() == frame["persona_id"].nunique()


def test_find_results_takes_the_newest_first(tmp_path: Path) -> None:
    for day in (1, 3, 2):
        write_run(tmp_path, n=3, stamp=f"2026-03-0{day}T10-00-00.000001")
    assert [p.name[8:18] for p in find_results(tmp_path)] == ["2026-03-03", "2026-03-02", "2026-03-01"]


def shape(value: object) -> object:
    """Return the keys and types of nested data; a text that is JSON by what it holds, None like any other leaf."""
    if isinstance(value, dict):
        return {k: shape(v) for k, v in value.items() if "[" not in k and not k.startswith("gen_args")}
    if isinstance(value, list):
        return [shape(v) for v in value[:1]]
    if isinstance(value, str) and value.startswith("{"):
        return shape(json.loads(value))
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else "leaf"


@pytest.mark.parametrize(("kind", "task"), [("main", "persona_main"), ("pass_at_k", "persona_pass_at_k")])
def test_made_up_runs_have_the_form_of_real_ones(tmp_path: Path, kind: str, task: str) -> None:
    with Server() as server:
        critic = {"critic_model": "critic-x", "critic_base_url": server.base_url}
        evaluate_model("m", kind, n=4, k=2, base_url=server.base_url, output_path=tmp_path / "real", **critic)
    made = load_run(write_run(tmp_path / "made", (task,), n=4, k=2, model="m"))
    (path,) = find_results(tmp_path / "real")
    real = load_run(path)
    of_the_run = {"base_url", "num_concurrent", "max_retries", "config_source", "usage"}
    assert set(real.tasks[0].metadata) - of_the_run == set(made.tasks[0].metadata)
    assert {k for k in real.tasks[0].rows if "[" not in k} == {k for k in made.tasks[0].rows if "[" not in k}
    lines = [next(iter(read_samples(run.tasks[0].samples))) for run in (real, made) if run.tasks[0].samples]
    assert shape(lines[0]) == shape(lines[1])
    assert len(read(find([path])[0]).entries[0].data.frame) == (4 if kind == "main" else 8)
