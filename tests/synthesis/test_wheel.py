from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
def test_an_installed_wheel_generates_the_same_personas_as_the_checkout(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "site")
    for place, name in ((tmp_path / "site", "wheel.jsonl"), (ROOT, "checkout.jsonl")):
        subprocess.run(
            [sys.executable, "-m", "persona_metrics", "personas", "--n", "40", "--seed", "9", "--out", name],
            check=True,
            capture_output=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(place)},
        )
    assert (tmp_path / "wheel.jsonl").read_bytes() == (tmp_path / "checkout.jsonl").read_bytes()
