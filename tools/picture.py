"""Makes the README's picture of a report: ``python -m tools.picture docs/report.png`` (needs chromium)."""

from __future__ import annotations

import sys
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
    return 0.72 - sum(WORTH.get(name, 0.0) for name in variant.dropped)


def main() -> None:
    """Write the report of a made-up run and take a picture of its top."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/report.png").resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        items = "age,sex,income,education,religion,family presence and age"
        made: Any = Planted(_rate, missing=0.01, failures=0.01)
        run = write_run(folder, ("persona_loo",), model="made-up/model", planted=made, n=300, attributes=items)
        write_report([run], folder / "out")
        with chromium(folder / "profile", width=1180, height=1100) as driver:
            driver.get((folder / "out" / "report.html").as_uri())
            driver.execute_script("for (const e of document.querySelectorAll('.skip')) e.remove()")
            time.sleep(2)
            driver.save_screenshot(str(target))
    print(f"{target}: {target.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
