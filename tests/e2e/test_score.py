"""Answers first, judging later: the same table as in one step, with the lm_eval command as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from persona_metrics.harness.task_files import tasks_folder
from tests import warm
from tests.fakes.server import Server

ROOT = Path(__file__).parents[2]
TASKS = ("persona_main", "persona_loo", "persona_intersection", "persona_pass_at_k")
SETTINGS = ("n=12", "min_support=3", "k=3", "attributes=age+sex", "cross=sex")


def environment(server: Server) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": warm.path(),
        "OPENAI_API_KEY": "none",
        "HF_HUB_OFFLINE": "1",
        "PERSONA_CRITIC_MODEL": "critic",
        "PERSONA_CRITIC_BASE_URL": server.base_url,
        "PERSONA_CRITIC_STORE": "off",
    }


def start_lm_eval(server: Server, out: Path, *more: str) -> subprocess.Popen[str]:
    command = [*warm.python(), "-m", "lm_eval", "run", "--model", "local-chat-completions", "--apply_chat_template"]
    command += ["--model_args", f"model=m,base_url={server.chat_url},num_concurrent=8", "--tasks", ",".join(TASKS)]
    command += ["--include_path", str(tasks_folder()), "--metadata", *SETTINGS, "--log_samples"]
    return subprocess.Popen([*command, "--output_path", str(out), *more], env=environment(server), text=True)


def results(folder: Path) -> dict[str, Any]:
    (path,) = folder.rglob("results_*.json")
    return dict(json.loads(path.read_text()))


def _without_times(metadata: dict[str, Any]) -> dict[str, Any]:
    """Leave out of the ledger how long each run's own calls took."""
    times = {"call_seconds", "seconds"}
    sides = {who: {k: v for k, v in side.items() if k not in times} for who, side in metadata["usage"].items()}
    assert set(sides) == {"model", "critic"}
    return {**metadata, "usage": sides}


@pytest.mark.slow
def test_predict_only_then_score_equals_the_one_step_run(tmp_path: Path) -> None:
    with Server() as server:
        runs = [
            start_lm_eval(server, tmp_path / "one"),
            start_lm_eval(server, tmp_path / "answers", "--predict_only"),
        ]
        assert [run.wait(300) for run in runs] == [0, 0]
        command = [*warm.python(), "-m", "persona_metrics", "score", str(tmp_path / "answers")]
        subprocess.run([*command, "--out", str(tmp_path / "scored")], env=environment(server), check=True)
    one, scored = results(tmp_path / "one"), results(tmp_path / "scored")
    assert set(scored["results"]) == set(TASKS)
    assert scored["results"] == one["results"]
    assert scored["task_hashes"] == one["task_hashes"]
    assert scored["n-samples"] == one["n-samples"]
    for task in TASKS:
        metadata = scored["configs"][task]["metadata"]
        assert metadata.pop("scored_from").startswith(f"samples_{task}_")
        assert _without_times(metadata) == _without_times(one["configs"][task]["metadata"])
