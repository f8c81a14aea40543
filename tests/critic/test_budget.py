"""A run stops when it has taken what it may, over real HTTP: no more than what was in flight beyond it, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from persona_metrics.critic.budget import ledger
from persona_metrics.critic.check import check
from persona_metrics.critic.store import Store
from persona_metrics.errors import PersonaError
from tests.critic.helpers import judged, judgements, pointing_at
from tests.fakes.server import Server

EACH = (700 * 1.0 + 80 * 10.0) / 1e6
"""US dollars of one verdict of the test server's, by ``prices_file``."""


@pytest.fixture(autouse=True)
def _a_new_run() -> Iterator[None]:
    ledger.reset()
    yield
    ledger.reset()


@pytest.fixture
def prices_file(tmp_path: Path) -> str:
    path = tmp_path / "prices.yaml"
    path.write_text("m: {input: 1.0, output: 10.0}\n")
    return str(path)


@pytest.mark.parametrize("concurrency", [1, 8])
def test_the_cost_stop_overshoots_by_at_most_what_is_in_flight(
    tmp_path: Path, prices_file: str, concurrency: int
) -> None:
    store = str(tmp_path / "verdicts.sqlite")
    more = {"critic_store": store, "critic_concurrency": concurrency, "prices": prices_file}
    with Server(latency=0.02) as server:
        with pytest.raises(
            PersonaError, match=r"PERSONA_CRITIC_MAX_COST=0.03 is reached; .* raise it, and run the same"
        ):
            judged(server, judgements(200), critic_max_cost=20 * EACH, **more)
        asked = server.counts["critic"]
        assert 20 <= asked <= 20 + concurrency
        # What was paid for is kept: going on asks for the rest alone.
        with Store(store) as kept:
            assert sum(row["verdicts"] for row in kept.stats()) == asked
        assert ledger.cost == pytest.approx(asked * EACH)
        ledger.reset()
        judged(server, judgements(200), **more)
        assert server.counts["critic"] == 200


def test_tokens_stop_as_money_does_without_any_price(tmp_path: Path) -> None:
    with Server(latency=0.01) as server:
        with pytest.raises(PersonaError, match=r"PERSONA_MAX_TOKENS_TOTAL=7800 is reached"):
            judged(
                server,
                judgements(100),
                max_tokens_total=7800,
                critic_concurrency=4,
                critic_store=str(tmp_path / "s.sqlite"),
            )
        assert 10 <= server.counts["critic"] <= 14


def test_several_batches_share_what_a_run_may_take(prices_file: str) -> None:
    more = {"critic_store": "off", "critic_concurrency": 1, "prices": prices_file, "critic_max_cost": 15 * EACH}
    with Server() as server:
        judged(server, judgements(10), **more)
        with pytest.raises(PersonaError, match="is reached"):
            judged(server, judgements(10, start=100), **more)
        assert 15 <= server.counts["critic"] <= 16


def test_a_run_that_ends_just_within_its_limit_is_no_stop(prices_file: str) -> None:
    with Server() as server:
        judged(server, judgements(10), critic_store="off", prices=prices_file, critic_max_cost=10 * EACH)
        assert server.counts["critic"] == 10


def test_a_panel_keeps_the_votes_that_are_paid_for(tmp_path: Path, prices_file: str) -> None:
    store = str(tmp_path / "s.sqlite")
    with Server(latency=0.01) as server:
        with pytest.raises(PersonaError, match="is reached"):
            judged(
                server,
                judgements(100),
                critic_store=store,
                critic_votes=3,
                critic_temperature=1.0,
                critic_concurrency=4,
                prices=prices_file,
                critic_max_cost=10 * EACH,
            )
        with Store(store) as kept:
            assert sum(row["verdicts"] for row in kept.stats()) == server.counts["critic"] <= 14


def test_without_a_known_price_nothing_is_asked() -> None:
    with Server() as server:
        limited = pointing_at(server, critic_max_cost=5.0)
        for start in (lambda: check(limited), lambda: judged(server, judgements(3), critic_max_cost=5.0)):
            with pytest.raises(
                PersonaError, match=r"MAX_COST=5: no price known of m at 127.*prices=FILE.*MAX_TOKENS_TOTAL"
            ):
                start()
        assert not server.log


def test_a_reply_that_cannot_be_read_is_paid_for_all_the_same(prices_file: str) -> None:
    with Server(faults={"garbage": 1.0}) as server:
        with pytest.raises(PersonaError, match="is reached"):
            judged(
                server,
                judgements(50),
                critic_store="off",
                critic_concurrency=1,
                critic_attempts=5,
                prices=prices_file,
                critic_max_cost=7 * EACH,
            )
        assert ledger.usage.calls == server.counts["fault garbage"] <= 8
