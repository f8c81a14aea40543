"""Ray on this machine, when its own processes are killed: the command ends, and says why."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="needs the ray extra")
pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.xdist_group("ray")]

ROOT = Path(__file__).parents[2]
KILLED = """
import time
from persona_metrics.cluster import engine

with engine.started(num_cpus=1) as ray:
    for name, process in ray._private.worker._global_node.live_processes():
        if name == "raylet":
            process.kill()
    time.sleep(60)
"""


def test_killed_raylet_ends_the_command_with_a_line() -> None:
    shown = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run([sys.executable, "-c", KILLED], env=shown, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [
        "persona-metrics: error: --engine ray: Ray's raylet ended on this machine (killed, or out of memory?); run the same"
        " command again"
    ]
