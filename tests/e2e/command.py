"""Runs the ``lm_eval`` command in a process of its own, as a user does, and reads what it left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import warm
from tests.fakes.server import Server

CHECKOUT = warm.CHECKOUT
_NOT_INHERITED = ("PERSONA_", "OPENAI_", "GENERATE_MODE", "LOO_JSON", "INTERSECTION_JSON", "HF_TOKEN", "PYTHONPATH")


@dataclass(frozen=True)
class Install:
    """A Python with the pack and lm-eval in it.

    ``include`` says that its lm-eval has to be told where the tasks lie, ``waits`` that one waits with all imported, and
    ``hf_home`` what it has for a cache of data sets, which Hugging Face's packages read as they are imported.
    """

    name: str
    python: str
    include: bool
    pythonpath: str | None = None
    waits: bool = False
    hf_home: Path | None = None

    @property
    def command(self) -> tuple[str, ...]:
        """What starts a process of it."""
        if not self.waits:
            return (self.python,)
        return warm.python(self.python, self.pythonpath is not None, **self.environment)

    @property
    def environment(self) -> dict[str, str]:
        """What a process of it has beside the settings."""
        return {"HF_HOME": str(self.hf_home)} if self.hf_home else {}

    @property
    def flags(self) -> list[str]:
        """What makes ``lm_eval`` find the tasks."""
        return ["--include_path", str(CHECKOUT / "tasks")] if self.include else []


HERE = Install("checkout", sys.executable, include=True, pythonpath=warm.path(), waits=True)
"""This Python, with the checkout's code before what is installed."""


@dataclass(frozen=True)
class Ran:
    """What one run printed and wrote; ``folder`` is its ``--output_path``."""

    code: int
    stdout: str
    stderr: str
    folder: Path

    def results(self) -> dict[str, Any]:
        """Return the one results_*.json."""
        (path,) = self.folder.rglob("results_*.json")
        return dict(json.loads(path.read_text(encoding="utf-8")))

    def rows(self, task: str) -> dict[str, Any]:
        """Return the task's rows by lm-eval's names, without the filter's: ``personalized``, ``personalized_stderr``."""
        rows = self.results()["results"][task]
        return {name.partition(",")[0]: value for name, value in rows.items()}

    def table(self, task: str) -> dict[str, str]:
        """Return the values of the table that was printed, by row."""
        cells = [
            [c.strip() for c in line.split("|")[1:-1]] for line in self.stdout.splitlines() if line.startswith("|")
        ]
        name, found = "", {}
        for row in cells:
            name = row[0] or name
            if name == task:
                found[row[4]] = row[6]
        return found

    def samples(self, task: str) -> list[dict[str, Any]]:
        """Return the lines of the task's samples file."""
        (path,) = self.folder.rglob(f"samples_{task}_????-??-??T*.jsonl")
        # Not splitlines(): a value may hold U+2028, which ends no line of JSON.
        return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]

    def everything(self) -> str:
        """Return all that the run printed or wrote, in one text."""
        files = [p.read_text(encoding="utf-8", errors="replace") for p in self.folder.rglob("*") if p.is_file()]
        return "\n".join([self.stdout, self.stderr, *files])


def run(
    arguments: list[str], *, cwd: Path, install: Install = HERE, module: str = "lm_eval", **environment: str
) -> Ran:
    """Run ``python -m lm_eval …`` (or our command) in ``cwd`` without this process's settings and keys."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(_NOT_INHERITED)}
    # The store lies outside `out`, so that what a run wrote for the user is told apart from what it keeps for itself.
    environment = {
        "HF_HUB_OFFLINE": "1",
        "PERSONA_CRITIC_STORE": str(cwd / "verdicts.sqlite"),
        **install.environment,
        **environment,
    }
    if install.pythonpath:
        environment["PYTHONPATH"] = install.pythonpath
    done = subprocess.run(
        [*install.command, "-m", module, *arguments],
        cwd=cwd,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=600,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return Ran(done.returncode, done.stdout, done.stderr, cwd / "out")


def evaluate(
    server: Server,
    tasks: str,
    *more: str,
    cwd: Path,
    metadata: Mapping[str, Any] | None = None,
    critic: bool = True,
    chat: bool = True,
    install: Install = HERE,
    module: str = "lm_eval",
    **environment: str,
) -> Ran:
    """Run tasks against ``server``, which plays the model and the critic (``metadata`` may say otherwise)."""
    chosen = {**({"critic_model": "c", "critic_base_url": server.base_url} if critic else {}), **(metadata or {})}
    arguments = [
        *("run", "--model", "local-chat-completions"),
        *("--model_args", f"model=m,base_url={server.chat_url},num_concurrent=16,max_retries=1"),
        *(["--apply_chat_template"] if chat else []),
        *("--tasks", tasks, "--output_path", "out", "--log_samples"),
        *(install.flags if module == "lm_eval" else ()),
        # As JSON, which lm-eval 0.5.0.dev1 insists on; 0.4 also takes key=value.
        *(["--metadata", json.dumps(chosen)] if chosen else []),
        *more,
    ]
    environment.setdefault("OPENAI_API_KEY", server.key or "none")
    if server.key and critic:
        environment.setdefault("PERSONA_CRITIC_API_KEY", server.key)
    return run(arguments, cwd=cwd, install=install, module=module, **environment)
