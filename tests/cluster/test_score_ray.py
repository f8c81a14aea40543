"""Scoring on a Ray that really runs: the same rows as in one process, and nothing is paid for twice whoever is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from persona_metrics.cli import main
from tests.fakes.server import Server, draw
from tests.scoring import made
from tests.scoring.made import line, results, write

pytest.importorskip("ray", reason="needs the ray extra")
pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.xdist_group("ray")]

ROOT = Path(__file__).parents[2]
ANSWERS = 1500
FLIGHT = 32


def environment(server: Server, folder: Path, mark: str) -> dict[str, str]:
    """Return the run's environment; ``mark`` tells its processes from any others of this machine."""
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OPENAI_API_KEY": "none",
        "PERSONA_CRITIC_MODEL": "critic",
        "PERSONA_CRITIC_BASE_URL": server.base_url,
        "PERSONA_CRITIC_STORE": str(folder / "none.sqlite"),
        "PERSONA_CRITIC_CONCURRENCY": str(FLIGHT),
        "RAY_TEST_MARK": mark,
    }


def command(path: Path, out: Path) -> list[str]:
    """Return a run with two actors."""
    return [
        sys.executable,
        "-m",
        "persona_metrics",
        "score",
        str(path),
        "--engine",
        "ray",
        "--actors",
        "2",
        "--out",
        str(out),
    ]


def actors(mark: str) -> Iterator[int]:
    """Yield the process numbers of the run's actors."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name, inherited = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
        except OSError:
            continue
        if b"RayJudge" in name and f"RAY_TEST_MARK={mark}".encode() in inherited:
            yield int(folder.name)


def wait_for(server: Server, calls: int, run: subprocess.Popen[str]) -> None:
    """Wait until the critic was asked so often."""
    while server.counts["critic"] < calls:
        assert run.poll() is None, "the run ended before it was killed"
        time.sleep(0.02)


def samples(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of the samples file, less what differs from run to run: how long a call took."""
    (path,) = folder.rglob("samples_*.jsonl")
    found = []
    for text in path.read_text(encoding="utf-8").splitlines():
        sample = json.loads(text)
        result = json.loads(sample["filtered_resps"][0][0])
        for vote in result["verdict"]["votes"]:
            for name in ("latency", "attempts", "stored"):
                del vote[name]
        found.append({**sample, "filtered_resps": result})
    return found


def test_killed_driver_and_killed_actor_cost_no_more_than_was_in_flight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line(i) for i in range(ANSWERS)]
    answers, folder = write(tmp_path / "answers.jsonl", lines), tmp_path / "answers"
    folder.mkdir()
    write(folder / "a.jsonl", lines[:800])
    pq.write_table(pa.Table.from_pylist(lines[800:]), folder / "b.parquet")
    with Server(latency=0.05, keep_log=False) as server:
        shown = environment(server, tmp_path, f"{os.getpid()}-{tmp_path.name}")
        # As an earlier run over more answers would have left it.
        stale = tmp_path / "ray" / "samples" / "part-00000099.parquet"
        stale.parent.mkdir(parents=True)
        stale.touch()
        first = subprocess.Popen(command(folder, tmp_path / "ray"), env=shown, text=True, start_new_session=True)
        wait_for(server, 300, first)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
        again = subprocess.Popen(command(folder, tmp_path / "ray"), env=shown, text=True)
        wait_for(server, 900, again)
        os.kill(next(actors(shown["RAY_TEST_MARK"])), signal.SIGKILL)
        assert again.wait(300) == 0
        assert not stale.exists()
        calls = server.counts["critic"]
        checks = 2
        assert ANSWERS <= calls <= ANSWERS + 2 * FLIGHT + checks

        for name in ("PERSONA_CRITIC_MODEL", "PERSONA_CRITIC_BASE_URL", "OPENAI_API_KEY"):
            monkeypatch.setenv(name, shown[name])
        monkeypatch.setenv("PERSONA_CRITIC_STORE", str(tmp_path / "merged.sqlite"))
        assert main(["store", "merge", str(tmp_path / "ray" / "store")]) == 0
        assert main(["store", "merge", str(tmp_path / "ray" / "store")]) == 0
        assert main(["score", str(answers), "--out", str(tmp_path / "one")]) == 0
        assert server.counts["critic"] == calls  # the merged store holds every verdict

    ray, one = results(tmp_path / "ray"), results(tmp_path / "one")
    mine, theirs = ray["results"]["persona_main"], one["results"]["persona_main"]
    assert {k: type(v) for k, v in mine.items()} == {k: type(v) for k, v in theirs.items()}
    for name, value in theirs.items():
        assert mine[name] == (value if isinstance(value, str) else pytest.approx(value, rel=1e-12)), name
    for name in ("n-samples", "task_hashes", "versions", "higher_is_better"):
        assert ray[name] == one[name]
    for name in ("n", "pairs_hash", "by", "evaluation"):
        assert ray["configs"]["persona_main"]["metadata"][name] == one["configs"]["persona_main"]["metadata"][name]
    assert samples(tmp_path / "ray") == samples(tmp_path / "one")


VARIANTS = ("whole", "without age", "none of the listed")
SEVERAL: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "persona_intersection": ([line(i % 50, answer=f"Answer {i}.") for i in range(1200)], ["min_support=20"]),
    "persona_loo": (
        [line(i % 50, answer=f"{i} {v}.", variant=v, pair_id=f"pair {i}") for i in range(500) for v in VARIANTS],
        [],
    ),
    "persona_pass_at_k": ([line(i, answer=f"{i} {k}.") for i in range(300) for k in range(5)], []),
}


@pytest.mark.parametrize("task", SEVERAL)
def test_other_evaluations_come_to_what_one_process_makes_of_them(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, metadata = SEVERAL[task]
    answers = write(tmp_path / "answers.jsonl", lines)
    with Server(keep_log=False) as server:
        for name, value in environment(server, tmp_path, "").items():
            monkeypatch.setenv(name, value)
        arguments = ["score", str(answers), "--task", task, *(["--metadata", *metadata] if metadata else [])]
        assert main([*arguments, "--out", str(tmp_path / "one")]) == 0
        calls = server.counts["critic"]
        assert main([*arguments, "--engine", "ray", "--actors", "2", "--out", str(tmp_path / "ray")]) == 0
        assert server.counts["critic"] == calls  # the store of the first holds every verdict
    ray, one = results(tmp_path / "ray"), results(tmp_path / "one")
    mine, theirs = ray["results"][task], one["results"][task]
    assert list(mine) == list(theirs)
    for name, value in theirs.items():
        assert mine[name] == (value if isinstance(value, str) else pytest.approx(value, rel=1e-12)), name
    for found in (ray, one):
        for name in ("data_hash", "usage"):  # of spans, and of this run
            del found["configs"][task]["metadata"][name]
    assert ray["configs"] == one["configs"]
    assert ray["task_hashes"] == one["task_hashes"]
    assert made.samples(tmp_path / "ray") == made.samples(tmp_path / "one")
    assert len(list((tmp_path / "ray" / "samples").glob("part-*.parquet"))) > 1


class Refusing(Server):
    """Refuses one judgement in four."""

    async def _answer(self, request: Any, body: dict[str, Any]) -> Any:
        if "<<<persona" in (text := json.dumps(body["messages"])) and draw("refused", text) < 0.25:
            return await self._faulty(request, "refusal")
        return await super()._answer(request, body)


def test_attempts_without_a_verdict_are_left_to_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = write(tmp_path / "answers.jsonl", [line(i, answer=f"{i} {k}.") for i in range(8) for k in range(3)])
    with Refusing() as server:
        for name, value in environment(server, tmp_path, "").items():
            monkeypatch.setenv(name, value)
        arguments = ["score", str(answers), "--task", "persona_pass_at_k", "--metadata", "critic_max_failures=1"]
        assert main([*arguments, "--engine", "ray", "--actors", "1", "--out", str(tmp_path / "ray")]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "verdicts are missing, and persona_pass_at_k completes its pairs" in said
    assert not list((tmp_path / "ray").rglob("results_*.json"))
