"""Which group a persona falls into, and who is drawn for it."""

from __future__ import annotations

import pytest

from persona_metrics.dataset.opinion_groups import (
    attributes_of,
    group_of,
    groups_of,
    personas_for,
    single_groupings,
)
from persona_metrics.dataset.sources import load_pool
from persona_metrics.errors import PersonaError
from persona_metrics.personas import ATTRIBUTES, Persona
from persona_metrics.settings import Settings


@pytest.fixture(scope="module")
def pool() -> tuple[Persona, ...]:
    return load_pool(Settings()).personas


@pytest.mark.parametrize(
    ("attribute", "value", "grouping", "expected"),
    [
        ("political views", "Independent, close to Democrat", "party", "Democrat"),
        ("political views", "Independent, close to Democrat", "party7", "Independent, close to Democrat"),
        ("political views", "independent", "party", "Independent"),
        ("political views", "Other party", "party", None),
        ("ideology", "Very liberal", "ideology", "Liberal"),
        ("ideology", "Slightly conservative", "ideology", "Conservative"),
        ("age", "17", "age", None),
        ("age", "18", "age", "18-34"),
        ("age", "34 years", "age", "18-34"),
        ("age", "34.5", "age", "18-34"),
        ("age", "35", "age", "35-49"),
        ("age", "65", "age", "65+"),
        ("age", "101", "age", "65+"),
        ("age", "old", "age", None),
        ("race", "Two or More Races", "race", "Other"),
        ("race", "White alone", "race", "White"),
        ("race", "White", "race", None),
        ("education", "Bachelor’s  degree ", "education", "Bachelor's degree"),
        ("education", "Some college, no degree", "college", "No BA"),
        ("education", "Doctorate degree", "college", "BA+"),
        ("religion", "Agnostic", "religion", "No religion"),
        ("religion", "Jewish", "religion", "Other"),
        ("religion", "Pastafarian", "religion", None),
        ("marital status", "Separated", "marital", "Divorced or separated"),
        ("sex", "", "sex", None),
    ],
)
def test_value_falls_into_its_group_and_an_unknown_one_into_none(
    attribute: str, value: str, grouping: str, expected: str | None
) -> None:
    assert group_of({attribute: value}, grouping) == expected


def test_cross_needs_both_values() -> None:
    assert group_of({"political views": "Strong Republican", "age": "70"}, "party+age") == "Republican | 65+"
    assert group_of({"political views": "Strong Republican"}, "party+age") is None
    assert group_of({"political views": "Other party", "age": "70"}, "party+age") is None
    assert attributes_of("party+age") == ("political views", "age")
    assert len(groups_of("religion+age")) == 16


def test_groups_of_a_single_grouping_are_those_its_values_reach() -> None:
    for name, grouping in single_groupings().items():
        reached = set(grouping.values.values()) | {group for _, _, group in grouping.bands}
        assert reached == set(grouping.groups), name
        assert grouping.attribute in ATTRIBUTES


def test_every_embedded_persona_is_in_a_group_but_those_of_another_party(pool: tuple[Persona, ...]) -> None:
    for name, grouping in single_groupings().items():
        outside = {p.attributes[grouping.attribute] for p in pool if group_of(p.attributes, name) is None}
        assert outside <= {"Other party"}, name


def test_unknown_grouping_is_named_with_the_nearest() -> None:
    with pytest.raises(PersonaError, match="did you mean 'religion'"):
        group_of({}, "religon+age")


# -- the draw ----------------------------------------------------------------------------------------------------------


def test_drawn_personas_are_in_their_group_and_different(pool: tuple[Persona, ...]) -> None:
    draw = personas_for(pool, "party+sex", 10, seed=3)
    assert set(draw.personas) == set(groups_of("party+sex"))
    assert not draw.lacking
    for group, those in draw.personas.items():
        assert len({p.id for p in those}) == 10
        assert {group_of(p.attributes, "party+sex") for p in those} == {group}


def test_what_the_item_asks_about_is_hidden(pool: tuple[Persona, ...]) -> None:
    draw = personas_for(pool, "party", 5, seed=0, about=("religion",))
    shown = [p for those in draw.personas.values() for p in those]
    assert len(shown) == 15
    assert all("religion" not in p.attributes and "age" in p.attributes for p in shown)
    assert all("religion" in p.attributes for p in pool)


def test_grouping_by_what_is_hidden_is_refused(pool: tuple[Persona, ...]) -> None:
    with pytest.raises(PersonaError, match="'religion'"):
        personas_for(pool, "party+religion", 5, seed=0, about=("religion",))


def test_groups_that_lack_personas_say_how_many(pool: tuple[Persona, ...]) -> None:
    smallest = "Republican | Black"
    there = sum(group_of(p.attributes, "party+race") == smallest for p in pool)
    draw = personas_for(pool, "party+race", there + 3, seed=0)
    assert draw.lacking[smallest] == 3
    assert len(draw.personas[smallest]) == there > 0
    assert personas_for([], "sex", 2, seed=0).lacking == {"Male": 2, "Female": 2}


def test_draw_hangs_on_seed_and_ids_and_grows_at_its_end(pool: tuple[Persona, ...]) -> None:
    few, again = (personas_for(p, "sex", 4, seed=1) for p in (pool, pool[::-1]))
    many = personas_for(pool, "sex", 9, seed=1, groups=["Male"])
    assert few == again
    assert few.personas["Male"] == many.personas["Male"][:4]
    assert set(many.personas) == {"Male"}
    assert few != personas_for(pool, "sex", 4, seed=2)


@pytest.mark.parametrize(
    ("kwargs", "said"),
    [({"per_group": 0}, "per_group"), ({"per_group": 1, "groups": ["Femal"]}, "did you mean 'Female'")],
)
def test_impossible_draws_are_refused(pool: tuple[Persona, ...], kwargs: dict[str, object], said: str) -> None:
    with pytest.raises(PersonaError, match=said):
        personas_for(pool, "sex", seed=0, **kwargs)  # type: ignore[arg-type]
