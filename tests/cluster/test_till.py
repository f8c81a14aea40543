"""One purse for all actors, and shards that are read by whoever comes later."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from persona_metrics import settings
from persona_metrics.cli import main
from persona_metrics.cluster import shards
from persona_metrics.cluster.shards import Shard, found, own_path
from persona_metrics.cluster.till import Till
from persona_metrics.critic.budget import ledger
from persona_metrics.critic.debate import DEBATE, Debate
from persona_metrics.critic.request import panel
from persona_metrics.critic.store import Store
from persona_metrics.critic.verdict import Vote


def vote(needs: bool = False) -> Vote:
    return Vote("c", "host", 0, Debate("a", "b", "c", "d", needs), prompt_tokens=7, completion_tokens=3)


def test_limit_is_of_all_actors_together_and_the_dead_have_spent_what_they_said() -> None:
    till = Till(settings.load({"max_tokens_total": 100}), 1000)
    assert till.reached("one", 40, None) is None
    assert till.reached("one", 60, None) is None
    assert till.reached("two", 39, None) is None
    assert "100 tokens" in str(till.reached("two", 40, None))
    assert "PERSONA_MAX_TOKENS_TOTAL=100" in str(till.stopped())


def test_price_is_of_all_actors_together() -> None:
    till = Till(settings.load({"critic_max_cost": 1.0}), 1000)
    assert till.reached("one", 40, 0.6) is None
    assert "PERSONA_CRITIC_MAX_COST=1" in str(till.reached("two", 40, 0.4))


def test_too_many_missing_stop_everybody() -> None:
    till = Till(settings.load({"critic_max_failures": 0.1}), 100)
    assert till.lost(0, {"HTTP 500": 9}) is None
    assert till.lost(0, {"HTTP 500": 10}) is None
    # The same span again, after its actor was killed.
    assert till.lost(0, {"HTTP 500": 10}) is None
    assert "11 of 100 verdicts are missing" in str(till.lost(1, {"HTTP 500": 1}))


def test_shard_finds_what_stands_in_others_and_writes_into_its_own_alone(tmp_path: Path) -> None:
    base = tmp_path / "store.sqlite"
    with Store(str(base)) as store:
        store.put("one", vote())
    first = Shard(own_path(tmp_path), [str(base), str(tmp_path / "none.sqlite")])
    first.put("two", vote(True))
    # As after a kill: nobody closed it.
    second = Shard(own_path(tmp_path), [str(base), *map(str, found(tmp_path))])
    second.put("three", vote())
    for name in ("one", "two", "three"):
        assert second.get(name, DEBATE) is not None, name
    assert second.get("four", DEBATE) is None
    second.close()
    first.close()
    with Store(str(base)) as store:
        assert store.get("two", DEBATE) is None
    assert len(found(tmp_path)) == 2


def test_shards_say_what_their_writers_took_and_a_new_till_begins_with_it(tmp_path: Path) -> None:
    chosen = settings.load({"critic_model": "c", "critic_base_url": "http://host/v1", "max_tokens_total": 100})
    (critic,) = panel(chosen)
    ledger.reset()
    before = Shard(own_path(tmp_path, "earlier"), [])
    ledger.of(critic, chosen).usage.add(20, 400, 50, 9)
    before.note()
    before.close()
    ledger.reset()
    # As after a kill: nobody closed it, and nobody was told.
    killed = Shard(own_path(tmp_path, "now"), [])
    for n in range(3):
        ledger.of(critic, chosen).usage.add(20, 7, 3, 9)
        killed.put(f"{n}", vote())
    ledger.of(critic, chosen).usage.add(20, None, None, 8)  # a reply that could not be read was paid for, too
    killed.note()
    killed.note()
    (tmp_path / "store" / "verdicts-now-broken.sqlite").write_bytes(b"no database" * 99)
    ((who, book),) = shards.taken(tmp_path, "now", chosen)
    assert who == killed.path.stem  # type: ignore[union-attr]
    assert book.usage == ledger.usage
    assert (book.usage.calls, book.usage.untold, book.tokens) == (4, 1, 37)
    till = Till(chosen, 1000, tmp_path, "now")
    assert till.reached("another", 62, None) is None
    assert "100 tokens" in str(till.reached("another", 63, None))
    # Who takes the killed one's place finds its votes, which are no earlier run's.
    successor = Shard(own_path(tmp_path, "now"), [str(killed.path)], "now")
    assert not successor.get("1", DEBATE).stored  # type: ignore[union-attr]
    later = Shard(own_path(tmp_path, "later"), [str(killed.path)], "later")
    assert later.get("1", DEBATE).stored  # type: ignore[union-attr]
    for one in (killed, successor, later):
        one.close()
    ledger.reset()


def test_merging_is_idempotent_and_keeps_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, shard = tmp_path / "base.sqlite", tmp_path / "shards" / "a.sqlite"
    with Store(str(base)) as store:
        store.put("both", vote())
    with Store(str(shard)) as store:
        store.put("both", vote(True))
        store.put("new", vote(True))
    for taken in (1, 0):
        assert main(["store", "merge", str(shard.parent), "--store", str(base)]) == 0
        assert f"a.sqlite: {taken} verdicts taken in" in capsys.readouterr().out
    with Store(str(base)) as store:
        first, second = (store.get(name, DEBATE) for name in ("both", "new"))
    assert first is not None
    assert second is not None
    assert (first.opinion.outcome, second.opinion.outcome) == (True, False)  # type: ignore[union-attr]


def test_what_is_no_shard_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, other = tmp_path / "base.sqlite", tmp_path / "other.sqlite"
    db = sqlite3.connect(other)
    db.execute("CREATE TABLE votes (key TEXT)")
    db.commit()
    db.close()
    (tmp_path / "empty").mkdir()
    for given, said in (
        (other, "another program's database"),
        (tmp_path / "none.sqlite", "no such file"),
        (tmp_path / "empty", "no *.sqlite there"),
        (base, "is the store itself"),
    ):
        Store(str(base)).close()
        assert main(["store", "merge", str(given), "--store", str(base)]) == 2
        assert said in capsys.readouterr().err
