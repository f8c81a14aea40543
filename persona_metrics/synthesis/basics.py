"""Draws age, sex, race, residence, schooling, citizenship, birthplace, ancestry and languages. Knows nothing of work or home."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .draw import POPULATION, Codes, order, pick, quota_of_product, read_rows, read_table, spread
from .groups import AGES, REGION, age_group, age_labels, origin, schooling
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
    """Add schooling, given age, sex, origin and country of birth."""
    group = age_group("school age", people["age"])
    table, by_birth = read_table("education", folder), read_table("education_by_birth", folder)
    keys = (people["origin"], people["sex"], group)
    parts = ((table.shares, keys), (by_birth.shares, (birth_key(people, folder),)))
    people["education"] = quota_of_product(rng, parts)
    people["schooling"] = schooling(people["education"])


def birth_key(people: People, folder: Path = POPULATION) -> Codes:
    """Return 0 for those who were born citizens, and 1 and on for the countries of birth of all others."""
    names = places(folder)
    countries = [row["country"] for row in read_rows("countries", folder)]
    position = np.array([countries.index(name) + 1 if name in countries else 0 for name in names])
    return np.where(people["foreign"] == 1, position[people["birthplace"]], 0)


def draw_residence(people: People, rng: np.random.Generator, folder: Path = POPULATION) -> None:
    """Add the state of residence (a position in ``states.csv``) and its region, given origin and citizenship; urbanity."""
    table = read_table("residence", folder)
    standing = np.maximum(people["citizenship"] - (NATURALIZED - 1), 0)
    people["state"] = table.draw(rng, people["origin"], standing, strata=(people["sex"],))
    regions = np.array([REGION.index(row["region"]) for row in read_rows("states", folder)])
    people["region"] = regions[people["state"]]
    people["urbanity"] = read_table("urbanity", folder).draw(rng, people["origin"], people["region"])


def draw_citizenship(people: People, rng: np.random.Generator, folder: Path = POPULATION) -> None:
    """Add citizenship, given origin and age."""
    table = read_table("citizenship", folder)
    people["citizenship"] = table.draw(rng, people["origin"], age_group("life", people["age"]), strata=(people["sex"],))
    people["foreign"] = (people["citizenship"] >= NATURALIZED).astype(np.int64)


_OTHER_CONTINENTS = ("Europe", "Asia", "Africa", "Oceania")


def draw_birthplace(people: People, rng: np.random.Generator, folder: Path = POPULATION) -> None:
    """Add the place of birth (a position in ``places(folder)``), given citizenship, race and residence."""
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
    stays = np.array([float(row["born"]) for row in read_rows("states", folder)])[people["state"]]
    stays = spread(rng, order(rng, people["state"], people["origin"])) < stays
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
    # American Indians who were born abroad came from the Americas; a race does not decide what part of Asia or Europe.
    regions = {row["country"]: row["region"] for row in read_rows("countries", folder)}
    elsewhere = np.array([regions.get(name) in _OTHER_CONTINENTS for name in names])[birthplace]
    american = np.where(not_hispanic, names.index("Canada"), names.index("Mexico"))
    birthplace = np.where(native & (citizenship >= NATURALIZED) & elsewhere, american, birthplace)
    # States stand first among the places, in the order of states.csv.
    people["birthplace"] = np.where((citizenship == BORN_HERE) & stays, people["state"], birthplace)


def places(folder: Path = POPULATION) -> list[str]:
    """Return every place of birth: states, territories, countries."""
    return [
        *(row["state"] for row in read_rows("states", folder)),
        *read_table("birth_territory", folder).labels,
        *(row["country"] for row in read_rows("countries", folder)),
    ]


def draw_language(people: People, rng: np.random.Generator, folder: Path = POPULATION) -> None:
    """Add the language of the household, given where the person was raised, and ancestry: the native-born speak
    English or a language of their ancestors.
    """
    table, spoken = read_table("language", folder), read_table("ancestry_language", folder)
    parts = (
        (table.shares, (upbringing(people, folder),)),
        (spoken.shares, (forebears(people, folder),)),
        (np.array([[1.0, 1, 1, 1, 1], [1, 1, 1, 0, 1]]), (_never_in_asia(people, folder),)),
    )
    people["language"] = quota_of_product(rng, parts, age_group("life", people["age"]))


def upbringing(people: People, folder: Path = POPULATION) -> Codes:
    """Return the position in ``language.csv``: where immigrants come from, the origin of all others."""
    keys = upbringings(folder)
    place = np.array([keys.index(name) if name in keys else -1 for name in places(folder)])
    raised_here = np.arange(len(ORIGINS_AT_HOME))
    in_territory = keys.index("Born in a U.S. territory")
    native = np.where(people["race"] == NATIVE, 4, np.where(people["race"] == ISLANDER, 5, 6))
    at_home = np.where(people["origin"] < 3, people["origin"], np.where(people["race"] == ISLANDER, 5, 3))
    at_home = np.where(people["origin"] == 4, native, at_home)
    speech = np.where(people["foreign"] == 1, place[people["birthplace"]], raised_here[at_home])
    return np.where(people["citizenship"] == BORN_IN_TERRITORY, in_territory, speech)


def upbringings(folder: Path = POPULATION) -> list[str]:
    """Return the rows of ``language.csv``."""
    here = [f"Raised here: {name}" for name in ORIGINS_AT_HOME]
    return [*here, "Born in a U.S. territory", *(row["country"] for row in read_rows("countries", folder))]


def forebears(people: People, folder: Path = POPULATION) -> Codes:
    """Return the position in ``ancestry_language.csv`` of each ancestry; the first row, for immigrants and
    the peoples of the territories, lets any language pass.
    """
    rows = [row["ancestry"] for row in read_rows("ancestry_language", folder)]
    labels = ancestry_labels(folder)
    position = np.array([rows.index(name) if name in rows else 0 for name in labels])
    islands = (people["hispanic"] == 1) | (people["race"] == ISLANDER)
    raised = (people["foreign"] == 0) & ~((people["citizenship"] == BORN_IN_TERRITORY) & islands)
    return np.where(raised, position[people["ancestry"]], 0)


def _never_in_asia(people: People, folder: Path) -> Codes:
    """Return 1 for White and Black immigrants from elsewhere than Asia and the Pacific: theirs is no language of Asia."""
    regions = {row["country"]: row["region"] for row in read_rows("countries", folder)}
    asian = np.array([regions.get(name) in ("Asia", "Oceania") for name in places(folder)])[people["birthplace"]]
    return ((people["foreign"] == 1) & (people["race"] <= 1) & ~asian).astype(np.int64)


def draw_english(people: People, rng: np.random.Generator, folder: Path = POPULATION) -> None:
    """Add how well English is spoken, given the language of the household, nativity, schooling and country of birth."""
    english, by_birth = read_table("english", folder), read_table("english_by_birth", folder)
    learned = np.array([0, 1, 1, 2, 2])[people["schooling"]]
    keys = (people["language"], people["foreign"], learned)
    parts = ((english.shares, keys), (by_birth.shares, (birth_key(people, folder),)))
    people["english"] = quota_of_product(rng, parts)


def ancestry_labels(folder: Path = POPULATION) -> list[str]:
    """Return every ancestry: those of the native-born, then those that only immigrants have."""
    table = read_table("ancestry", folder)
    found = {row["ancestry"] for row in read_rows("countries", folder)}
    return [*table.labels, *sorted(found - set(table.labels))]


def draw_ancestry(people: People, rng: np.random.Generator, folder: Path = POPULATION) -> None:
    """Add the ancestry (a position in ``ancestry_labels``), given race, Hispanic origin and birthplace."""
    table = read_table("ancestry", folder)
    countries = {row["country"]: row["ancestry"] for row in read_rows("countries", folder)}
    labels = ancestry_labels(folder)
    drawn = table.draw(rng, people["race"], people["hispanic"], strata=(people["sex"],))
    territory = {
        "Puerto Rico": "Puerto Rican",
        "U.S. Virgin Islands": "Puerto Rican",
        "Guam": "Chamorro",
        "Northern Mariana Islands": "Chamorro",
        "American Samoa": "Samoan",
    }
    follows = np.array([labels.index({**countries, **territory}.get(name, labels[0])) for name in places(folder)])
    puerto_rican = (people["citizenship"] == BORN_IN_TERRITORY) & (people["hispanic"] == 1)
    fixed = (
        (people["foreign"] == 1)
        | puerto_rican
        | ((people["citizenship"] == BORN_IN_TERRITORY) & (people["race"] == ISLANDER))
    )
    people["ancestry"] = np.where(fixed, follows[people["birthplace"]], drawn)
