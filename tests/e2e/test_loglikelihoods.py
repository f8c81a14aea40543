"""Loglikelihoods over HTTP: lm_eval's ``local-completions`` against an endpoint that echoes with logprobs, planted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.command import HERE, Ran, run
from tests.fakes.choosing import Shares, ignores, knows, table
from tests.fakes.completions import Echo

pytestmark = pytest.mark.slow


def scored(shares: Shares, task: str, cwd: Path, *metadata: str) -> tuple[Ran, Echo]:
    with Echo(shares, keep_log=False) as server:
        model = (
            f"model=m,base_url={server.completions_url},tokenizer_backend=remote,num_concurrent=16,max_length=100000"
        )
        command = ["run", "--model", "local-completions", "--model_args", model, "--tasks", task, "--log_samples"]
        done = run(
            [*command, *HERE.flags, "--output_path", "out", "--metadata", *metadata], cwd=cwd, OPENAI_API_KEY="none"
        )
    assert done.code == 0, done.stderr
    return done, server


@pytest.mark.parametrize(
    ("shares", "adapts", "stays"),
    [(knows, 1.0, 1.0), (ignores, 0.0, 1.0)],
    ids=["knows the rules", "ignores the person"],
)
def test_choice_by_loglikelihood_over_http(tmp_path: Path, shares: Shares, adapts: float, stays: float) -> None:
    done, server = scored(shares, "persona_choice", tmp_path, "n=6")
    rows = done.rows("persona_choice")
    assert (rows["adapts"], rows["stays"]) == (adapts, stays)
    asks = sum(len(s["doc"]["asks"]) * len(s["doc"]["options"]) for s in done.samples("persona_choice"))
    assert server.counts["completions"] == asks + 1  # the dry request before the run


def test_opinion_of_a_group_s_own_table_over_http(tmp_path: Path) -> None:
    done, _ = scored(table(1), "persona_opinion", tmp_path, "n=20", "by=ideology")
    rows = done.rows("persona_opinion")
    assert rows["skill"] == pytest.approx(1.0, abs=0.02)
    assert rows["steer"] == pytest.approx(1.0, abs=0.02)
