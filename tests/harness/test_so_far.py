"""Several runs in one folder, runs that were killed, and results that came: which of them a page that follows a run shows."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from persona_metrics.harness.so_far import DEAD, SoFar
from persona_metrics.report import write_report
from persona_metrics.report.load import going
from persona_metrics.runs.so_far import FOLDER
from tests.fakes.runs import write_run

SAMPLES = 4


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("finished"), ("persona_main",), n=SAMPLES, model="m")


def _begun(out: Path, finished: Path, pairs: int = SAMPLES, model: str = "m") -> SoFar:
    """A run into ``out`` that has judged the first ``pairs`` of a finished run's."""
    config = json.loads(finished.read_text(encoding="utf-8"))["configs"]["persona_main"]
    run = SoFar(out, model)
    run.begin("persona_main", {**config["metadata"], "model_name": model}, config["generation_kwargs"], SAMPLES)
    (path,) = finished.parent.glob("samples_*.jsonl")
    for line in path.read_text(encoding="utf-8").splitlines()[:pairs]:
        run.add("persona_main", json.loads(line))
    return run


def _headlines(out: Path, to: Path) -> list[str]:
    return [task.headline for task in write_report([out], to, live=1, figures=False).report.tasks]


def test_two_runs_at_once_are_both_shown_and_neither_disturbs_the_other(tmp_path: Path, finished: Path) -> None:
    out = tmp_path / "out"
    one, other = _begun(out, finished, 2), _begun(out, finished, 3, model="other")
    said = _headlines(out, tmp_path / "report")
    assert [text.partition(":")[0] for text in said] == ["So far, 2 of 4 pairs", "So far, 3 of 4 pairs"]
    one.close()
    assert [run.model for run in going([out])] == ["other"]
    other.close()
    assert not (out / FOLDER).exists()


def test_of_one_model_and_task_the_run_that_began_last_counts(tmp_path: Path, finished: Path) -> None:
    killed = _begun(tmp_path, finished, 3)
    again = _begun(tmp_path, finished, 1)
    assert _headlines(tmp_path, tmp_path / "report")[0].startswith("So far, 1 of 4 pairs")
    killed.close()
    again.close()


def test_results_take_the_place_of_what_was_judged_before_them_and_not_of_what_comes_after(
    tmp_path: Path, finished: Path
) -> None:
    run = _begun(tmp_path, finished, 2)
    results = write_run(tmp_path, ("persona_main",), n=SAMPLES, model="m")
    soon = time.time() + 5
    os.utime(results, (soon, soon))
    assert going([tmp_path]) == []
    assert not _headlines(tmp_path, tmp_path / "report")[0].startswith("So far")
    earlier = time.time() - 60
    os.utime(results, (earlier, earlier))
    assert _headlines(tmp_path, tmp_path / "report")[0].startswith("So far, 2 of 4 pairs")
    run.close()
    assert not _headlines(tmp_path, tmp_path / "report")[0].startswith("So far")


def test_what_a_killed_run_left_goes_with_the_next_in_its_folder(tmp_path: Path, finished: Path) -> None:
    killed, living = _begun(tmp_path, finished), _begun(tmp_path, finished)
    gone = time.time() - DEAD - 5
    os.utime(killed.folder / "run.json", (gone, gone))
    run = _begun(tmp_path, finished)
    assert not killed.folder.exists()
    assert living.folder.exists()
    living.close()
    run.close()


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"format": "persona-metrics/so-far/1"}', '{"format": 2, "tasks": []}']
)
def test_a_folder_that_is_none_of_ours_is_passed_by(tmp_path: Path, finished: Path, text: str) -> None:
    strange = tmp_path / FOLDER / "1-a"
    strange.mkdir(parents=True)
    (strange / "run.json").write_text(text)
    (tmp_path / FOLDER / "2-b").mkdir()
    run = _begun(tmp_path, finished, 1)
    assert [found.model for found in going([tmp_path])] == ["m"]
    run.close()


def test_no_other_reader_takes_what_was_judged_so_far_for_a_run(tmp_path: Path, finished: Path) -> None:
    from persona_metrics.errors import PersonaError
    from persona_metrics.runs.find import Keep, find

    run = _begun(tmp_path, finished)
    with pytest.raises(PersonaError, match="no run of a persona_ task there"):
        find([tmp_path], Keep.ALL)
    with pytest.raises(PersonaError, match="no run of a persona_ task there"):
        write_report([tmp_path], tmp_path / "report", figures=False)
    run.close()
