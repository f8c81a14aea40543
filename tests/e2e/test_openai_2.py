"""Others pin ``openai`` below 3: the critic and its batches work beside them, tested in an environment of their own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.tools import tool_python

ROOT = Path(__file__).parents[2]
TESTS = ("tests/critic/test_client.py", "tests/critic/test_transport.py", "tests/scoring/test_batch.py")


@pytest.mark.slow
def test_the_critics_tests_pass_with_openai_2() -> None:
    python = tool_python("openai==2.54.0", with_ours=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    seen = subprocess.run(
        [python, "-c", "import openai; print(openai.__version__)"], capture_output=True, text=True, check=True
    )
    assert seen.stdout.strip() == "2.54.0"
    plain = ("-q", "-n", "0", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")
    command = [str(python), "-m", "pytest", *plain, "-m", "not slow", *TESTS]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
