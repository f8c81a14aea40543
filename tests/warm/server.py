"""Waits with everything imported and forks a process for each command that a client hands over. Has one thread, for forks."""

# ruff: noqa: SIM115 - the streams of a whole process
from __future__ import annotations

import array
import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import resource
import runpy
import select
import signal
import socket
import sys
import threading
import types
from collections.abc import Mapping
from typing import Any

MODULES = (
    *("lm_eval.__main__", "lm_eval.evaluator", "lm_eval.tasks", "lm_eval.models.openai_completions"),
    *("lm_eval.models.dummy", "lm_eval.loggers", "lm_eval._cli.run", "lm_eval.config.evaluate_config"),
    *("persona_metrics.harness.task", "persona_metrics.cli.run", "persona_metrics.cli.score"),
    *("persona_metrics.cli.report", "persona_metrics.cli.export", "persona_metrics.cli.leaderboard"),
    *("persona_metrics.scoring.streamed", "persona_metrics.scoring.outcome", "persona_metrics.api"),
    *("matplotlib.pyplot", "matplotlib.backends.backend_svg", "seaborn", "pyarrow.parquet", "pyarrow.json"),
)
AT_IMPORT = (
    *("PYTHON", "LC_", "LANG", "LD_", "PATH", "HOME", "XDG_", "TMPDIR", "HF_", "TRANSFORMERS_", "MPL"),
    *("OMP_", "OPENBLAS_", "MKL_"),
)
"""Variables that are read before a command runs: by Python as it starts, or by a module as it is imported."""
HARMLESS = {"PYTHONDONTWRITEBYTECODE", "PYTHONSAFEPATH", "HF_XET_HIGH_PERFORMANCE", "PYTHON_EXEC"}
"""Of these, what a fork can take on, what lm-eval sets in every process that imports it, and what torch starts ranks with."""
ENCODING = sys.stdout.encoding
"""What Python chose for what is printed, by the environment."""
GIVEN = dict(os.environ)
"""The environment before anything was imported."""


def differs(environment: dict[str, str], folder: str, here: str) -> bool:
    """Return whether a Python started in this environment and folder would import other things than this one did.

    Where this one waits with the checkout's code, that is imported by all who name it or start in its folder.
    """
    names = {n for n in {*environment, *GIVEN} if n.startswith(AT_IMPORT) and environment.get(n) != GIVEN.get(n)}
    given, ours, inside = environment.get("PYTHONPATH"), "PYTHONPATH" in GIVEN, folder == here and not safe(environment)
    if ours and (given == here or (given is None and inside)):
        names.discard("PYTHONPATH")
    elif inside and not ours:
        return True
    return bool(names - HARMLESS)


def safe(environment: Mapping[str, str]) -> bool:
    """Return whether Python imports nothing that lies in the folder where it is started."""
    return bool(environment.get("PYTHONSAFEPATH")) and sys.version_info >= (3, 11)


def received(client: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Return the command, and the client's standard streams."""
    numbers = array.array("i")
    head, more, _, _ = client.recvmsg(4, socket.CMSG_LEN(3 * numbers.itemsize))
    for _, _, data in more:
        numbers.frombytes(data[: len(data) - len(data) % numbers.itemsize])
    with client.makefile("rb") as file:
        told = json.loads(file.read(int.from_bytes(head, "big")))
    told["words"] = [text(word) for word in told["words"]]
    told["environment"] = {text(name): text(value) for name, value in told["environment"].items()}
    return told, list(numbers)


def text(given: str) -> str:
    """Return as this Python reads it what the client had as bytes."""
    return os.fsdecode(given.encode("latin-1"))


def become(told: dict[str, Any], streams: list[int]) -> None:
    """Take on the command's streams, folder and environment, and run it."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(told["folder"])
    resource.setrlimit(resource.RLIMIT_FSIZE, tuple(told["limit"]))
    imported = {name: value for name, value in os.environ.items() if name not in GIVEN}
    os.environ.clear()
    os.environ.update({**imported, **told["environment"]})
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    read, errors = sys.stdin, sys.stdout.errors
    unbuffered = told["unbuffered"] or bool(os.environ.get("PYTHONUNBUFFERED"))
    for number in told["closed"]:
        os.close(number)
    # As Python does it: no stream where there is none.
    shut = told["closed"]
    sys.stdin = None if 0 in shut else open(0, encoding=read.encoding, errors=read.errors, closefd=False)
    sys.stdout = None if 1 in shut else opened(1, errors, buffered=not unbuffered)
    sys.stderr = None if 2 in shut else opened(2, "backslashreplace", buffered=False)
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    signal.signal(signal.SIGINT, signal.default_int_handler)
    leave(ran(told["folder"], *told["words"]))


def opened(number: int, errors: str, *, buffered: bool) -> io.TextIOWrapper:
    """Return a standard stream to write to."""
    binary = open(number, "wb", buffering=-1 if buffered else 0, closefd=False)
    return io.TextIOWrapper(
        binary, encoding=ENCODING, errors=errors, write_through=not buffered, line_buffering=os.isatty(number)
    )


def ran(folder: str, kind: str, *words: str) -> int:
    """Run a module, a text or a file; return the exit code, and let pass what Python says more of than a code."""
    first = {"-m": folder, "-c": ""}.get(kind, os.path.dirname(kind))  # noqa: PTH120 - as Python has it
    sys.path[:1] = [] if safe(os.environ) else [first]
    try:
        if kind == "-m":
            sys.argv = [*words]
            runpy.run_module(words[0], run_name="__main__", alter_sys=True)
        elif kind != "-c":
            sys.argv = [kind, *words]
            runpy.run_path(kind, run_name="__main__")
        else:
            sys.argv = ["-c", *words[1:]]
            main = types.ModuleType("__main__")
            sys.modules["__main__"] = main
            exec(compile(words[0], "<string>", "exec"), main.__dict__)
            if sys.stdout is not None:
                sys.stdout.flush()  # as `-c` does
    except SystemExit as stopped:
        if not isinstance(stopped.code, (int, type(None))):
            raise
        return stopped.code or 0
    return 0


def leave(code: int) -> None:
    """End as Python does, but for taking every module apart: of a fork that is a third of a short command."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
    except OSError:
        sys.exit(code)  # Python says what it lost
    os._exit(code & 0xFF)


def watch(client: socket.socket, number: int) -> None:
    """Tell the client how the command ended; end it where the client is gone."""
    client.sendall(json.dumps({"number": number}).encode() + b"\n")
    own = os.pidfd_open(number)
    ready, _, _ = select.select([own, client], [], [])
    if own not in ready:
        os.kill(number, signal.SIGKILL)
    _, status = os.waitpid(number, 0)
    with contextlib.suppress(OSError):
        client.sendall(json.dumps({"status": status}).encode() + b"\n")
    os._exit(0)


def main() -> None:
    """Import, say so, and fork until standard input ends."""
    _, address, here, *more = sys.argv
    sys.path[0] = ""  # nothing beside this file
    for name in (*MODULES, *more):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(address)
    listening.listen(16)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    os.write(1, b"ready\n")
    while True:
        ready, _, _ = select.select([listening, 0], [], [])
        if 0 in ready:
            return
        client, _ = listening.accept()
        told, streams = received(client)
        if differs(told["environment"], told["folder"], here):
            client.sendall(b"{}\n")
        elif os.fork() == 0:
            listening.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # as before Python is up: it ends without a word
            number = os.fork()
            if number == 0:
                client.close()
                os.setpgid(0, 0)  # who ends it and all that it started must not end this one, too
                break
            watch(client, number)
        for stream in streams:
            os.close(stream)
        client.close()
    become(told, streams)


main()
