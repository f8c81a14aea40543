"""Where a critic's card shows: results, report and leaderboard; and the debate's two editions side by side."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from persona_metrics import settings
from persona_metrics.cards import found, page
from persona_metrics.cards.card import Card, read
from persona_metrics.cli import main
from persona_metrics.critic import Judgement, check, critic_card
from persona_metrics.critic.debate import edition_of, messages, prompt_hash
from persona_metrics.exam import run
from persona_metrics.exam.mark import mark
from persona_metrics.harness.judging import judge_replies
from persona_metrics.report.schema import Report
from tests.conftest import full_attributes
from tests.exam.planted import perfect, pointing_at
from tests.fakes.runs import write_run
from tests.fakes.server import Server


@pytest.fixture(scope="module")
def of_another() -> Card:
    """A card of a short exam, of whatever critic."""
    with Server(verdict=perfect) as server:
        chosen = pointing_at(server, critic_store="off")
        return mark(run.sit(run.plan(1, 2), chosen), chosen)


@pytest.fixture
def card(of_another: Card) -> Card:
    """A card that passed, of the critic of ``write_run``'s runs, where it is found."""
    told = critic_card(settings.load({"critic_model": "critic-x", "critic_base_url": "http://127.0.0.1:1/v1"}))
    identity = of_another.identity.model_copy(update=told)
    made = of_another.model_copy(update={"identity": identity, "fit": True})
    found.keep(made)
    return made


def _report(results: Path, out: Path) -> tuple[list[str], str]:
    assert main(["report", str(results), "--out", str(out)]) == 0
    report = Report.model_validate_json((out / "report.json").read_text())
    return [warning.text for warning in report.warnings], (out / "report.html").read_text()


def test_report_and_leaderboard_warn_of_a_critic_without_a_card(tmp_path: Path) -> None:
    results = write_run(tmp_path, n=40)
    warned, page = _report(results, tmp_path / "o")
    assert any("critic-x has no card" in text for text in warned)
    assert '<dt>critic card</dt><dd dir="auto">no card</dd>' in page
    assert main(["leaderboard", str(results), "--out", str(tmp_path / "l")]) == 0
    assert "has no card: nobody knows its error" in (tmp_path / "l" / "leaderboard.md").read_text()


def test_report_and_leaderboard_name_the_card_and_do_not_warn(tmp_path: Path, card: Card) -> None:
    results = write_run(tmp_path, n=40)
    warned, page = _report(results, tmp_path / "o")
    assert not any("card" in text for text in warned)
    assert f'<dt>critic card</dt><dd dir="auto">card {card.digest}: fit</dd>' in page
    assert main(["leaderboard", str(results), "--out", str(tmp_path / "l")]) == 0
    rows = (tmp_path / "l" / "leaderboard.md").read_text()
    assert f"critic-x, card {card.digest}: fit" in rows
    assert "no card" not in rows


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"critic_template": prompt_hash(1)}, "template"),
        ({"critic_temperature": 1.0}, "temperature 0 on the card, 1 here"),
    ],
)
def test_report_warns_where_the_critic_is_not_the_cards(
    tmp_path: Path, card: Card, changed: dict[str, object], named: str
) -> None:
    assert card.fit
    warned, page = _report(write_run(tmp_path, n=40, metadata={"critic_card": None, **changed}), tmp_path / "o")
    assert any("is not the one on its card" in text and named in text for text in warned)
    assert "of another critic or template" in page


def test_results_note_the_card(tmp_path: Path, card: Card) -> None:
    results = json.loads(write_run(tmp_path, n=40).read_text())
    noted = results["configs"]["persona_main"]["metadata"]["critic_card"]
    assert noted == {
        "card": card.digest,
        "fit": True,
        "date": card.date,
        "balanced_accuracy": card.balanced_accuracy.value,
        "bases": card.asked.bases,
        "differs": "",
    }


def test_report_speaks_of_the_noted_card_where_there_is_no_other(
    tmp_path: Path, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = write_run(tmp_path, n=40)
    monkeypatch.setenv("PERSONA_CARD", str(tmp_path / "elsewhere"))
    warned, page = _report(results, tmp_path / "o")
    assert not any("card" in text for text in warned)
    assert f"card {card.digest}: fit" in page


# -- two editions ------------------------------------------------------------------------------------------------------


def test_first_edition_is_the_one_that_was_and_both_hold_the_same_data() -> None:
    asked = Judgement("q", full_attributes(), "a")
    first, second = messages(replace(asked, template=1)), messages(asked)
    assert first[1] == second[1]
    assert first[0] != second[0]
    # Results of version 1.0 of the tasks were judged with this one.
    assert prompt_hash(1) == "e33c0190ee16-1c0bc9"
    assert (edition_of(prompt_hash(1)), edition_of(prompt_hash(2)), edition_of("other")) == (1, 2, None)


def test_fence_comes_last_so_that_the_rubric_is_one_beginning_for_all() -> None:
    one, two = (messages(Judgement("q", {}, answer))[0]["content"] for answer in ("a", "b"))
    begin = next(i for i, (a, b) in enumerate(zip(one, two, strict=True)) if a != b)
    assert begin > 0.85 * len(one)


@pytest.mark.parametrize(
    ("template", "begins"),
    [
        (1, "You judge whether an answer fits the person it was written for. You do"),
        (2, "You judge whether an answer fits the person it was written for. Two critics"),
    ],
)
def test_template_decides_what_the_critic_is_asked(template: int, begins: str) -> None:
    with Server() as server:
        chosen = pointing_at(server, template=template)
        check(chosen)
        doc = {"question": "q", "persona": full_attributes(), "persona_id": "p", "question_id": "q", "variant": "whole"}
        judge_replies([["An answer."]], [doc], chosen)
        run.sit(run.plan(1, 2), chosen)
        asked = [body["messages"][0]["content"] for _, body, _ in server.log if "messages" in body]
    assert len(asked) > 3
    assert all(" ".join(text.split()).startswith(begins) for text in asked)
    assert critic_card(chosen)["critic_template"] == prompt_hash(template)


# -- the example -------------------------------------------------------------------------------------------------------


def test_the_card_that_ships_is_the_embedded_critics_of_this_edition_and_fails() -> None:
    folder = Path(__file__).parents[2] / "docs" / "cards"
    shipped = read(folder / "embedded.json")
    assert (folder / "embedded.md").read_text() == page.markdown(shipped, figure=False)
    assert (shipped.identity.critic_model, shipped.fit) == ("embedded", False)
    assert shipped.identity.critic_template == prompt_hash()


def test_a_critic_told_how_much_to_reason_is_another_one_than_the_cards() -> None:
    from persona_metrics.cards.card import differs, identity_key

    one = read(Path(__file__).parents[2] / "docs" / "cards" / "embedded.json")
    plain = one.identity.model_dump()
    told = {**plain, "critic_reasoning_effort": "low"}
    assert differs(one, plain) == []
    assert differs(one, told) == ["reasoning effort unset on the card, low here"]
    assert "critic_reasoning_effort" not in plain
    assert identity_key(plain) != identity_key(told) == type(one.identity)(**told).key
