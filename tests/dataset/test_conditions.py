"""The notation of conditions: what it holds for, what it leaves open, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from persona_metrics.dataset.conditions import ALWAYS, holds, matches_value, named_attributes, parse
from persona_metrics.dataset.sources import load_pool
from persona_metrics.errors import PersonaError
from persona_metrics.evaluations.intersectionality import matches
from persona_metrics.settings import Settings

NURSE = {"age": "41", "income": "25000", "sex": "Female", "detailed job description": "Works as a Registered Nurse"}


def has(attribute: str, *values: str) -> dict[str, Any]:
    return {"attribute": attribute, "values": list(values)}


@pytest.mark.parametrize(
    ("attribute", "wanted", "value", "expected"),
    [
        ("sex", "Female", "Female", True),
        ("sex", "female", "Female", False),
        ("age", "41", "41", True),
        ("age", "40", "41", False),
        ("age", "18-41", "41", True),
        ("age", "18-40", "41", False),
        ("age", "41+", "41", True),
        ("age", "under 41", "41", False),
        ("age", "under 42", "41", True),
        ("age", "35-49", "41", True),
        ("age", "≥ 41", "41", True),
        ("age", ">= 42", "41", False),
        ("income", "25k-50k", "25000", True),
        ("income", "25k-50k", "50000", False),
        ("income", "under 25k", "24999.5", True),
        ("income", "100k+", "100000", True),
        ("income", "30k+", "30000", True),
        ("income", "under 30,000", "29999", True),
        ("income", "≥ 40000", "39999", False),
        ("income", "100k+", "nothing", False),
        ("ancestry", "*irish*", "German and Irish", True),
        ("ancestry", "Irish*", "German and Irish", False),
        ("ancestry", "*Irish", "German and Irish", True),
        ("ancestry", "German*", "German and Irish", True),
    ],
)
def test_a_value_matches_by_text_range_band_or_part(attribute: str, wanted: str, value: str, expected: bool) -> None:
    assert matches_value(attribute, wanted, value) is expected


def test_values_match_as_the_intersections_have_them() -> None:
    wanted = {"age": ("18-34", "65+", "under 30", "41"), "income": ("25k-50k", "100k+", "30000+"), "sex": ("Male",)}
    for persona in load_pool(Settings()).personas[:200]:
        for attribute, texts in wanted.items():
            value = persona.attributes[attribute]
            assert [matches_value(attribute, t, value) for t in texts] == [matches(attribute, t, value) for t in texts]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ([], True),
        ({"any": []}, False),
        (has("age", "65+", "18-45"), True),
        ({"not": has("sex", "Male")}, True),
        ([has("sex", "Female"), has("age", "65+")], False),
        ({"all": [has("sex", "Female"), has("age", "under 50")]}, True),
        ({"any": [has("sex", "Male"), has("detailed job description", "*nurse*")]}, True),
        (has("religion", "Jewish"), None),
        ({"not": has("religion", "Jewish")}, None),
        ([has("religion", "Jewish"), has("sex", "Male")], False),
        ([has("religion", "Jewish"), has("sex", "Female")], None),
        ({"any": [has("religion", "Jewish"), has("sex", "Female")]}, True),
        ({"any": [has("religion", "Jewish"), has("sex", "Male")]}, None),
    ],
)
def test_a_condition_holds_fails_or_is_unknown(data: Any, expected: bool | None) -> None:
    assert holds(parse(data, "x"), NURSE) is expected


@pytest.mark.parametrize("value", ["", "nan", "unknown age"])
def test_a_blank_or_unreadable_value_is_unknown(value: str) -> None:
    assert holds(parse(has("age", "65+"), "x"), {"age": value}) is None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("age", "file:3 eligible: expected a condition"),
        ({}, "file:3 eligible: a condition has"),
        ({"attribute": "age"}, "file:3 eligible: a condition has"),
        ({"none": []}, "found none"),
        (has("hight", "tall"), "file:3 eligible: 'hight' is not an attribute"),
        (has("sex"), "sex needs"),
        ({"attribute": "sex", "values": "Male"}, "sex needs"),
        ({"attribute": "sex", "values": [1]}, "sex needs"),
        ({"attribute": 5, "values": ["x"]}, "is the name of one of the 33"),
        (has("age", "old"), "'old' is no number or range"),
        ({"any": {"not": []}}, '"any" needs a list'),
        ([[], {"not": {"all": [has("age", "65+"), has("age", "elderly")]}}], "file:3 eligible[1].not.all[1]: age"),
    ],
)
def test_what_is_no_condition_is_refused_with_its_place(data: Any, message: str) -> None:
    with pytest.raises(PersonaError) as caught:
        parse(data, "file:3 eligible")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_attributes_of_a_condition_are_named() -> None:
    condition = parse([{"not": has("sex", "Male")}, {"any": [has("age", "65+"), has("income", "100k+")]}], "x")
    assert named_attributes(condition) == {"sex", "age", "income"}
    assert named_attributes(ALWAYS) == frozenset()
