"""From exam to corrected rate: a planted critic sits it over HTTP and judges a run, and its card finds the truth behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from persona_metrics.cards.card import Rate, read
from persona_metrics.cli import main
from persona_metrics.exam.correction import worth
from persona_metrics.runs.read import replies_of
from persona_metrics.statistics.rates import wilson
from tests.e2e.command import evaluate
from tests.exam.planted import _RIGHT, perfect
from tests.fakes.server import Server, draw

N, GOOD, LAX, STRICT = 240, 0.55, 0.2, 0.1
"""Pairs, share of good answers, and how often the critic lets a bad one pass and sends a good one back."""


def needs(question: str, answer: str) -> bool:
    """Return the truth: of the exam's cases their own, of a run's answers a plan."""
    return perfect(question, {}, answer) if (question, answer) in _RIGHT else draw("good", question, answer) >= GOOD


def erring(question: str, persona: dict[str, str], answer: str) -> bool:
    del persona
    right = needs(question, answer)
    return right is not (draw("errs", question, answer) < (LAX if right else STRICT))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the critic's card in ``card`` and a run that it judged in ``out``."""
    folder = tmp_path_factory.mktemp("card")
    with Server(verdict=erring, keep_log=False) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERSONA_CRITIC_BASE_URL", server.base_url)
        patch.setenv("PERSONA_CRITIC_STORE", str(folder / "verdicts.sqlite"))
        assert main(["exam", "--critic", "c", "--repeats", "1", "--out", str(folder / "card")]) == 0
        done = evaluate(server, "persona_main", cwd=folder, metadata={"n": N})
        assert done.code == 0, done.stderr
    return folder


def corrected(place: Path, card: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["agree", str(place / "out"), "--card", str(card), "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_card_of_a_planted_critic_finds_the_rate_behind_its_verdicts(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = read(place / "card" / "card.json")
    assert card.sensitivity.value == pytest.approx(1 - LAX, abs=0.06)
    assert card.specificity.value == pytest.approx(1 - STRICT, abs=0.08)
    (path,) = (place / "out").rglob("samples_*.jsonl")
    samples = [json.loads(line) for line in path.read_text().splitlines()]
    truth = sum(not needs(s["doc"]["question"], replies_of(s)[0]) for s in samples) / N
    found = corrected(place, place / "card" / "card.json", capsys)
    said = truth * (1 - STRICT) + (1 - truth) * LAX
    assert found["critic"] == pytest.approx(said, abs=0.06)
    assert (
        abs(found["corrected"]["value"] - truth) < abs(found["critic"] - truth) or abs(found["critic"] - truth) < 0.03
    )
    assert found["corrected"]["low"] <= truth <= found["corrected"]["high"]
    # The card's sensitivity is to faults, the correction's to what is good.
    assert (found["specificity"], found["sensitivity"]) == (card.specificity.value, card.sensitivity.value)
    # A folder of a card is its card, and the sentence says where the errors are from.
    assert corrected(place, place / "card", capsys) == found
    assert main(["agree", str(place / "out"), "--card", str(place / "card")]) == 0
    assert f"By its errors in card.json of {card.date}" in capsys.readouterr().out


def test_cases_of_one_base_are_worth_less_than_their_number() -> None:
    low, high = wilson(0.8, 60)
    assert worth(Rate(value=0.8, low=low, high=high, n=200)) == 60
    low, high = wilson(0.8, 200)
    assert worth(Rate(value=0.8, low=low, high=high, n=200)) == 200
    assert worth(Rate(value=1.0, low=0.0, high=1.0, n=3)) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"critic_model": "another"}, "the card of another critic (critic another on the card, c here)"),
        ({"critic_votes": 3}, "votes 3 on the card, 1 here"),
    ],
)
def test_card_of_another_critic_corrects_nothing(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], said: str
) -> None:
    data = json.loads((place / "card" / "card.json").read_text())
    data["identity"] |= change
    (tmp_path / "card.json").write_text(json.dumps(data))
    assert main(["agree", str(place / "out"), "--card", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err


def test_card_that_tells_nothing_or_is_none_is_one_line(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = json.loads((place / "card" / "card.json").read_text())
    empty = {"value": None, "low": None, "high": None, "n": 0}
    coin = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 96}
    cases = {
        "gap": ({**data, "specificity": empty}, 2, "has no specificity"),
        "coin": ({**data, "specificity": coin, "sensitivity": coin}, 0, "nothing can be corrected"),
        "none": ({"sensitivity": {"value": 0.9, "n": 3}}, 2, "not a critic's card"),
    }
    for name, (content, code, said) in cases.items():
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(content))
        assert main(["agree", str(place / "out"), "--card", str(path)]) == code
        shown = capsys.readouterr()
        assert said in shown.out + shown.err
        assert "Traceback" not in shown.err
