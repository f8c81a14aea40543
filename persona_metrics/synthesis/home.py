"""Draws marital status, household, children at home and births. Knows nothing of health and money."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .basics import People
from .draw import POPULATION, Codes, quota_of_product, read_table
from .groups import age_group
from .vocabulary import HOUSEHOLD, MARITAL
from .work import ARMED, FULL, HOUSE, OFF, PART, STUDYING

MARRIED = MARITAL.index("Married")
(
    COUPLE_CHILDREN,
    COUPLE,
    COHABITING_CHILDREN,
    COHABITING,
    SINGLE_PARENT,
    ALONE,
    WITH_PARENTS,
    WITH_RELATIVES,
    WITH_OTHERS,
    QUARTERS,
) = range(len(HOUSEHOLD))
WITH_CHILDREN = (COUPLE_CHILDREN, COHABITING_CHILDREN, SINGLE_PARENT)
DAILY_LIFE = ("at work", "studying or in the armed forces", "neither", "keeping house")


def draw_marital(people: People, rng: np.random.Generator, folder: Path = POPULATION) -> None:
    """Add marital status, given age, sex, origin and schooling."""
    tables = [read_table(name, folder).shares for name in ("marital", "marital_by_origin", "marital_by_schooling")]
    people["marital"] = quota_of_product(rng, list(zip(tables, marital_keys(people), strict=True)))


def marital_keys(people: People) -> tuple[tuple[Codes, ...], ...]:
    """Return the keys of the three tables of marital status."""
    sex, faith_age = people["sex"], age_group("faith age", people["age"])
    return (
        (age_group("marital age", people["age"]), sex),
        (people["origin"], sex),
        (people["schooling"], faith_age),
    )


def draw_household(people: People, rng: np.random.Generator, folder: Path = POPULATION) -> None:
    """Add the household that the person lives in, given marital status, age, sex and whether they work or study."""
    table = read_table("household", folder)
    age = age_group("home age", people["age"])
    people["household"] = table.draw(rng, people["marital"], age, people["sex"], daily_life(people))


def daily_life(people: People) -> np.ndarray:
    """Return the position in ``DAILY_LIFE``: dormitories, barracks and institutions depend on it."""
    activity = people["activity"]
    away = np.isin(activity, [STUDYING, ARMED])
    at_home = np.where(activity == HOUSE, 3, 2)
    return np.where(away, 1, np.where(np.isin(activity, [FULL, PART, OFF]), 0, at_home))


def draw_children(people: People, rng: np.random.Generator, folder: Path = POPULATION) -> None:
    """Add the number of own children under 18 at home (3 for more) and whether some are under 6, some older."""
    group = age_group("parent age", people["age"])
    married = (people["marital"] == MARRIED).astype(np.int64)
    parent = np.isin(people["household"], WITH_CHILDREN)
    elsewhere = np.isin(people["household"], (WITH_PARENTS, WITH_RELATIVES))
    also = read_table("children_elsewhere", folder).draw(rng, group, people["sex"], strata=(people["household"],))
    parent |= elsewhere & (also == 0)
    number = read_table("children", folder).draw(rng, group, married, strata=(people["sex"],)) + 1
    ages = read_table("children_ages", folder).draw(rng, group, number - 1, strata=(people["sex"],))
    people["children"] = np.where(parent, number, 0)
    # 0: all under 6; 1: under 6 and older; 2: all 6 to 17.
    people["child ages"] = np.where(parent, ages, 2)
    people["young"] = (parent & (ages < 2)).astype(np.int64)


def draw_fertility(people: People, rng: np.random.Generator, folder: Path = POPULATION) -> None:
    """Add whether a woman of 18 to 50 gave birth within the year: only mothers of a child under 6 at home may have."""
    table = read_table("fertility", folder)
    asked = (people["sex"] == 1) & (people["age"] <= 50)
    group = np.minimum(age_group("birth age", people["age"]), 2)
    married = (people["marital"] == MARRIED).astype(np.int64)
    drawn = table.draw(rng, group, married, people["young"])
    people["fertility"] = np.where(asked, drawn, 2)


def family(people: People) -> np.ndarray:
    """Return the position in ``FAMILY``."""
    number, ages = people["children"], people["child ages"]
    one = np.where(ages == 2, 2, 1)
    return np.where(number == 0, 0, np.where(number == 1, one, np.where(number == 2, 3 + ages, 6 + ages)))
