"""Fits what people mainly do, their hours, and which jobs they hold in which industry and class."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse.linalg import lsqr

from ..basics import People
from ..draw import POPULATION, Floats, write_table
from ..groups import AGES, SCHOOLING, age_group, age_labels
from ..vocabulary import ACTIVITIES, CLASS_OF_WORKER, INDUSTRY, OCCUPATION, SEX
from ..work import ARMED, LOOKING, MILITARY, OFF, WORKING, Options, options, seed
from .people import MICRODATA
from .source import Source, rake, totals

SURVEY_AGES = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")
SURVEY_WORDS = (
    "Full-Time", "Part-Time", "Temporarily Not Working", "", "Unemployed, Laid Off", "Retired", "School", "Housekeeper", "Other",
)  # fmt: skip
SURVEY_SCHOOLING = ("Less Than High School", "High School", "Junior College", "Bachelor", "Graduate")
OCCUPATION_CODES = (
    430, 740, 999, 1299, 1579, 1999, 2099, 2199, 2599, 2999, 3599, 3699, 3999, 4199, 4299, 4699, 4999, 5999, 6199, 6999,
    7699, 8999, 9799, 9999,
)  # fmt: skip
"""The last Census 2010 code of each major group of occupations, in the order of ``OCCUPATION``."""
OCCUPATIONS_OF_PROFILE = (tuple(range(11)), (11, 12, 13, 14, 15), (16, 17), (18, 19, 20), (21, 22))
INDUSTRIES_OF_PROFILE = ((0, 1), (3,), (4,), (5,), (6,), (2, 7), (8,), (9,), (10,), (11, 12, 13), (14,), (15,), (16,))


def fit_activity(source: Source, people: People) -> None:
    """Write main activity given age, sex and schooling; hours given activity; and who of those without work had a job."""
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
    hours = ["10", "15", "20", "25", "30", "35", "40", "45", "50", "60"]
    shares = np.zeros((len(ACTIVITIES), len(hours)))
    shares[0] = [0, 0, 0, 0, 0, 10, 60, 12, 12, 6]
    shares[1] = [10, 15, 30, 25, 20, 0, 0, 0, 0, 0]
    shares[OFF] = [3, 4, 10, 8, 5, 8, 50, 5, 5, 2]
    shares[ARMED] = [0, 0, 0, 0, 0, 0, 50, 15, 20, 15]
    shares[LOOKING:, 0] = 1
    kind = (
        "assumed; hours are no attribute, they only tie pay to a job; those without work have none whatever stands here"
    )
    write_table("hours", {**none, "universe": "adults", "kind": kind}, {"activity": ACTIVITIES}, hours, shares)
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


def targets(source: Source) -> tuple[Floats, Floats, Floats]:
    """Return shares of industries by sex, of occupations and of classes among employed civilians."""
    micro = source.microdata
    employed = micro[micro["industry"].between(0, 16)]
    industry = totals((17, 2), employed["industry"], employed["sex"], weight=employed["weight"])
    published = source.dp03(*range(33, 46))
    goal = np.zeros(17)
    for total, members in zip(published, INDUSTRIES_OF_PROFILE, strict=True):
        part = industry[list(members)].sum(axis=1)
        goal[list(members)] = total * part / part.sum()
    women = source.dp03(13)[0]
    by_sex = rake(industry, ((0,), goal), ((1,), np.array([goal.sum() - women, women])))
    counts = source.table("derived/gss2010_18_occ10_counts.csv")
    code = np.searchsorted(np.array(OCCUPATION_CODES), counts["occ10"].to_numpy())
    survey = np.bincount(code, weights=counts["n"], minlength=24)[:23]
    occupation = np.zeros(23)
    for total, members in zip(source.dp03(*range(27, 32)), OCCUPATIONS_OF_PROFILE, strict=True):
        part = survey[list(members)]
        occupation[list(members)] = total * part / part.sum()
    classes = source.dp03(47, 48, 49, 50)
    cps = source.table("derived/cps9495_cow_by_industry.csv")
    names = ["Private", "Self-employed-incorporated", "Local government", "State government", "Federal government"]
    private, own, local, state, federal = (float((cps[name] * cps["n"]).sum()) for name in names)
    # Assumed: a tenth of private wage and salary workers are with not-for-profit organizations.
    incorporated = own / (own + private)
    public = np.array([local, state, federal]) / (local + state + federal)
    kind = np.array(
        [
            classes[0] * (1 - incorporated - 0.1),
            classes[0] * 0.1,
            *(classes[1] * public),
            classes[0] * incorporated,
            classes[2],
            classes[3],
        ]
    )
    return by_sex / by_sex.sum(), occupation / occupation.sum(), kind / kind.sum()


def fit_jobs(source: Source, people: People) -> None:
    """Write the factors that make the jobs of employed civilians meet industry, occupation and class."""
    choices = options()
    civilian = choices.occupation != MILITARY
    at_work = np.isin(people["activity"], [a for a in WORKING if a != ARMED])
    persons = totals(
        (10, 2, len(AGES["job age"])),
        people["education"][at_work],
        people["sex"][at_work],
        age_group("job age", people["age"])[at_work],
    )
    industry, occupation, kind = targets(source)
    survey = source.table("derived/gss2010_18_occ_by_edu_sex.csv").set_index(["educcat", "gender"])
    by_schooling = _occupation_by_schooling(survey, occupation, persons)
    factors = _rake_options(choices, seed(choices) * civilian, persons, (industry, by_schooling, kind))
    header = (
        f"# source: ACS 2023 profile; General Social Survey 2010-2018; CPS 1994-95 (classes within private and government); {MICRODATA}\n"
        "# table: DP03 lines 26-50; GSS occ10 by schooling and sex; microdata INDP\n# year: 2023, 2010-2018, 1994-95, 2019\n"
        "# universe: employed civilians\n"
        "# kind: computed: factors by which the weights of jobs.csv are multiplied, fitted so that industry by sex, occupation by\n"
        "#   schooling and sex, and class meet their margins; not-for-profit's tenth of private workers is assumed\n"
    )
    tables = {
        "work_industry": (factors[0], {"industry": INDUSTRY, "sex": SEX}),
        "work_occupation": (factors[1], {"occupation": OCCUPATION, "schooling": SCHOOLING, "sex": SEX}),
        "work_class": (factors[2], {"class": CLASS_OF_WORKER}),
    }
    for name, (values, keys) in tables.items():
        lines = ["|".join([*keys, "factor"])]
        for place in np.ndindex(values.shape):
            names = [level[i] for level, i in zip(keys.values(), place, strict=True)]
            lines.append("|".join([*names, f"{values[place]:.6g}"]))
        (POPULATION / f"{name}.csv").write_text(header + "\n".join(lines) + "\n", encoding="utf-8")


def _occupation_by_schooling(survey: pd.DataFrame, occupation: Floats, persons: Floats) -> Floats:
    """Return occupations by schooling and sex: the survey's eleven groups shared out by the margin within each."""
    groups = {
        "Business/Finance": (0, 1, 2), "Professional": tuple(range(3, 11)), "Service": (11, 12, 13, 14, 15), "Sales": (16,),
        "Office and Administrative Support": (17,), "Farming, Fishing, and Forestry": (18,),
        "Construction/Extraction": (19,), "Installation, Maintenance, and Repair": (20,), "Production": (21,),
        "Transportation": (22,),
    }  # fmt: skip
    levels = np.array([0, 0, 1, 1, 2, 2, 3, 4, 4, 4])
    by_level = np.zeros((5, 2))
    for education, level in enumerate(levels):
        by_level[level] += persons[education].sum(axis=1)
    seeds = np.zeros((23, 5, 2))
    for name, members in groups.items():
        part = occupation[list(members)] / occupation[list(members)].sum()
        for e, level in enumerate(SURVEY_SCHOOLING):
            for s, sex in enumerate(SEX):
                seeds[list(members), e, s] = part * (float(survey.loc[(level, sex), name]) + 0.001) * by_level[e, s]
    return rake(seeds, ((0,), occupation * by_level.sum()), ((1, 2), by_level))


def _rake_options(
    choices: Options, weights: Floats, persons: Floats, goals: tuple[Floats, Floats, Floats]
) -> tuple[Floats, Floats, Floats]:
    """Return the factors by industry and sex, by occupation, schooling and sex, and by class.

    Raking multiplies the weights by one factor a cell of each margin, so the fitted table over the weights, in
    logarithms, is a sum of them: least squares takes it apart exactly.
    """
    places = np.array([(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (4, 0), (4, 1), (4, 2)])
    ages = persons.shape[2]
    table = np.zeros((18, 24, 8, 5, 3, ages, 2))
    cells = np.zeros((5, 3, ages, 2))
    for education, (level, part) in enumerate(places):
        cells[level, part] = persons[education].T
        columns = weights[education].transpose(2, 1, 0)
        np.add.at(table[:, :, :, level, part], (choices.industry, choices.occupation, choices.kind), columns)
    table = table[:17, :23]
    total = persons.sum()
    industry, occupation, kind = (goal / goal.sum() * total for goal in goals)
    fitted = rake(table, ((0, 6), industry), ((1, 3, 6), occupation), ((2,), kind), ((3, 4, 5, 6), cells), rounds=40)
    at = np.nonzero((table > 0) & (fitted > 0))
    ratio = np.log(fitted[at] / table[at])
    sizes = ((17, 2), (23, 5, 2), (8,), (5, 3, ages, 2))
    axes = ((0, 6), (1, 3, 6), (2,), (3, 4, 5, 6))
    columns, offset = [], 0
    for size, kept in zip(sizes, axes, strict=True):
        columns.append(offset + np.ravel_multi_index(tuple(at[axis] for axis in kept), size))
        offset += int(np.prod(size))
    rows = np.tile(np.arange(len(ratio)), len(sizes))
    design = sparse.csr_matrix((np.ones(len(rows)), (rows, np.concatenate(columns))), shape=(len(ratio), offset))
    found = np.exp(lsqr(design, ratio, atol=1e-10, btol=1e-10, iter_lim=3000)[0])
    a, b, c = np.ones((18, 2)), np.ones((24, 5, 2)), np.ones(8)
    a[:17] = found[:34].reshape(17, 2)
    b[:23] = found[34 : 34 + 230].reshape(23, 5, 2)
    c[:] = found[264:272]
    return a, b, c
