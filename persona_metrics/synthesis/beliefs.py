"""Draws religion, party and ideology, and says by which groups their tables are keyed. Knows no big five and no text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from .draw import POPULATION, Codes, Floats, Part, quota, quota_of_product, read_rows, read_table
from .groups import ORIGIN, REGION
from .vocabulary import EDUCATION, MARITAL, RACE, SEX

RELIGION = (
    "Protestant",
    "Catholic",
    "Other Christian",
    "Jewish",
    "Muslim",
    "Buddhist",
    "Hindu",
    "Other religion",
    "Atheist",
    "Agnostic",
    "Nothing in particular",
)
"""As Pew's Religious Landscape Study groups them."""

PARTY = (
    "Strong Democrat",
    "Not very strong Democrat",
    "Independent, close to Democrat",
    "Independent",
    "Independent, close to Republican",
    "Not very strong Republican",
    "Strong Republican",
    "Other party",
)
"""Party identification as the General Social Survey asks for it."""

IDEOLOGY = ("Very conservative", "Conservative", "Moderate", "Liberal", "Very liberal")
"""As Gallup asks for it."""

NO_RELIGION = RELIGION.index("Atheist")
"""From here on, ``RELIGION`` names those without one."""

FAITH_AGES = (18, 30, 45, 65)
FAITH_AGE_LABELS = ("18-29", "30-44", "45-64", "65+")
SURVEY_RACE = ("White", "Black", "Other")
COLLEGE = ("No BA", "BA+")
SURVEY_RELIGION = ("Protestant", "Catholic", "Jewish", "Other", "None")

_SURVEY_RACE_OF = np.array([{"White": 0, "Black": 1}.get(label.split()[0], 2) for label in RACE])
_BACHELOR = EDUCATION.index("Bachelor's degree")
SURVEY_RELIGION_OF: Codes = np.array([0, 1, 3, 2, 3, 3, 3, 3, 4, 4, 4])
"""The position in ``SURVEY_RELIGION`` of each of ``RELIGION``."""


def birth_groups(folder: Path = POPULATION) -> tuple[tuple[str, ...], dict[str, int]]:
    """Return the groups of birthplaces that religion goes by, and the group of each country (others are in the first)."""
    rows = read_rows("faiths", folder)
    countries = {name.strip(): i for i, row in enumerate(rows) for name in row["countries"].split(",") if name.strip()}
    return tuple(row["birth"] for row in rows), countries


def keys_of(census: pd.DataFrame, folder: Path = POPULATION) -> dict[str, Codes]:
    """Return the positions by which the tables of belief are keyed, for each person of the census part."""
    _, countries = birth_groups(folder)
    return {
        "origin": positions(census["_race_origin"], ORIGIN),
        "age": np.searchsorted(np.array(FAITH_AGES), census["age"].to_numpy(), side="right") - 1,
        "birth": census["place of birth"].map(countries).fillna(0).to_numpy(dtype=np.int64),
        "race": _SURVEY_RACE_OF[positions(census["race"], RACE)],
        "sex": positions(census["sex"], SEX),
        "college": (positions(census["education"], EDUCATION) >= _BACHELOR).astype(np.int64),
        "region": positions(census["_region"], REGION),
        "marital": positions(census["marital status"], MARITAL),
    }


def positions(values: pd.Series[str], labels: tuple[str, ...]) -> Codes:
    """Return the position of each value among the labels; raise ``ValueError`` for a value that is none of them."""
    found = pd.Index(labels).get_indexer(values)
    if (found < 0).any():
        raise ValueError(f"{values.iloc[int(np.argmin(found))]!r} is none of {', '.join(labels)}")
    return found


def draw_religion(keys: dict[str, Codes], rng: np.random.Generator, folder: Path = POPULATION) -> Codes:
    """Return each person's position in ``RELIGION``, given origin, age, place of birth, region and marital status."""
    return quota_of_product(rng, _parts("religion", keys, RELIGION_AXES, folder), keys["sex"])


def draw_party(keys: dict[str, Codes], rng: np.random.Generator, folder: Path = POPULATION) -> Codes:
    """Return each person's position in ``PARTY``, given race, religion (in ``keys`` too), college, age, sex, region and
    marital status.
    """
    return quota_of_product(rng, _parts("party", keys, PARTY_AXES, folder))


def draw_ideology(keys: dict[str, Codes], rng: np.random.Generator, folder: Path = POPULATION) -> Codes:
    """Return each person's position in ``IDEOLOGY``, given party besides what party was drawn by."""
    shares = read_table("ideology", folder).shares
    return quota(rng, shares, [keys[k] for k in ("party", "race", "religion", "college", "age", "sex")])


def leanings(ideology: Codes, religion: Codes) -> Floats:
    """Return conservatism and having a religion as columns of mean 0 and deviation 1, for traits that go with them."""
    conservatism = 2.0 - ideology
    faith = (religion < NO_RELIGION).astype(float)
    columns = [x - x.mean() for x in (conservatism, faith)]
    return np.stack([x / (np.sqrt((x * x).mean()) or 1.0) for x in columns], axis=1)


RELIGION_AXES = (("origin", "age", "birth"), ("region",), ("marital",))
PARTY_AXES = (("race", "religion", "college", "age", "sex"), ("region",), ("marital",))
"""The keys of the table of each, and of what region and marital status change in it."""


def _parts(name: str, keys: dict[str, Codes], of: tuple[tuple[str, ...], ...], folder: Path) -> list[Part]:
    tables = (name, f"{name}_by_region", f"{name}_by_marital")
    return [(read_table(t, folder).shares, [keys[k] for k in axes]) for t, axes in zip(tables, of, strict=True)]
