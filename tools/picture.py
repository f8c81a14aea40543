"""Makes the README's picture of a report: ``python -m tools.picture docs/report.png`` (needs chromium)."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from persona_metrics.dataset.sources import Pair
from persona_metrics.evaluations import Variant
from persona_metrics.report import write_report
from tests.fakes.browser import chromium
from tests.fakes.runs import Planted, write_run

WORTH = {"income": 0.24, "age": 0.19, "family presence and age": 0.12, "religion": 0.05}


def _rate(pair: Pair, variant: Variant) -> float:
    del pair
    if variant.name in ("another person", "no persona"):
        return 0.38
    return 0.72 - sum(WORTH.get(name, 0.0) for name in variant.dropped)


def main() -> None:
    """Write the report of a made-up run and take a picture of its results and of one figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "target", type=Path, nargs="?", default=Path("docs/report.png"), help="(default docs/report.png)"
    )
    target = parser.parse_args().target.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        items = "age,sex,income,education,religion,family presence and age"
        made: Any = Planted(_rate, missing=0.01, failures=0.01)
        tasks = ("persona_main", "persona_contrast", "persona_loo")
        run = write_run(folder, tasks, model="made-up/model", planted=made, n=300, attributes=items)
        write_report([run], folder / "out")
        with chromium(width=1180, height=1350) as driver:
            driver.get((folder / "out" / "report.html").as_uri())
            # The figure of the other two would leave no room for the one that shows most.
            driver.execute_script(
                "for (const e of [...document.querySelectorAll('section.task')].slice(0, 2)) e.remove()"
            )
            driver.execute_script("for (const e of document.querySelectorAll('.skip')) e.remove()")
            time.sleep(2)
            driver.save_screenshot(str(target))
    print(f"{target}: {target.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
