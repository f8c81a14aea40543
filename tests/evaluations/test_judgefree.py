from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from persona_metrics import evaluations, settings
from persona_metrics.dataset.sources import load_personas
from persona_metrics.errors import PersonaError
from persona_metrics.evaluations.choice import CHANGED, COMES_ALONG, NOBODY, UNRELATED, Choice
from persona_metrics.evaluations.judgefree import Pick, picks, results
from persona_metrics.evaluations.opinion import Opinion
from persona_metrics.personas import Persona
from persona_metrics.synthesis.rules import breaking, broken
from tests.dataset.consistency import YOUNGER_RULES

POOL = load_personas(settings.load({"data": 1}))[0]
DOC = {
    "options": ["x", "y", "z"],
    "asks": [
        {"name": "whole", "dropped": [], "order": [2, 0, 1], "right": 0},
        {"name": "no persona", "dropped": [], "order": [2, 0, 1], "right": -1},
    ],
}


def choice(**given: Any) -> Choice:
    return Choice.build(settings.load(given), POOL)


def opinion(**given: Any) -> Opinion:
    return Opinion.build(settings.load(given), POOL)


# -- picks -------------------------------------------------------------------------------------------------------------


def test_loglikelihoods_are_put_back_into_the_items_order() -> None:
    found = picks(DOC, [(-1.0, False), (-3.0, False), (-2.0, True), -5.0, -5.0, -4.0])
    assert [pick.choice for pick in found] == [2, 1]
    whole = sum(map(math.exp, (-1, -3, -2)))
    assert found[0].shares == pytest.approx([math.exp(-3) / whole, math.exp(-2) / whole, math.exp(-1) / whole])
    assert (found[0].value(0), found[0].value(2), found[0].value(None)) == (0.0, 1.0, None)


def test_samples_file_reads_as_the_run_did() -> None:
    live = [[(-1.0, False)], [(-3.0, False)], [(-2.0, True)], [(-5.0, False)], [(-5.0, False)], [(-4.0, False)]]
    filed = [[[str(v), str(g)]] for ((v, g),) in live]
    assert picks(DOC, live) == picks(DOC, json.loads(json.dumps(filed)))


def test_letters_name_options_as_shown_and_a_missing_reply_is_missing() -> None:
    found = picks(DOC, ["A", ["Hm."]])
    assert (found[0].choice, found[0].shares) == (2, (0.0, 0.0, 1.0))
    assert (found[1].choice, found[1].failure) == (None, "no letter of an option in the reply")
    (_, lost) = picks(DOC, ["A", None])
    assert (lost.missing, lost.value(0)) == ("no reply", None)
    assert [pick.missing for pick in picks(DOC, [math.nan] * 6)] == ["no loglikelihood"] * 2


def test_results_have_the_form_of_judged_ones() -> None:
    (first, second) = results(DOC, ["B", "C"])
    assert (first["answer"], first["value"], first["verdict"]) == ("B. x", 1.0, None)
    assert (second["answer"], second["value"], second["variant"]) == ("C. y", None, "no persona")


# -- choice ------------------------------------------------------------------------------------------------------------


def test_each_document_is_a_pair_that_turns_the_answer_and_one_that_must_not() -> None:
    made = choice(n=400)
    for document in made.documents():
        item = next(i for i in made.items if i.id == document.question.id)
        asks = {ask.name.partition(": ")[0]: ask for ask in document.asks}
        whole, changed, unrelated, nobody = (asks[k] for k in ("whole", "changed", "unrelated", NOBODY))
        assert changed.right != whole.right == unrelated.right == nobody.right
        assert item.right(changed.persona.attributes) == changed.right
        assert item.right(unrelated.persona.attributes) == whole.right
        moved = unrelated.name.removeprefix(UNRELATED)
        apart = {k for k, v in unrelated.persona.attributes.items() if document.persona.attributes.get(k) != v}
        assert moved in apart <= {moved, *COMES_ALONG.get(moved, ())}
        assert moved in item.invariant
        assert {ask.order for ask in document.asks} == {whole.order}
        assert nobody.persona is None


def test_places_items_and_attributes_are_balanced() -> None:
    documents = choice(n=446).documents()
    two = [d for d in documents if len(d.options) == 2]
    for ask in (0, 1):
        places = Counter(d.asks[ask].order.index(d.asks[ask].right) for d in two)
        assert abs(places[0] - places[1]) <= 8
    assert set(Counter(d.question.id for d in documents).values()) == {2}
    moved = Counter(a.name for d in documents for a in d.asks if a.name.startswith(UNRELATED))
    assert min(moved[f"{UNRELATED}{name}"] for name in ("sex", "race", "religion", "age", "ancestry")) >= 40


def test_smaller_run_is_the_beginning_of_a_larger_one_and_seeds_differ() -> None:
    assert choice(n=40).documents() == choice(n=90).documents()[:40]
    assert choice(n=40, seed=1).documents() != choice(n=40).documents()


def test_holdout_shares_no_item_with_main() -> None:
    main, held = ({d.question.id for d in choice(n=56, split=split).documents()} for split in ("main", "holdout"))
    assert len(held) == 56
    assert not main & held


def test_changed_personas_break_hardly_a_rule_of_the_population() -> None:
    people = [a.persona.attributes for d in choice(n=400).documents() for a in d.asks if a.name.startswith(UNRELATED)]
    # Pay and schooling of a job are no clear-cut things; nothing else may go wrong in more than one of a hundred.
    rules = {k: n for k, n in broken(pd.DataFrame(people)).items() if n and k not in YOUNGER_RULES}
    lines = {k: n for k, n in rules.items() if "pay" not in k and "schooling" not in k}
    assert sum(lines.values()) <= 8
    turned = [a.persona.attributes for d in choice(n=400).documents() for a in d.asks if a.name.startswith(CHANGED)]
    assert not {k for k, n in broken(pd.DataFrame(turned)).items() if n} - YOUNGER_RULES


def test_the_page_says_how_many_such_changes_break_a_rule_that_was_kept() -> None:
    made = [(d.persona, a.persona) for d in choice(n=1000).documents() for a in d.asks if a.name.startswith(UNRELATED)]
    before, after = (breaking(pd.DataFrame([person.attributes for person in side])) for side in zip(*made, strict=True))
    page = (Path(__file__).parents[2] / "docs" / "judge-free.md").read_text(encoding="utf-8")
    assert f"of {len(made):,} such changes {int((after & ~before).any(axis=1).sum())} break a" in " ".join(page.split())


def test_rows_by_hand() -> None:
    made = choice(n=1, by="sex")
    (document,) = made.documents()
    doc = document.to_row()
    right = [ask["right"] for ask in doc["asks"]]
    sex, unrelated = document.persona.attributes["sex"], doc["asks"][2]["name"].removeprefix(UNRELATED)

    def rows(*chosen: int | None) -> dict[str, Any]:
        return made.score(doc, [Pick(c, None, None if c is not None else "no letter", None) for c in chosen])

    best = rows(right[0], right[1], right[0], right[1])
    assert best == {
        "chance": 0.5,
        "acc": 1.0,
        "adapts": 1.0,
        f"adapts[{document.attribute}]": 1.0,
        f"adapts[sex={sex}]": 1.0,
        "prior": 0.0,
        "stays": 1.0,
        f"stays[{unrelated}]": 1.0,
        "answer_failures": 0.0,
    }
    stuck = rows(right[0], right[0], right[1], right[0])
    assert (stuck["acc"], stuck["adapts"], stuck["stays"], stuck["prior"]) == (0.5, 0.0, 0.0, 1.0)
    silent = rows(None, None, None, None)
    # Two replies without a letter are no same pick.
    assert (silent["adapts"], silent["stays"], silent["answer_failures"]) == (0.0, 0.0, 1.0)


def test_missing_reply_leaves_its_rows_out() -> None:
    made = choice(n=1)
    (document,) = made.documents()
    doc = document.to_row()
    there, lost = Pick(0, None), Pick(None, None, None, "no reply")
    assert set(made.score(doc, [there, lost, there, there])) >= {"stays", "prior"}
    assert "adapts" not in made.score(doc, [there, lost, there, there])
    assert set(made.score(doc, [lost, there, there, lost])) == {"chance", "answer_failures"}


@pytest.mark.parametrize(
    ("given", "message"),
    [({"split": "mian"}, "split: 'mian' is none of main, holdout, all"), ({"n": 10**6}, "pairs at most; lower n")],
)
def test_what_cannot_be_chosen_is_one_line(given: dict[str, Any], message: str) -> None:
    with pytest.raises(PersonaError, match=message):
        choice(**given).documents()


# -- opinion -----------------------------------------------------------------------------------------------------------


def test_personas_fill_an_items_groups_and_hide_what_it_asks_about() -> None:
    documents = opinion(n=200).documents()
    assert set(Counter(d.question.id for d in documents).values()) == {20}
    for document in documents:
        assert {ask.order for ask in document.asks} == {tuple(range(len(document.options)))[::s] for s in (1, -1)}
        assert all(name not in document.asks[0].persona.attributes for name in document.asks[0].dropped)
    assert any(document.asks[0].dropped for document in opinion(n=2800).documents())


def test_by_names_groupings_by_the_attributes_they_read() -> None:
    assert opinion(by="sex").groupings == ("sex",)
    assert set(opinion(by="sex,age").groupings) == {"sex", "age", "sex+age"}
    assert opinion().groupings == opinion().groupings[:8]
    with pytest.raises(PersonaError, match="by=lifestyle: the surveys have no groups by that; choose of"):
        opinion(by="lifestyle")
    with pytest.raises(PersonaError, match="no persona falls into a group"):
        Opinion.build(settings.load(), [Persona("p", {"lifestyle": "quiet"})])


def test_abstention_is_missing_and_counts_in_no_row() -> None:
    made = opinion(n=1)
    (document,) = made.documents()
    silent = Pick(None, None, "no letter of an option in the reply")
    assert made.score(document.to_row(), [silent, silent]) == {"answer_failures": 1.0}
    assert not made.answered


def test_attributes_and_evaluations_say_whether_a_critic_is_needed() -> None:
    assert [name for name in evaluations.NAMES if not evaluations.needs_critic(name)] == ["choice", "opinion"]
    with pytest.raises(PersonaError, match="evaluation choice needs no critic"):
        evaluations.require_critic("choice", "x")
