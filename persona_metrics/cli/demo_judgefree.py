"""The end of the demo: the embedded model without a critic, whose picks are a real number. Knows no other task."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from .. import analysis
from ..errors import PersonaError
from ..harness.task_files import include_path
from ..runs.read import load_run, read_samples, tidy

RUNS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("persona_choice_generate", {"n": 20}),
    ("persona_opinion_generate", {"n": 60, "k": 1}),
)
"""Tasks and their settings: 140 replies of one letter, a minute or two on two cores."""


def run(base_url: str, out: Path, environment: dict[str, str]) -> list[str]:
    """Run the tasks without a critic on the embedded model behind ``base_url`` and return a sentence for each.

    Results and samples go below ``out``. Raises ``PersonaError`` where lm_eval fails.
    """
    said = []
    for task, metadata in RUNS:
        command = [
            *(sys.executable, "-m", "lm_eval", "run", "--model", "local-chat-completions"),
            "--model_args",
            f"model=embedded,base_url={base_url}/chat/completions,num_concurrent=2,timeout=1200",
            *("--apply_chat_template", "--tasks", task, *include_path(), "--metadata", json.dumps(metadata)),
            *("--output_path", str(out / task), "--log_samples"),
        ]
        # The table has fifty rows; the sentence below says what matters, and the files hold the rest.
        done = subprocess.run(command, env=environment, check=False, stdout=subprocess.DEVNULL)
        if done.returncode:
            raise PersonaError(f"lm_eval ended with exit code {done.returncode}; what it said stands above")
        said.append(_sentence(out / task))
    return said


def _sentence(folder: Path) -> str:
    newest = max(folder.rglob("results_*.json"), key=lambda path: path.name)
    (task,) = load_run(newest).tasks
    if task.samples is None:
        raise PersonaError(f"{newest}: no samples beside it")
    frame = tidy(read_samples(task.samples), task.name, task.metadata, "embedded", heavy=False)
    found = analysis.tables(frame, task.metadata)
    name = str(task.metadata["evaluation"])
    return f"{name.capitalize()} ({task.name}): {analysis.headline(name, found)}"
