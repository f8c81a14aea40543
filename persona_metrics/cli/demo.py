"""``persona-metrics demo``: one run that needs nothing but this machine."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from .. import embedded_model, settings
from ..errors import PersonaError
from ..harness.task_files import include_path
from . import demo_judgefree

NOTHING = "The 135M embedded critic's verdicts mean nothing. They show that everything runs, not how good a model is."

REAL = "A real number for the embedded model, without a critic. "


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``demo``."""
    parser.add_argument("--n", type=int, default=3, help="pairs to run (default 3, about a minute)")
    parser.add_argument("--task", default="persona_main", help="the task to run (default persona_main)")
    parser.add_argument("--out", default="persona-demo", help="folder for results and samples (default persona-demo)")


def run(arguments: argparse.Namespace) -> int:
    """Run a task through the ``lm_eval`` command with the embedded model as model and critic."""
    if arguments.n < 1:
        raise PersonaError(f"--n {arguments.n}: at least one pair")
    out = Path(arguments.out)
    path = embedded_model.model_path(settings.load().local_model)
    with embedded_model.LocalServer(path) as server:
        # As JSON, the one form that every version of lm-eval takes.
        metadata = {
            "n": arguments.n,
            "min_support": min(30, arguments.n),
            "critic_model": "embedded",
            "critic_base_url": server.base_url,
            "critic_max_failures": 1,
            "critic_timeout": 1200,  # a slow machine is no reason to stop
            "critic_store": "off",  # verdicts that mean nothing are not worth keeping
        }
        command = [
            *(sys.executable, "-m", "lm_eval", "run", "--model", "local-chat-completions"),
            "--model_args",
            f"model=embedded,base_url={server.base_url}/chat/completions,num_concurrent=2,timeout=1200",
            *("--apply_chat_template", "--tasks", arguments.task, *include_path()),
            *("--metadata", json.dumps(metadata), "--gen_kwargs", "max_gen_toks=160"),
            *("--output_path", str(out), "--log_samples"),
        ]
        environment = {
            "HF_HUB_OFFLINE": "1",
            "LMEVAL_LOG_LEVEL": "ERROR",
            "PYTHONSAFEPATH": "1",  # or a file of this folder could stand in for a module of Python's
            **os.environ,
            "OPENAI_API_KEY": "none",  # lm-eval's chat models insist on a key; the user's own is not needed here
        }
        code = subprocess.run(command, env=environment, check=False).returncode
        if code:
            raise PersonaError(f"lm_eval ended with exit code {code}; what it said stands above")
        alone = demo_judgefree.run(server.base_url, out, environment)
    print("\n".join((f"\n{NOTHING}", *(f"\n{REAL}{sentence}" for sentence in alone), "\nFiles:")))
    for written in sorted(out.rglob("*.json*")):
        print(f"  {written}")
    return 0
