"""The tasks without a critic through lm-eval: planted models are what they are, by loglikelihood and by letter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web
from lm_eval import simple_evaluate
from lm_eval.tasks import TaskManager

from persona_metrics import analysis
from persona_metrics.errors import PersonaError
from persona_metrics.harness.exits import raising
from persona_metrics.harness.task_files import tasks_folder
from persona_metrics.runs.read import tidy
from tests.fakes.choosing import Likely, Shares, Writes, ignores, knows, letter, stereotypes, table
from tests.fakes.server import Server
from tests.simulated import FULL

IDEOLOGY = {"by": "ideology", "n": 160}
SEEDS = 24 if FULL else 12


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")


def evaluate(task: str, model: Any, metadata: dict[str, Any], **options: Any) -> dict[str, Any]:
    manager = TaskManager(include_path=str(tasks_folder()), include_defaults=False, metadata=metadata)
    with raising():
        return dict(simple_evaluate(model=model, tasks=[task], task_manager=manager, **options))


def likely(task: str, shares: Shares, **metadata: Any) -> dict[str, Any]:
    return evaluate(task, Likely(shares), metadata)


def written(task: str, shares: Shares, **metadata: Any) -> dict[str, Any]:
    with Server(reply=letter(shares)) as server:
        arguments = {"model": "m", "base_url": server.chat_url, "num_concurrent": 8}
        found = evaluate(task, "local-chat-completions", metadata, model_args=arguments, apply_chat_template=True)
        assert server.counts["critic"] == 0
    return found


def rows(found: dict[str, Any]) -> dict[str, float]:
    (task,) = found["results"].values()
    return {k.partition(",")[0]: v for k, v in task.items() if "," in k and "_stderr" not in k}


def tables(found: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    ((task, samples),) = found["samples"].items()
    metadata = found["configs"][task]["metadata"]
    name = metadata["evaluation"]
    return name, dict(analysis.tables(tidy(samples, task, metadata, "m"), metadata))


@pytest.mark.parametrize("run", [likely, written])
def test_who_knows_the_rules_is_in_the_corner_and_who_ignores_the_person_is_not(run: Any) -> None:
    task = "persona_choice" if run is likely else "persona_choice_generate"
    best, worst = rows(run(task, knows, n=60)), rows(run(task, ignores, n=60))
    assert (best["adapts"], best["stays"], best["acc"]) == (1.0, 1.0, 1.0)
    assert (worst["adapts"], worst["stays"]) == (0.0, 1.0)
    assert worst["acc"] == pytest.approx(0.5, abs=0.05)  # an item of three options has a side that nobody needs
    assert best["prior"] == worst["prior"]
    assert {k: v for k, v in best.items() if k.startswith(("adapts[", "stays["))}.keys() >= {"stays[race]"}
    assert all(v == 1.0 for k, v in best.items() if k.startswith(("adapts[", "stays[")))


def test_stereotype_stays_low_in_its_attribute_and_nowhere_else() -> None:
    found = likely("persona_choice", stereotypes, n=200)
    by = {k: v for k, v in rows(found).items() if k.startswith("stays[")}
    assert by.pop("stays[race]") < 0.5
    assert set(by.values()) == {1.0}
    name, made = tables(found)
    assert "race" in analysis.finding(name, made)
    assert rows(found)["adapts"] < 0.05


@pytest.mark.parametrize(("steer", "skill"), [(1, 1.0), (0, 0.0)])
def test_group_table_and_average_person_by_loglikelihood(steer: float, skill: float) -> None:
    found = rows(likely("persona_opinion", table(steer), **IDEOLOGY))
    assert found["skill"] == pytest.approx(skill, abs=0.01)
    assert found["steer"] == pytest.approx(steer, abs=0.01)
    assert found["skill[ideology]"] == pytest.approx(found["skill"])
    assert found["ceiling"] < 1


def test_doubled_differences_are_a_caricature() -> None:
    # By sex, where no difference is so large that a doubled one would end at 0 or 1.
    found = likely("persona_opinion", table(2, "sex"), by="sex", n=160)
    assert rows(found)["steer"] == pytest.approx(2, abs=0.02)
    assert "exaggerates how they differ" in analysis.finding(*tables(found))


def test_sampled_letters_over_http_show_the_slope_and_say_what_it_means() -> None:
    name, made = tables(written("persona_opinion_generate", table(1), k=4, **IDEOLOGY))
    steer = made["headline"].set_index("row").loc["steer"]
    assert steer["low"] > 0
    assert "0: ignores the group" in analysis.headline(name, made)


@pytest.mark.slow
def test_sampled_letters_recover_the_slope_within_its_interval_in_nearly_all_seeds() -> None:
    held = 0
    for seed in range(SEEDS):
        found = evaluate("persona_opinion_generate", Writes(table(1), seed), {**IDEOLOGY, "k": 4, "seed": seed})
        steer = tables(found)[1]["headline"].set_index("row").loc["steer"]
        held += steer["low"] <= 1 <= steer["high"]
    # Of intervals that hold in 95%, fewer than 20 of 24 do so in one of 170 such tests; of 80%, in every other. Of 12,
    # fewer than 10 do in one of 50, and in two of five.
    assert held >= SEEDS * 20 / 24


def test_item_hides_what_it_asks_about_and_shows_both_orders() -> None:
    samples = likely("persona_opinion", table(0), n=300, by="ideology")["samples"]["persona_opinion"]
    hidden = [s for s in samples if s["doc"]["asks"][0]["dropped"]]
    for sample in hidden:
        for name in sample["doc"]["asks"][0]["dropped"]:
            assert f"- {name}: " not in sample["arguments"][0][0]
    assert all(s["doc"]["asks"][0]["order"] == s["doc"]["asks"][1]["order"][::-1] for s in samples)


def test_chat_endpoint_is_told_of_the_generate_form_before_any_request() -> None:
    with Server() as server:
        arguments = {"model": "m", "base_url": server.chat_url}
        with pytest.raises(PersonaError, match=r"no loglikelihoods.*run persona_choice_generate instead"):
            evaluate(
                "persona_choice", "local-chat-completions", {"n": 4}, model_args=arguments, apply_chat_template=True
            )
        assert not server.log


def test_replies_without_a_letter_are_wrong_picks_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    with Server(reply=lambda *_: "I would rather not say.") as server:
        arguments = {"model": "m", "base_url": server.chat_url, "num_concurrent": 8}
        found = evaluate(
            *("persona_choice_generate", "local-chat-completions", {"n": 10}),
            model_args=arguments,
            apply_chat_template=True,
        )
    assert (rows(found)["adapts"], rows(found)["answer_failures"]) == (0.0, 1.0)
    assert "no letter was found" in capsys.readouterr().err


class Refusing(Server):
    """Refuses its third request, as a content filter does."""

    def refused(self, request: web.Request, body: Mapping[str, Any]) -> web.Response | None:
        self.asked = getattr(self, "asked", 0) + 1
        if self.asked == 3:
            return web.json_response({"error": {"message": "this prompt is not allowed"}}, status=400)
        return super().refused(request, body)


def test_refused_request_is_missing_and_no_wrong_pick(capsys: pytest.CaptureFixture[str]) -> None:
    with Refusing(reply=lambda *_: "A") as server:
        arguments = {"model": "m", "base_url": server.chat_url, "num_concurrent": 1}
        found = evaluate(
            *("persona_choice_generate", "local-chat-completions", {"n": 10}),
            model_args=arguments,
            apply_chat_template=True,
        )
    assert rows(found)["answer_failures"] == 0.0
    assert "1 of 40 replies are missing (1× HTTP 400: " in capsys.readouterr().err
    assert tables(found)[1]["headline"]["missing"].sum() > 0


def test_nothing_of_a_critic_is_recorded_or_asked() -> None:
    found = likely("persona_choice", knows, n=6)
    metadata = found["configs"]["persona_choice"]["metadata"]
    assert not [key for key in metadata if key.startswith("critic")]
    assert (metadata["mode"], metadata["split"]) == ("loglikelihood", "main")
    assert set(metadata) >= {"items_hash", "data_hash", "pairs_hash", "answer_template", "pack_version"}


def test_only_the_embedded_model_is_sent_a_grammar() -> None:
    with Server(reply=letter(knows)) as server:
        for name in ("embedded", "m"):
            arguments = {"model": name, "base_url": server.chat_url, "num_concurrent": 4}
            evaluate(
                *("persona_choice_generate", "local-chat-completions", {"n": 2}),
                model_args=arguments,
                apply_chat_template=True,
            )
        grammars = {body["model"]: body.get("grammar") for _, body, _ in server.log}
    assert grammars == {"embedded": "root ::= [AB]", "m": None}
