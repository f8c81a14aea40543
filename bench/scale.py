"""Measures `score` on one machine: `python bench/scale.py` prints what a judgement costs in one process and on Ray.

A lean server answers after 200 ms from a process of its own. Every measurement is a run of the command as a user starts it,
with a store of its own; times are between the server's first and last request, so that starting Ray and importing lm-eval
do not count, and memory is the largest resident set of driver and of each actor. Needs the ``ray`` extra;
``--actors`` without a number measures one process alone.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from critic import ANSWER, LATENCY, server, stats

MARK = "PERSONA_BENCH_MARK"


@dataclass(frozen=True)
class Run:
    """One run: seconds from the first request to the last, and until the first; CPU seconds and MB of driver and actors."""

    engine: str
    actors: int
    rows: int
    flight: int
    calls: int
    seconds: float
    until_first: float
    cpu: float
    driver: float
    actor: float

    @property
    def ideal(self) -> float:
        """What the calls take at least, seconds."""
        return max(1, self.rows / self.flight) * LATENCY

    def line(self) -> str:
        """Return it as a row of a Markdown table."""
        cells = (
            self.engine,
            str(self.actors or "–"),
            f"{self.rows:,}",
            str(self.flight),
            f"{self.seconds:.1f}",
            f"{self.rows / self.seconds:.0f}",
            f"{self.seconds / self.ideal:.2f}",
            f"{1000 * self.cpu / self.rows:.1f}",
            f"{self.until_first:.1f}",
            f"{self.driver:.0f}",
            f"{self.actor:.0f}" if self.actors else "–",
        )
        return f"| {' | '.join(cells)} |"


COLUMNS = (
    *("engine", "actors", "answers", "in flight", "s from first to last call", "answers/s", "time / ideal"),
    *("CPU ms an answer", "s to the first call", "driver MB", "actor MB"),
)
HEAD = f"| {' | '.join(COLUMNS)} |\n|---|{'--:|' * (len(COLUMNS) - 1)}"


def answers(path: Path, count: int, mark: str = "") -> Path:
    """Write so many answers to the package's questions by its people; return the path."""
    from persona_metrics import settings
    from persona_metrics.dataset.sources import load_pool

    pool = load_pool(settings.load({"n": 1}))
    with path.open("w", encoding="utf-8") as file:
        for i in range(count):
            person, question = pool.personas[i % len(pool.personas)], pool.questions[i % len(pool.questions)]
            made = {
                "persona": dict(person.attributes),
                "persona_id": person.id,
                "question_id": question.id,
                "question": question.text,
                "topic": question.topic,
                "answer": f"{mark}{i}. {ANSWER}",
            }
            file.write(json.dumps(made) + "\n")
    return path


class Watch(threading.Thread):
    """Looks at the processes of one run, found by a mark in their environment, until it is told to stop."""

    def __init__(self, mark: str, driver: int) -> None:
        super().__init__(daemon=True)
        self.mark, self.driver = f"{MARK}={mark}".encode(), driver
        self.peak = {"driver": 0.0, "actor": 0.0}
        self.cpu: dict[int, float] = {}
        self.ended = threading.Event()

    def run(self) -> None:
        """Look four times a second."""
        while not self.ended.wait(0.25):
            for number, name in self._processes():
                what = "driver" if number == self.driver else "actor" if b"RayJudge" in name else None
                if what is not None:
                    self._look(number, what)

    def _processes(self) -> Iterator[tuple[int, bytes]]:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark in (folder / "environ").read_bytes():
                    yield int(folder.name), (folder / "cmdline").read_bytes()
            except OSError:
                continue

    def _look(self, number: int, what: str) -> None:
        try:
            status = Path(f"/proc/{number}/status").read_text()
            times = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return
        peak = next((line for line in status.splitlines() if line.startswith("VmHWM")), "VmHWM: 0 kB")
        self.peak[what] = max(self.peak[what], int(peak.split()[1]) / 1024)
        self.cpu[number] = (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")


def environment(address: str, store: str, flight: int) -> dict[str, str]:
    """Return the environment of a run."""
    return {
        **os.environ,
        "PERSONA_CRITIC_MODEL": "m",
        "PERSONA_CRITIC_BASE_URL": f"{address}/v1",
        "PERSONA_CRITIC_STORE": store,
        "PERSONA_CRITIC_CONCURRENCY": str(flight),
        "OPENAI_API_KEY": "none",
        "HF_HUB_OFFLINE": "1",
    }


def check(address: str, folder: Path) -> None:
    """Let one small run check the critic, and keep what it remembers of that."""
    store = folder / "checked.sqlite"
    command = [sys.executable, "-m", "persona_metrics", "score", str(answers(folder / "one.jsonl", 1, "Tried: "))]
    subprocess.run(
        [*command, "--out", str(folder / "checked")],
        env=environment(address, str(store), 1),
        check=True,
        capture_output=True,
    )


def measure(address: str, path: Path, rows: int, folder: Path, *, actors: int, flight: int) -> Run:
    """Score the file once and return what it took; raise where the run failed or a call was repeated."""
    mark = f"{os.getpid()}-{time.monotonic_ns()}"
    out = folder / mark
    # What an earlier run left of its check of the critic: this one's first call is its first judgement.
    shutil.copy(folder / "checked.sqlite", f"{out}.sqlite")
    command = [sys.executable, "-m", "persona_metrics", "score", str(path), "--out", str(out)]
    command += ["--engine", "ray", "--actors", str(actors)] if actors else []
    stats(address)
    began = time.monotonic()
    with subprocess.Popen(
        command,
        env={**environment(address, f"{out}.sqlite", flight), MARK: mark},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        watch = Watch(mark, run.pid)
        watch.start()
        _, said = run.communicate()
    watch.ended.set()
    watch.join()
    seen = stats(address)
    if run.returncode or not rows <= seen["calls"] <= rows + 2:
        raise RuntimeError(f"{seen['calls']} calls for {rows} answers, exit code {run.returncode}: {said[-500:]}")
    return Run(
        "Ray" if actors else "one process",
        actors,
        rows,
        flight,
        seen["calls"],
        seen["seconds"],
        seen["first"] - began,
        sum(watch.cpu.values()),
        watch.peak["driver"],
        watch.peak["actor"],
    )


def plan(sizes: Sequence[int], actors: Sequence[int], flight: int) -> Iterator[tuple[int, int, int]]:
    """Yield (answers, actors, in flight): all engines at the middle size; all sizes in one process and with most actors."""
    middle = sizes[len(sizes) // 2]
    for many in (0, *actors):
        yield middle, many, flight
    for size in sizes:
        if size != middle:
            yield size, 0, flight
            if actors:
                yield size, max(actors), flight


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--actors", type=int, nargs="*", default=[1, 2, 4], help="none: one process alone, without Ray")
    parser.add_argument("--flight", type=int, default=256, help="calls in flight, of all actors together")
    arguments = parser.parse_args()
    if arguments.actors and find_spec("ray") is None:
        parser.error("Ray is not installed: pip install 'persona-metrics[ray]', or --actors without a number")
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory() as folder, server() as address:
        place = Path(folder)
        files: dict[int, Path] = {}
        check(address, place)
        for rows, actors, flight in plan(arguments.sizes, arguments.actors, arguments.flight):
            if rows not in files:
                files[rows] = answers(place / f"{rows}.jsonl", rows)
            print(measure(address, files[rows], rows, place, actors=actors, flight=flight).line(), flush=True)


if __name__ == "__main__":
    main()
