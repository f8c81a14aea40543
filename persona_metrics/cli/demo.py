"""``persona-metrics demo``: one run that needs nothing but this machine."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .. import settings
from ..consoles import say
from ..embedded_model.model import LocalServer, model_path
from ..errors import PersonaError, shorten, suggest
from ..harness.task_files import lm_eval_folder
from ..harness.yamls import read_task, task_names
from . import demo_judgefree

NOTHING = "The 135M embedded critic's verdicts mean nothing. They show that everything runs, not how good a model is."
ANSWER, DEBATE = 160, 400
"""Tokens of an answer and of a debate at most: the embedded model says nothing worth waiting for."""
READ = {"answer": 600, "debate": 1300}
"""Tokens of a prompt, about."""
START = 15.0
"""Seconds until lm_eval is imported and begins, about."""
BEAT = 15.0
"""Seconds between two signs of life."""

REAL = "A real number for the embedded model, without a critic. "


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``demo``."""
    parser.add_argument("--n", type=int, default=3, help="pairs to run (default 3, a minute or two)")
    parser.add_argument("--task", default="persona_main", help="the task to run (default persona_main)")
    parser.add_argument("--out", default="persona-demo", help="folder for results and samples (default persona-demo)")


def run(arguments: argparse.Namespace) -> int:
    """Run a task through lm_eval, in a process of its own, with the embedded model as model and critic."""
    if arguments.n < 1:
        raise PersonaError(f"--n {arguments.n}: at least one pair")
    if arguments.task not in (known := task_names()):
        hint = suggest(arguments.task, known)
        raise PersonaError(
            f"--task {shorten(arguments.task, 40)!r} is no task of the pack{hint}; one of {', '.join(known)}"
        )
    lm_eval_folder()
    out = Path(arguments.out)
    path = model_path(settings.load().local_model)
    with LocalServer(path) as server:
        # As JSON, the one form that every version of lm-eval takes.
        metadata = {
            "n": arguments.n,
            "critic_model": "embedded",
            "critic_base_url": server.base_url,
            "critic_max_tokens": DEBATE,
            "critic_attempts": 2,
            "critic_max_failures": 1,
            "critic_timeout": 1200,  # a slow machine is no reason to stop
            "critic_store": "off",  # verdicts that mean nothing are not worth keeping
        }
        command = [
            *(sys.executable, "-m", "persona_metrics", "run", "--model", "local-chat-completions"),
            "--model_args",
            f"model=embedded,base_url={server.base_url}/chat/completions,num_concurrent=2,timeout=1200",
            *("--apply_chat_template", "--tasks", arguments.task),
            *("--metadata", json.dumps(metadata), "--gen_kwargs", f"max_gen_toks={ANSWER}"),
            *("--output_path", str(out), "--log_samples"),
        ]
        for name, value in (("HF_HUB_OFFLINE", "1"), ("LMEVAL_LOG_LEVEL", "ERROR")):
            os.environ.setdefault(name, value)
        environment = {
            "PYTHONSAFEPATH": "1",  # or a file of this folder could stand in for a module of Python's
            **os.environ,
            "OPENAI_API_KEY": "none",  # lm-eval's chat models insist on a key; the user's own is not needed here
        }
        expected = seconds(server.speed(), arguments.n, arguments.task)
        say(f"this takes about {_time(expected)} on this machine as it is now")
        with _heartbeat(server):
            code = subprocess.run(command, env=environment, check=False).returncode
            if code:
                raise PersonaError(f"lm_eval ended with exit code {code}; what it said stands above")
            alone = demo_judgefree.run(server.base_url, out)
    print("\n".join((f"\n{NOTHING}", *(f"\n{REAL}{sentence}" for sentence in alone), "\nFiles:")))
    for written in sorted(out.rglob("*.json*")):
        print(f"  {written}")
    return 0


def seconds(speed: tuple[float, float], n: int, task: str) -> float:
    """Return about how long a run takes at so many tokens a second in and out."""
    evaluation = (read_task(task).get("metadata") or {}).get("evaluation", "main")
    variants = {"main": 1, "intersectionality": 1, "pass_at_k": 16}.get(str(evaluation), 6)
    read, write = speed
    answers = n * variants * (READ["answer"] / read + ANSWER / write)
    # One dry debate comes first.
    debates = (n * variants + 1) * (READ["debate"] / read + DEBATE / write)
    letters = demo_judgefree.REPLIES * demo_judgefree.READ / read
    return START + answers + debates + letters


@contextmanager
def _heartbeat(server: LocalServer) -> Iterator[None]:
    """Say every few seconds that something happens, and how much has."""
    done, began = threading.Event(), time.monotonic()
    start = server.answered

    def beat() -> None:
        while not done.wait(BEAT):
            say(f"{_time(time.monotonic() - began)} so far; replies of the embedded model: {server.answered - start}")

    teller = threading.Thread(target=beat, daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()


def _time(amount: float) -> str:
    return f"{amount:.0f} s" if amount < 90 else f"{amount / 60:.0f} min"
