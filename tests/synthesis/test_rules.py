"""Each rule catches the person it was written against; none catches a person of the model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from persona_metrics.synthesis import census, rules
from persona_metrics.synthesis.vocabulary import CENSUS_ATTRIBUTES, EXTRA_ATTRIBUTES, HELPER_COLUMNS

NURSE = {
    "age": 41,
    "sex": "Female",
    "race": "White alone",
    "ancestry": "Irish",
    "household language": "English only",
    "education": "Bachelor's degree",
    "employment status": "Civilian employed, at work",
    "class of worker": "Employee of a private not-for-profit organization",
    "industry category": "MED-Health care",
    "occupation category": "MED-Healthcare practitioners and technical",
    "detailed job description": "Works full time as a registered nurse, about 40 hours a week",
    "income": 82000,
    "marital status": "Married",
    "household type": "Married couple with own children under 18",
    "family presence and age": "2 own children at home, under 6 and 6 to 17 years",
    "place of birth": "Ohio",
    "citizenship": "Born in the United States",
    "veteran status": "Never served in the military",
    "disability": "Without a disability",
    "health insurance": "Private health insurance",
    "cognitive difficulty": "No",
    "ability to speak english": "Speaks only English",
    "vision difficulty": "No",
    "fertility": "No birth within the past 12 months",
    "hearing difficulty": "No",
}
SOLDIER = {
    "employment status": "Armed forces, at work",
    "class of worker": "Federal government employee",
    "industry category": "MIL-Military",
    "occupation category": "MIL-Military",
    "veteran status": "Now on active duty",
}
OUT = {
    "employment status": "Not in labor force",
    "class of worker": "Not applicable",
    "industry category": "Not applicable",
    "occupation category": "Not applicable",
}

IMPOSSIBLE: dict[str, dict[str, object]] = {
    "adult": {"age": 17},
    "known label": {"sex": "F"},
    "bachelor's at 21": {"age": 20},
    "master's at 23": {"age": 22, "education": "Master's degree"},
    "professional at 25": {"age": 24, "education": "Professional degree beyond a bachelor's degree"},
    "doctorate at 26": {"age": 25, "education": "Doctorate degree"},
    "associate at 20": {"age": 19, "education": "Associate's degree"},
    "least age of a job": {"age": 18, "detailed job description": "Works full time as a family physician"},
    "schooling of a job": {"education": "Regular high school diploma"},
    "job fits industry and class": {"industry category": "CON-Construction"},
    "job if employed": {**OUT, "employment status": "Civilian employed, at work"},
    "no job outside the labor force": {"employment status": "Not in labor force"},
    "one has all three": {"class of worker": "Not applicable"},
    "forces are military": {"employment status": "Armed forces, at work"},
    "forces end at 55": {**SOLDIER, "age": 60},
    "forces have a diploma": {**SOLDIER, "education": "Less than 9th grade"},
    "active duty is the forces": {"veteran status": "Now on active duty"},
    "veterans at 20": {"age": 19, "veteran status": "On active duty in the past, but not now"},
    "retired at 45": {**OUT, "detailed job description": "Retired; worked as a registered nurse"},
    "retired do not work": {"age": 70, "detailed job description": "Retired; worked as a registered nurse"},
    "pay at least": {"income": 15000},
    "pay at most": {"income": 400000},
    "minimum wage": {"income": 15000},
    "public pay": {
        "class of worker": "Federal government employee",
        "occupation category": "MGR-Management",
        "income": 387500,
    },
    "works only if employed": {**OUT},
    "no work after work": {**OUT, "mannerisms": "Waves at coworkers with a stapler."},
    "keeps house in a house": {**OUT, "detailed job description": "Keeps house", "household type": "Group quarters"},
    "couples live together": {"household type": "Lives alone"},
    "word games in English": {
        "household language": "Spanish",
        "ability to speak english": "Not at all",
        "personal time": "Does the crossword in ink.",
    },
    "ancestors' language": {
        "ancestry": "African American and Choctaw",
        "household language": "Asian or Pacific Island language",
        "ability to speak english": "Well",
    },
    "languages of Asia": {
        "place of birth": "Canada",
        "citizenship": "U.S. citizen by naturalization",
        "household language": "Asian or Pacific Island language",
        "ability to speak english": "Well",
    },
    "citizens vote": {
        "citizenship": "Not a U.S. citizen",
        "place of birth": "Ghana",
        "lifestyle": "Votes early and wears the sticker.",
    },
    "pupils at home": {
        "family presence and age": "1 own child at home, under 6 years",
        "lifestyle": "Keeps a house of crayons, cleats and permission slips.",
    },
    "sight at the wheel": {
        "detailed job description": "Works full time as a delivery driver, about 40 hours a week",
        "vision difficulty": "Yes",
    },
    "forces are fit": {**SOLDIER, "hearing difficulty": "Yes"},
    "natives of America": {
        "race": "American Indian or Alaska Native alone",
        "place of birth": "Japan",
        "citizenship": "Not a U.S. citizen",
    },
    "no debt for income": {"income": -100},
    "English on the job": {"ability to speak english": "Not at all", "household language": "Spanish"},
    "English-only household": {"ability to speak english": "Not at all"},
    "couples are married": {"marital status": "Divorced"},
    "partners are not": {"household type": "Cohabiting couple with own children under 18"},
    "single parents are single": {"household type": "Single parent with own children under 18"},
    "widowed at 22": {"age": 21, "marital status": "Widowed"},
    "divorced at 20": {"age": 19, "marital status": "Divorced"},
    "with children, children": {"family presence and age": "No own children under 18 at home"},
    "without children, none": {"household type": "Married couple, no own children under 18 at home"},
    "alone is alone": {"household type": "Lives alone", "marital status": "Divorced"},
    "parents of parents": {"age": 80, "household type": "Lives with parents"},
    "old parents": {"age": 80},
    "young children's parents": {"age": 57},
    "young parents": {"age": 20, "family presence and age": "1 own child at home, 6 to 17 years"},
    "no fertility for men": {"sex": "Male"},
    "newborns are at home": {
        "fertility": "Gave birth within the past 12 months",
        "family presence and age": "1 own child at home, 6 to 17 years",
    },
    "natives are not naturalised": {"citizenship": "U.S. citizen by naturalization"},
    "territories": {"citizenship": "Born in Puerto Rico or another U.S. territory"},
    "officers are citizens": {
        "citizenship": "Not a U.S. citizen",
        "place of birth": "Ghana",
        "class of worker": "Federal government employee",
    },
    "disability derived": {"vision difficulty": "Yes"},
    "Medicare at 65": {"health insurance": "Medicare"},
}


def test_a_possible_person_breaks_no_rule() -> None:
    assert not any(rules.broken(pd.DataFrame([NURSE])).values())


def test_every_rule_has_a_reason_and_a_person_it_forbids() -> None:
    assert {rule.name for rule in rules.RULES} == set(IMPOSSIBLE)
    assert all(rule.reason for rule in rules.RULES)


@pytest.mark.parametrize("name", list(IMPOSSIBLE))
def test_rule_catches(name: str) -> None:
    assert rules.broken(pd.DataFrame([{**NURSE, **IMPOSSIBLE[name]}]))[name] == 1


@pytest.mark.slow
def test_of_a_hundred_thousand_personas_none_breaks_a_rule() -> None:
    people = census.sample(100_000, np.random.Generator(np.random.PCG64(11)))
    assert set(people.columns) == {*CENSUS_ATTRIBUTES, *EXTRA_ATTRIBUTES, *HELPER_COLUMNS}
    assert {rule: n for rule, n in rules.broken(people).items() if n} == {}


def test_a_family_from_the_virgin_islands_speaks_a_language_of_its_ancestors() -> None:
    islander = {
        "place of birth": "U.S. Virgin Islands",
        "citizenship": "Born in Puerto Rico or another U.S. territory",
        "ancestry": "Afghan",
        "household language": "Spanish",
        "ability to speak english": "Very well",
    }
    assert rules.broken(pd.DataFrame([{**NURSE, **islander}]))["ancestors' language"] == 1
    puerto_rican = {**islander, "place of birth": "Puerto Rico", "ancestry": "Puerto Rican"}
    assert rules.broken(pd.DataFrame([{**NURSE, **puerto_rican}]))["ancestors' language"] == 0
