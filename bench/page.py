"""How fast the report's page opens and filters in a headless Chromium, at 2,000 and at 20,000 samples.

    python bench/page.py                     # needs chromium and chromium-driver
    python bench/page.py --sizes 20000 40000

Prints one line a size: samples in the page, its size, seconds until the list is there and until all texts are searchable,
milliseconds of the slowest of six filters. The last column is the ratio to the first size: it should stay below that of the
sizes. Exit code 1 where 20,000 samples take over 3 s to open or over 200 ms to filter.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from persona_metrics.report import write_report  # noqa: E402
from tests.fakes.browser import chromium  # noqa: E402
from tests.fakes.runs import Planted, Texts, write_run  # noqa: E402

FILTERS = (
    ("f-outcome", "1", ""),
    ("f-attribute", "2", ""),
    ("f-value", "0", ""),
    ("f-text", "", "e"),
    ("f-text", "", "halve it and keep"),
    ("f-text", "", "zzqxj"),
)
RANDOM = random.Random(0)
WORDS = ["".join(RANDOM.choices("etaoinshrdlu", k=RANDOM.randint(2, 9))) for _ in range(20_000)]


def said(words: int) -> str:
    """Return so many words that no packer can foresee."""
    return " ".join(RANDOM.choices(WORDS, k=words))


TEXTS = Texts(
    answer=lambda pair, variant, text: f"{text} {said(250)}",  # noqa: ARG005
    debate=lambda pair, variant, text: f"{text} {said(60)}",  # noqa: ARG005
)
SET = """const field = document.getElementById(arguments[0]);
    field.value = arguments[1] || arguments[2];
    field.dispatchEvent(new Event(field.tagName === 'SELECT' ? 'change' : 'input'))"""


def main() -> int:
    """Measure the sizes one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2_000, 20_000])
    arguments = parser.parse_args()
    print("  samples     MB   open s   all searchable s   slowest filter ms   ratio")
    first = None
    slow = False
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as scratch:
            opened, searchable, slowest, megabytes, shown = measure(Path(scratch), size)
        first = first or opened
        print(
            f"{shown:9,} {megabytes:6.1f} {opened:8.2f} {searchable:18.2f} {slowest:19.0f} {opened / first:7.1f}",
            flush=True,
        )
        slow |= shown >= 20_000 and (opened > 3 or slowest > 200)
    return int(slow)


def measure(folder: Path, size: int) -> tuple[float, float, float, float, int]:
    """Return seconds to open, seconds until all is searchable, ms of the slowest filter, MB and samples of the page."""
    per_task = min(size, 15_000)
    runs = [
        write_run(folder, n=min(per_task, size - start), seed=start, model=f"m{start}", planted=Planted(texts=TEXTS))
        for start in range(0, size, per_task)
    ]
    write_report(runs, folder / "out", figures=False)
    page = folder / "out" / "report.html"
    with chromium(folder / "profile") as driver:
        driver.get(page.as_uri())
        seen = lambda name: driver.execute_script(f"return document.body.dataset.{name}")  # noqa: E731
        while not seen("searchable"):
            time.sleep(0.05)
        times = []
        for field, value, text in FILTERS:
            driver.execute_script("delete document.body.dataset.filtered")
            driver.execute_script(SET, field, value, text)
            while (took := seen("filtered")) is None:
                time.sleep(0.02)
            times.append(float(took))
        shown = driver.execute_script("return index.rows.task.length")
        opened, searchable = float(seen("ready")) / 1000, float(seen("searchable")) / 1000
    return opened, searchable, max(times), page.stat().st_size / 1e6, int(shown)


if __name__ == "__main__":
    sys.exit(main())
