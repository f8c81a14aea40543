"""A whole batch over real HTTP: order, resuming, duplicates, stopping, deadlines, votes and panels."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from persona_metrics import settings
from persona_metrics.critic import Judgement, Missing, Reason, Verdict, judge, judge_each
from persona_metrics.critic.tally import Tally
from persona_metrics.errors import PersonaError
from tests.critic.helpers import expected, judged, judgements, pointing_at, values
from tests.fakes.server import Server


def test_verdicts_come_in_the_order_of_the_judgements() -> None:
    asked = judgements(100)
    with Server() as server:
        assert values(judged(server, asked)) == expected(asked)


def test_nothing_to_judge_asks_nothing_and_needs_no_critic() -> None:
    assert judge([], settings.load()) == []


def test_a_rerun_of_a_finished_run_makes_no_call() -> None:
    asked = judgements(50)
    with Server() as server:
        first = judged(server, asked)
        before = server.counts["critic"]
        again = judged(server, asked)
        assert server.counts["critic"] == before == 50
    assert values(again) == values(first)
    assert all(vote.stored for verdict in again for vote in verdict.votes)


def test_identical_judgements_are_asked_once() -> None:
    asked = judgements(5) * 20
    for store in ("off", None):
        with Server(latency=0.01) as server:
            verdicts = judged(server, asked, critic_store=store) if store else judged(server, asked)
            assert server.counts["critic"] == 5
        assert values(verdicts) == expected(asked)


def test_identical_judgements_that_fail_are_asked_once_too() -> None:
    with Server(faults={"refusal": 1.0}) as server:
        verdicts = judged(server, judgements(3) * 3, critic_max_failures=1, critic_concurrency=1)
        assert server.counts["critic"] == 3
    assert values(verdicts) == [None] * 9


def test_the_same_person_in_another_order_of_attributes_is_another_prompt() -> None:
    one = Judgement("q", {"age": "40", "sex": "Male"}, "a")
    other = Judgement("q", {"sex": "Male", "age": "40"}, "a")
    with Server() as server:
        judged(server, [one, other])
        assert server.counts["critic"] == 2


class Patient(Server):
    """Answers once so many requests have been there together, and so long after each that more could have come."""

    many: int

    async def _answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        while self.peak < self.many:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.02)
        return await super()._answer(request, body)


@pytest.mark.parametrize("share", [1, 4])
def test_never_more_in_flight_than_the_concurrency_or_its_share(share: int) -> None:
    with Patient() as server:
        server.many = 8 // share
        judge(judgements(60), pointing_at(server, critic_concurrency=8), share=share, progress=False)
        assert server.peak == server.many


def test_judgements_are_taken_only_as_places_become_free() -> None:
    taken = 0
    ahead: list[int] = []
    arrived: list[int] = []

    def stream() -> Iterator[Judgement]:
        nonlocal taken
        for judgement in judgements(200):
            taken += 1
            yield judgement

    def deliver(position: int, verdict: Verdict) -> None:
        assert verdict.personalized is not None
        ahead.append(taken - len(arrived))
        arrived.append(position)

    with Server() as server:
        judge_each(stream(), pointing_at(server, critic_concurrency=4), deliver, progress=False)
    assert sorted(arrived) == list(range(200))
    assert max(ahead) <= 8


def test_a_judgement_that_cannot_be_made_ends_the_run_once_those_in_flight_are_kept() -> None:
    asked = judgements(12)

    def stream() -> Iterator[Judgement]:
        yield from asked[:9]
        raise PersonaError("answers.jsonl:10: the persona has no attribute")

    seen: list[int] = []
    with Server(latency=0.05) as server:
        chosen = pointing_at(server, critic_concurrency=4)
        with pytest.raises(PersonaError, match=r"answers\.jsonl:10: the persona has no attribute; 9 verdicts are kept"):
            judge_each(stream(), chosen, lambda position, _: seen.append(position), progress=False)
        assert sorted(seen) == list(range(9))
        assert server.counts["critic"] == 9
        judge(asked, chosen, progress=False)
        assert server.counts["critic"] == 12


def test_the_first_twenty_that_fail_for_one_reason_stop_the_run() -> None:
    with Server(key="right") as server:
        with pytest.raises(PersonaError, match=r"first 20 judgements all failed: HTTP 401.*PERSONA_CRITIC_API_KEY"):
            judged(server, judgements(500), critic_concurrency=4, critic_api_key="wrong")
        assert len(server.log) <= 30


def test_too_many_failures_stop_the_run_as_soon_as_it_is_certain(capsys: pytest.CaptureFixture[str]) -> None:
    asked = judgements(200)
    with Server(faults={"refusal": 0.5}) as server:
        # Of the eight that are under way, any may end in the moment that the 41st does.
        with pytest.raises(
            PersonaError, match=r"4[1-8] of 200 verdicts are missing.*MAX_FAILURES=0.2.*refused"
        ) as caught:
            judged(server, asked, critic_concurrency=4)
        assert server.counts["critic"] < 150
        kept = int(str(caught.value).split(" verdicts are kept")[0].split()[-1])
        server.faults = {}
        before = server.counts["critic"]
        verdicts = judged(server, asked)
        assert values(verdicts) == expected(asked)
        assert sum(vote.stored for verdict in verdicts for vote in verdict.votes) == kept
        assert server.counts["critic"] - before == 200 - kept
    assert "\n" not in str(caught.value)
    assert "run the same command again" in str(caught.value)
    [line] = [line for line in capsys.readouterr().err.splitlines() if "verdicts missing" in line]
    failed = str(caught.value).partition(" ")[0]
    assert line.startswith(f"persona-metrics: {failed} of 200 verdicts missing: the critic refused (for example: I")
    assert "question 'What about" in line


def test_as_many_failures_as_allowed_do_not_stop_the_run() -> None:
    with Server(faults={"refusal": 0.1}) as server:
        verdicts = judged(server, judgements(200), critic_concurrency=4)
    assert 5 < values(verdicts).count(None) <= 40


def test_where_the_store_is_off_the_message_says_that_verdicts_are_lost() -> None:
    with Server(faults={"refusal": 1.0}) as server, pytest.raises(PersonaError, match="lost, since the verdict store"):
        judged(server, judgements(30), critic_store="off")


def test_the_deadline_ends_the_batch_and_keeps_what_is_judged() -> None:
    asked = judgements(100)
    with Server(latency=0.1) as server:
        with pytest.raises(PersonaError, match=r"deadline of 0.5 s .*PERSONA_CRITIC_DEADLINE.*verdicts are kept"):
            judged(server, asked, critic_deadline=0.5, critic_concurrency=4)
        sent = len(server.log)
        assert sent < 100
        server.latency = 0
        assert values(judged(server, asked)) == expected(asked)
        # What was in flight is asked again, nothing else.
        assert len(server.log) <= sent + 100 - (sent - 4)


def test_a_damaged_store_stops_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(b"scribble" * 1000)
    with Server() as server, pytest.raises(PersonaError, match="verdict store"):
        judged(server, judgements(3), critic_store=str(tmp_path / "s"))
    assert server.log == []


def test_it_works_inside_a_running_loop() -> None:
    async def notebook(server: Server) -> list[Verdict]:
        return judged(server, judgements(3))

    with Server() as server:
        assert values(asyncio.run(notebook(server))) == expected(judgements(3))


def test_it_works_outside_the_main_thread() -> None:
    found: list[Verdict] = []
    with Server() as server:
        thread = threading.Thread(target=lambda: found.extend(judged(server, judgements(3))))
        thread.start()
        thread.join(20)
    assert values(found) == expected(judgements(3))


class Limited(Server):
    """Lets five requests through every 50 ms and rejects the others."""

    async def _answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        window = int(time.monotonic() * 20)
        self.counts[f"window {window}"] += 1
        if self.counts[f"window {window}"] > 5:
            self.counts["limited"] += 1
            return web.json_response({"error": {"message": "slow down"}}, status=429, headers={"Retry-After": "0.05"})
        return await super()._answer(request, body)


def test_an_endpoint_that_limits_the_rate_loses_no_verdict_and_is_left_in_peace() -> None:
    asked = judgements(60)
    with Limited() as server:
        verdicts = judged(server, asked, critic_attempts=2, critic_concurrency=32)
        assert server.counts["critic"] == 60
        # All in flight back off together: without that, hundreds of requests would be rejected.
        assert 0 < server.counts["limited"] < 200
    assert values(verdicts) == expected(asked)


def _votes_of(verdict: Verdict) -> list[tuple[str, int, bool | None]]:
    return [(v.critic, v.number, None if v.opinion is None else v.opinion.outcome) for v in verdict.votes]


def test_votes_are_asked_with_seeds_of_their_own_and_the_majority_decides() -> None:
    with Server() as server:
        server.debate = _by_turn(server, [True, False, False])  # type: ignore[method-assign]
        [verdict] = judged(server, judgements(1), critic_votes=3, critic_concurrency=1)
        assert [sent["seed"] for _, sent, _ in server.log] == [0, 1, 2]
    assert verdict.personalized is True
    assert [cast for _, _, cast in _votes_of(verdict)].count(False) == 1
    assert verdict.agreement == pytest.approx(1 / 3)  # of three pairs of votes one agrees
    assert verdict.opinion is not None
    assert verdict.opinion.outcome is True


def _by_turn(server: Server, needs: list[bool]):  # type: ignore[no-untyped-def]
    whole, turns = server.debate, iter(needs)

    def debate(fenced):  # type: ignore[no-untyped-def]
        now = next(turns)
        server.verdict = lambda *_: now
        return whole(fenced)

    return debate


def test_a_tie_of_a_panel_is_missing_and_said_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    asked = judgements(10)
    with Server(verdict=lambda *_: True) as strict, Server(verdict=lambda *_: False) as mild:
        verdicts = judged(strict, asked, critic_model=f"a,b@{mild.base_url}", critic_max_failures=1)
        assert (strict.counts["critic"], mild.counts["critic"]) == (10, 10)
    assert "10 of 10 verdicts tied, and missing (for example: question" in capsys.readouterr().err
    assert {(v.personalized, v.missing, v.agreement) for v in verdicts} == {(None, "tie", 0.0)}
    assert _votes_of(verdicts[0]) == [("a", 0, False), ("b", 0, True)]


def test_ties_count_towards_the_stop_and_are_named_there() -> None:
    with Server(verdict=lambda *_: True) as strict, Server(verdict=lambda *_: False) as mild:
        with pytest.raises(PersonaError) as stopped:
            judged(strict, judgements(10), critic_model=f"a,b@{mild.base_url}", critic_concurrency=1)
        assert strict.counts["critic"] < 10
    said = str(stopped.value)
    assert (
        "3 of 10 verdicts are missing, more than PERSONA_CRITIC_MAX_FAILURES=0.2 allows; mostly: tie; as many" in said
    )


def test_failures_and_ties_stop_together() -> None:
    tally = Tally(total=10, allowed=0.2)
    [asked] = judgements(1)
    assert tally.add(asked, Verdict(None, Missing(Reason.TIE), 0.0, ()), 2) is None
    said = tally.add(asked, Verdict(None, Missing(Reason.EMPTY), None, ()))
    assert said is not None
    assert said.startswith("3 of 10 verdicts are missing (2 of them tied), more than")
    assert (tally.failed, tally.tied) == (1, 2)


def test_a_critic_that_fails_leaves_the_verdict_to_the_others_and_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    asked = judgements(10)
    with Server() as good, Server(faults={"500": 1.0}) as bad:
        verdicts = judged(good, asked, critic_model=f"a,b@{bad.base_url}", critic_attempts=2)
    assert values(verdicts) == expected(asked)
    assert "10 votes missing beside a verdict: b at 127.0.0.1" in capsys.readouterr().err


def test_verdicts_survive_as_plain_data() -> None:
    with Server() as server:
        [verdict] = judged(server, judgements(1), critic_votes=2)
    assert Verdict.from_dict(verdict.to_dict()) == verdict
    assert Verdict.from_dict({**verdict.to_dict(), "votes": [{**verdict.to_dict()["votes"][0], "later": 1}]}).votes
