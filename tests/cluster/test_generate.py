"""Prompts are answered by actors on a cluster of this machine: all of them once, whoever is killed on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from persona_metrics.cli import main
from tests.cluster.killing import begun, processes, wait_for
from tests.fakes.server import Server, default_reply

pytest.importorskip("ray", reason="needs Ray: pip install 'persona-metrics[ray]'")
pytestmark = [pytest.mark.ray, pytest.mark.slow]

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


def started(path: Path, out: Path, server: Server) -> subprocess.Popen[str]:
    return begun(command(path, out, server.base_url), out.parent, dict(os.environ))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds an actor's process in /proc")
def test_kill_of_the_driver_and_of_an_actor_asks_again_what_was_in_flight_and_no_more(tmp_path: Path) -> None:
    path, out, count = prompts(tmp_path / "prompts", 800), tmp_path / "out", 800
    with Server(latency=0.06, keep_log=False) as server:
        running = started(path, out, server)
        wait_for(running, lambda: server.counts["model"] >= 80)
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
        # Actors outlive their driver by some seconds, and what they are answered in them is kept, too.
        others = set(processes(b"ray::MapWorker"))
        running = started(path, out, server)
        actors: set[int] = set()
        wait_for(running, lambda: actors.update({*processes(b"ray::MapWorker")} - others) or bool(actors))
        calls = server.counts["model"]
        wait_for(running, lambda: server.counts["model"] >= calls + 80)
        os.kill(min(actors), signal.SIGKILL)
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
