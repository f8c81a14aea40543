"""What leans on lm-eval's private side holds on each of its versions, tested in an environment of its own."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import VERSIONS
from tests.e2e.tools import tool_python

ROOT = Path(__file__).parents[2]
TESTS = tuple(f"tests/harness/test_{name}.py" for name in ("compat", "task", "tasks", "link", "cache", "record"))


@pytest.mark.slow
@pytest.mark.parametrize("version", [v for v in VERSIONS if v != importlib.metadata.version("lm-eval")])
def test_what_leans_on_lm_eval_s_private_side_holds_on_its_other_versions(version: str) -> None:
    python = tool_python(no_deps=(f"lm-eval=={version}",), with_ours=True)
    asked = "import importlib.metadata; print(importlib.metadata.version('lm-eval'))"
    seen = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == version
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    plain = ("-q", "-n", "0", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")
    command = [str(python), "-m", "pytest", *plain, *TESTS]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
