"""What is said of picks, worked by hand and over planted models: intervals hold, sentences are true at the extremes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from persona_metrics import analysis, settings
from persona_metrics.analysis.choice import comparable
from persona_metrics.dataset.opinion_groups import group_of
from persona_metrics.dataset.opinion_tables import opinion_tables
from persona_metrics.dataset.sources import load_personas
from persona_metrics.evaluations.choice import Choice
from persona_metrics.evaluations.opinion import GENERATE, Opinion, cells
from persona_metrics.runs.read import tidy
from persona_metrics.statistics.opinion import Bootstrap, score
from tests.simulated import runs, slack

POOL = load_personas(settings.load())[0]
SEEDS = runs(200)
ENOUGH = (0.93 - slack(0.93, SEEDS)) * SEEDS


def sampled(documents: list[Any], responses: list[list[Any]], evaluation: str, **metadata: Any) -> pd.DataFrame:
    rows = [
        {"doc_id": i, "doc": d.to_row(), "resps": r} for i, (d, r) in enumerate(zip(documents, responses, strict=True))
    ]
    return tidy(rows, f"persona_{evaluation}", {"evaluation": evaluation, **metadata}, "m", heavy=False)


@pytest.fixture(scope="module")
def choices() -> list[Any]:
    return Choice.build(settings.load({"n": 200}), POOL).documents()


def replies(documents: list[Any], pick: Any) -> list[list[Any]]:
    return [["ABC"[ask.order.index(pick(d, ask))] for ask in d.asks] for d in documents]


def test_choice_tables_by_hand(choices: list[Any]) -> None:
    four = choices[:4]
    # Knows the rules; but in the second, the unrelated change turns the pick, and the third does not adapt.
    answers = replies(four, lambda _, ask: ask.right)
    other = {"A": "B", "B": "A"}
    answers[1][2] = other[answers[1][0]]
    answers[2][1] = answers[2][0]
    frame = sampled(four, answers, "choice")
    found = analysis.tables(frame, {"evaluation": "choice"})
    rows = found["headline"].set_index("row")
    assert rows["value"].to_dict() == {"adapts": 0.75, "stays": 0.75, "acc": 0.875, "prior": 1.0}
    assert comparable(frame)["personalized"].tolist() == [1.0, 1.0, 0.0, 1.0]
    by = found["by_attribute"].set_index(["row", "attribute"])["rate"]
    assert by["adapts", four[2].attribute] == 0.0
    assert by["stays", four[1].asks[2].name.removeprefix("unrelated: ")] == 0.0
    assert set(analysis.intervals("choice", found)) >= {"adapts", "stays", f"adapts[{four[0].attribute}]"}


@pytest.mark.parametrize(
    ("pick", "said"),
    [
        (lambda _, ask: ask.right, ["adapts in 100%", "stays in 100%"]),
        (lambda d, _: d.asks[0].right, ["adapts in 0%", "stays in 100%"]),
        (lambda _, ask: ask.order[0], ["adapts in 0%", "stays in 100%"]),
    ],
)
def test_choice_sentence_is_true_at_the_ends_and_names_chance(choices: list[Any], pick: Any, said: list[str]) -> None:
    found = analysis.tables(sampled(choices, replies(choices, pick), "choice"), {"evaluation": "choice"})
    sentence = analysis.headline("choice", found)
    assert all(part in sentence for part in (*said, "guessing gives about 25%", "ignoring the person 0%"))


def test_nothing_read_says_so(choices: list[Any]) -> None:
    lost = analysis.tables(sampled(choices, [[None] * 4 for _ in choices], "choice"), {"evaluation": "choice"})
    assert analysis.headline("choice", lost) == "No reply could be used in any of 200 pairs."
    documents = Opinion.build(settings.load({"n": 40}), POOL).documents()
    metadata = {"evaluation": "opinion", "groupings": ["party"], "mode": "loglikelihood"}
    none = analysis.tables(sampled(documents, [[None, None] for _ in documents], "opinion"), metadata)
    assert analysis.headline("opinion", none) == "No reply could be used in any of 40 pairs."


@pytest.mark.slow
def test_adapts_and_stays_are_recovered_within_their_intervals(choices: list[Any]) -> None:
    frame = sampled(choices, replies(choices, lambda _, ask: ask.right), "choice")
    for adapts, stays in ((0.6, 0.85), (0.25, 0.5)):
        held = {"adapts": 0, "stays": 0}
        for seed in range(SEEDS):
            rng = np.random.default_rng([seed, round(100 * adapts)])
            made = frame.copy()
            turned = made["variant"].str.startswith("changed").to_numpy()
            after = made["variant"].str.startswith("unrelated").to_numpy()
            made.loc[turned, "personalized"] = (rng.random(turned.sum()) < adapts).astype(float)
            away = after & (rng.random(len(made)) >= stays)
            made.loc[away, "choice"] = 1 - made.loc[away, "choice"].astype(int)
            rows = analysis.tables(made, {"evaluation": "choice"})["headline"].set_index("row")
            held["adapts"] += rows.loc["adapts", "low"] <= adapts <= rows.loc["adapts", "high"]
            held["stays"] += rows.loc["stays", "low"] <= stays <= rows.loc["stays", "high"]
        assert min(held.values()) >= ENOUGH, held


def opinions(steer: float, rng: np.random.Generator, documents: list[Any], k: int = 3) -> dict[tuple[str, str], Any]:
    """Return each persona's mean of ``k`` letters drawn from everybody's shares, moved by ``steer`` times its group's."""
    tables, found = opinion_tables(), {}
    for document in documents:
        item, persona = document.question.id, document.persona
        groups = tables.groups(item, "sex")
        weight = np.array([c.n_effective for c in groups])
        mean = np.average([c.shares for c in groups], axis=0, weights=weight)
        group = group_of(persona.attributes, "sex")
        own = next(np.array(c.shares) for c in groups if c.group == group)
        shares = np.clip(mean + steer * (own - mean), 0, None)
        found[item, persona.id] = tuple(rng.multinomial(k, shares / shares.sum()) / k)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("steer", [0.0, 1.0, 2.0])
def test_slope_of_sampled_answers_is_recovered_within_its_interval(steer: float) -> None:
    made = Opinion.build(settings.load({"n": 1460, "by": "sex", "k": 3}), POOL)
    documents = made.documents()
    people = {d.persona.id: d.persona.attributes for d in documents}
    held, values = 0, []
    for seed in range(SEEDS):
        known = cells(opinions(steer, np.random.default_rng([seed, int(steer)]), documents), people, made.groupings)
        found = score(known.answers, Bootstrap(seed, 400, model_n=known.model_n(GENERATE, 3))).steer
        held += found.low <= steer <= found.high
        values.append(found.value)
    assert held >= ENOUGH
    assert np.mean(values) == pytest.approx(steer, abs=0.15)


def test_skill_of_the_table_and_of_everybody_with_as_many_answers_as_one_likes() -> None:
    made = Opinion.build(settings.load({"n": 600, "by": "sex"}), POOL)
    documents = made.documents()
    people = {d.persona.id: d.persona.attributes for d in documents}
    for steer, skill in ((1.0, 1.0), (0.0, 0.0)):
        answers = opinions(steer, np.random.default_rng(0), documents, k=2_000_000)
        found = score(cells(answers, people, made.groupings).answers)
        assert found.skill.value == pytest.approx(skill, abs=0.05)
        assert found.steer.value == pytest.approx(steer, abs=0.02)
