"""Prompts are answered by actors on a cluster of this machine: all of them once, whoever is killed on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from persona_metrics.cli import main
from tests.fakes.server import Server, default_reply

pytest.importorskip("ray", reason="needs Ray: pip install 'persona-metrics[ray]'")
pytestmark = [pytest.mark.ray, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
IN_FLIGHT = 8


def prompts(folder: Path, count: int) -> Path:
    """Write so many prompts into two files of a folder."""
    folder.mkdir()
    for part in range(2):
        ids = range(part, count, 2)
        lines = [{"id": f"q/{i}", "prompt": f"Question {i}?", "generation_kwargs": {"seed": 5}} for i in ids]
        (folder / f"{part}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def command(path: Path, out: Path, *urls: str) -> list[str]:
    words = ["generate", str(path), "--out", str(out), "--model", "m", "--engine", "ray", "--actors", "2"]
    return [*words, "--base_url", ",".join(urls), "--concurrency", str(IN_FLIGHT)]


def answers(out: Path) -> dict[str, str]:
    rows = [json.loads(line) for line in (out / "answers.jsonl").read_text().splitlines()]
    found = {row["id"]: row["reply"] for row in rows}
    assert len(found) == len(rows)
    return found


def actors_of(driver: int) -> Iterator[int]:
    """Yield the actors that descend from a process: other clusters of this machine are nobody's business."""
    parents, names = {}, {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(place.name)] = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            names[int(place.name)] = (place / "cmdline").read_text()
        except OSError:
            continue
    for pid, name in names.items():
        above = pid
        while above in parents and above != driver:
            above = parents[above]
        if above == driver and name.startswith("ray::MapWorker"):
            yield pid


def started(path: Path, out: Path, server: Server) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "persona_metrics", *command(path, out, server.base_url)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "RAY_DATA_DISABLE_PROGRESS_BARS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_for(server: Server, calls: int, running: subprocess.Popen[bytes]) -> None:
    while server.counts["model"] < calls and running.poll() is None:
        time.sleep(0.02)
    assert running.poll() is None


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds an actor's process in /proc")
def test_kill_of_the_driver_and_of_an_actor_asks_again_what_was_in_flight_and_no_more(tmp_path: Path) -> None:
    path, out, count = prompts(tmp_path / "prompts", 800), tmp_path / "out", 800
    with Server(latency=0.06, keep_log=False) as server:
        running = started(path, out, server)
        wait_for(server, 80, running)
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
        running = started(path, out, server)
        # Actors outlive their driver by some seconds, and what they are answered in them is kept, too.
        while not (actors := list(actors_of(running.pid))) and running.poll() is None:
            time.sleep(0.1)
        wait_for(server, server.counts["model"] + 80, running)
        os.kill(actors[0], signal.SIGKILL)
        assert running.wait() == 0
    assert answers(out) == {f"q/{i}": default_reply(f"Question {i}?", 5) for i in range(count)}
    assert count <= server.counts["model"] <= count + 2 * IN_FLIGHT


@pytest.mark.usefixtures("one_ray")
def test_dead_fleet_ends_in_one_line_and_a_dead_endpoint_is_passed_over(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path, dead = prompts(tmp_path / "prompts", 40), "http://127.0.0.1:9/v1"
    assert main(command(path, tmp_path / "out", dead)) == 2
    said = capfd.readouterr().err.splitlines()
    with Server() as server:
        assert main(command(path, tmp_path / "out", dead, server.base_url)) == 0
        assert main(command(path, tmp_path / "out", server.base_url)) == 0
    assert said[-1].startswith("persona-metrics: error: no endpoint answers: 127.0.0.1:9: connection failed: refused;")
    assert not any("Traceback" in line for line in said)
    assert answers(tmp_path / "out") == {f"q/{i}": default_reply(f"Question {i}?", 5) for i in range(40)}
    assert server.counts == {"model": 40}
    assert "40 of 40 prompts are answered (40 of them before)" in capfd.readouterr().err
