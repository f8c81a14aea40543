"""Fits what people mainly do and their hours. Knows no job."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from ..basics import People
from ..draw import Floats, write_table
from ..groups import AGES, SCHOOLING, age_group, age_labels
from ..vocabulary import ACTIVITIES, SEX
from ..work import ARMED, LOOKING, OFF, TRADES
from .source import Source, rake, totals

SURVEY_AGES = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")
SURVEY_WORDS = (
    "Full-Time", "Part-Time", "Temporarily Not Working", "", "Unemployed, Laid Off", "Retired", "School", "Housekeeper", "Other",
)  # fmt: skip
SURVEY_SCHOOLING = ("Less Than High School", "High School", "Junior College", "Bachelor", "Graduate")


def fit_activity(source: Source, people: People) -> None:
    """Write main activity given age, sex and schooling, and who of those without work had a job."""
    by_sex = source.table("derived/gss2010_18_wrkstat_by_age_sex.csv").set_index(["ageg", "gender"])
    by_schooling = source.table("derived/gss2010_18_wrkstat_by_age_edu.csv").set_index(["ageg", "educcat"])
    ages = AGES["work age"]
    group = (0, 0, 1, 2, 3, 4, 4, 5, 5, 5)
    seeds = np.zeros((len(ages), 2, 5, len(ACTIVITIES)))
    for a in range(len(ages)):
        label = SURVEY_AGES[group[a]]
        for s, sex in enumerate(SEX):
            for e, level in enumerate(SURVEY_SCHOOLING):
                for k, word in enumerate(SURVEY_WORDS):
                    if word:
                        # Two one-way tables of the survey, multiplied: it has too few persons for the three-way one.
                        first, second = by_sex.loc[(label, sex), word], by_schooling.loc[(label, level), word]
                        seeds[a, s, e, k] = np.sqrt((first + 0.002) * (second + 0.002))
                seeds[a, s, e, ARMED] = 0.02 * (ages[a] < 55) * (1.0, 0.25)[s] * (0, 1, 1.3, 1, 0.8)[e]
    # Assumed within the survey's groups of ages: the younger study, work ends step by step from 62.
    work = np.array([0.8, 1.25, 1, 1, 1, 1.15, 0.72, 1.9, 1.0, 0.38])
    seeds[..., :3] *= work[:, None, None, None]
    seeds[..., LOOKING] *= np.array([1, 1, 1, 1, 1, 1, 0.8, 0.9, 0.5, 0.2])[:, None, None]
    seeds[..., ARMED] *= np.array([2.2, 2.4, 1.5, 0.7, 0.15, 0, 0, 0, 0, 0])[:, None, None]
    seeds[..., 5] *= np.array([0, 0, 0, 0, 0.5, 0.6, 2.2, 1, 1.1, 1.2])[:, None, None]
    seeds[..., 6] *= np.array([1.6, 0.5, 1, 1, 1, 0.5, 0, 0, 0, 0])[:, None, None]
    seeds[..., 8] *= np.array([0.6, 1, 1, 1, 1, 1, 1, 0.6, 0.4, 0.3])[:, None, None]
    sizes = (len(ages), 2, 5)
    persons = totals(sizes, age_group("work age", people["age"]), people["sex"], people["schooling"])
    scale = persons.sum() / source.adults
    # Of 16 and 17 year olds, 8.87 million, 22 percent work and 3 percent look for work (assumed, boys and girls alike).
    minors = (source.dp03(1)[0] - source.adults) / 2
    women_working, women_looking = source.dp03(13)[0], source.dp03(12)[0] - source.dp03(13)[0]
    women_armed = source.dp03(11)[0] - source.dp03(12)[0]
    employed, looking, armed = source.dp03(4)[0], source.dp03(5)[0], source.dp03(6)[0]
    goal = np.array(
        [
            [employed - women_working - 0.22 * minors, women_working - 0.22 * minors],
            [armed - women_armed, women_armed],
            [looking - women_looking - 0.03 * minors, women_looking - 0.03 * minors],
        ]
    )
    goal = np.vstack([goal, source.adults_by_sex - goal.sum(axis=0)]) * scale
    goal *= persons.sum(axis=(0, 2)) / goal.sum(axis=0)
    status = np.array([0, 0, 0, 1, 2, 3, 3, 3, 3])
    within = (seeds * persons[..., None]).sum(axis=(0, 2)).T
    by_status = np.stack([within[status == k].sum(axis=0) for k in range(4)])
    fitted = rake(
        seeds * persons[..., None],
        ((1, 3), (within / by_status[status] * goal[status]).T),
        ((0, 1, 2), persons),
    )
    write_table(
        "activity",
        {
            "source": "ACS 2023 profile; General Social Survey 2010-2018",
            "table": "DP03 lines 1-14; GSS wrkstat by age and sex, by age and schooling",
            "year": "2023; 2010-2018",
            "universe": "adults",
            "kind": "computed: employed, unemployed, armed forces and not in the labor force by sex are published, the"
            " structure is the survey's; assumed: 16 and 17 year olds, and the steps within the survey's ages",
        },
        {"age": age_labels("work age"), "sex": SEX, "schooling": SCHOOLING},
        ACTIVITIES,
        fitted,
    )
    none = {"source": "none", "table": "none", "year": "none"}
    yes = np.ones((len(ACTIVITIES), len(ages)))
    yes[LOOKING] = [0.75, 0.95, 1, 1, 1, 1, 1, 1, 1, 1]
    yes[5] = 0.95
    yes[6] = [0.0, 0.0, 0.3, 0.6, 0.8, 0.9, 1, 1, 1, 1]
    yes[7] = [0.3, 0.5, 0.65, 0.7, 0.75, 0.8, 0.8, 0.8, 0.75, 0.7]
    yes[8] = [0.2, 0.4, 0.6, 0.7, 0.8, 0.85, 0.85, 0.9, 0.9, 0.9]
    kind = (
        "assumed; a former job appears only in the detailed job description, and in the last industry of the unemployed"
    )
    write_table(
        "worked_before",
        {**none, "universe": "adults", "kind": kind},
        {"activity": ACTIVITIES, "age": age_labels("work age")},
        ["yes", "no"],
        np.stack([yes, 1 - yes], axis=-1),
    )


def fit_hours(source: Source) -> None:
    """Write hours given activity, kind of occupation and sex."""
    hours = ["10", "15", "20", "25", "30", "35", "40", "45", "50", "60"]
    shares = np.zeros((len(ACTIVITIES), len(TRADES), 2, len(hours)))
    full = np.array([0, 0, 0, 0, 0, 10.0, 60, 12, 12, 6])
    shares[1] = [10, 15, 30, 25, 20, 0, 0, 0, 0, 0]
    shares[OFF] = [3, 4, 10, 8, 5, 8, 50, 5, 5, 2]
    shares[ARMED] = [0, 0, 0, 0, 0, 0, 50, 15, 20, 15]
    shares[LOOKING:, :, :, 0] = 1
    table = source.table("v2/cps2019_avg_hours_by_occ_sex.csv")
    table = table[table["only"] == "usually full time"]
    names = (
        "Management, professional", "Service", "Sales and office", "Natural resources", "Production, transportation", "",
    )  # fmt: skip
    amounts = np.array([float(h) for h in hours])
    for t, name in enumerate(names):
        for s, sex in enumerate(("Men", "Women")):
            rows = table[table["occupation"].str.startswith(name) & (table["sex"] == sex)]
            mean = float(rows["avg_hours_at_work"].iloc[0]) if name else 43.0
            shares[0, t, s] = _tilted(full, amounts, mean)
    write_table(
        "hours",
        {
            "source": "Current Population Survey 2019 (BLS), average hours at work of those usually full time",
            "table": "annual averages, hours at work by occupation and sex",
            "year": "2019",
            "universe": "adults",
            "kind": "computed: an assumed shape for full time tilted until its mean is the published one; part time, on leave"
            " and the forces are assumed; those without work have no hours whatever stands here",
        },
        {"activity": ACTIVITIES, "occupation": TRADES, "sex": SEX},
        hours,
        shares,
    )


def _tilted(shares: Floats, amounts: Floats, mean: float) -> Floats:
    def off(slope: float) -> float:
        weights = shares * np.exp(slope * (amounts - 42))
        return float((weights * amounts).sum() / weights.sum()) - mean

    return np.asarray(shares * np.exp(float(brentq(off, -0.5, 0.5)) * (amounts - 42)))
