"""Measures the critic's client: ``python bench/critic.py`` prints every figure beside its goal, in about three minutes.

A server with 200 ms latency runs in a process of its own, on the same two cores. Each measurement is a process of its
own too, with a verdict store on disk as users have it. Ratios are against the ideal, calls × latency / in flight.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LATENCY = 0.2
ANSWER = "Start with what you can change this week, and talk it over with somebody you trust. " * 12


@contextmanager
def server(latency: float = LATENCY) -> Iterator[str]:
    """Run the bench's server in another process; yield its address."""
    command = [sys.executable, str(HERE / "server.py"), "--latency", str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def stats(address: str) -> dict[str, Any]:
    """Return what the server has seen since the last look."""
    with urllib.request.urlopen(f"{address}/stats") as answer:
        return dict(json.load(answer))


def measure(address: str, count: int, flight: int, store: str) -> dict[str, float]:
    """Judge ``count`` answers in this process; return seconds, CPU seconds and peak memory (MB)."""
    from persona_metrics import settings
    from persona_metrics.critic import Judgement, Verdict, judge_each
    from persona_metrics.dataset.sources import load_pool

    chosen = settings.load(
        {
            "critic_model": "m",
            "critic_base_url": f"{address}/v1",
            "critic_concurrency": flight,
            "critic_store": store,
        }
    )
    pool = load_pool(chosen)
    people, questions = [p.attributes for p in pool.personas], [q.text for q in pool.questions]
    good = 0

    def answers() -> Iterator[Judgement]:
        for i in range(count):
            yield Judgement(questions[i % len(questions)], people[i % len(people)], f"{i}. {ANSWER}")

    def deliver(_: int, verdict: Verdict) -> None:
        nonlocal good
        good += verdict.personalized is True

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.monotonic(), time.process_time()
    judge_each(answers(), chosen, deliver, total=count, progress=False)
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    if good != count:
        raise RuntimeError(f"{count - good} verdicts are wrong or missing")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"wall": wall, "cpu": cpu, "peak": peak / 1024, "before": before / 1024}


def measured(address: str, count: int, flight: int, store: str) -> dict[str, float]:
    """Call ``measure`` in a process of its own."""
    command = [sys.executable, __file__, "--one", address, str(count), str(flight), store]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout))


def figures(quick: bool) -> Iterator[tuple[str, float, float, str, str]]:
    """Yield each figure: what it is, its value, its goal, its unit and where it comes from."""
    scale = 8 if quick else 1
    with tempfile.TemporaryDirectory() as folder, server() as address:
        for flight, rounds, goal in ((64, 80, 1.15), (256, 40, 2.2)):
            count = flight * rounds // scale
            stats(address)
            found = measured(address, count, flight, f"{folder}/{flight}.sqlite")
            seen = stats(address)
            assert seen["calls"] == count
            ideal = count * LATENCY / flight
            note = f"{count} calls in {found['wall']:.1f} s, ideal {ideal:.1f} s; {seen['peak']} in flight at most"
            yield f"{flight} in flight: time / ideal", found["wall"] / ideal, goal, "×", note
            yield f"{flight} in flight: client CPU a call", found["cpu"] / count * 1000, 2.5, "ms", ""
        stored = 5000 // scale
        first = measured(address, stored, 256, f"{folder}/read.sqlite")
        stats(address)
        found = measured(address, stored, 256, f"{folder}/read.sqlite")
        assert stats(address)["calls"] == 0
        note = f"no call; {found['cpu']:.2f} s of CPU; {first['wall'] / found['wall']:.0f} times faster than asking"
        yield f"{stored:,} stored verdicts read back", found["wall"], 1.0, "s", note
    with tempfile.TemporaryDirectory() as folder, server(0.02) as address:
        counts = 2_000 // scale, 50_000 // scale
        few, many = (measured(address, n, 64, f"{folder}/{n}.sqlite") for n in counts)
        note = f"{few['peak']:.0f} and {many['peak']:.0f} MB, of which {few['before']:.0f} before the first judgement"
        yield f"peak memory, {counts[1]:,} / {counts[0]:,} judgements", many["peak"] / few["peak"], 1.3, "×", note


def main() -> int:
    """Print the figures; return 1 where one misses its goal, which an eighth of the calls does not tell."""
    parser = argparse.ArgumentParser(description="measure the critic's client against a local server")
    parser.add_argument(
        "--quick", action="store_true", help="an eighth of the calls: to see that it runs, goals or not"
    )
    parser.add_argument("--one", nargs=4, metavar=("ADDRESS", "COUNT", "FLIGHT", "STORE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        address, count, flight, store = arguments.one
        print(json.dumps(measure(address, int(count), int(flight), store)))
        return 0
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])  # those started from here keep it
    missed = 0
    print(f"{'figure':42}{'measured':>10}  {'goal':>8}")
    for name, value, goal, unit, note in figures(arguments.quick):
        missed += value > goal
        mark = " " if value <= goal else "!"
        print(f"{name:42}{value:8.2f} {unit:2}{mark}≤ {goal:g} {unit:3} {note}", flush=True)
    return int(missed > 0 and not arguments.quick)


if __name__ == "__main__":
    sys.exit(main())
