"""The items of persona_choice: whole, balanced, consistent once changed, and giving nothing away."""

from __future__ import annotations

import copy
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from persona_metrics.dataset import choice_items
from persona_metrics.dataset.choice_items import NEEDS, ChoiceItem, load_items, parse_item, parse_items
from persona_metrics.dataset.sources import load_pool
from persona_metrics.errors import PersonaError
from persona_metrics.personas import Persona
from persona_metrics.settings import Settings

from . import giveaways
from .consistency import broken_rules, contradictions

EMBEDDED = Path(choice_items.__file__).parent / "embedded"
ITEMS = load_items()
Made = list[dict[str, str]]
LIMIT = 3.0
"""Points above chance that no guess may reach."""


@pytest.fixture(scope="module")
def personas() -> Sequence[Persona]:
    return load_pool(Settings(data=1)).personas


def line() -> dict[str, Any]:
    """Return a small valid item as its line says it."""
    deaf = {"attribute": "hearing difficulty", "values": ["Yes"]}
    return {
        "id": "x1",
        "attribute": "hearing difficulty",
        "question": "Ring or write?",
        "topic": "travel",
        "need": "health",
        "options": ["Write to them.", "Ring them up."],
        "rules": [{"when": deaf, "right": 0}, {"when": {"not": deaf}, "right": 1}],
        "reason": "A call cannot be followed.",
        "changes": [
            {"to": {"hearing difficulty": "Yes"}, "right": 0},
            {"to": {"hearing difficulty": "No"}, "right": 1},
        ],
        "eligible": [],
        "invariant": ["race"],
    }


def test_there_are_enough_items_and_a_fifth_of_them_is_held_out() -> None:
    main, holdout = load_items("main"), load_items("holdout")
    assert len(ITEMS) >= 260
    assert len({item.id for item in ITEMS}) == len(ITEMS) == len(main) + len(holdout)
    assert len(holdout) / len(ITEMS) == pytest.approx(1 / 5, abs=0.01)
    assert len({item.attribute for item in holdout}) >= 25
    assert len({item.topic for item in holdout}) >= 20


def test_topics_needs_and_attributes_are_spread() -> None:
    attributes = Counter(item.attribute for item in ITEMS)
    assert len([a for a, n in attributes.items() if n >= 6]) >= 25
    assert max(attributes.values()) <= 20
    assert len({item.topic for item in ITEMS}) >= 20
    assert {item.need for item in ITEMS} == set(NEEDS)


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(PersonaError, match="choose main, holdout or all"):
        load_items("test")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"need": "luck"}, "need is one of"),
        ({"attribute": "hearing"}, "is not an attribute"),
        ({"attribute": "sex"}, "no rule looks at sex"),
        ({"options": ["One alone."]}, "two options or more"),
        ({"options": ["Same.", "Same."]}, "all different"),
        ({"options": ["Write to them.", "Ring them up and talk it over."]}, "lengths differ"),
        ({"options": "Write."}, "expected a list"),
        ({"invariant": ["hearing difficulty"]}, "called invariant"),
        ({"invariant": ["rase"]}, "is not an attribute"),
        ({"eligible": {"attribute": "age", "values": ["old"]}}, "x:7: eligible: age"),
        ({"rules": [{"when": [], "right": 0}]}, "rules must make every option right"),
        ({"rules": [{"when": [], "right": 2}]}, "the position of an option"),
        ({"rules": [{"if": [], "right": 0}]}, 'expected "when" and "right"'),
        ({"changes": [{"to": {"sex": "Male"}, "right": 0}, {"to": {"sex": "Female"}, "right": 1}]}, "leaves hearing"),
        ({"changes": [{"to": {}, "right": 0}]}, '"to" needs attributes'),
        ({"changes": [{"to": {"tall": "yes"}, "right": 0}]}, "is not an attribute"),
        ({"question": " "}, "question: expected a text"),
        ({"note": "x"}, "missing or unknown fields: note"),
    ],
)
def test_a_line_at_odds_with_itself_is_refused_with_its_place(change: dict[str, Any], message: str) -> None:
    assert parse_item(line(), "x:7").id == "x1"
    with pytest.raises(PersonaError) as caught:
        parse_item({**line(), **change}, "x:7")
    assert message in str(caught.value)
    assert str(caught.value).startswith("x:7")
    assert "\n" not in str(caught.value)


def test_a_file_is_refused_for_broken_json_and_a_second_use_of_an_id() -> None:
    good = json.dumps(line())
    with pytest.raises(PersonaError, match="mine:2: not JSON"):
        parse_items([good, "{"], "mine")
    with pytest.raises(PersonaError, match="mine:2: the id 'x1' stands twice"):
        parse_items([good, good], "mine")
    with pytest.raises(PersonaError, match="mine:1: missing or unknown fields"):
        parse_items(["[]"], "mine")


def test_the_rules_decide_only_for_whom_they_name() -> None:
    item = parse_item(line(), "x")
    assert [item.right({"hearing difficulty": v}) for v in ("Yes", "No")] == [0, 1]
    assert item.right({}) is None
    assert not item.fits({})
    assert item.changed({"age": "30", "hearing difficulty": "No"}, 0) == {"age": "30", "hearing difficulty": "Yes"}
    data = copy.deepcopy(line())
    data["rules"][1]["when"] = []
    assert parse_item(data, "x").right({"hearing difficulty": "Yes"}) is None, "two rules hold"
    data = {**line(), "eligible": [{"attribute": "age", "values": ["65+"]}]}
    assert parse_item(data, "x").fits({"hearing difficulty": "No"}), "an unknown age is a possible one"
    assert not parse_item(data, "x").fits({"hearing difficulty": "No", "age": "30"})


@pytest.mark.slow
def test_each_change_gives_a_person_who_can_be_and_for_whom_the_rule_holds(personas: Sequence[Persona]) -> None:
    wrong: list[str] = []
    everybody: dict[str, Made] = {}
    new: dict[frozenset[str], dict[str, Made]] = defaultdict(dict)
    for item in ITEMS:
        chosen = giveaways.drawn(item, personas, 30)
        if len(chosen) < 15:
            wrong.append(f"{item.id}: only {len(chosen)} personas fit")
        for change in item.changes:
            made = [item.changed(p.attributes, change.right) for p in chosen]
            if any(item.right(m) != change.right or not item.fits(m) for m in made):
                wrong.append(f"{item.id}: the change to {change.right} leads elsewhere")
            to = f"{item.id} to {change.right}"
            everybody[to] = made
            new[frozenset(change.to)][to] = [
                m for m, p in zip(made, chosen, strict=True) if item.right(p.attributes) != change.right
            ]
    wrong += located(everybody, broken_rules)
    for changed, made_by in new.items():
        wrong += located(made_by, lambda people, changed=changed: contradictions(people, changed))
    assert not wrong, "\n".join(wrong)


def located(made: Mapping[str, Made], check: Callable[[Made], Iterable[Any]]) -> list[str]:
    """Return what ``check`` finds in all of them together and, only where it finds anything, in which."""
    together = [person for people in made.values() for person in people]
    if not together or not list(check(together)):
        return []
    return [f"{where}: {found}" for where, people in made.items() if people for found in check(people)]


def test_an_inconsistent_change_would_be_found(personas: Sequence[Persona]) -> None:
    single = [p.attributes for p in personas if p.attributes["marital status"] == "Never married"][:30]
    assert broken_rules(single) == {}
    assert "couples are married" in broken_rules(
        [{**p, "household type": "Married couple, no own children under 18 at home"} for p in single]
    )
    readers = [p.attributes for p in personas if "crossword" in p.attributes["personal time"]][:5]
    assert contradictions(readers) == []
    assert contradictions([{**p, "vision difficulty": "Yes"} for p in readers])


def test_what_must_not_matter_decides_nothing_and_belongs_to_no_change() -> None:
    for item in ITEMS:
        assert item.invariant, item.id
        touched = {name for change in item.changes for name in change.to}
        assert not touched.intersection(item.invariant), item.id


def test_reasons_and_questions_are_sentences() -> None:
    for item in ITEMS:
        assert re.search(r"[.?!]$", item.reason), item.id
        assert re.search(r"[.?!]$", item.question), item.id
        assert all(re.search(r"[.!]$", option) for option in item.options), item.id
    assert len({item.question for item in ITEMS}) == len(ITEMS)


@pytest.fixture(scope="module")
def tables(personas: Sequence[Persona]) -> dict[str, list[giveaways.Row]]:
    return {
        "over both sides": giveaways.over_both_sides(ITEMS, personas),
        "for the rarer side": giveaways.for_the_rarer_side(ITEMS, personas),
    }


@pytest.mark.slow
def test_no_guess_beats_chance(tables: dict[str, list[giveaways.Row]]) -> None:
    for title, rows in tables.items():
        print("\n" + giveaways.table(title, rows))
    beaten = [f"{title}: {r.name} {r.gain:+.1f}" for title, rows in tables.items() for r in rows if r.gain > LIMIT]
    assert not beaten, beaten


@pytest.mark.slow
def test_the_data_card_shows_the_counts_and_the_table(tables: dict[str, list[giveaways.Row]]) -> None:
    card = " ".join((EMBEDDED / "choice.md").read_text(encoding="utf-8").split())
    for rows in tables.values():
        for row in rows:
            shown = [float(g) for g in re.findall(rf"\| {re.escape(row.name)} \|[^+-]*\| ([+-][\d.]+) \|", card)]
            assert any(abs(value - row.gain) <= 0.3 for value in shown), (row.name, row.gain, shown)
    for count in (Counter(i.need for i in ITEMS), Counter(i.topic for i in ITEMS), Counter(i.attribute for i in ITEMS)):
        for name, number in count.items():
            assert f"{name} {number}" in card, name


def test_the_data_card_says_how_many_items_there_are_and_whom_they_fit(personas: Sequence[Persona]) -> None:
    card = " ".join((EMBEDDED / "choice.md").read_text(encoding="utf-8").split())
    options = Counter(len(item.options) for item in ITEMS)
    fitting = [sum(item.fits(p.attributes) for p in personas) for item in ITEMS]
    for said in (
        f"# Choices: {len(ITEMS)} questions,",
        f"two options ({len(ITEMS) - options[2]} items have three)",
        f"| `choice.jsonl` | {len(load_items('main'))} |",
        f"| `choice_holdout.jsonl` | {len(load_items('holdout'))} |",
        f"of these {len(personas):,} between {min(fitting)} and {max(fitting):,} fit an item (median {median(fitting)})",
    ):
        assert said in card, said
    assert set(options) == {2, 3}


@pytest.mark.slow
def test_a_planted_give_away_is_found(personas: Sequence[Persona]) -> None:
    def padded(item: ChoiceItem) -> ChoiceItem:
        rare = giveaways.rarer(item, personas)
        return replace(item, options=tuple(o + " Indeed." if i == rare else o for i, o in enumerate(item.options)))

    planted = [padded(item) for item in ITEMS[:80]]
    gains = {row.name: row.gain for row in giveaways.for_the_rarer_side(planted, personas)}
    assert gains["longest option"] > 30
    assert gains["bag of words, trained on half"] > 30

    def parroting(item: ChoiceItem) -> ChoiceItem:
        values = {change.right: change.to[item.attribute] for change in item.changes}
        return replace(item, options=tuple(f"{o} {values[i]}" for i, o in enumerate(item.options)))

    gains = {row.name: row.gain for row in giveaways.over_both_sides([parroting(i) for i in ITEMS[:80]], personas)}
    assert gains["most words shared with the deciding value"] > LIMIT
