from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_metrics.errors import PersonaError
from persona_metrics.personas import (
    AGE_BANDS,
    ATTRIBUTE_GROUPS,
    ATTRIBUTES,
    INCOME_BANDS,
    NOT_STATED,
    Persona,
    band,
    known,
    number,
    require_attributes,
)


def test_there_are_33_attributes_and_groups_hold_only_them() -> None:
    assert len(ATTRIBUTES) == len(set(ATTRIBUTES)) == 33
    for members in ATTRIBUTE_GROUPS.values():
        assert set(members) <= set(ATTRIBUTES)
    assert len(ATTRIBUTE_GROUPS["disability"]) == 5


@pytest.mark.parametrize(
    ("attribute", "value", "label"),
    [
        ("age", "18", "18-34"),
        ("age", "34", "18-34"),
        ("age", "35", "35-49"),
        ("age", "97", "65+"),
        ("age", "17", "0-17"),
        ("age", "about forty", NOT_STATED),
        ("age", None, NOT_STATED),
        ("income", "24999.50", "under 25k"),
        ("income", "$52,000 a year", "50k-100k"),
        ("income", "-4000", "under 25k"),
        ("income", "100000", "100k+"),
        ("sex", "Female", "Female"),
        ("sex", "", NOT_STATED),
    ],
)
def test_band(attribute: str, value: str | None, label: str) -> None:
    assert band(attribute, value) == label


@given(st.integers(0, 130))
def test_every_age_falls_into_exactly_one_band(age: int) -> None:
    assert sum(low <= age <= high for low, high, _ in AGE_BANDS) == 1
    assert band("age", str(age)) != NOT_STATED


@given(st.floats(-1e6, 1e7, allow_nan=False))
def test_every_income_has_a_band(income: float) -> None:
    assert band("income", f"{income:.2f}") in {label for *_, label in INCOME_BANDS}


def test_blank_attributes_are_absent_and_order_is_the_prompts() -> None:
    found = known({"religion": "none of your business", "sex": " ", "age": 41, "income": float("nan"), "x": "y"})
    assert list(found.items()) == [("age", "41"), ("religion", "none of your business")]


def test_without_drops_only_the_named() -> None:
    persona = Persona("p", {"age": "41", "sex": "Male", "religion": "None stated"})
    assert persona.without("sex", "age").attributes == {"religion": "None stated"}
    assert len(persona.attributes) == 3


def test_number_of_text_without_one() -> None:
    assert number("none") is None
    assert number(None) is None


def test_unknown_attribute_suggests_the_nearest() -> None:
    with pytest.raises(PersonaError, match=r"by: 'relgion' is not an attribute \(did you mean 'religion'\?\)"):
        require_attributes(["sex", "relgion"], "by")
