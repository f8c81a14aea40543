"""Draws age, sex, race, schooling, citizenship, birthplace, ancestry and languages. Knows nothing of work or home."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .draw import POPULATION, Codes, pick, quota, read_rows, read_table
from .groups import AGES, age_group, age_labels, origin, schooling
from .vocabulary import RACE, SEX

People = dict[str, Codes]
"""What is known of the persons so far, by name: positions of labels, or numbers (age)."""

ORIGINS_ABROAD = ("Hispanic", "White", "Black", "Asian", "Islander", "Other")
ORIGINS_AT_HOME = ("Hispanic", "White", "Black", "Asian", "Native", "Islander", "Other")
ISLANDER = RACE.index("Native Hawaiian or Pacific Islander alone")
NATIVE = RACE.index("American Indian or Alaska Native alone")
BORN_HERE, BORN_IN_TERRITORY, BORN_TO_AMERICANS, NATURALIZED, NOT_A_CITIZEN = range(5)


def draw_basics(n: int, rng: np.random.Generator, folder: Path = POPULATION) -> People:
    """Return age, sex, race and Hispanic origin of ``n`` adults."""
    rows = read_rows("age_sex_race", folder)
    shares = np.array([[float(row["persons"]) for row in rows]])
    numbers = (np.arange(n) + rng.random()) / n
    cell = pick(shares, np.zeros(n, dtype=np.int64), numbers)
    bands = age_labels("band")
    codes = np.array(
        [[bands.index(r["age"]), SEX.index(r["sex"]), RACE.index(r["race"]), int(r["hispanic"])] for r in rows]
    )[cell]
    band, sex, race, hispanic = codes.T
    years = read_table("single_years", folder)
    age = years.draw(rng, band, strata=(sex, race)) + AGES["band"][0]
    return {"age": age, "sex": sex, "race": race, "hispanic": hispanic, "origin": origin(race, hispanic)}


def draw_education(people: People, rng: np.random.Generator, folder: Path = POPULATION) -> None:
    """Add schooling, given age, sex and origin."""
    group = age_group("school age", people["age"])
    table = read_table("education", folder)
    people["education"] = quota(rng, table.shares, (people["origin"], people["sex"], group))
    people["schooling"] = schooling(people["education"])


def draw_citizenship(people: People, rng: np.random.Generator, folder: Path = POPULATION) -> None:
    """Add citizenship, given origin and age."""
    table = read_table("citizenship", folder)
    people["citizenship"] = table.draw(rng, people["origin"], age_group("life", people["age"]), strata=(people["sex"],))
    people["foreign"] = (people["citizenship"] >= NATURALIZED).astype(np.int64)


def draw_birthplace(people: People, rng: np.random.Generator, folder: Path = POPULATION) -> None:
    """Add the place of birth (a position in ``places(folder)``), given citizenship and race."""
    states, abroad = read_table("birth_state", folder), read_table("birth_country", folder)
    territory, bases = read_table("birth_territory", folder), read_table("birth_to_americans", folder)
    names = places(folder)
    islander, native = people["race"] == ISLANDER, people["race"] == NATIVE
    not_hispanic = people["hispanic"] == 0
    here = np.array([0, 1, 2, 3, 6])[people["origin"]]
    here = np.where(not_hispanic & native, 4, np.where(not_hispanic & islander, 5, here))
    away = np.array([0, 1, 2, 3, 5])[people["origin"]]
    away = np.where(not_hispanic & islander, 4, away)
    citizenship = people["citizenship"]
    birthplace = np.zeros(len(citizenship), dtype=np.int64)
    for kind, table, key in (
        (citizenship == BORN_HERE, states, here),
        (citizenship == BORN_IN_TERRITORY, territory, (islander & not_hispanic).astype(np.int64)),
        (citizenship == BORN_TO_AMERICANS, bases, np.zeros_like(here)),
        (citizenship >= NATURALIZED, abroad, away),
    ):
        if kind.any():
            position = np.array([names.index(label) for label in table.labels])
            strata = (age_group("life", people["age"])[kind], people["sex"][kind])
            birthplace[kind] = position[table.draw(rng, key[kind], strata=strata)]
    people["birthplace"] = birthplace


def places(folder: Path = POPULATION) -> list[str]:
    """Return every place of birth: states, territories, countries."""
    return [
        *(row["state"] for row in read_rows("states", folder)),
        *read_table("birth_territory", folder).labels,
        *(row["country"] for row in read_rows("countries", folder)),
    ]


def draw_language(people: People, rng: np.random.Generator, folder: Path = POPULATION) -> None:
    """Add the language of the household, given where the person was raised."""
    table = read_table("language", folder)
    keys = list(table.levels[0])
    place = np.array([keys.index(name) if name in keys else -1 for name in places(folder)])
    raised_here = np.array([keys.index(f"Raised here: {name}") for name in ORIGINS_AT_HOME])
    in_territory = keys.index("Born in a U.S. territory")
    native = np.where(people["race"] == NATIVE, 4, np.where(people["race"] == ISLANDER, 5, 6))
    at_home = np.where(people["origin"] < 3, people["origin"], np.where(people["race"] == ISLANDER, 5, 3))
    at_home = np.where(people["origin"] == 4, native, at_home)
    speech = np.where(people["foreign"] == 1, place[people["birthplace"]], raised_here[at_home])
    speech = np.where(people["citizenship"] == BORN_IN_TERRITORY, in_territory, speech)
    people["language"] = table.draw(rng, speech, strata=(age_group("life", people["age"]),))


def draw_english(people: People, rng: np.random.Generator, folder: Path = POPULATION) -> None:
    """Add how well English is spoken, given the language of the household, nativity and schooling."""
    english = read_table("english", folder)
    learned = np.array([0, 1, 1, 2, 2])[people["schooling"]]
    people["english"] = english.draw(rng, people["language"], people["foreign"], learned)


def draw_ancestry(people: People, rng: np.random.Generator, folder: Path = POPULATION) -> list[str]:
    """Add the ancestry, given race, Hispanic origin and birthplace; return its labels."""
    table = read_table("ancestry", folder)
    countries = {row["country"]: row["ancestry"] for row in read_rows("countries", folder)}
    labels = [*table.labels, *sorted(set(countries.values()) - set(table.labels))]
    drawn = table.draw(rng, people["race"], people["hispanic"], strata=(people["sex"],))
    territory = {"Puerto Rico": "Puerto Rican", "Guam": "Chamorro", "American Samoa": "Samoan"}
    follows = np.array([labels.index({**countries, **territory}.get(name, labels[0])) for name in places(folder)])
    puerto_rican = (people["citizenship"] == BORN_IN_TERRITORY) & (people["hispanic"] == 1)
    fixed = (
        (people["foreign"] == 1)
        | puerto_rican
        | ((people["citizenship"] == BORN_IN_TERRITORY) & (people["race"] == ISLANDER))
    )
    people["ancestry"] = np.where(fixed, follows[people["birthplace"]], drawn)
    return labels
