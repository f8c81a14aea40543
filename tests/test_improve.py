"""The loop from verdicts to better answers on planted data (``bench/improve.py``): every number is the computed one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_planted_loop_reward_canary_and_gradient_do_what_was_computed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.improve"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    before, after = re.search(r"adapts (\d\.\d+) before, (\d\.\d+) after", done.stdout).groups()  # type: ignore[union-attr]
    assert float(before) < 0.5 < float(after)
    assert "hacker, batch 1: canary: constant essays" in done.stdout
