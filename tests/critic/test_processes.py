"""A judging process that is killed, interrupted or joined by others: what is judged stays judged."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from persona_metrics.critic.batch import judge_each
from persona_metrics.critic.store import Store
from persona_metrics.critic.verdict import Verdict
from tests import warm
from tests.critic.helpers import expected, judged, judgements, pointing_at, values
from tests.fakes.server import Server

COUNT, FLIGHT = 400, 8

JUDGING = """
import sys
from persona_metrics.critic import judge, leases
from persona_metrics import settings
from tests.critic.helpers import judgements, values
leases.SECONDS = 2.0  # a killed process is waited for so long
chosen = settings.load({"critic_model": "m", "critic_base_url": sys.argv[1], "critic_concurrency": 8})
print(values(judge(judgements(400), chosen)))
"""


NO_TURN = "from persona_metrics.critic import batch, loop\nbatch.Turns = lambda: loop.Turns(at_once=0)\n"
"""Nobody's turn comes: every verdict is kept, and waits to be counted."""


def _start(server: Server, store: Path, before: str = "") -> subprocess.Popen[str]:
    root = str(Path(__file__).parents[2])
    environment = {
        **os.environ,
        "PERSONA_CRITIC_STORE": str(store),
        "PERSONA_CRITIC_API_KEY": "sk-not-to-be-seen",
        "PYTHONPATH": root,
    }
    command = [*warm.python(), "-c", before + JUDGING, server.base_url]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_kill_repeats_at_most_what_was_in_flight(tmp_path: Path) -> None:
    store = tmp_path / "s"
    with Server(latency=0.03) as server:
        for kill in (60, 150):
            with _start(server, store) as process:
                _wait_for(lambda kill=kill: server.counts["critic"] >= kill)  # type: ignore[misc]
                process.kill()
        time.sleep(0.1)  # what was in flight ends on the server
        server.latency = 0
        done = server.counts["critic"]
        verdicts = judged(server, judgements(COUNT), critic_store=str(store))
        repeated = server.counts["critic"] - COUNT
    assert 150 <= done < COUNT
    assert 0 < repeated <= 2 * FLIGHT
    assert values(verdicts) == expected(judgements(COUNT))


@pytest.mark.parametrize("hanging", [False, True])
def test_ctrl_c_ends_at_once_keeps_every_verdict_and_says_how_to_resume(tmp_path: Path, hanging: bool) -> None:
    store = tmp_path / "s"
    with Server(latency=0.02, faults={"hang": 0.05} if hanging else None) as server:
        with _start(server, store) as process:
            _wait_for(lambda: server.counts["critic"] >= 100)
            process.send_signal(signal.SIGINT)
            printed, said = process.communicate(timeout=20)
        with Store(str(store)) as kept:
            [row] = kept.stats()
        assert row["verdicts"] >= 100 - 2 * FLIGHT
        assert f"interrupted; {row['verdicts']} verdicts are kept; run the same command again" in said
        assert "sk-not-to-be-seen" not in printed + said
        server.latency, server.faults = 0, {}
        before = server.counts["critic"]
        assert values(judged(server, judgements(COUNT), critic_store=str(store))) == expected(judgements(COUNT))
        assert server.counts["critic"] - before == COUNT - row["verdicts"]


def test_ctrl_c_counts_the_verdicts_that_are_kept_and_wait_for_their_turn(tmp_path: Path) -> None:
    with Server() as server, _start(server, tmp_path / "s", NO_TURN) as process:
        _wait_for(lambda: server.counts["critic"] >= 2 * FLIGHT)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=20)[1]
    with Store(str(tmp_path / "s")) as kept:
        [row] = kept.stats()
    assert row["verdicts"] >= FLIGHT
    assert f"interrupted; {row['verdicts']} verdicts are kept;" in said


def test_processes_at_once_share_a_store(tmp_path: Path) -> None:
    store = tmp_path / "s"
    with Server(latency=0.01) as server:
        running = [_start(server, store) for _ in range(3)]
        outputs = [process.communicate(timeout=120)[0] for process in running]
        before = server.counts["critic"]
        judged(server, judgements(COUNT), critic_store=str(store))
        assert server.counts["critic"] == before
    assert outputs == [f"{expected(judgements(COUNT))}\n"] * 3


def test_a_verdict_that_cannot_be_handed_on_ends_the_run_once_those_in_flight_are_kept(tmp_path: Path) -> None:
    with Server(latency=0.05) as server:
        chosen = pointing_at(server, critic_store=str(tmp_path / "s"), critic_concurrency=FLIGHT)

        def full(_: int, __: Verdict) -> None:
            raise OSError(28, "No space left on device")

        with pytest.raises(OSError, match="No space left"):
            judge_each(judgements(COUNT), chosen, full, total=COUNT, progress=False)
        asked = server.counts["critic"]
    assert 0 < asked < COUNT
    with Store(str(tmp_path / "s")) as kept:
        assert [row["verdicts"] for row in kept.stats()] == [asked]
