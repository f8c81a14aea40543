"""Draws employment, job, industry, class of worker and hours. Knows nothing of home and health."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from .basics import NOT_A_CITIZEN, People
from .draw import POPULATION, Codes, Floats, quota, read_rows, read_table
from .groups import AGES, age_group, schooling
from .vocabulary import ACTIVITIES, CLASS_OF_WORKER, EDUCATION, INDUSTRY, OCCUPATION

FULL, PART, OFF, ARMED, LOOKING, RETIRED, STUDYING, HOUSE, UNABLE = range(len(ACTIVITIES))
WORKING = (FULL, PART, OFF, ARMED)
NO_JOB = -1

_CLASSES = "PNLSFIUW"
_INDUSTRY = {label[:3]: i for i, label in enumerate(INDUSTRY)}
_OCCUPATION = {label[:3]: i for i, label in enumerate(OCCUPATION)}
MILITARY = _OCCUPATION["MIL"]
FEDERAL = _CLASSES.index("F")
POLICE = ("police officer", "state trooper", "federal border officer", "correctional officer", "probation officer")


@dataclass(frozen=True)
class Options:
    """Every job in every industry and class of worker that it may be in: arrays over these options."""

    job: tuple[str, ...]
    title: Codes
    occupation: Codes
    industry: Codes
    kind: Codes
    lowest: Codes
    highest: Codes
    age: Codes
    pay: Floats
    weight: Floats
    women: Floats
    english: Codes
    citizens_only: Codes


@cache
def options(folder: Path = POPULATION) -> Options:
    """Return the options, sorted by occupation and industry."""
    found = []
    rows = read_rows("jobs", folder)
    for title, row in enumerate(rows):
        industries = row["industries"].split()
        for i in industries:
            for c in row["classes"]:
                # Public administration and the forces have public employees only, business services private ones only.
                public = c in "LSF"
                if (public and i == "PRF") or (not public and i in ("ADM", "MIL")):
                    continue
                weight = float(row["weight"]) / len(industries) / len(row["classes"])
                found.append((_OCCUPATION[row["occupation"]], _INDUSTRY[i], title, _CLASSES.index(c), row, weight))
    found.sort(key=lambda f: f[:4])

    def whole(key: str) -> Codes:
        return np.array([int(f[4][key]) for f in found])

    kind = np.array([f[3] for f in found])
    occupation = np.array([f[0] for f in found])
    police = np.array([f[4]["job"] in POLICE for f in found])
    return Options(
        job=tuple(row["job"] for row in rows),
        title=np.array([f[2] for f in found]),
        occupation=occupation,
        industry=np.array([f[1] for f in found]),
        kind=kind,
        lowest=whole("from"),
        highest=whole("to"),
        age=whole("age"),
        pay=whole("pay") * 1000.0,
        weight=np.array([f[5] for f in found]),
        women=whole("women") / 100,
        english=whole("english"),
        citizens_only=((kind == FEDERAL) & (occupation != MILITARY) | police).astype(np.int64),
    )


def seed(choices: Options) -> Floats:
    """Return the weight of each option by education, sex and job age before anything is fitted to margins."""
    education = np.arange(len(EDUCATION))[:, None, None, None]
    least = np.array(AGES["job age"])[None, None, :, None]
    open_to = (choices.lowest <= education) & (education <= choices.highest) & (choices.age <= least)
    women = np.stack([1 - choices.women, choices.women])[None, :, None, :] + 0.01
    return np.asarray(choices.weight * women * open_to)


@cache
def job_shares(folder: Path = POPULATION) -> Floats:
    """Return the share of each option; axes: education, sex, job age, weak English, not a citizen, armed, option.

    It is the seed times three fitted factors: industry by sex, occupation by schooling and sex, and class.
    """
    choices = options(folder)
    by_industry = _factors("work_industry", (len(INDUSTRY), 2), folder)
    by_occupation = _factors("work_occupation", (len(OCCUPATION), 5, 2), folder)
    by_class = _factors("work_class", (len(CLASS_OF_WORKER),), folder)
    group = schooling(np.arange(len(EDUCATION)))
    shares = seed(choices)
    shares = shares * by_industry[choices.industry].T[None, :, None, :]
    shares = shares * by_occupation[choices.occupation][:, group, :].transpose(1, 2, 0)[:, :, None, :]
    shares = shares * by_class[choices.kind]
    military = choices.occupation == MILITARY
    masks = np.stack(
        [
            np.stack([allowed & ~military, allowed & military])
            for weak in (0, 1)
            for foreign in (0, 1)
            for allowed in [(choices.english <= 1 - weak) & (choices.citizens_only <= 1 - foreign)]
        ]
    ).reshape(2, 2, 2, -1)
    # Soldiers are soldiers whatever their English: the language test comes before enlistment.
    masks[:, :, 1, :] = military
    return np.asarray(shares[:, :, :, None, None, None, :] * masks[None, None, None])


def _factors(name: str, sizes: tuple[int, ...], folder: Path) -> Floats:
    values = np.array([float(row["factor"]) for row in read_rows(name, folder)])
    return values.reshape(sizes)


def draw_activity(people: People, rng: np.random.Generator, folder: Path = POPULATION) -> None:
    """Add what the person mainly does, and hours, given age, sex and schooling."""
    table = read_table("activity", folder)
    group = age_group("work age", people["age"])
    people["activity"] = table.draw(rng, group, people["sex"], people["schooling"], strata=(people["origin"],))
    hours = read_table("hours", folder)
    amounts = np.array([int(label) for label in hours.labels])
    drawn = amounts[hours.draw(rng, people["activity"], strata=(people["sex"],))]
    people["hours"] = np.where(np.isin(people["activity"], WORKING), drawn, 0)


def draw_job(people: People, rng: np.random.Generator, folder: Path = POPULATION) -> None:
    """Add the job of those who work, and the last job of those who worked: a position in ``options``, or ``NO_JOB``."""
    table = read_table("worked_before", folder)
    before = table.draw(rng, people["activity"], age_group("work age", people["age"]))
    activity = people["activity"]
    # Position 0 of the table's labels is "yes".
    has = (before == 0) | np.isin(activity, WORKING)
    # Whoever retired or stopped was younger when hired, not when looked at: the present age bounds the job all the same.
    shares = job_shares(folder)
    keys = (
        people["education"],
        people["sex"],
        age_group("job age", people["age"]),
        (people["english"] >= 3).astype(np.int64),
        (people["citizenship"] == NOT_A_CITIZEN).astype(np.int64),
        (activity == ARMED).astype(np.int64),
    )
    job = np.full(len(activity), NO_JOB, dtype=np.int64)
    at_work = np.isin(activity, WORKING)
    # Those at work first and by themselves, so that their industries and classes meet the margins of the employed.
    for chosen in (at_work, has & ~at_work):
        part = tuple(k[chosen] for k in keys)
        if chosen.any():
            job[chosen] = quota(rng, shares, part)
    people["job"] = job
