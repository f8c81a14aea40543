"""Measures the generator and the cost of the embedded set: seconds, peak memory, and what loading adds to a run.

    python bench/personas.py [--n 100000]

Each measurement runs in a process of its own, so that one's memory is not another's. What one persona takes, imports and
tables, is taken off where seconds are for 100,000. The result also goes to ``bench/results/personas.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

GENERATE = """
import resource, sys, time
from persona_metrics.cli import main
start = time.perf_counter()
main(["personas", "--n", sys.argv[1], "--seed", "1", "--out", sys.argv[2]])
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
LOAD = """
import time
from persona_metrics import settings
from persona_metrics.dataset import sources
chosen = settings.load()
start = time.perf_counter()
pool = sources.load_pool(chosen)
print(time.perf_counter() - start, len(pool.personas), len(pool.questions))
"""


def _run(code: str, *arguments: str) -> list[float]:
    found = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return [float(word) for word in found.stdout.splitlines()[-1].split()]


def main() -> None:
    """Print and write the measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=100_000)
    n = parser.parse_args().n
    if n < 2:
        parser.error("--n has to be 2 or more: what the first takes is taken off")
    with tempfile.TemporaryDirectory() as folder:
        first, _ = _run(GENERATE, "1", str(Path(folder) / "one.jsonl"))
        seconds, megabytes = _run(GENERATE, str(n), str(Path(folder) / "people.jsonl"))
        loads = sorted(_run(LOAD)[0] for _ in range(5))
    result = {
        "personas": n,
        "generate_seconds": round(seconds, 2),
        "of_which_first_persona": round(first, 2),
        "generate_peak_mb": round(megabytes),
        "per_100000_seconds": round((seconds - first) / (n - 1) * 100_000, 2),
        "load_embedded_seconds_median": round(loads[2], 4),
        "limits": {"per_100000_seconds": 60, "generate_peak_mb": 2000, "load_embedded_seconds_median": 0.3},
        "processors": len(os.sched_getaffinity(0)),
    }
    print(json.dumps(result, indent=1))
    out = ROOT / "bench" / "results"
    out.mkdir(exist_ok=True)
    (out / "personas.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
