"""The door is quick: what is heavy is imported when it is asked for, and no moment sooner."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = (
    *("lm_eval", "torch", "pandas", "numpy", "scipy", "seaborn", "matplotlib"),
    *("openai", "aiohttp", "pydantic", "datasets", "jinja2"),
)


def imported(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(' '.join(sys.modules))"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    [
        "import persona_metrics",
        "from persona_metrics.cli import parser; parser('')",
        "from persona_metrics.cli import main\ntry: main(['--version'])\nexcept SystemExit: pass",
    ],
)
def test_nothing_heavy_stands_in_the_door(code: str) -> None:
    assert not imported(code) & set(HEAVY)
