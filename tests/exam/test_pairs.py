"""The pairwise exam over real HTTP: critics with one planted fault, the card they get, and what a rerun asks."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from persona_metrics import settings
from persona_metrics.cards import any_card, found
from persona_metrics.cards.pair_card import PairCard
from persona_metrics.cli import main
from persona_metrics.critic import decide
from persona_metrics.exam import mark as debate_mark
from persona_metrics.exam import pair_figure, pairs, run
from persona_metrics.exam.pair_mark import mark
from tests.exam.planted import perfect, pointing_at
from tests.fakes.server import Prefer, Server, draw

EXAM = pairs.plan(1, 12)
GOOD = {(case.question, case.good) for case in pairs.plan(1).cases}


def right(question: str, _persona: dict[str, str], first: str, _second: str) -> bool:
    """Prefer the answer that fits."""
    return (question, first) in GOOD


def longer(_question: str, _persona: dict[str, str], first: str, second: str) -> bool:
    return len(first) >= len(second)


def card(prefer: Prefer, exam: pairs.PairExam = EXAM, **more: Any) -> PairCard:
    with Server(prefer=prefer, keep_log=False) as server:
        chosen = settings.load(
            {
                "protocol": "pairwise",
                "critic_model": "m",
                "critic_base_url": server.base_url,
                "critic_store": "off",
                **more,
            }
        )
        return mark(pairs.sit(exam, chosen), chosen)


def test_every_base_gives_its_fitting_answer_against_each_that_does_not_fit() -> None:
    exam = pairs.plan(2)
    assert len(exam.bases) == exam.all_bases == 66
    assert exam.judgements == 4 * len(exam.cases)
    assert len({(c.base, c.kind) for c in exam.cases}) == len(exam.cases)
    assert min(Counter(c.base for c in exam.cases).values()) >= 3
    first, second = exam.cases[0].orders
    assert (first.first, first.second) == (second.second, second.first) == (exam.cases[0].good, exam.cases[0].bad)


def test_critic_that_is_right_gets_a_card_without_fault() -> None:
    made = card(right, pairs.plan(1))
    assert (made.accuracy.value, made.ties.value, made.order_bias.value, made.fit) == (1.0, 0.0, 0.0, True)
    assert made.faults == ()
    assert made.identity.protocol == "pairwise"
    # 66 bases without a turn: no certainty that none ever turns. Tango's z²/(n + z²), halved.
    least = 1.959964**2 / (len(pairs.plan(1).bases) + 1.959964**2) / 2
    assert (made.order_bias.low, made.order_bias.high) == (pytest.approx(-least), pytest.approx(least))


@pytest.mark.parametrize(("first", "place", "bias"), [(True, "first", 0.5), (False, "second", -0.5)])
def test_critic_of_the_place_has_half_all_ties_and_fails(first: bool, place: str, bias: float) -> None:
    made = card(lambda *_: first)
    assert (made.accuracy.value, made.ties.value, made.order_bias.value, made.fit) == (0.5, 1.0, bias, False)
    assert made.order_bias.low is not None
    assert made.order_bias.high is not None
    assert made.order_bias.low < made.order_bias.high
    assert "Sees the place alone" in made.faults[0]
    assert f"stands {place}" in made.faults[1]


def test_critic_of_the_length_is_as_right_as_the_lengths_are() -> None:
    made = card(longer)
    expected = [0.5 if len(c.good) == len(c.bad) else float(len(c.good) > len(c.bad)) for c in EXAM.cases]
    assert made.accuracy.value == pytest.approx(sum(expected) / len(expected))
    assert made.accuracy.n == len(EXAM.cases)


def test_coins_are_half_right_and_fail() -> None:
    made = card(lambda q, _, a, b: draw(q, a, b) < 0.5, pairs.plan(1))
    assert made.accuracy.value == pytest.approx(0.5, abs=0.1)
    assert made.fit is False
    assert any("Cannot tell" in fault for fault in made.faults)


def test_flips_between_repeats_are_counted_are_apart_and_are_no_ties(capsys: pytest.CaptureFixture[str]) -> None:
    times: Counter[tuple[str, str]] = Counter()

    def fickle(question: str, persona: dict[str, str], first: str, second: str) -> bool:
        times[first, second] += 1
        return right(question, persona, first, second) == (times[first, second] == 1)

    # The first time it is right in both orders, the second time in neither.
    made = card(fickle, pairs.plan(2, 2), critic_concurrency=1)
    assert (made.flips.value, made.accuracy.value, made.ties.value) == (1.0, 0.5, 0.0)
    assert "tie" not in capsys.readouterr().err


def test_command_writes_the_card_keeps_it_and_a_rerun_asks_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Server(prefer=right) as server:
        given = ["--metadata", "protocol=pairwise", f"critic_base_url={server.base_url}"]
        short = ["exam", "--critic", "m", "--limit", "3", "--repeats", "2", *given]
        assert main([*short, "--out", str(tmp_path / "o")]) == 0
        said = capsys.readouterr()
        calls = pairs.plan(2, 3).judgements
        assert f"{calls} calls (0 of {calls} votes are in the store)" in said.err
        assert server.counts["critic"] == calls + 1
        assert main(short) == 0
        assert server.counts["critic"] == calls + 1
        chosen = settings.load({"protocol": "pairwise", "critic_model": "m", "critic_base_url": server.base_url})
        known = found.card_for(chosen)
        debate = found.card_for(chosen.model_copy(update={"protocol": "debate"}))
    made = any_card.read(tmp_path / "o" / "card.json")
    assert isinstance(made, PairCard)
    assert sorted(p.name for p in (tmp_path / "o").iterdir()) == [
        "card.json",
        "card.md",
        "critic_exam.png",
        "critic_exam.svg",
    ]
    assert "](critic_exam.png)" in (tmp_path / "o" / "card.md").read_text()
    assert "critic_exam" not in said.out.partition(str(tmp_path))[0]
    assert (known.card, known.why) == (made, "")
    assert debate.card is None
    assert "prefers the answer that fits (ties half) | 100.0%" in said.out
    assert made.fit is None


def test_batch_files_come_to_the_live_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Server(prefer=longer) as server:
        given = ["--metadata", "protocol=pairwise", f"critic_base_url={server.base_url}"]
        short = ["exam", "--critic", "m", "--limit", "2", "--repeats", "1"]
        out, done = tmp_path / "r.jsonl", tmp_path / "d.jsonl"
        assert main([*short, *given, "critic_store=off", "--out", str(tmp_path / "live")]) == 0
        store = f"critic_store={tmp_path / 's.sqlite'}"
        assert main([*short, *given, store, "--batch-out", str(out)]) == 0
        lines = []
        for row in map(json.loads, out.read_text().splitlines()):
            content = server.judged("\n".join(m["content"] for m in row["body"]["messages"]))
            body = {"choices": [{"message": {"content": content}}]}
            lines.append({"custom_id": row["custom_id"], "response": {"status_code": 200, "body": body}})
        done.write_text("\n".join(map(json.dumps, lines)))
        assert main([*short, *given, store, "--batch-in", str(done), "--out", str(tmp_path / "batch")]) == 0
    capsys.readouterr()
    live, batched = (any_card.read(tmp_path / name / "card.json") for name in ("live", "batch"))
    assert isinstance(live, PairCard)
    assert isinstance(batched, PairCard)
    assert (live.accuracy, live.order_bias, live.by_kind) == (batched.accuracy, batched.order_bias, batched.by_kind)


def test_pairwise_cards_stand_side_by_side_and_the_cheapest_fit_one_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = card(right, pairs.plan(1, 2))
    for name, price in (("dear|<b>", 9.0), ("cheap", 2.0)):
        identity = base.identity.model_copy(update={"critic_model": name})
        made = base.model_copy(
            update={"fit": True, "identity": identity, "cost": base.cost.model_copy(update={"price": price})}
        )
        (tmp_path / f"{price}.json").write_text(made.to_json())
    assert main(["exam", "--compare", str(tmp_path / "9.0.json"), str(tmp_path / "2.0.json")]) == 0
    out = capsys.readouterr().out
    assert r"| | dear\|\<b\> | cheap |" in out
    assert "| prefers the answer that fits (ties half) | 100.0% (" in out
    assert "| order bias | +0.0 points" in out
    assert "| price of verdicts | $9.00 for 1,000 | $2.00 for 1,000 |" in out
    assert "The cheapest of them is cheap." in out


def test_cards_of_two_kinds_do_not_stand_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.json").write_text(card(right, pairs.plan(1, 2)).to_json())
    with Server(verdict=perfect) as server:
        chosen = pointing_at(server)
        debate = debate_mark.mark(run.sit(run.plan(1, 2), chosen), chosen)
    (tmp_path / "b.json").write_text(debate.to_json())
    assert main(["exam", "--compare", str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 2
    assert (
        "error: --compare: a pairwise card (m) has no number that a card of the debate has" in capsys.readouterr().err
    )


@pytest.mark.parametrize("prefer", [right, lambda *_: True, lambda *_: False], ids=["right", "first", "second"])
def test_figure_has_every_kind_and_the_order_on_its_side(prefer: Prefer, tmp_path: Path) -> None:
    made = card(prefer, pairs.plan(2, 3))
    left, right_side = pair_figure.draw(made).figure.axes[:2]
    assert len(left.get_yticklabels()) == 1 + len(made.by_kind)
    assert [label.get_text() for label in right_side.get_yticklabels()] == ["ties", "asked again", "order bias"]
    low, high = right_side.get_xlim()
    assert made.order_bias.value is not None
    assert low <= made.order_bias.value <= high
    assert sorted(path.name for path in pair_figure.write(made, tmp_path)) == ["critic_exam.png", "critic_exam.svg"]


def test_figure_of_a_critic_without_a_verdict_is_drawn(tmp_path: Path) -> None:
    exam = pairs.plan(1, 2)
    chosen = settings.load({"protocol": "pairwise", "critic_model": "m", "critic_base_url": "http://127.0.0.1:1/v1"})
    nothing = mark(pairs.PairAnswered(exam, tuple((decide([], "pairwise"),) for _ in exam.cases)), chosen)
    assert nothing.accuracy.value is None
    assert len(pair_figure.write(nothing, tmp_path)) == 2
