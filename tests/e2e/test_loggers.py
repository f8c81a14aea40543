"""lm-eval's own ways out (wandb, trackio, the hub's data sets) take our runs whole, missing verdicts and odd names too."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import datasets
import pytest

from tests import warm
from tests.e2e.command import Install, Ran, evaluate
from tests.e2e.tools import tool_python
from tests.fakes.server import Server

pytestmark = pytest.mark.slow

N = 14
TASKS = ("persona_main", "persona_intersection", "persona_pass_at_k")
GROUPS = [
    {
        "attributes": [
            {"attribute": "sex", "values": ["Male", "Female"]},
            {"attribute": "age", "values": ["65+", "18-34"]},
        ]
    },
    {"name": "a/b, c | d", "attributes": [{"attribute": "sex", "values": ["Male"]}]},
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One run of three tasks with both loggers, a fifth of whose verdicts is missing and whose groups have odd names."""
    cwd = tmp_path_factory.mktemp("loggers")
    python = str(tool_python("wandb>=0.20,<1", "trackio>=0.20,<1", with_ours=True))
    metadata = {"n": N, "k": 4, "by": "sex,education", "min_support": 2, "intersection_json": json.dumps(GROUPS)}
    with Server(faults={"garbage": 0.2}) as server:
        return evaluate(
            server,
            ",".join(TASKS),
            *("--wandb_args", "project=p,mode=offline", "--trackio_args", "project=p"),
            cwd=cwd,
            metadata={**metadata, "critic_attempts": 1, "critic_max_failures": 1},
            install=Install("loggers", python, include=True, pythonpath=warm.path()),
            TRACKIO_DIR=str(cwd / "trackio"),
            WANDB_DIR=str(cwd),
        )


def test_no_logger_gives_up(run: Ran) -> None:
    assert run.code == 0, run.stderr[-3000:]
    assert "Logging to W&B failed" not in run.stderr
    assert "Logging to Trackio failed" not in run.stderr
    assert "Failed to" not in run.stderr


def test_wandb_has_every_sample(run: Ran) -> None:
    tables = {p.name.split("_eval_results")[0]: json.loads(p.read_text()) for p in media(run)}
    assert {name: len(tables[name]["data"]) for name in TASKS} == dict.fromkeys(TASKS, N)
    assert "answer_failures" in tables["persona_main"]["columns"]


def media(run: Ran) -> list[Path]:
    return list((run.folder.parent / "wandb").glob("offline-run-*/files/media/table/*_eval_results_*.table.json"))


def test_trackio_has_every_row_and_every_sample(run: Ran) -> None:
    database = sqlite3.connect(run.folder.parent / "trackio" / "p.db")
    logged: dict[str, Any] = {}
    for (text,) in database.execute("select metrics from metrics"):
        logged.update(json.loads(text))
    rows = {
        f"{task}/{name}"
        for task in TASKS
        for name, v in run.results()["results"][task].items()
        if not isinstance(v, str)
    }
    assert rows <= set(logged)
    assert database.execute("select count(*) from traces").fetchone() == (N * len(TASKS),)


def test_rows_are_flat_numbers_with_names_that_lm_eval_can_split(run: Ran) -> None:
    for task in TASKS:
        for name, value in run.results()["results"][task].items():
            assert isinstance(value, (int, float, str))
            assert name.count(",") <= 1
            assert not set(name) & set("/|\n")
    rows = run.rows("persona_intersection")
    assert "personalized[a∕b; c ¦ d]" in rows
    assert "personalized[education=Some college; no degree]" in run.rows("persona_main")


def test_files_are_strict_json(run: Ran) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    for path in run.folder.rglob("*.json*"):
        for text in [path.read_text()] if path.suffix == ".json" else path.read_text().splitlines():
            json.loads(text, parse_constant=refuse)


def test_datasets_loads_results_and_samples_as_the_hub_does(run: Ran, tmp_path: Path) -> None:
    for path in run.folder.rglob("*.json*"):
        loaded = datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=str(tmp_path))
        assert len(loaded) == (1 if path.suffix == ".json" else N)
