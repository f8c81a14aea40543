"""Rewards: verdicts as they are, missing as None, every term as documented, and a canary that ends what pays for tricks."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from persona_metrics import rewards
from persona_metrics.errors import PersonaError
from persona_metrics.rewards.canary import ESSAY, NULL, PLAIN, RECITAL, Canary
from persona_metrics.rewards.terms import Terms, parts
from persona_metrics.settings import load
from tests.conftest import full_attributes
from tests.fakes.server import Server

PERSONA = json.dumps({"age": "43", "sex": "Female", "lifestyle": "Eats no meat and keeps two goats"})
OTHER = json.dumps({"age": "20", "sex": "Male", "lifestyle": "Hunts"})


def honest(question: str, persona: dict[str, str], answer: str) -> bool:
    """Let pass what says that it fits this person."""
    del question
    return f"FITS {persona.get('age')}" not in answer and "FITS all" not in answer


def ask(server: Server, completions: list[Any], **more: Any) -> list[float | None]:
    """Call the reward as TRL does, with whatever columns it hands over."""
    given = {"persona": [PERSONA] * len(completions), "question": ["What should I cook?"] * len(completions)}
    settings = {
        "critic_model": "m",
        "critic_base_url": server.base_url,
        "critic_attempts": 1,
        **more.pop("settings", {}),
    }
    terms = {name: more.pop(name) for name in list(more) if name.endswith(("weight", "budget"))}
    call = partial(rewards.personalized, settings=settings, **terms)
    columns = {**given, **more, "trainer_state": object(), "completion_ids": [[1]] * len(completions)}
    return asyncio.run(call(prompts=[None] * len(completions), completions=completions, **columns))


def test_reward_is_the_verdict_and_a_missing_one_is_none() -> None:
    with Server(verdict=honest) as server:
        real = server.debate
        server.debate = lambda f: "none" if "lost" in f["answer"] else real(f)  # type: ignore[method-assign]
        said = [
            [{"role": "assistant", "content": "FITS 43"}],
            "Some steak.",
            "<think>FITS 43</think>Some steak.",
            "this one is lost",
            "<think>never ends",
        ]
        assert ask(server, said) == [1.0, 0.0, 0.0, None, 0.0]


def test_judged_once_is_never_paid_again() -> None:
    with Server(verdict=honest) as server:
        first = ask(server, ["FITS 43", "No."])
        counts = server.counts["critic"]
        assert ask(server, ["No.", "FITS 43"]) == first[::-1]
        assert server.counts["critic"] == counts


def test_terms_are_taken_off_and_logged() -> None:
    seen: dict[str, float] = {}
    with Server(verdict=honest) as server:
        long = "FITS 43 " + "x" * 100
        recital = "FITS 43: age 43, sex Female, eats no meat and keeps two goats."
        everybody = "FITS all of them"
        found = ask(
            server,
            [long, recital, everybody, "FITS 43"],
            other=[OTHER] * 4,
            log_metric=seen.__setitem__,
            length_budget=72,
            length_weight=0.5,
            recital_weight=0.3,
            contrast_weight=0.4,
        )
    assert found == pytest.approx([1 - 0.5 * 0.5, 1 - 0.3, 1 - 0.4, 1.0])
    assert seen["persona/fits"] == 1.0
    assert seen["persona/over_budget"] == pytest.approx(0.5 / 4)
    assert seen["persona/recital"] == pytest.approx(1 / 4)
    assert seen["persona/fits_other"] == pytest.approx(1 / 4)
    assert seen["persona/missing"] == 0.0


def test_parts_of_a_worked_answer() -> None:
    terms = Terms(length_budget=10, length_weight=0.5, contrast_weight=0.25)
    assert parts(terms, "x" * 15, {}, "", 1.0, 1.0).reward == pytest.approx(1 - 0.25 - 0.25)
    assert parts(terms, "x" * 90, {}, "", 0.0, None).reward == pytest.approx(-0.5)
    assert parts(terms, "x", {}, "", 1.0, float("nan")).reward is None
    assert parts(terms, "x", {}, "", None, 1.0).reward is None
    assert parts(terms, None, {}, "", 0.0, None).reward == 0.0


TRICKS: dict[str, tuple[Callable[[str], bool], str]] = {
    "long": (lambda text: len(text) > 500, ESSAY),
    "recital": (lambda text: text.count(": ") > 3, RECITAL),
    "nothing": (lambda text: len(text) < 25, NULL),
}


@pytest.mark.parametrize("name", list(TRICKS))
def test_critic_that_pays_for_a_trick_is_found_out_at_the_first_batch(name: str) -> None:
    likes, kind = TRICKS[name]
    with (
        Server(verdict=lambda q, p, a: not likes(a) and honest(q, p, a)) as server,
        pytest.raises(PersonaError) as stopped,
    ):
        ask(server, ["FITS 43, with lentils and a lemon"])
    said = str(stopped.value)
    assert said.startswith(f"canary: {kind} (planted, n = ")
    assert "plain answers 0.00" in said
    assert said.endswith("so training stops")
    assert "\n" not in said


def test_policy_that_gives_everybody_one_text_is_stopped_where_that_pays() -> None:
    text = "Open sesame, the goats are counted and the moon is a wheel of cheese."
    with Server(verdict=lambda q, p, a: "sesame" not in a and honest(q, p, a)) as server:
        people = [json.dumps({"age": str(20 + i), "lifestyle": f"Way of life number {i}"}) for i in range(30)]
        said, calls = "", 0
        while not said and calls < 10:
            part = people[3 * calls : 3 * calls + 3]
            calls += 1
            try:
                ask(server, [text] * 3, persona=part)
            except PersonaError as error:
                said = str(error)
    assert re.match(r"canary: constant essays \(the policy's, n = \d+\) earn 1.00, plain answers 0.00", said), said
    assert calls >= 3  # eight of them, at least


def test_honest_critic_and_policy_are_left_alone() -> None:
    seen: dict[str, float] = {}
    with Server(verdict=honest) as server:
        for i in range(30):
            persona = json.dumps({"age": str(20 + i)})
            texts = [
                f"FITS {20 + i} with number {i} of {i * i} beans",
                f"Steak and {i} eggs, then {i * 7} more of them",
            ]
            assert ask(server, texts, persona=[persona] * 2, log_metric=seen.__setitem__) == [1.0, 0.0]
    assert seen[f"persona/canary/{ESSAY}"] == seen[f"persona/canary/{PLAIN}"] == 0.0


def test_canary_takes_its_allowance_from_the_card(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Canary(load({"critic_model": "m"})).allowed == 0.02
    from persona_metrics.rewards import canary

    class Found:
        why = ""

        class card:
            digest = "abcd"

            class nulls:
                class rate:
                    high = 0.8

    monkeypatch.setattr(canary, "card_for", lambda _: Found)
    kind = Canary(load({"critic_model": "m"}))
    for one in kind.plant([]):
        kind.planted(one, 1.0 if one.kind == ESSAY else 0.0)
    assert kind.allowed == 0.8
    assert kind.sentence() is None
    for one in Canary(load({"critic_model": "m"})).plant([]) * 5:
        kind.planted(one, 1.0 if one.kind == ESSAY else 0.0)
    assert "its card abcd allows 0.80" in str(kind.sentence())


def test_one_slip_of_the_critic_stops_nothing_and_two_of_ten_do() -> None:
    for slips, stopped in ((1, False), (2, True)):
        canary, left = Canary(load({"critic_model": "m"})), slips
        for one in canary.plant([]):
            earns = one.kind == RECITAL and left > 0
            left -= earns
            canary.planted(one, float(earns))
        assert (canary.sentence() is not None) is stopped


def test_critic_that_never_answers_ends_the_training_in_one_line() -> None:
    with Server(verdict=honest) as server:
        ask(server, ["FITS 43"])
        server.debate = lambda _: "none"  # type: ignore[method-assign,assignment]
        said = ""
        for i in range(40):
            try:
                assert ask(server, [f"number {i}"]) == [None]
            except PersonaError as error:
                said = str(error)
                break
    assert said.startswith("the last 20 verdicts are missing: not one object of the schema")


def test_score_that_is_needed_is_raised_and_never_given() -> None:
    with Server(verdict=honest) as server:
        settings = {"critic_model": "m", "critic_base_url": server.base_url, "critic_attempts": 1}
        assert asyncio.run(rewards.required("FITS 43", PERSONA, "Q?", settings=settings)) == 1.0
        server.debate = lambda _: "none"  # type: ignore[method-assign,assignment]
        with pytest.raises(rewards.VerdictMissing, match="nothing was scored"):
            asyncio.run(rewards.required("Another", PERSONA, "Q?", settings=settings))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"persona": [PERSONA]}, "persona: one value a completion"),
        ({"persona": ["{", "{"]}, "not the JSON of a persona"),
        ({"persona": ['{"id": "9"}'] * 2}, "no attribute of a person"),
        ({"persona": ["", ""]}, "persona: blank"),
        ({"question": "What?"}, "question: one value a completion"),
        ({"contrast_weight": 1.0}, "contrast_weight needs the column other"),
        ({"length_budget": 0}, "length_budget=0"),
        ({"recital_weight": -1.0}, "recital_weight=-1"),
    ],
)
def test_columns_that_cannot_be_are_named(columns: dict[str, Any], said: str) -> None:
    with Server(verdict=honest) as server, pytest.raises(PersonaError, match=said):
        ask(server, ["a", "b"], **columns)


def test_without_a_critic_it_says_what_to_set() -> None:
    with pytest.raises(PersonaError, match="no critic is configured"):
        asyncio.run(rewards.personalized([None], ["x"], persona=[full_attributes()], question=["Q?"]))


def test_choice_is_exact_and_free() -> None:
    seen: dict[str, float] = {}
    options = ["Lentils", "Steak", "Eggs"]
    replies: list[Any] = [[{"role": "assistant", "content": "B"}], "The answer is A.", "Whatever", "C."]
    found = rewards.choice(
        [None] * 4,
        replies,
        options=[options] * 4,
        right=[1, 1, 0, None],
        log_metric=seen.__setitem__,
        trainer_state=None,
    )
    assert found == [1.0, 0.0, 0.0, None]
    assert seen == {"persona/no_letter": 0.25, "persona/right": pytest.approx(1 / 3)}
