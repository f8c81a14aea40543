"""Draws employment, job, industry, class of worker and hours. Knows nothing of home and health."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .basics import NOT_A_CITIZEN, People
from .draw import POPULATION, Codes, Floats, pick, quota, read_rows, read_table
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
TRADES = (
    "Management and professions",
    "Service",
    "Sales and office",
    "Construction and repair",
    "Production and transport",
    "Other",
)
TRADE_OF: Codes = np.array([0] * 11 + [1] * 5 + [2] * 2 + [3] * 3 + [4] * 2 + [5])
"""The position in ``TRADES`` of each of ``OCCUPATION``."""
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

    It is the seed times four fitted factors: title by sex, industry by sex, occupation by schooling, and class.
    """
    choices = options(folder)
    by_title = _factors("work_title", (len(choices.job), 2), folder)
    by_industry = _factors("work_industry", (len(INDUSTRY), 2), folder)
    by_occupation = _factors("work_occupation", (len(OCCUPATION), 5), folder)
    by_class = _factors("work_class", (len(CLASS_OF_WORKER),), folder)
    group = schooling(np.arange(len(EDUCATION)))
    shares = seed(choices)
    shares = shares * (by_title[choices.title] * by_industry[choices.industry]).T[None, :, None, :]
    shares = shares * by_occupation[choices.occupation][:, group].T[:, None, None, :]
    shares = shares * by_class[choices.kind]
    military = choices.occupation == MILITARY
    masks = np.stack([open_to(choices, weak, foreign) for weak in (0, 1) for foreign in (0, 1)]).reshape(2, 2, -1)
    masks = np.stack([masks & ~military, masks & military], axis=2)
    # Soldiers are soldiers whatever their English: the language test comes before enlistment.
    masks[:, :, 1, :] = military
    return np.asarray(shares[:, :, :, None, None, None, :] * masks[None, None, None])


def open_to(choices: Options, weak: int, foreign: int) -> NDArray[np.bool_]:
    """Return which options are open to whom: ``weak`` is 1 for weak English, ``foreign`` for those who are no citizens."""
    return np.asarray((choices.english <= 1 - weak) & (choices.citizens_only <= 1 - foreign))


def _factors(name: str, sizes: tuple[int, ...], folder: Path) -> Floats:
    values = np.array([float(row["factor"]) for row in read_rows(name, folder)])
    return values.reshape(sizes)


def draw_activity(people: People, rng: np.random.Generator, folder: Path = POPULATION) -> None:
    """Add what the person mainly does, given age, sex and schooling."""
    table = read_table("activity", folder)
    group = age_group("work age", people["age"])
    people["activity"] = table.draw(rng, group, people["sex"], people["schooling"], strata=(people["origin"],))


def draw_job(people: People, rng: np.random.Generator, folder: Path = POPULATION) -> None:
    """Add the job of those who work, and the last job of those who worked: a position in ``options``, or ``NO_JOB``."""
    table = read_table("worked_before", folder)
    before = table.draw(rng, people["activity"], age_group("work age", people["age"]))
    activity = people["activity"]
    # Position 0 of the table's labels is "yes".
    has = (before == 0) | np.isin(activity, WORKING)
    # Whoever retired or stopped was younger when hired, not when looked at: the present age bounds the job all the same.
    shares = job_shares(folder).transpose(1, 0, 2, 3, 4, 5, 6)
    keys = (people["sex"], people["education"], *job_keys(people), (activity == ARMED).astype(np.int64))
    job = np.full(len(activity), NO_JOB, dtype=np.int64)
    at_work = np.isin(activity, WORKING)
    # Those at work first and by themselves, so that their industries and classes meet the margins of the employed.
    for chosen in (at_work, has & ~at_work):
        part = tuple(k[chosen] for k in keys)
        if chosen.any():
            job[chosen] = settled(rng, shares, part, quota(rng, shares, part), options(folder).title)
    people["job"] = job


def settled(rng: np.random.Generator, shares: Floats, keys: Sequence[Codes], job: Codes, title: Codes) -> Codes:
    """Return the jobs with as many of each title and sex (the first key) as the shares say, to within one.

    A quota over hundreds of options leaves each title to chance, and a title's share of women with it. Persons of a title
    that is too common take one that is too rare, those first whom it suits best.
    """
    cell = np.ravel_multi_index(tuple(keys), shares.shape[:-1])
    cells, cell = np.unique(cell, return_inverse=True)
    by_option = shares.reshape(-1, shares.shape[-1])[cells]
    titles = int(title.max()) + 1
    by_title = np.zeros((len(cells), titles))
    for option, t in enumerate(title):
        by_title[:, t] += by_option[:, option]
    by_title /= by_title.sum(axis=1, keepdims=True)
    # Titles of one occupation lie together, so that rounding keeps an occupation's number, too.
    laid = np.array(list(dict.fromkeys(title.tolist())))
    result = job.copy()
    for sex in (0, 1):
        persons = np.flatnonzero(keys[0] == sex)
        asked = (by_title * np.bincount(cell[persons], minlength=len(cells))[:, None]).sum(axis=0)[laid]
        wanted = np.zeros(titles, dtype=np.int64)
        heights = np.floor(np.cumsum(asked) + rng.random() * 0.999 + 1e-6)
        wanted[laid] = np.diff(heights, prepend=0).astype(np.int64)
        now = title[result[persons]]
        missing = wanted - np.bincount(now, minlength=titles)
        for common in np.flatnonzero(missing < 0):
            rare = np.flatnonzero(missing > 0)
            of = persons[now == common]
            fit = by_title[cell[of]][:, rare] / by_title[cell[of], common][:, None]
            for place in np.argsort(-fit, axis=None, kind="stable"):
                person, into = of[place // len(rare)], rare[place % len(rare)]
                if missing[common] == 0 or fit.flat[place] <= 0:
                    break
                if missing[into] > 0 and title[result[person]] == common:
                    open_here = by_option[cell[person]] * (title == into)
                    result[person] = pick(open_here[None], np.zeros(1, dtype=np.int64), rng.random(1))[0]
                    missing[into] -= 1
                    missing[common] += 1
    return result


def job_keys(people: People) -> tuple[Codes, Codes, Codes]:
    """Return job age, weak English (1) and no citizenship (1), by which jobs are open or closed."""
    weak = (people["english"] >= 3).astype(np.int64)
    return age_group("job age", people["age"]), weak, (people["citizenship"] == NOT_A_CITIZEN).astype(np.int64)


def draw_hours(people: People, rng: np.random.Generator, folder: Path = POPULATION) -> None:
    """Add usual hours a week, given activity, the job's kind of occupation and sex; 0 for those without work."""
    hours = read_table("hours", folder)
    amounts = np.array([int(label) for label in hours.labels])
    trade = np.where(people["job"] == NO_JOB, len(TRADES) - 1, TRADE_OF[options(folder).occupation[people["job"]]])
    drawn = amounts[hours.draw(rng, people["activity"], trade, people["sex"], strata=(people["schooling"],))]
    people["hours"] = np.where(np.isin(people["activity"], WORKING), drawn, 0)
