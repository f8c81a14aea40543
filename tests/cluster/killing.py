"""Commands with a Ray of their own, to be killed: the driver and the workers are forks of one Python, known by its mark."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests import warm

MARK = {"RAY_TEST_MARK": str(os.getpid())}
"""Stands in the environment of each of their processes, and of no other on this machine."""
RUN = """
import sys
sys.executable = sys.argv.pop(1)
from persona_metrics.cli import main
sys.exit(main(sys.argv[1:]))
"""
"""The command, with the Python that Ray starts its workers with."""


def begun(words: list[str], place: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    """Start ``persona-metrics`` with these words; ``place`` is where a file can be written."""
    started = warm.ray(place / "python", **MARK)
    command = [*warm.python(modules=warm.RAY, **MARK), "-c", RUN, str(started), *words]
    shown = {**environment, **MARK, "PYTHONPATH": warm.path(), "HF_HUB_OFFLINE": "1"}
    return subprocess.Popen(command, env=shown, text=True)


def processes(name: bytes = b"") -> Iterator[int]:
    """Yield the numbers of the commands' processes of this name, but for the Python that waits."""
    mark = "".join(f"{name}={value}" for name, value in MARK.items()).encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            named, inherited = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
            parent = int((folder / "stat").read_bytes().rpartition(b")")[2].split()[1])
        except OSError:
            continue
        if name in named and mark in inherited.split(b"\0") and not (parent == os.getpid() and b"server.py" in named):
            yield int(folder.name)


def wait_for(run: subprocess.Popen[str], moment: Callable[[], bool]) -> None:
    """Wait for the moment to kill somebody."""
    while not moment():
        assert run.poll() is None, "the run ended before it was killed"
        time.sleep(0.01)
