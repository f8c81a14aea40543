"""A command that is forked from the Python that waits is to its caller what one started afresh is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import warm

SHOWN = (
    "import os, sys\nprint(sys.argv, os.getcwd(), os.getenv('PERSONA_N'), 'lm_eval' in sys.modules, sys.stdin.read())"
)
ENDINGS = {
    "well": "pass",
    "a code": "import sys; sys.exit(3)",
    "words": "import sys; sys.exit('no such thing')",
    "an error": "1 / 0",
    "a thread that goes on": "import threading, time; threading.Timer(0.2, print, ['later']).start()",
    "a full disk": "import os, sys; os.dup2(os.open('/dev/full', os.O_WRONLY), 1); print('lost')",
    "a signal": "import os; os.kill(os.getpid(), 9)",
    "at exit": "import atexit; atexit.register(print, 'bye')",
    "no output": "import sys; print(sys.stdout, file=sys.stderr)",
}
pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="commands are forked on Linux alone")


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": warm.path(), **more}


@pytest.mark.parametrize("ending", ENDINGS)
def test_it_ends_as_one_started_afresh(ending: str, tmp_path: Path) -> None:
    def ran(python: tuple[str, ...]) -> tuple[int, str, list[str]]:
        close = {"preexec_fn": lambda: os.close(1)} if ending == "no output" else {}
        command = [*python, "-c", ENDINGS[ending]]
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment(), cwd=tmp_path, check=False, **close
        )
        # A traceback has what called whom above its last line.
        return done.returncode, done.stdout, done.stderr.splitlines()[-1:]

    assert ran(warm.python()) == ran((sys.executable,))


def test_it_has_the_callers_arguments_folder_settings_and_streams(tmp_path: Path) -> None:
    command = [*warm.python(), "-c", SHOWN, "a b", "--n=3"]
    done = subprocess.run(
        command, input="typed", capture_output=True, text=True, env=environment(PERSONA_N="7"), cwd=tmp_path, check=True
    )
    assert done.stdout == f"['-c', 'a b', '--n=3'] {tmp_path} 7 True typed\n"


@pytest.mark.parametrize(
    "more", [{"PYTHONHASHSEED": "7"}, {"LC_ALL": "C"}, {"PYTHONPATH": "/nowhere"}, {"HF_HOME": "/x"}]
)
def test_one_that_would_import_other_things_is_started_afresh(more: dict[str, str], tmp_path: Path) -> None:
    command = [*warm.python(), "-c", SHOWN]
    done = subprocess.run(
        command, input="", capture_output=True, text=True, env=environment(**more), cwd=tmp_path, check=True
    )
    assert "False" in done.stdout


@pytest.mark.parametrize("safe", ["", "1"])
def test_it_finds_in_its_folder_what_one_started_afresh_finds(safe: str, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("print('found')")

    def ran(python: tuple[str, ...]) -> list[tuple[int, str]]:
        commands = [[*python, "-c", "import beside"], [*python, "-m", "beside"]]
        shown = environment(PYTHONSAFEPATH=safe)
        done = [
            subprocess.run(c, capture_output=True, text=True, env=shown, cwd=tmp_path, check=False) for c in commands
        ]
        return [(one.returncode, one.stdout) for one in done]

    assert ran(warm.python()) == ran((sys.executable,))
    assert (ran(warm.python())[0] == (0, "found\n")) == (not safe or sys.version_info < (3, 11))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_reaches_it(number: signal.Signals, tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    code = f"import pathlib, time\nwhile True: pathlib.Path({str(alive)!r}).touch(); time.sleep(0.02)"
    with subprocess.Popen(
        [*warm.python(), "-c", code], env=environment(), stderr=subprocess.PIPE, text=True
    ) as process:
        while not alive.exists():
            time.sleep(0.01)
        process.send_signal(number)
        _, said = process.communicate()
    assert process.returncode == -number
    assert ("KeyboardInterrupt" in said) is (number is signal.SIGINT)
    time.sleep(0.2)
    alive.unlink()
    time.sleep(0.2)
    assert not alive.exists()
