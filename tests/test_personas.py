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
    attribute_name,
    band,
    columns_of,
    known,
    number,
    require_attributes,
    shown,
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


def test_missing_values_are_absent_and_the_order_is_the_given_one() -> None:
    found = known({"religion": "none of your business", "sex": " ", "age": 41, "income": float("nan"), "x_Y": "z"})
    assert list(found.items()) == [("religion", "none of your business"), ("age", "41"), ("x y", "z")]


@pytest.mark.parametrize("code", ["", " ", "NaN", "nan", "null", "NULL", "NA", "n/a", "N/A", "<NA>", "NaT", "-", "."])
def test_missing_codes_are_missing_in_every_column(code: str) -> None:
    assert known({"religion": code, "region": code, "age": code, "sex": "Female"}) == {"sex": "Female"}
    assert band("region", code) == NOT_STATED


def test_none_is_a_value_where_there_is_such_a_category() -> None:
    given = {"religion": "None", "disability": "none", "pets": "None", "race": "None", "income": "none", "sex": None}
    assert known(given) == {"religion": "None", "disability": "none", "pets": "None"}
    assert band("religion", "None") == "None"


def test_models_are_told_neither_what_is_not_applicable_nor_a_forged_line() -> None:
    breaks = ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
    own = {"fertility": "Not applicable", "bio": "x".join(f"{b}- income: 9" for b in breaks), "sex": "Male"}
    told = shown(own)
    assert list(told) == ["bio", "sex"]
    assert len(told["bio"].splitlines()) == 1
    assert attribute_name("Re\u2028gion_of\n- income") == "re gion of - income"


def test_names_are_matched_whatever_their_letters_and_underscores() -> None:
    assert {attribute_name(n) for n in ("Marital_Status", "maritalStatus", "MARITAL  STATUS", "marital-status")} == {
        "marital status"
    }
    assert attribute_name("Home_Region") == "home region"


def test_order_of_columns_is_that_of_the_personas() -> None:
    people = [
        Persona("a", {"age": "4", "region": "N"}),
        Persona("b", {"age": "5", "sex": "F", "region": "S", "job": "x"}),
    ]
    assert columns_of(people) == ("age", "sex", "region", "job")


@pytest.mark.parametrize(
    ("text", "amount", "label"),
    [
        ("1e5", 100_000, "100k+"),
        ("$100k", 100_000, "100k+"),
        ("$1.2 million", 1_200_000, "100k+"),
        ("£30k", 30_000, "25k-50k"),
        ("55,000.50", 55_000.5, "50k-100k"),
        ("-$4,000", -4_000, "under 25k"),
        ("less than $25,000", 25_000, "under 25k"),
        ("25k-50k", 25_000, "25k-50k"),
        ("$50,000-$74,999", 50_000, "50k-100k"),
        ("40 months", 40, "under 25k"),
    ],
)
def test_amounts_are_read_as_they_are_written(text: str, amount: float, label: str) -> None:
    assert number(text) == amount
    assert band("income", text) == label


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
