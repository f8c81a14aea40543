"""How fast the report's page opens and filters in a headless Chromium, at 2,000 and at 20,000 samples.

    python bench/page.py                     # needs chromium and chromium-driver
    python bench/page.py --sizes 20000 40000

Prints one line a size: samples in the page, its size, seconds until the list is there and until all texts are searchable,
milliseconds of the slowest filter (found, listed and laid out; the median of five) and which it was. The ratio is that of
opening to the first size: it should stay below that of the sizes. Exit code 1 where 20,000 samples take over 1 s to open or
over 50 ms to filter.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from persona_metrics.report import write_report  # noqa: E402
from tests.fakes.browser import chromium  # noqa: E402
from tests.fakes.runs import Planted, Texts, write_run  # noqa: E402

SELECT = (
    "const s = byId('{}'); s.selectedIndex = Math.min({}, s.options.length - 1); s.dispatchEvent(new Event('change'))"
)
FIND = "byId('f-text').value = '{}'; apply()"
FILTERS = {
    "task": SELECT.format("f-task", 1),
    "verdict": SELECT.format("f-outcome", 1),
    "attribute": SELECT.format("f-attribute", 2),
    "its value": SELECT.format("f-attribute", 2) + "; { " + SELECT.format("f-value", 1) + " }",
    "flips": SELECT.format("f-flips", 1),
    "search: a letter": FIND.format("e"),
    "search: four words": FIND.format("halve it and keep"),
    "search: nothing": FIND.format("zzqxj"),
    "order by length": "orderBy('length')",
    "all at once": "facets.find((f) => f.id === 'f-outcome').chosen = 1; order = { by: 'tokens', down: true }; "
    + FIND.format("and keep"),
    "none": "apply()",
}
TIMED = """const times = [];
    for (let turn = 0; turn < 5; turn++) {
      byId('f-text').value = ''; clearFilters(); order = { by: '', down: false }; apply(); document.body.offsetHeight;
      const began = performance.now();
      (() => { %s })();
      document.body.offsetHeight;
      times.push(performance.now() - began);
    }
    return times.sort((a, b) => a - b)[2]"""
RANDOM = random.Random(0)
WORDS = ["".join(RANDOM.choices("etaoinshrdlu", k=RANDOM.randint(2, 9))) for _ in range(20_000)]


def said(words: int) -> str:
    """Return so many words that no packer can foresee."""
    return " ".join(RANDOM.choices(WORDS, k=words))


TEXTS = Texts(
    answer=lambda pair, variant, text: f"{text} {said(200)}",  # noqa: ARG005
    debate=lambda pair, variant, text: f"{text} {said(40)}",  # noqa: ARG005
)


def main() -> int:
    """Measure the sizes one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2_000, 20_000])
    arguments = parser.parse_args()
    print("  samples     MB   open s   all searchable s   slowest filter ms   ratio   slowest")
    first = None
    slow = False
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as scratch:
            opened, searchable, times, megabytes, shown = measure(Path(scratch), size)
        name = max(times, key=lambda name: times[name])
        slowest = times[name]
        first = first or opened
        print(
            f"{shown:9,} {megabytes:6.1f} {opened:8.2f} {searchable:18.2f} {slowest:19.0f} {opened / first:7.1f}   {name}",
            flush=True,
        )
        slow |= shown >= 20_000 and (opened > 1 or slowest > 50)
    return int(slow)


def measure(folder: Path, size: int) -> tuple[float, float, dict[str, float], float, int]:
    """Return seconds to open, seconds until all is searchable, ms of each filter, MB and samples of the page."""
    flipping = size // 10
    planted = Planted(texts=TEXTS)
    given: dict[str, Any] = {"planted": planted, "attributes": "age,sex"}
    runs = [write_run(folder, ("persona_loo",), model="m", n=flipping, **given)]
    # Each task may fill its part of the page's texts, and no more.
    for start in range(0, size - flipping, 9_000):
        n = min(9_000, size - flipping - start)
        runs.append(write_run(folder, n=n, seed=start, model=f"m{start}", planted=planted))
    write_report(runs, folder / "out", figures=False)
    page = folder / "out" / "report.html"
    with chromium() as driver:
        driver.get(page.as_uri())

        def seen(name: str) -> Any:
            return driver.execute_script(f"return document.body.dataset.{name}")

        while not seen("searchable"):
            time.sleep(0.05)
        times = {name: float(driver.execute_script(TIMED % script)) for name, script in FILTERS.items()}
        shown = driver.execute_script("return index.rows.task.length")
        opened, searchable = float(seen("ready")) / 1000, float(seen("searchable")) / 1000
    return opened, searchable, times, page.stat().st_size / 1e6, int(shown)


if __name__ == "__main__":
    sys.exit(main())
