"""TRL's own trainers take the exported files and the rewards, two steps each, on a tiny random model."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from persona_metrics.cli import main
from tests import warm
from tests.e2e.command import run
from tests.e2e.test_exports import call
from tests.e2e.test_ranks import MODULES, TORCH
from tests.e2e.tools import tool_python
from tests.fakes.runs import Planted, write_run
from tests.fakes.server import Server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.hf,
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs the hf extra and torch"),
]
TRL = "trl==1.16.0"
STEPS = Path(__file__).with_name("trl_steps.py")
FORKED = """
import runpy, sys
_, trl, *sys.argv = sys.argv
sys.path.insert(0, trl)
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""The steps with TRL, in a fork of the Python that ranks are forks of, too."""


def test_trainers_take_every_export_and_both_rewards(tmp_path: Path) -> None:
    planted = Planted(rate=lambda pair, variant: 0.5, sentences=2)  # noqa: ARG005
    write_run(tmp_path / "run", ("persona_pass_at_k",), n=8, k=4, planted=planted)
    words = ["run", "--model", "dummy", "--tasks", "persona_choice", "--metadata", '{"n": 4}', "--output_path", "out"]
    done = run([*words, "--log_samples"], cwd=tmp_path, module="persona_metrics")
    assert done.code == 0, done.stderr
    formats = {"trl-preference": "parquet", "trl-unpaired": "jsonl", "trl-prompts": "parquet", "sft": "jsonl"}
    for target, kind in formats.items():
        words = ["export", str(tmp_path / "run"), "--to", target, "--format", kind, "--out", str(tmp_path / target)]
        assert main(words) == 0
    assert main(["export", str(tmp_path / "out"), "--to", "trl-prompts", "--out", str(tmp_path / "choice")]) == 0
    tool = tool_python(no_deps=(TRL,), with_ours=True)
    (trl,) = tool.parents[1].glob("lib/python*/site-packages")
    python, *words = warm.python(modules=MODULES, **TORCH)
    # Random bytes fit nobody, and neither do the canary's tricks.
    with Server(verdict=lambda *given: not given[2].startswith("Answer ")) as server:
        printed = call(
            *(Path(python), *words, "-c", FORKED, str(trl), str(STEPS), str(tmp_path)),
            PYTHONPATH=warm.path(),
            HF_HUB_OFFLINE="1",
            **TORCH,
            PERSONA_CRITIC_MODEL="c",
            PERSONA_CRITIC_BASE_URL=server.base_url,
            PERSONA_CRITIC_STORE=str(tmp_path / "s.sqlite"),
        )
    found = json.loads(printed.splitlines()[-1])
    assert {name: one["steps"] for name, one in found.items()} == dict.fromkeys(
        ("dpo", "kto", "sft", "grpo", "grpo choice"), 2
    )
    assert "rewards/accuracies" in found["dpo"]["logged"]
    assert {"rewards/personalized/mean", "persona/fits", "persona/fits_other"} <= set(found["grpo"]["logged"])
    assert {"rewards/choice/mean", "persona/right"} <= set(found["grpo choice"]["logged"])
