"""Runs the published persona-bench and this pack side by side: ``python bench/peer.py`` prints both.

Both run their main evaluation from their Python interface: 300 samples, 64 connections, the same questions and
personas, the same server with 200 ms latency in a process of its own. Times are the server's, from the first request
to the last reply; CPU is that of the whole process, imports and all. The peer gets a venv of its own, made once.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

import platformdirs

sys.path.insert(0, str(Path(__file__).parent))
from critic import server, stats

PEER = ("persona-bench==0.1.2.1", "inspect-ai==0.3.41")
"""Its last release, with the inspect-ai that is its fastest and the newest with which its pass@k runs."""
SAMPLES, CONNECTIONS = 300, 64


def peer_python(folder: Path) -> str:
    """Return the interpreter of the peer's venv, after making it if need be."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    mark = folder / "installed.txt"
    if not mark.is_file() or mark.read_text() != "\n".join(PEER):
        print(f"installing {' and '.join(PEER)} into {folder}", file=sys.stderr, flush=True)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEER], check=True)
        mark.write_text("\n".join(PEER))
    return str(python)


def stand_ins(path: Path) -> None:
    """Write the pairs of this pack's draw as the peer's two data sets."""
    from persona_metrics import settings
    from persona_metrics.dataset import sources

    chosen = settings.load({"n": SAMPLES})
    pairs = sources.draw(sources.load_pool(chosen), SAMPLES, chosen.seed)
    data = {
        "questions": [pair.question.text for pair in pairs],
        "personas": [dict(pair.persona.attributes) for pair in pairs],
    }
    path.write_text(json.dumps(data), encoding="utf-8")


def ours(address: str) -> None:
    """Run this pack's main evaluation."""
    from persona_metrics.api import evaluate_model

    result = evaluate_model(
        "m",
        n=SAMPLES,
        base_url=address,
        num_concurrent=CONNECTIONS,
        critic_model="m",
        critic_base_url=address,
        critic_concurrency=CONNECTIONS,
        critic_store="off",
    )
    print(json.dumps({"samples": len(result.samples)}))


def timed(command: list[str], address: str, environment: dict[str, str] | None = None) -> dict[str, Any]:
    """Run a command; return its samples, its CPU seconds, and what the server saw of it."""
    stats(address)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})}
    )
    printed, said = process.communicate()
    if process.returncode:
        raise SystemExit(f"{' '.join(command[:3])} failed:\n{said[-2000:]}{printed[-500:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {**stats(address), "cpu": cpu, **json.loads(printed.strip().splitlines()[-1])}


def main() -> int:
    """Print both runs and their ratios; return 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description="compare with the published persona-bench")
    folder = Path(platformdirs.user_cache_dir("persona-metrics")) / "bench-peer"
    parser.add_argument("--venv", type=Path, default=folder, help="the peer's virtual environment")
    parser.add_argument("--ours", metavar="ADDRESS", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.ours:
        ours(arguments.ours)
        return 0
    python = peer_python(arguments.venv)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    with tempfile.TemporaryDirectory() as temporary, server() as root:
        data, address = Path(temporary) / "data.json", f"{root}/v1"
        stand_ins(data)
        script = str(Path(__file__).with_name("peer_run.py"))
        runs = {
            PEER[0]: timed([python, script, address, str(data), str(CONNECTIONS)], root, {"PYTHONPATH": ""}),
            "persona-metrics": timed([sys.executable, __file__, "--ours", address], root),
        }
    print(f"{'':24}{'samples':>8}{'calls':>7}{'most in flight':>16}{'first to last':>15}{'CPU':>8}")
    for name, run in runs.items():
        times = f"{run['seconds']:13.1f} s{run['cpu']:6.1f} s"
        print(f"{name:24}{run['samples']:8}{run['calls']:7}{run['peak']:16}{times}")
    peer, mine = runs.values()
    missed = 0
    for what, ratio, goal in (
        # One call more than half: the dry debate that checks the critic before anything is generated.
        ("calls", (mine["calls"] - 1) / peer["calls"], 0.5),
        ("time from first request to last reply", mine["seconds"] / peer["seconds"], 0.25),
        ("CPU", mine["cpu"] / peer["cpu"], 1.0),
    ):
        missed += ratio > goal
        print(f"{what}: {ratio:.2f} of the peer's (goal ≤ {goal:g}){'' if ratio <= goal else '  missed'}")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
