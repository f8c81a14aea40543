"""Makes the table of ``docs/reports.md``: ``python -m tools.example_board`` prints a leaderboard of made-up models."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from persona_metrics.dataset.sources import Pair
from persona_metrics.evaluations import Variant
from persona_metrics.leaderboard.board import build
from persona_metrics.leaderboard.collect import collect
from persona_metrics.leaderboard.render import markdown
from persona_metrics.personas import band
from tests.fakes.runs import Planted, Rate, write_run

RATES = {"acme/large": 0.70, "acme/medium": 0.68, "globex/one": 0.62, "acme/small": 0.54, "acme/tiny": 0.36}
INCOME = 0.2
"""What leaving the income out takes from every model's rate."""
ELDERS = 0.35
"""By how much the first two are worse for men of 65 and over."""
TASKS: dict[str, dict[str, Any]] = {
    "persona_main": {},
    "persona_intersection": {"cross": "sex+age"},
    "persona_loo": {"attributes": "age,sex,income,education,race,ideology,lifestyle,marital status"},
    "persona_pass_at_k": {"k": 16},
}


def rate_of(model: str) -> Rate:
    """Return a model's planted chance of an answer that fits."""

    def rate(pair: Pair, variant: Variant) -> float:
        own = pair.persona.attributes
        elder = own.get("sex") == "Male" and band("age", own.get("age")) == "65+"
        return RATES[model] - INCOME * ("income" in variant.dropped) - ELDERS * (elder and RATES[model] > 0.65)

    return rate


def main() -> None:
    """Print the table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for model in RATES:
            for number, (task, more) in enumerate(TASKS.items()):
                stamp = f"2026-03-01T10-00-00.00000{number}"
                made = Planted(rate_of(model), missing=0.01, failures=0.005)
                write_run(folder, (task,), model=model, planted=made, n=300, stamp=stamp, **more)
        tables, _ = collect([folder])
        print(markdown([build(one) for one in tables], []))


if __name__ == "__main__":
    main()
