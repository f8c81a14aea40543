"""Time and memory of `persona-metrics report` (or leaderboard, export) against the size of a run: is it linear?

    python bench/report.py                                  # 10,000 to 100,000 samples, 860 MB at the largest
    python bench/report.py --command leaderboard --sizes 1000 4000
    python bench/report.py --sizes 100000 --keep runs       # keep the runs, to try other things on them

Prints one line a size and the straight line through them, fixed cost and cost a sample, with the largest distance from it
as a share of the time measured there: a ratio, so that the machine's speed does not matter. Exit code 1 where that exceeds
--bend upwards at the largest size, or a run of 100,000 samples or more takes over --seconds or --gigabytes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.fakes.runs import Planted, write_run  # noqa: E402

SIZES = (10_000, 40_000, 70_000, 100_000)
SEED_PAIRS = 1_000
SENTENCES = 24
"""Length of the made-up answers, so that a sample takes 8 KB as real ones with a persona, a prompt and a debate do."""
APART = """
import os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen([sys.executable, "-m", "persona_metrics", *sys.argv[2:]])
_, status, usage = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
with open(sys.argv[1], "w") as file:
    print(time.perf_counter() - start, usage.ru_maxrss, file=file)
sys.exit(process.returncode)
"""
"""Runs a command from a small process: its peak memory, as Linux counts it, is at least that of the one that started it."""
COMMANDS = {
    "report": ["report", "{run}", "--out", "{out}"],
    "leaderboard": ["leaderboard", "{run}", "--out", "{out}"],
    "export": ["export", "{run}", "--to", "eee", "--out", "{out}"],
}


@dataclass(frozen=True)
class Measured:
    """One size: samples, megabytes of JSONL, seconds, and the process's peak memory in gigabytes."""

    samples: int
    megabytes: float
    seconds: float
    gigabytes: float


def make_run(folder: Path, samples: int) -> Path:
    """Write a run of ``samples`` pairs: a planted run of 1,000, repeated with new pair ids."""
    if found := next(folder.rglob("results_*.json"), None):
        return found
    folder.mkdir(parents=True, exist_ok=True)
    planted = Planted(
        rate=lambda pair, variant: 0.55 if pair.persona.attributes.get("sex") == "Male" else 0.7,  # noqa: ARG005
        missing=0.01,
        failures=0.01,
        sentences=SENTENCES,
    )
    results = write_run(folder, model="acme/model", planted=planted, n=min(samples, SEED_PAIRS))
    path = next(results.parent.glob("samples_*"))
    lines = path.read_text(encoding="utf-8").splitlines()
    with path.open("w", encoding="utf-8") as file:
        for number in range(samples):
            line = json.loads(lines[number % len(lines)])
            line["doc_id"], line["doc"]["pair_id"] = number, f"{number:06d}"
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    data = json.loads(results.read_text(encoding="utf-8"))
    for counts in data["n-samples"].values():
        counts["original"] = counts["effective"] = samples
    results.write_text(json.dumps(data), encoding="utf-8")
    return results


def measure(command: str, run: Path, samples: int, out: Path) -> Measured:
    """Run the command in a process of its own; end the benchmark with its words where it fails."""
    words = [part.format(run=run, out=out) for part in COMMANDS[command]]
    size = sum(p.stat().st_size for p in run.parent.glob("samples_*")) / 1e6
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    took = out.with_suffix(".txt")
    done = subprocess.run(
        [sys.executable, "-c", APART, str(took), *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode:
        sys.exit(f"{command} ended with exit code {done.returncode}: {done.stdout[-2000:]}")
    seconds, kilobytes = map(float, took.read_text().split())
    return Measured(samples, size, seconds, kilobytes / 1e6)


def straight_line(measured: list[Measured]) -> tuple[float, float, list[float]]:
    """Return a and b of seconds = a + b·samples (least squares), and each time's distance from it as a share of it."""
    samples, seconds = ([float(m.samples) for m in measured], [m.seconds for m in measured])
    b, a = np.polyfit(samples, seconds, 1)
    return float(a), float(b), [(y - a - b * x) / y for x, y in zip(samples, seconds, strict=True)]


def main() -> int:
    """Measure every size and say whether the time grows in proportion."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--command", choices=COMMANDS, default="report")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="samples of each run")
    parser.add_argument("--keep", type=Path, help="folder to keep the runs in, used again the next time")
    parser.add_argument("--bend", type=float, default=0.1, help="largest share above the line that counts as linear")
    parser.add_argument("--seconds", type=float, default=90.0, help="longest time for 100,000 samples")
    parser.add_argument("--gigabytes", type=float, default=2.0, help="largest memory for 100,000 samples")
    arguments = parser.parse_args()
    measured = []
    with tempfile.TemporaryDirectory() as scratch:
        print(f"{'samples':>9} {'MB':>7} {'seconds':>8} {'s/10,000':>9} {'peak GB':>8}")
        for samples in sorted(arguments.sizes):
            run = make_run((arguments.keep or Path(scratch)) / str(samples), samples)
            found = measure(arguments.command, run, samples, Path(scratch) / f"out-{samples}")
            measured.append(found)
            rate = 1e4 * found.seconds / samples
            print(
                f"{samples:9,} {found.megabytes:7.0f} {found.seconds:8.1f} {rate:9.2f} {found.gigabytes:8.2f}",
                flush=True,
            )
    failed = [
        f"{m.samples:,} samples took {m.seconds:.0f} s and {m.gigabytes:.1f} GB"
        for m in measured
        if m.samples >= 100_000 and (m.seconds > arguments.seconds or m.gigabytes > arguments.gigabytes)
    ]
    if len(measured) > 2:
        fixed, each, off = straight_line(measured)
        print(
            f"seconds = {fixed:.1f} + {1e4 * each:.2f} a 10,000 samples; off the line by at most {max(map(abs, off)):.0%}"
        )
        if off[-1] > arguments.bend:
            failed.append(f"the largest run lies {off[-1]:.0%} above the line")
    for reason in failed:
        print(f"FAILED: {reason}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
