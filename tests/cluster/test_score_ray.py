"""Scoring on a Ray that really runs: the same rows as in one process, and nothing is paid for twice whoever is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from persona_metrics.cli import main
from tests.cluster.killing import begun, processes, wait_for
from tests.fakes.server import Server, draw
from tests.scoring import made
from tests.scoring.made import line, results, write

pytest.importorskip("ray", reason="needs the ray extra")
pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.xdist_group("ray")]

ANSWERS = 1500
FIRST = 600
"""So many of them are there at first."""
FLIGHT = 32
CHECKS = 1


def environment(server: Server, folder: Path) -> dict[str, str]:
    """Return the run's environment."""
    return {
        **os.environ,
        "OPENAI_API_KEY": "none",
        "PERSONA_CRITIC_MODEL": "critic",
        "PERSONA_CRITIC_BASE_URL": server.base_url,
        "PERSONA_CRITIC_STORE": str(folder / "none.sqlite"),
        "PERSONA_CRITIC_CONCURRENCY": str(FLIGHT),
    }


def command(path: Path, out: Path) -> list[str]:
    """Return a run with two actors."""
    return ["score", str(path), "--engine", "ray", "--actors", "2", "--out", str(out)]


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


def gone(run: subprocess.Popen[str]) -> None:
    """Wait until a killed run and its actors are gone; of Ray's own some stay for a minute, and ask nobody."""
    run.wait()
    while any(processes(b"RayJudge")):
        time.sleep(0.05)


def test_whoever_is_killed_costs_no_more_than_was_in_flight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver dies at its first calls, in their middle and over the results; an actor as early, later and as late."""
    lines = [line(i) for i in range(ANSWERS)]
    answers, folder = write(tmp_path / "answers.jsonl", lines), tmp_path / "answers"
    folder.mkdir()
    write(folder / "a.jsonl", lines[:FIRST])
    out = tmp_path / "ray"
    with Server(latency=0.05, keep_log=False) as server:
        shown = environment(server, tmp_path)
        # As an earlier run over more answers would have left it, and others that were killed.
        left = [out / "samples" / "part-00000099.parquet", out / "samples" / ".part-00000000.parquet-1f.part"]
        left += [out / ".persona_main-1f.part", out / ".99999.part" / "m" / "results_2026.json"]
        for path in left:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("cut of")
            os.utime(path, (1e9, 1e9))
        os.utime(out / ".99999.part", (1e9, 1e9))

        early = begun(command(folder, out), tmp_path, shown)
        wait_for(early, lambda: server.counts["critic"] > CHECKS)
        for number in processes():  # and whatever it has started
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        gone(early)
        middle = begun(command(folder, out), tmp_path, shown)
        wait_for(middle, lambda: server.counts["critic"] > FIRST // 2)
        middle.kill()  # alone: for a moment the actors go on
        gone(middle)
        parts = [out / "samples" / f"part-0000000{span}.parquet" for span in (0, 1)]
        for path in parts:
            path.unlink(missing_ok=True)
        late = begun(command(folder, out), tmp_path, shown)
        wait_for(late, lambda: all(path.exists() for path in parts))
        late.kill()
        gone(late)
        assert not list(out.glob("[!.]*/results_*.json"))
        calls = server.counts["critic"]
        assert FIRST <= calls <= FIRST + 3 * FLIGHT + CHECKS

        # More answers have come meanwhile.
        pq.write_table(pa.Table.from_pylist(lines[FIRST:]), folder / "b.parquet")
        run = begun(command(folder, out), tmp_path, shown)
        for moment in (calls, (FIRST + ANSWERS) // 2, ANSWERS - FLIGHT // 2):
            wait_for(run, lambda moment=moment: server.counts["critic"] > moment)  # type: ignore[misc]
            os.kill(next(processes(b"RayJudge")), signal.SIGKILL)
            if moment == calls:
                os.kill(next(processes(b"ray::Till")), signal.SIGKILL)
        assert run.wait(300) == 0
        assert not any(path.exists() for path in (*left, left[-1].parents[1]))
        again = server.counts["critic"] - calls
        assert ANSWERS - FIRST <= again <= ANSWERS - FIRST + 3 * FLIGHT // 2
        usage = results(out)["configs"]["persona_main"]["metadata"]["usage"]["critic"]
        assert again - 3 * FLIGHT // 2 <= usage["calls"] <= again
        assert usage["prompt_tokens"] == 700 * usage["calls"]  # as the server says of each
        assert usage["from_store"] == FIRST
        print(f"{calls} calls for {FIRST}, {again} for {ANSWERS - FIRST}, {usage['calls']} of them told")

        for name in ("PERSONA_CRITIC_MODEL", "PERSONA_CRITIC_BASE_URL", "OPENAI_API_KEY"):
            monkeypatch.setenv(name, shown[name])
        monkeypatch.setenv("PERSONA_CRITIC_STORE", str(tmp_path / "merged.sqlite"))
        assert main(["store", "merge", str(out / "store")]) == 0
        assert main(["store", "merge", str(out / "store")]) == 0
        assert main(["score", str(answers), "--out", str(tmp_path / "one")]) == 0
        assert server.counts["critic"] == calls + again  # the merged store holds every verdict

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
@pytest.mark.usefixtures("one_ray")
def test_other_evaluations_come_to_what_one_process_makes_of_them(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, metadata = SEVERAL[task]
    answers = write(tmp_path / "answers.jsonl", lines)
    with Server(keep_log=False) as server:
        for name, value in environment(server, tmp_path).items():
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


@pytest.mark.usefixtures("one_ray")
def test_attempts_without_a_verdict_are_left_to_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = write(tmp_path / "answers.jsonl", [line(i, answer=f"{i} {k}.") for i in range(8) for k in range(3)])
    with Refusing() as server:
        for name, value in environment(server, tmp_path).items():
            monkeypatch.setenv(name, value)
        arguments = ["score", str(answers), "--task", "persona_pass_at_k", "--metadata", "critic_max_failures=1"]
        assert main([*arguments, "--engine", "ray", "--actors", "1", "--out", str(tmp_path / "ray")]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "verdicts are missing, and persona_pass_at_k completes its pairs" in said
    assert not list((tmp_path / "ray").rglob("results_*.json"))
