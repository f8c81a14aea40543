"""A critic that several endpoints serve: who is asked, what the store knows of it, and where the key goes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from persona_metrics import settings
from persona_metrics.critic import check, judge
from persona_metrics.critic.request import panel
from persona_metrics.critic.session import Session
from persona_metrics.critic.store import Store
from persona_metrics.critic.verdict import Verdict
from persona_metrics.errors import PersonaError
from tests.critic.helpers import expected, judgements, pointing_at, values
from tests.fakes.server import Server

DEAD = "http://127.0.0.1:9/v1"


def fleet(*urls: str) -> str:
    return ",".join(urls)


def test_least_loaded_endpoint_judges_and_the_store_has_one_key_for_the_fleet() -> None:
    asked = judgements(60)
    with Server(latency=0.01) as fast, Server(latency=1.0) as slow:
        both = pointing_at(fast, critic_base_url=fleet(fast.base_url, slow.base_url), critic_concurrency=4)
        assert values(judge(asked, both, progress=False)) == expected(asked)
        assert fast.counts["critic"] + slow.counts["critic"] == 60
        assert fast.counts["critic"] > 2 * slow.counts["critic"] > 0
        assert max(fast.peak, slow.peak) <= 4
        alone = judge(asked, pointing_at(fast), progress=False)
        wider = judge(asked, pointing_at(fast, critic_base_url=fleet(fast.base_url, DEAD)), progress=False)
        assert values(alone) == values(wider) == expected(asked)
        assert fast.counts["critic"] + slow.counts["critic"] == 60


def test_session_of_an_actor_asks_all_of_a_fleet(tmp_path: Path) -> None:
    asked = judgements(30)

    async def judged(chosen: settings.Settings) -> list[Verdict]:
        with Store(str(tmp_path / "s")) as store:
            session = Session(chosen, store, backoff=0.001)
            assert session.window == 2 * 2 * 4
            try:
                return list(await asyncio.gather(*(session.verdict(one) for one in asked)))
            finally:
                await session.close()

    with Server(latency=0.02) as one, Server(latency=0.02) as two:
        both = pointing_at(one, critic_base_url=fleet(one.base_url, two.base_url), critic_concurrency=4)
        assert values(asyncio.run(judged(both))) == expected(asked)
        assert min(one.counts["critic"], two.counts["critic"]) > 0
        assert one.counts["critic"] + two.counts["critic"] == 30


def test_dead_endpoint_is_passed_over_and_one_with_a_wrong_key_is_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = judgements(40)
    with Server() as server, Server(key="sk-another-0001") as closed:
        chosen = pointing_at(server, critic_base_url=fleet(DEAD, closed.base_url, server.base_url))
        check(chosen)
        assert values(judge(asked, chosen, progress=False, backoff=0.001)) == expected(asked)
        assert (server.counts["critic"], closed.counts["critic"]) == (41, 0)
    assert f"the critic's endpoint {closed.base_url.split('/')[2]}: HTTP 401" in capsys.readouterr().err


def test_fleet_of_which_none_answers_is_one_line() -> None:
    with Server(key="sk-one-0001") as one, Server(key="sk-two-0002") as two:
        chosen = pointing_at(one, critic_base_url=fleet(one.base_url, two.base_url))
        with pytest.raises(PersonaError, match=r"HTTP 401: key rejected.*set PERSONA_CRITIC_API_KEY"):
            check(chosen)
        with pytest.raises(PersonaError, match=r"(?:all failed|mostly): HTTP 401: key rejected"):
            judge(judgements(400), chosen, progress=False, backoff=0.001)


def test_failures_of_endpoints_are_asked_again_and_counted_together() -> None:
    asked = judgements(40)
    with Server(faults={"500": 0.3, "drop": 0.1}) as one, Server(faults={"garbage": 0.3}, fault_seed=1) as two:
        chosen = pointing_at(one, critic_base_url=fleet(one.base_url, two.base_url), critic_attempts=8)
        verdicts = judge(asked, chosen, progress=False, backoff=0.001)
    assert values(verdicts) == expected(asked)
    assert max(verdict.votes[0].attempts for verdict in verdicts) > 1


def test_key_belongs_to_the_addresses_that_are_named_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two, three = (f"http://h{i}.example/v1" for i in (1, 2, 3))
    monkeypatch.setenv("PERSONA_CRITIC_MODEL", "m")
    monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", fleet(one, f" {two}/chat/completions"))
    monkeypatch.setenv("PERSONA_CRITIC_API_KEY", "sk-of-both-0001")
    both = settings.load()
    [critic] = panel(both)
    assert [member.base_url for member in critic.members] == [one, two]
    assert [member.secret(both) for member in critic.members] == ["sk-of-both-0001"] * 2
    elsewhere = settings.load({"critic_base_url": fleet(two, three)})
    [critic] = panel(elsewhere)
    assert [member.secret(elsewhere) for member in critic.members] == ["sk-of-both-0001", None]
    beside = settings.load({"critic_model": f"m,n@{three}"})
    assert [[m.secret(beside) for m in c.members] for c in panel(beside)] == [["sk-of-both-0001"] * 2, [None]]


@pytest.mark.parametrize("mark", [",", "+", " , ", "[]", '["]', list])
def test_fleet_is_spelled_with_commas_or_as_a_command_line_lets_it(mark: object) -> None:
    one, two = "http://h1.example/v1", "https://h2.example/v1?api-version=1+2,3&x=a%2Chttp://h"
    given: object = [one, two]
    if isinstance(mark, str):
        given = f"[{one},{two}]" if mark == "[]" else json.dumps([one, two]) if mark == '["]' else f"{one}{mark}{two}"
    # Another's key, and one that comes with the addresses and is theirs, their own marks and all.
    chosen = settings.load(
        {"critic_model": "m", "critic_base_url": given, "critic_api_keys": "h1.example=sk-first-0001"}
    )
    [critic] = panel(chosen)
    assert [member.base_url for member in critic.members] == [one, two]
    assert [member.secret(chosen) for member in critic.members] == ["sk-first-0001", None]


@pytest.mark.parametrize(
    "given", [",", "http://h/v1,h2:8000/v1", "http://h/v1,ftp://h2/v1", "+", "http://h,h2/v1", "http://h/v1+http:///v1"]
)
def test_fleet_with_an_address_that_is_none_is_one_line(given: str) -> None:
    with pytest.raises(PersonaError, match=r"critic_base_url=.*must begin with http"):
        panel(settings.load({"critic_model": "m", "critic_base_url": given}))


def test_price_that_is_not_known_of_one_endpoint_stops_before_the_first_call() -> None:
    with Server() as server:
        chosen = pointing_at(server, critic_base_url=fleet("https://api.openai.com/v1", server.base_url))
        chosen = chosen.model_copy(update={"critic_max_cost": 1.0})
        with pytest.raises(PersonaError, match=r"PERSONA_CRITIC_MAX_COST=1: no price known of m at"):
            judge(judgements(1), chosen, progress=False)
        assert server.counts == {}
