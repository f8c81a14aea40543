"""A mistake that every process of a launcher sees is said once, whichever of them sees it first."""

from __future__ import annotations

import os
import subprocess
import time

import pytest

from tests import warm

MISTAKEN = """
import sys, time
from persona_metrics.errors import PersonaError
from persona_metrics.harness.exits import user_errors
with user_errors():
    time.sleep(float(sys.argv[1]))
    raise PersonaError("too few pairs")
"""


@pytest.mark.parametrize("waits", [(0.8, 0.0), (0.0, 0.8), (0.0, 0.0)])
def test_the_first_process_says_what_is_wrong_before_a_launcher_kills_it(waits: tuple[float, float]) -> None:
    """As torchrun does: when one has ended with an error the others are killed."""
    ranks = [
        subprocess.Popen(
            [*warm.python(), "-c", MISTAKEN, str(wait)],
            env={**os.environ, "LOCAL_RANK": str(rank), "PYTHONPATH": warm.path()},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank, wait in enumerate(waits)
    ]
    while all(rank.poll() is None for rank in ranks):
        time.sleep(0.01)
    for rank in ranks:
        rank.terminate()
    said = [rank.communicate(timeout=30)[1] for rank in ranks]
    assert said == ["persona-metrics: error: too few pairs\n", ""]
    assert ranks[0].returncode == 2
