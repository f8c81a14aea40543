"""The README's first command: the embedded model, by a real llama.cpp, as model and as critic."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from persona_metrics.runs.read import load_run, read_samples, results_of
from tests import warm
from tests.e2e.command import Ran
from tests.e2e.test_judgefree import BRIEF

SHORT = """
import sys
from persona_metrics.cli import demo, demo_judgefree, main
demo.ANSWER, demo.DEBATE = 60, 200
demo_judgefree.RUNS = (("choice", {"n": 1}), ("opinion", {"n": 2, "k": 1}))
sys.executable = sys.argv.pop(1)
sys.exit(main(sys.argv[1:]))
"""
"""The command with fewer tokens, and a fork for the ``lm_eval`` that it starts; CI runs it whole, as the README has it."""


@pytest.mark.slow
def test_demo_prints_the_table_what_it_is_worth_and_where_the_files_are(tmp_path: Path) -> None:
    forked = str(warm.executable(tmp_path / "python", warm.python()))
    done = subprocess.run(
        [*warm.python(), "-c", SHORT, forked, "demo", "--n", "1", "--out", "out"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": warm.path(),
            "HF_HUB_OFFLINE": "1",
            "OPENAI_API_KEY": "sk-not-for-the-demo",
            "PERSONA_COLUMNS": BRIEF,
        },
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    ran = Ran(done.returncode, done.stdout, done.stderr, tmp_path / "out")
    table = ran.table("persona_main")
    assert {"personalized", "critic_failures", "answer_failures"} <= set(table)
    assert 0 <= float(table["personalized"]) <= 1
    assert "The 135M embedded critic's verdicts mean nothing." in done.stdout
    assert done.stdout.count("A real number for the embedded model, without a critic.") == 2
    assert "guessing gives about 25%" in done.stdout
    alone = set(ran.folder.glob("persona_*/**/*.json*"))
    (results,) = set(ran.folder.rglob("results_*.json")) - alone
    (samples,) = set(ran.folder.rglob("samples_*.jsonl")) - alone
    for path in (results, samples):
        assert str(path.relative_to(tmp_path)) in done.stdout
    (run,) = load_run(results).tasks
    assert run.metadata["critic_endpoint"] == run.metadata["critic_model"] == "embedded"
    verdicts = [result["verdict"] for sample in read_samples(samples) for result in results_of(sample)]
    assert len(verdicts) == 1
    assert all(v["votes"][0]["debate"] or v["missing"] for v in verdicts)
    # What this project could say, and did not: no warning of lm-eval, no trace of a key.
    assert "WARNING" not in done.stderr
    assert "sk-not-for-the-demo" not in ran.everything()
