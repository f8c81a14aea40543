"""The end of the demo: the embedded model without a critic, whose picks are a real number. Knows no other task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import analysis
from ..api import evaluate_model

RUNS: tuple[tuple[str, dict[str, Any]], ...] = (("choice", {"n": 5}), ("opinion", {"n": 6, "k": 1}))
"""Evaluations and their settings: so few that the demo ends soon on a busy machine, too."""
REPLIES, READ = 26, 400
"""Their replies of one letter, and the tokens of a prompt that are read for one, about: the same person's are read once."""


def run(base_url: str, out: Path) -> list[str]:
    """Run the evaluations without a critic on the embedded model behind ``base_url`` and return a sentence for each.

    Results and samples go below ``out``. Raises ``PersonaError`` where one cannot be had. In this process: ``lm_eval`` as a
    command would first read all its benchmarks again.
    """
    said = []
    for name, chosen in RUNS:
        # One after the other, or two prompts of a person are read side by side.
        found = evaluate_model(
            "embedded", name, base_url=base_url, num_concurrent=1, output_path=out / f"persona_{name}", **chosen
        )
        tables = analysis.tables(found.samples, found.results.metadata)
        said.append(f"{name.capitalize()} ({found.results.task}): {analysis.headline(name, tables)}")
    return said
