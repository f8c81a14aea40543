"""The verdict store: what it keeps, and what other processes, kills and damage do to it."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from persona_metrics import settings
from persona_metrics.critic import Debate, Judgement, Missing, Reason, Vote
from persona_metrics.critic.debate import DEBATE as PROTOCOL
from persona_metrics.critic.protocol import Prompt
from persona_metrics.critic.request import key, panel
from persona_metrics.critic.store import Store
from persona_metrics.errors import PersonaError

DEBATE = Debate("bears on it", "fits", "helps", "let it go", False)
REPLY = json.dumps({name: getattr(DEBATE, name) for name in Debate.__slots__})
VOTE = Vote("gpt", "api.example.org", 0, DEBATE, None, 2, 700, 80, 1.5, "gpt-2026-01-01")


def test_a_vote_comes_back_as_it_was_and_marked_as_stored(tmp_path: Path) -> None:
    with Store(str(tmp_path / "s")) as store:
        store.put("k", VOTE, REPLY)
        assert store.get("k", PROTOCOL) == replace(VOTE, stored=True)
        assert store.get("other", PROTOCOL) is None
    with Store(str(tmp_path / "s")) as again:
        assert again.get("k", PROTOCOL) == replace(VOTE, stored=True)


def test_a_missing_vote_is_not_kept(tmp_path: Path) -> None:
    with Store(str(tmp_path / "s")) as store:
        store.put("k", replace(VOTE, opinion=None, missing=Missing(Reason.HTTP, code="500")), "")
        assert store.get("k", PROTOCOL) is None


def test_off_keeps_nothing_beyond_the_run() -> None:
    with Store("off") as store:
        store.put("k", VOTE, REPLY)
        assert store.get("k", PROTOCOL) is not None
    with Store("off") as store:
        assert store.path is None
        assert store.get("k", PROTOCOL) is None


def test_the_default_lies_in_the_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with Store(None) as store:
        assert store.path == tmp_path / "persona-metrics" / "verdicts.sqlite"


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    with Store(str(tmp_path / "s")) as store:
        store.put("k", VOTE, REPLY)
        for file in tmp_path.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600


def _key(number: int = 0, answer: str = "a", **chosen: object) -> str:
    loaded = settings.load({"critic_model": "m", "critic_base_url": "http://h/v1", **chosen})
    asked = Prompt.of(Judgement("q", {"age": "40"}, answer))
    return key(panel(loaded)[0], loaded, asked, number)


def test_everything_that_decides_a_vote_is_in_its_key() -> None:
    keys = [
        _key(),
        _key(1),
        _key(answer="b"),
        _key(critic_model="n"),
        _key(critic_base_url="http://other/v1"),
        _key(critic_base_url="http://h/v2"),
        _key(critic_temperature=0.5),
        _key(critic_max_tokens=100),
    ]
    assert len(set(keys)) == len(keys)


def test_what_does_not_decide_a_vote_is_not_in_its_key() -> None:
    same = [
        _key(),
        _key(critic_base_url="http://h/v1/"),
        _key(critic_base_url="http://user:password@h/v1"),
        _key(critic_concurrency=3, critic_timeout=9, critic_attempts=1, critic_votes=5),
        _key(critic_api_key="sk-other"),
    ]
    assert len(set(same)) == 1


def test_a_key_can_be_made_of_texts_that_no_file_can_hold() -> None:
    assert _key(answer="half a pair \ud83d") != _key(answer="half a pair")


WRITER = """
import sys, json
from dataclasses import replace
from tests.critic.test_store import PROTOCOL, REPLY, VOTE
from persona_metrics.critic.store import Store
with Store(sys.argv[1]) as store:
    for i in range(200):
        store.put(f"{sys.argv[2]}/{i}", VOTE, REPLY)
        assert store.get(f"{sys.argv[2]}/{i}", PROTOCOL) is not None
"""


def test_several_processes_create_and_fill_it_at_once(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, path, str(n)], cwd=_root()) for n in range(4)]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0, 0]
    with Store(path) as store:
        assert [row["verdicts"] for row in store.stats()] == [800]


KILLED = """
import sys
from tests.critic.test_store import REPLY, VOTE
from persona_metrics.critic.store import Store
store = Store(sys.argv[1])
for i in range(1_000_000):
    store.put(str(i), VOTE, REPLY)
    print(i, flush=True)
"""


def test_a_kill_loses_nothing_that_was_written(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with subprocess.Popen([sys.executable, "-c", KILLED, path], cwd=_root(), stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        for _ in range(50):
            last = int(writer.stdout.readline())
        writer.kill()
    with Store(path) as store:
        assert all(store.get(str(i), PROTOCOL) is not None for i in range(last + 1))


def _root() -> Path:
    return Path(__file__).parents[2]


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_damaged_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s"
    path.write_bytes(content)
    with pytest.raises(PersonaError, match=r"verdict store .*PERSONA_CRITIC_STORE") as caught:
        Store(str(path))
    assert "\n" not in str(caught.value)


def test_damage_inside_the_file_is_one_line_when_it_is_met(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with Store(str(path)) as store:
        for i in range(2000):
            store.put(str(i), VOTE, REPLY)
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))
    with pytest.raises(PersonaError, match="verdict store"):
        _read_all(path)


def _read_all(path: Path) -> None:
    with Store(str(path)) as store:
        for i in range(2000):
            store.get(str(i), PROTOCOL)


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "cookies.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE cookies (a)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(PersonaError, match="another program's"):
        Store(str(path))
    assert path.read_bytes() == before


def test_a_store_of_another_format_is_named(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with Store(str(path)):
        pass
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(PersonaError, match="format 99"):
        Store(str(path))


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(PersonaError, match="verdict store"):
        Store(str(tmp_path))


def test_a_row_that_is_no_debate_is_asked_again(tmp_path: Path) -> None:
    with Store(str(tmp_path / "s")) as store:
        store.put("k", VOTE, "scribble")
        assert store.get("k", PROTOCOL) is None


def test_stats_prune_and_export(tmp_path: Path) -> None:
    with Store(str(tmp_path / "s")) as store:
        for i in range(3):
            store.put(str(i), VOTE, REPLY)
        store.put("x", replace(VOTE, critic="claude", prompt_tokens=None), REPLY)
        assert [(r["critic"], r["verdicts"], r["prompt_tokens"], r["completion_tokens"]) for r in store.stats()] == [
            ("claude", 1, None, 80),
            ("gpt", 3, 2100, 240),
        ]
        rows = list(store.export())
        assert {row["key"] for row in rows} == {"0", "1", "2", "x"}
        assert {(row["reply"], row["latency"], row["attempts"]) for row in rows} == {(REPLY, 1.5, 2)}
        assert rows[0]["served_model"] == "gpt-2026-01-01"
        assert store.prune(older_than=1) == 0
        assert store.prune(critic="gpt", older_than=1) == 0
        assert store.prune(critic="claude") == 1
        time.sleep(0.01)
        assert store.prune(older_than=0) == 3
        assert store.stats() == []
