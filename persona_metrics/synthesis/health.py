"""Draws difficulties, service in the armed forces, income and health insurance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.special import ndtri

from .basics import NATURALIZED, People
from .draw import POPULATION, Codes, Floats, order, quota_of_product, read_rows, read_table, spread
from .groups import AGES, age_group
from .vocabulary import CLASS_OF_WORKER, OCCUPATION
from .work import ARMED, LOOKING, NO_JOB, UNABLE, WORKING, options

DIFFICULTIES = ("cognitive", "vision", "hearing", "walking")
PATTERNS = tuple(
    "+".join(name for name, bit in zip(DIFFICULTIES, bits, strict=True) if bit) or "none"
    for bits in np.ndindex(2, 2, 2, 2)
)
"""Every set of difficulties, in the order of the bits cognitive, vision, hearing, walking."""

AT_WORK, NOT_ABLE, WITHOUT_WORK = range(3)
STANDING = ("Native", "U.S. citizen by naturalization", "Not a U.S. citizen")
PHYSICIANS = OCCUPATION.index("MED-Healthcare practitioners and technical")
COVERAGE = ("private", "public", "both", "none")
INCOME_BANDS = (10_000, 25_000, 50_000, 75_000, 100_000, 150_000)
INCOME_LABELS = (
    "under $10,000", "$10,000-24,999", "$25,000-49,999", "$50,000-74,999", "$75,000-99,999", "$100,000-149,999",
    "$150,000 or more",
)  # fmt: skip
LEAST_PAY, GREATEST_PAY, OTHER_INCOME = 0.3, 2.5, 25_000
"""An income lies between these multiples of the job's usual pay for the hours worked, and this much on top of it."""
LEAST_WAGE, WEEKS = 7.25, 52
"""The federal minimum wage in dollars an hour: nobody who states hours and is paid has less for them."""
GREATEST_OF_PUBLIC = 230_000
"""What a public employee who is no physician earns at most: the federal schedules end near it (OPM, 2023)."""
AT_THE_WHEEL = (
    "long-haul truck driver", "delivery driver", "forklift operator", "school bus driver", "city bus driver",
    "ride-share driver", "airline pilot", "railroad conductor", "heavy equipment operator", "surgeon",
)  # fmt: skip
"""Jobs in which nobody has trouble seeing even with glasses: licences ask for sight, and so does an operation."""
PAY_SPREAD = 0.4
"""Assumed: the standard deviation of the logarithm of pay within one job, for the rank of a person's income."""


def draw_difficulties(people: People, rng: np.random.Generator, folder: Path = POPULATION) -> None:
    """Add the four difficulties, given age, schooling and whether the person works, or is unable to."""
    table = read_table("difficulties", folder)
    taught = read_table("difficulties_by_schooling", folder)
    parts = (
        (table.shares, (age_group("health age", people["age"]), ability(people))),
        (taught.shares, (people["schooling"],)),
        (_possible(), (_at_the_wheel(people, folder),)),
    )
    drawn = quota_of_product(rng, parts, people["sex"])
    for bit, name in enumerate(DIFFICULTIES):
        people[name] = (drawn >> (len(DIFFICULTIES) - 1 - bit)) & 1


def _possible() -> Floats:
    """Return which patterns of ``PATTERNS`` are possible: of anybody, at the wheel (no trouble seeing), in the forces."""
    bits = np.array(list(np.ndindex(2, 2, 2, 2)))
    return np.stack([np.ones(len(bits)), bits[:, DIFFICULTIES.index("vision")] == 0, ~bits.any(axis=1)]).astype(float)


def _at_the_wheel(people: People, folder: Path) -> Codes:
    """Return 1 for those whose work is to steer a vehicle or a machine, 2 for those in the forces, 0 for all others."""
    choices = options(folder)
    steers = np.array([title in AT_THE_WHEEL for title in choices.job])[choices.title]
    works = np.isin(people["activity"], WORKING) & (people["job"] != NO_JOB)
    return np.where(people["activity"] == ARMED, 2, (works & steers[people["job"]]).astype(np.int64))


def ability(people: People) -> Codes:
    """Return 0 for those who work, 1 for those unable to, 2 for all others."""
    activity = people["activity"]
    return np.where(np.isin(activity, WORKING), AT_WORK, np.where(activity == UNABLE, NOT_ABLE, WITHOUT_WORK))


def draw_service(people: People, rng: np.random.Generator, folder: Path = POPULATION) -> None:
    """Add service in the armed forces: 0 on active duty now, 1 in the past, 2 never; given age, sex and citizenship."""
    table = read_table("veteran", folder)
    standing = np.maximum(people["citizenship"] - (NATURALIZED - 1), 0)
    drawn = table.draw(rng, age_group("service age", people["age"]), people["sex"], standing)
    people["service"] = np.where(people["activity"] == ARMED, 0, np.where(drawn == 0, 1, 2))


def draw_income(people: People, rng: np.random.Generator, folder: Path = POPULATION) -> None:
    """Add the year's income: persons of a cell (work, sex, schooling, age) are ranked by what their job pays, and the
    cell's quantiles go to them in that order, so that both the cell's incomes and each job's are right.
    """
    quantiles, dollars = read_quantiles(folder)
    works = np.isin(people["activity"], WORKING).astype(np.int64)
    keys = (works, people["sex"], people["schooling"], age_group("third", people["age"]))
    cell = np.ravel_multi_index(keys, dollars.shape[:-1])
    numbers = spread(rng, order(rng, cell, people["education"]))
    least, greatest, usual = bounds(people)
    # Pay decides most of the rank; the rest is luck, trade and place. What a pension is follows what the job paid.
    last = np.where(people["job"] == NO_JOB, 30_000.0, options().pay[people["job"]])
    luck = np.exp(PAY_SPREAD * ndtri(numbers * (1 - 2e-9) + 1e-9))
    score = np.where(works == 1, usual * luck, last * (0.3 + 1.4 * numbers))
    ranked = np.lexsort((score, cell))
    starts = np.flatnonzero(np.diff(cell[ranked], prepend=-1))
    sizes = np.diff(np.append(starts, len(cell)))
    within = np.arange(len(cell)) - np.repeat(starts, sizes)
    rank = np.empty(len(cell))
    rank[ranked] = (within + rng.random(len(cell))) / np.repeat(sizes, sizes)
    income = np.empty(len(cell))
    flat = dollars.reshape(-1, dollars.shape[-1])
    for first, size in zip(starts, sizes, strict=True):
        persons = ranked[first : first + size]
        income[persons] = np.interp(rank[persons], quantiles, flat[cell[persons[0]]])
    # Who would fall below what the hours must bring is spread above it, so that nobody earns the very least for all.
    income = np.where(income < least, least * (1 + 0.5 * rng.random(len(cell)) ** 2), income)
    people["income"] = (np.ceil(np.clip(income, least, greatest) / 100 - 1e-9) * 100).astype(np.int64)
    people["income"] = np.minimum(people["income"], (greatest // 100 * 100).astype(np.int64))


def bounds(people: People) -> tuple[Floats, Floats, Floats]:
    """Return the least and greatest income that fit job and hours, and the job's usual pay for those hours."""
    choices = options()
    job = people["job"]
    works = np.isin(people["activity"], WORKING) & (job != NO_JOB)
    usual = np.where(works, choices.pay[job] * people["hours"] / 40, 0.0)
    # The family's business pays nothing to those who work in it without pay.
    unpaid = works & (choices.kind[job] == len(CLASS_OF_WORKER) - 1)
    wage = LEAST_WAGE * WEEKS * people["hours"]
    least = np.where(unpaid | ~works, 0.0, np.ceil(np.maximum(LEAST_PAY * usual, wage) / 100) * 100)
    greatest = np.where(works, np.floor((GREATEST_PAY * usual + OTHER_INCOME) / 100) * 100, 400_000.0)
    public = works & (choices.kind[job] >= 2) & (choices.kind[job] <= 4) & (choices.occupation[job] != PHYSICIANS)
    greatest = np.where(public, np.minimum(greatest, GREATEST_OF_PUBLIC), greatest)
    return least, greatest, usual


def read_quantiles(folder: Path = POPULATION) -> tuple[Floats, Floats]:
    """Return the quantiles' places in [0, 1], and dollars by work, sex, schooling, age and quantile."""
    rows = read_rows("income", folder)
    names = [k for k in rows[0] if k.startswith("q")]
    values = np.array([[float(row[name]) for name in names] for row in rows])
    return np.array([float(n[1:]) / 100 for n in names]), values.reshape(2, 2, 5, len(AGES["third"]), len(names))


def draw_insurance(people: People, rng: np.random.Generator, folder: Path = POPULATION) -> None:
    """Add health insurance: private, public, both or none; given age, work, income, citizenship and origin."""
    names = ("insurance", "insurance_by_age", "insurance_by_citizenship", "insurance_by_origin")
    tables = [read_table(name, folder).shares for name in names]
    people["insurance"] = quota_of_product(rng, list(zip(tables, insurance_keys(people), strict=True)))


def insurance_keys(people: People) -> tuple[tuple[Codes, ...], ...]:
    """Return the keys of the four tables of insurance."""
    old = (people["age"] >= 65).astype(np.int64)
    band = np.searchsorted(np.array(INCOME_BANDS), people["income"], side="right")
    standing = np.maximum(people["citizenship"] - (NATURALIZED - 1), 0)
    return (old, labor(people), band), (age_group("cover age", people["age"]),), (standing,), (people["origin"],)


def labor(people: People) -> Codes:
    """Return 0 for the employed, 1 for the unemployed, 2 for those not in the labor force, 3 for the armed forces."""
    activity = people["activity"]
    employed = np.where(np.isin(activity, WORKING), 0, np.where(activity == LOOKING, 1, 2))
    return np.where(activity == ARMED, 3, employed)


def insurance_label(people: People) -> Codes:
    """Return the position in ``INSURANCE``: Medicare is what public coverage is called from 65 on."""
    old = people["age"] >= 65
    return np.where(old, np.array([0, 3, 4, 5])[people["insurance"]], np.array([0, 1, 2, 5])[people["insurance"]])
