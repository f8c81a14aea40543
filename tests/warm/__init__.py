"""A Python that has imported what our commands import: each process that a test starts is a fork of it.

Importing takes two of the three seconds that a command takes, and the tests start some hundreds. What is forked is a process
of its own in all that a test can see: its arguments, environment, folder, standard streams, signals and exit code. Where it
would differ (another PYTHONPATH, locale or hash seed, a closed stream) a Python is started afresh. The tests of installs, of
the door and of what is imported start Python as a user does.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
_ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith(("PERSONA_", "OPENAI_", "PYTEST_"))}


def is_benchmark(path: Path) -> bool:
    """Return whether this is a folder of lm-eval's library that no test runs (gsm8k's is one that some do)."""
    return path.is_dir() and path.name not in ("gsm8k", "__pycache__")


@cache
def few_benchmarks() -> Path:
    """Return a folder with the installed lm_eval, file for file, but for all benchmarks save gsm8k.

    lm_eval reads 13,000 YAML files whenever it starts: half of what a run of a few pairs takes. A test of installs reads
    them all.
    """
    spec = importlib.util.find_spec("lm_eval")
    assert spec is not None
    assert spec.origin is not None
    real, folder = Path(spec.origin).parent, Path(tempfile.mkdtemp(prefix="lm-eval-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    tasks = folder / "lm_eval" / "tasks"
    tasks.mkdir(parents=True)
    for entry in (*real.iterdir(), *(real / "tasks").iterdir()):
        place = folder / "lm_eval" / entry.relative_to(real)
        if entry.name in ("tasks", "__pycache__") or (entry.parent.name == "tasks" and is_benchmark(entry)):
            continue
        if entry.parent.name == "tasks" and entry.is_dir():
            shutil.copytree(entry, place)  # lm_eval follows no link when it looks for tasks
        else:
            place.symlink_to(entry)
    return folder


def path() -> str:
    """Return the PYTHONPATH of a process that runs the checkout's code on an lm_eval of few benchmarks."""
    return os.pathsep.join([str(few_benchmarks()), str(CHECKOUT)])


@cache
def python(
    executable: str = sys.executable, checkout: bool = True, modules: tuple[str, ...] = (), **environment: str
) -> tuple[str, ...]:
    """Return what stands for ``executable`` in a command that goes on with ``-m MODULE`` or ``-c CODE``.

    The one that waits is started once a worker, and ends with it. A command is its fork where it has the environment of the
    tests (and ``path()`` for its PYTHONPATH, or none in the checkout's folder), whatever its settings are. Without
    ``checkout`` it is what is installed there that waits. One for commands that Python starts otherwise is started in that
    ``environment``, or with more ``modules`` imported.
    """
    if not hasattr(os, "pidfd_open"):  # Linux alone
        return (executable,)
    place = tempfile.mkdtemp(prefix="warm-")
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    address, here = str(Path(place, "s")), Path(__file__)
    server = subprocess.Popen(
        [executable, str(here.with_name("server.py")), address, str(CHECKOUT), *modules],
        cwd=place,
        env={**_ENVIRONMENT, "HF_HUB_OFFLINE": "1", **({"PYTHONPATH": path()} if checkout else {}), **environment},
        stdin=subprocess.PIPE,  # it ends when this does
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    atexit.register(server.wait)
    assert server.stdin is not None
    atexit.register(server.stdin.close)
    return (executable, "-IS", str(here.with_name("client.py")), address)


def executable(place: Path, python: tuple[str, ...]) -> Path:
    """Write at ``place`` what stands for ``python`` where a command has room for a path alone, and return it."""
    place.write_text(f'#!/bin/sh\nexec {shlex.join(python)} "$@"\n', encoding="utf-8")
    place.chmod(0o755)
    return place


RAY = ("persona_metrics.cluster.judge", "persona_metrics.cluster.generate", "persona_metrics.cluster.inside")
"""What actors import, but for Ray itself: its core reads the environment as it is imported."""


def ray(place: Path, **environment: str) -> Path:
    """Write at ``place`` a Python that Ray can be started with, whose workers are forks, and return it.

    Ray's own helpers look for the raylet among their ancestors, where a fork has none.
    """
    forked = shlex.join(python(modules=RAY, **environment))
    # What Ray preloads for its own servers, workers are not to have.
    worker = f'case $1 in */default_worker.py) unset LD_PRELOAD; exec {forked} "$@";; esac'
    place.write_text(f'#!/bin/sh\n{worker}\nexec {shlex.quote(sys.executable)} "$@"\n', encoding="utf-8")
    place.chmod(0o755)
    return place
