"""Ray on this machine, when its own processes are killed: the command ends, and says why."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from persona_metrics.cluster import engine

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


TRACE = """\x1b[36mray::MapWorker(MapBatches(UDF)).submit()\x1b[39m (pid=1, ip=192.0.2.2)
  File "base.py", line 200, in __call__
    async for output in self.udf(normal_rows):
torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 20 GiB

The above exception was the direct cause of the following exception:

ray.exceptions.UserCodeException: UDF failed to process a data block.
To change retry attempts, configure `ray.data.DataContext.get_current()`."""


def test_an_error_of_an_actor_is_said_by_what_it_is_at_bottom() -> None:
    assert engine.said(RuntimeError(TRACE)).startswith("torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to")
    assert engine.said(RuntimeError("no trace at all")) == "no trace at all"


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.xdist_group("ray")
def test_killed_raylet_ends_the_command_with_a_line() -> None:
    pytest.importorskip("ray", reason="needs the ray extra")
    shown = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run([sys.executable, "-c", KILLED], env=shown, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [
        "persona-metrics: error: --engine ray: Ray's raylet ended on this machine (killed, or out of memory?); run the same"
        " command again"
    ]
