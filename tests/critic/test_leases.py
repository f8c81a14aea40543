"""Several real processes on one store: what one asks for, the others wait for, and a killed one leaves nothing locked."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from persona_metrics.critic import leases
from persona_metrics.critic.leases import Leases
from persona_metrics.critic.store import Store
from tests import warm
from tests.critic.helpers import expected, judged, judgements, values
from tests.fakes.server import Server

COUNT, FLIGHT = 300, 8

JUDGING = """
import sys
from persona_metrics import settings
from persona_metrics.critic import check, judge, leases
from tests.critic.helpers import judgements, values
leases.SECONDS = float(sys.argv[2])
chosen = settings.load({"critic_model": "m", "critic_base_url": sys.argv[1], "critic_concurrency": 8})
check(chosen, remembered=True)
print(values(judge(judgements(300), chosen, progress=False)))
"""


def _start(server: Server, store: Path, seconds: float) -> subprocess.Popen[str]:
    environment = {**os.environ, "PERSONA_CRITIC_STORE": str(store), "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [*warm.python(), "-c", JUDGING, server.base_url, str(seconds)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("killed", [0, 1])
def test_four_processes_pay_once_and_for_what_a_killed_one_had_in_flight(tmp_path: Path, killed: int) -> None:
    store = tmp_path / "s"
    with Server(latency=0.05) as server:
        # Whoever is held up for so long loses its leases, too, as one may on a busy machine.
        running = [_start(server, store, 5.0 if killed else leases.SECONDS) for _ in range(4)]
        if killed:
            deadline = time.monotonic() + 90
            while server.counts["critic"] < 60 and time.monotonic() < deadline:
                time.sleep(0.01)
            running[0].send_signal(signal.SIGKILL)
        done = [process.communicate(timeout=120) for process in running]
        calls = server.counts["critic"]
    for printed, said in done[killed:]:
        assert printed == f"{expected(judgements(COUNT))}\n", said
    # One more for the dry judgement; a killed process loses the leases of what it had in flight.
    assert calls <= COUNT + 1 + killed * (FLIGHT + 1)
    with sqlite3.connect(store) as db:
        [left] = db.execute(
            "SELECT COUNT(*) FROM leases JOIN holders USING (holder) WHERE until > ?", (time.time() + 3,)
        )
    assert left == (0,)


class Clock:
    """Goes ahead of the machine's by so many seconds."""

    ahead = 0.0

    def time(self) -> float:
        return time.time() + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


def test_a_lease_is_refused_to_others_until_it_is_released_or_its_holder_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(leases, "time", clock)
    with Store(str(tmp_path / "s")) as one, Store(str(tmp_path / "s")) as other:
        assert one.leases.claim("a")
        assert one.leases.claim("a")
        assert not other.leases.claim("a")
        assert other.leases.claim("b")
        other.leases.release("a")  # not its own
        assert not other.leases.claim("a")
        one.leases.release("a")
        assert other.leases.claim("a")
        assert one.leases.claim("c")
        clock.ahead = leases.SECONDS + 1
        assert other.leases.claim("c")  # no sign of life
    with Store(str(tmp_path / "s")) as third:
        assert all(third.leases.claim(name) for name in "abc")


def test_what_fails_is_released(tmp_path: Path) -> None:
    store = tmp_path / "s"
    with Server(faults={"refusal": 1.0}) as server, Store(str(store)) as other:
        judged(server, judgements(3), critic_store=str(store), critic_max_failures=1)
        server.faults = {}
        assert values(judged(server, judgements(3), critic_store=str(store))) == expected(judgements(3))
        assert other.stats()[0]["verdicts"] == 3


def test_a_file_that_cannot_be_locked_has_no_leases_and_stops_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    def broken(*_: object) -> sqlite3.Cursor:
        raise sqlite3.OperationalError("locking protocol")

    found = Leases(broken, shared=True)
    assert found.claim("a")
    assert found.claim("b")
    found.release("a")
    found.close()
    assert capsys.readouterr().err.count("locking protocol") == 1


READING = """
import os, sys
from persona_metrics import settings
from persona_metrics.critic import judge
from persona_metrics.errors import PersonaError
from tests.critic.helpers import judgements, values
base = {"critic_model": "m", "critic_base_url": sys.argv[1], "critic_concurrency": 1}
judge(judgements(1), settings.load({**base, "critic_store": "off"}), progress=False)  # everything is imported now
if os.geteuid() == 0:
    os.seteuid(65534)  # what may not be written is written by root all the same
chosen = settings.load(base)
print(values(judge(judgements(5), chosen, progress=False)))
try:
    judge(judgements(6), chosen, progress=False)
except PersonaError as error:
    print(error)
"""


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_a_store_that_may_only_be_read_is_read_and_nothing_is_asked_that_it_could_not_keep() -> None:
    with tempfile.TemporaryDirectory() as folder, Server() as server:
        store = Path(folder) / "s"
        judged(server, judgements(5), critic_store=str(store))
        store.chmod(0o444)
        Path(folder).chmod(0o555)
        environment = {**os.environ, "PERSONA_CRITIC_STORE": str(store), "PYTHONPATH": str(Path(__file__).parents[2])}
        command = [*warm.python(), "-c", READING, server.base_url]
        done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
        Path(folder).chmod(0o755)
        assert server.counts["critic"] == 5 + 1
    assert done.returncode == 0, done.stderr
    printed, said = done.stdout.splitlines()
    assert printed == str(expected(judgements(5))), done.stderr
    assert "cannot be written" in said
    assert "PERSONA_CRITIC_STORE to a copy" in said


def test_a_store_of_one_process_alone_needs_no_leases() -> None:
    with Store("off") as store:
        assert store.leases.claim("a")
        store.leases.release("a")
