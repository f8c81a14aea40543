"""Makes the tables of ``docs/numbers.md``, from endpoints with planted verdicts: ``python -m tools.example_numbers``."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from tests.e2e import planted, test_contrast, test_pairwise
from tests.e2e.command import Ran, evaluate
from tests.fakes.server import Server, draw

BENCH = {"n": 300, "k": 8, "attributes": "age+sex+religion+ideology+politics", "cross": "sex+age"}
NOISE = 0.15
"""How often the critic of two answers says the other one."""


def contrasted(question: str, persona: dict[str, str], answer: str) -> bool:
    """Four of five answers fit whose sex and religion the persona has, else three of five; of those for nobody, two."""
    if not answer.startswith("["):
        return True
    alike = len({*json.loads(answer)} & {f"sex: {persona['sex']}", f"religion: {persona['religion']}"})
    fits = 0.8 if alike == 2 else 0.6 if json.loads(answer) else 0.4
    return draw("fits", question, sorted(persona.items()), answer) >= fits


def prefers(question: str, persona: dict[str, str], first: str, second: str) -> bool:
    """Prefer the answer that fits the persona in more; now and then the other, and on a draw the first."""
    better = test_pairwise.fit(persona, first) >= test_pairwise.fit(persona, second)
    return better != (draw("noise", question, sorted(persona.items()), first, second) < NOISE)


def tables(ran: Ran) -> str:
    """Return what was said of the tasks before they ran, and lm-eval's table of them."""
    if ran.code:
        raise RuntimeError(ran.stderr[-2000:])
    said = [line for line in ran.stderr.splitlines() if line.startswith("persona-metrics: ") and " generations" in line]
    return "\n".join([*said, *(line for line in ran.stdout.splitlines() if line.startswith("|"))])


def main() -> None:
    """Print the tables one after the other."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    runs: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("persona_bench", {"reply": planted.reply, "verdict": planted.verdict}, BENCH),
        ("persona_contrast", {"reply": test_contrast.reply, "verdict": contrasted}, {"n": 150}),
        (
            "persona_contrast",
            {"reply": test_pairwise.reply, "prefer": prefers},
            {"n": 150, "protocol": "pairwise"},
        ),
    ]
    for task, endpoint, metadata in runs:
        with tempfile.TemporaryDirectory() as folder, Server(**endpoint, keep_log=False) as server:
            print(tables(evaluate(server, task, cwd=Path(folder), metadata=metadata)), flush=True)


if __name__ == "__main__":
    main()
