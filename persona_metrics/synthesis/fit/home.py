"""Fits marital status, households, children at home and births."""

from __future__ import annotations

import numpy as np

from ..basics import People
from ..draw import Floats, write_table
from ..groups import AGES, ORIGIN, SCHOOLING, age_group, age_labels
from ..home import (
    ALONE,
    COHABITING,
    COHABITING_CHILDREN,
    COUPLE,
    COUPLE_CHILDREN,
    DAILY_LIFE,
    MARRIED,
    QUARTERS,
    SINGLE_PARENT,
    WITH_CHILDREN,
    WITH_OTHERS,
    WITH_PARENTS,
    WITH_RELATIVES,
    daily_life,
    marital_keys,
)
from ..vocabulary import HOUSEHOLD, MARITAL, SEX
from .adjust import Margin, fit_parts, scaled
from .people import MICRODATA
from .source import Source, rake, totals


def fit_marital(source: Source, people: People) -> None:
    """Write marital status given age and sex, and what origin and schooling change in it."""
    micro = source.microdata
    size = len(AGES["marital age"])
    seed = totals(
        (size, 2, 5),
        age_group("marital age", micro["age"].to_numpy()),
        micro["sex"],
        micro["marital"],
        weight=micro["weight"].to_numpy(),
    )
    least = np.array([18, 22, 20, 20, 18])
    seed *= np.array(AGES["marital age"])[:, None, None] >= least
    persons = totals((size, 2), age_group("marital age", people["age"]), people["sex"])
    minors = (source.dp02(25, 31) - source.adults_by_sex)[:, None] * np.array([0, 0, 0, 0, 1.0])
    goal = np.stack([source.dp02(27, 29, 30, 28, 26), source.dp02(33, 35, 36, 34, 32)]) - minors
    goal *= (persons.sum(axis=0) / goal.sum(axis=1))[:, None]
    fitted = rake(seed, ((1, 2), goal), ((0, 1), persons))
    keys = marital_keys(people)
    grown = totals((5, 2), *keys[1])
    by_origin = np.stack(
        [scaled(_by_origin(source)[:, s], grown[:, s], fitted[:, s].sum(axis=0)) for s in (0, 1)], axis=1
    )
    taught = totals((5, 4), *keys[2])
    by_age = np.zeros((4, 5))
    np.add.at(by_age, age_group("faith age", np.array(AGES["marital age"])), fitted.sum(axis=1))
    by_schooling = np.stack([scaled(s, taught[:, a], by_age[a]) for a, s in enumerate(_by_schooling(source))], axis=1)
    labels = np.arange(len(MARITAL))
    base, origins, schools = fit_parts(
        fitted / fitted.sum(axis=-1, keepdims=True),
        [Margin(keys[0], fitted, labels), Margin(keys[1], by_origin, labels), Margin(keys[2], by_schooling, labels)],
    )
    header = {"table": "B12002B-I", "year": "2018", "universe": "factors for adults", "source": "ACS 2018"}
    kind = "computed: what origin changes in marital status given age and sex; less the 15 to 17 of each origin (assumed, by its age)"
    write_table("marital_by_origin", header | {"kind": kind}, {"origin": ORIGIN, "sex": SEX}, MARITAL, origins)
    header = {"source": "General Social Survey 2016-2024", "table": "marital by degree and age", "year": "2016-2024"}
    kind = "computed: what schooling changes in marital status given age"
    write_table(
        "marital_by_schooling",
        header | {"universe": "factors for adults", "kind": kind},
        {"schooling": SCHOOLING, "age": age_labels("faith age")},
        MARITAL,
        schools,
    )
    fitted = base
    write_table(
        "marital",
        {
            "source": f"ACS 2023 profile; {MICRODATA}",
            "table": "DP02 lines 25-36; microdata MSP",
            "year": "2023; 2019",
            "universe": "adults",
            "kind": "published by sex (less the 15 to 17, all taken for never married); by age computed from microdata",
        },
        {"age": age_labels("marital age"), "sex": SEX},
        MARITAL,
        fitted,
    )


def _by_origin(source: Source) -> Floats:
    """Return marital status by origin and sex (15 and over, less an eighteenth of the young for each year of age)."""
    table = source.table("v2/acs2018_marital.csv")
    codes = {0: "I", 1: "H", 2: "B", 3: "D", 4: "G"}
    names = ("Now married (except separated)", "Widowed", "Divorced", "Separated", "Never married")
    # Assumed: the 15 to 17 are so many percent of those of 15 and over.
    minors = {0: 0.068, 1: 0.038, 2: 0.052, 3: 0.036, 4: 0.085}
    result = np.zeros((5, 2, 5))
    for o, letter in codes.items():
        rows = table[(table["table"] == f"B12002{letter}") & table["d2"].isna() & table["d1"].notna()]
        for s, sex in enumerate(SEX):
            part = rows[rows["sex"] == sex].set_index("d1")["estimate"].astype(float)
            result[o, s] = [part[name] for name in names]
            result[o, s, 4] -= minors[o] * result[o, s].sum()
    return result


def _by_schooling(source: Source) -> Floats:
    """Return marital status by age and schooling; axes: age, schooling, status."""
    table = source.table("v2/gss_marital_children.csv")
    rows = table[(table["target"] == "marital") & (table["by"] == "degree*age4")]
    degrees = ("Less than High School", "High School", "Associate / Jr College", "Bachelor's", "Graduate")
    share = rows.set_index(["v2", "v1", "category"])["share"].astype(float).to_dict()
    names = [name.replace("Never married", "Never Married") for name in MARITAL]
    ages = age_labels("faith age")
    return np.array([[[share.get((a, d, m), 0.0) + 0.002 for m in names] for d in degrees] for a in ages])


def household_goal(source: Source) -> Floats:
    """Return adults by household and sex, in persons: DP02's households turned into the persons who live in them."""
    couple, with_children, cohabiting, cohabiting_children = source.dp02(2, 3, 4, 5)
    male, male_children, male_alone, female, female_children, female_alone = source.dp02(6, 7, 8, 10, 11, 12)
    child, relative, other = source.dp02(22, 23, 24)
    goal = np.zeros((len(HOUSEHOLD), 2))
    goal[COUPLE_CHILDREN] = with_children
    goal[COUPLE] = couple - with_children
    goal[COHABITING_CHILDREN] = cohabiting_children
    goal[COHABITING] = cohabiting - cohabiting_children
    goal[SINGLE_PARENT] = male_children, female_children
    goal[ALONE] = male_alone, female_alone
    # Assumed: of minors (72.6 million) 63.5 are children of the householder, 6.7 other relatives and 0.9 nonrelatives;
    # of householders without partner or minor children who do not live alone, four in five live with relatives.
    adult_children, relatives, others = child - 63.5e6, relative - 6.7e6, other - 0.9e6
    householders = np.array([male - male_children - male_alone, female - female_children - female_alone])
    goal[WITH_PARENTS] = adult_children * np.array([0.55, 0.45])
    goal[WITH_RELATIVES] = relatives * np.array([0.46, 0.54]) + householders * 0.8
    goal[WITH_OTHERS] = others * np.array([0.55, 0.45]) + householders * 0.2
    # Group quarters: everybody who is in no household; 0.2 million of them are minors (assumed), six in ten are men.
    goal[QUARTERS] = (source.dp02(88)[0] - source.dp02(18)[0] - 0.2e6) * np.array([0.6, 0.4])
    return np.asarray(goal * source.adults / goal.sum())


def fit_household(source: Source, people: People) -> None:
    """Write households given marital status, age, sex and daily life."""
    ages = np.array(AGES["home age"])
    size = len(ages)
    age, sex, life = age_group("home age", people["age"]), people["sex"], daily_life(people)
    persons = totals((5, size, 2, 4), people["marital"], age, sex, life)
    cps = source.table("derived/cps9495_household_by_marital_age.csv")
    names = {"Divorced": 2, "Separated": 3, "Never married": 4, "Widowed": 1}
    group = ("18-24", "18-24", "25-34", "25-34", "35-44", "45-54", "55-64", "65+", "65+")
    table = cps.set_index(["marital", "ageg"])
    micro = source.microdata
    married = micro[micro["marital"] == 0]
    children = [
        np.average(part["children"] > 0, weights=part["weight"])
        for low, high in zip(ages, [*ages[1:], 120], strict=True)
        for part in [married[(married["age"] >= low) & (married["age"] < high)]]
    ]
    young = ages < 55
    seed = np.full((len(HOUSEHOLD), 5, size, 2, 4), 1e-9)
    for a in range(size):
        has = float(np.clip(children[a], 0.001, 0.9))
        seed[COUPLE_CHILDREN, MARRIED, a] = 0.92 * has
        seed[COUPLE, MARRIED, a] = 0.92 * (1 - has)
        seed[[ALONE, WITH_PARENTS, WITH_RELATIVES, WITH_OTHERS], MARRIED, a] = (
            np.array([[[0.2]], [[0.3 if a < 4 else 0.05]], [[0.45]], [[0.05]]]) * 0.08
        )
        seed[QUARTERS, MARRIED, a] = 0.002
        for name, m in names.items():
            key = (name, group[a]) if (name, group[a]) in table.index else (name, "35-44")
            row = table.loc[key]
            holder, child = float(row["Householder"]), float(row["Child 18 or older"])
            if m == 4 and ages[a] == 20:
                holder, child = holder * 1.1, child * 0.9
            partner = (0.05, 0.18, 0.3, 0.26, 0.2, 0.16, 0.12, 0.06, 0.02)[a]
            parent = np.array([0.03, 0.22]) * (0.1, 0.35, 0.8, 1.2, 1.3, 0.6, 0.1, 0.02, 0.005)[a]
            seed[COHABITING_CHILDREN, m, a] = partner * 0.35 * (0.15 if not young[a] else 1.0)
            seed[COHABITING, m, a] = partner * 0.65
            seed[SINGLE_PARENT, m, a] = parent[:, None] * (0.5 if m == 4 else 1.0)
            seed[ALONE, m, a] = holder * (0.25, 0.3, 0.45, 0.5, 0.5, 0.55, 0.7, 0.8, 0.85)[a]
            seed[WITH_PARENTS, m, a] = child + 0.01 * (a < 7)
            relative = float(row["Other relative of householder"])
            seed[WITH_RELATIVES, m, a] = relative + holder * 0.2
            seed[WITH_OTHERS, m, a] = float(row["Nonrelative of householder"])
            seed[QUARTERS, m, a] = (0.12, 0.1, 0.03, 0.03, 0.03, 0.03, 0.03, 0.02, 0.06)[a]
    life_factor = np.ones((len(HOUSEHOLD), 4))
    # Nobody keeps house in a dormitory, a barracks or an institution.
    life_factor[QUARTERS] = 0.06, 5.0, 2.0, 0.0
    life_factor[WITH_PARENTS] = 1.0, 1.2, 1.1, 1.1
    seed *= life_factor[:, None, None, None, :]
    # Nobody of 65 lives with parents, nobody of 75 has own minors: structural zeros.
    seed[WITH_PARENTS, :, ages >= 75] = 0
    seed[list(WITH_CHILDREN)] *= np.select([ages >= 75, ages >= 65], [0.0, 0.3], 1.0)[:, None, None]
    seed[[COUPLE_CHILDREN, COUPLE], 1:] = 0
    seed[[COHABITING_CHILDREN, COHABITING, SINGLE_PARENT], MARRIED] = 0
    # A spouse lives elsewhere where work or law parts a couple, which a persona does not say: none lives alone.
    seed[[ALONE, WITH_OTHERS], MARRIED] = 0
    goal = household_goal(source) * persons.sum() / source.adults
    # Living alone is published for those of 65 and over as well: two rows of the table instead of one.
    old = np.zeros((1, *seed.shape[1:]))
    old[0, :, ages >= 65] = seed[ALONE][:, ages >= 65].transpose(1, 0, 2, 3)
    seed[ALONE][:, ages >= 65] = 0
    old_goal = source.dp02(9, 13) * persons.sum() / source.adults
    goal[ALONE] -= old_goal
    goal = np.vstack([goal, old_goal])
    goal *= (persons.sum(axis=(0, 1, 3)) / goal.sum(axis=0))[None, :]
    cells = np.concatenate([seed, old]) * persons[None]
    fitted = rake(cells, ((0, 3), goal), ((1, 2, 3, 4), persons))
    fitted[ALONE] += fitted[-1]
    # A cell that nobody is in keeps the shares of its seed, so that every combination can be drawn.
    empty = persons == 0
    result = fitted[:-1]
    whole = np.concatenate([seed, old])
    whole[ALONE] += whole[-1]
    result[:, empty] = whole[:-1][:, empty]
    write_table(
        "household",
        {
            "source": f"ACS 2023 profile; CPS 1994-95 (relationship by marital status and age); {MICRODATA}",
            "table": "DP02 lines 1-24; microdata NOC",
            "year": "2023; 1994-95; 2019",
            "universe": "adults",
            "kind": "computed: households of DP02 turned into persons and raked over marital status, age and sex; minors among"
            " relatives and nonrelatives, the sexes of adult children, cohabiting by age and daily life are assumed",
        },
        {"marital": MARITAL, "age": age_labels("home age"), "sex": SEX, "life": DAILY_LIFE},
        HOUSEHOLD,
        result.transpose(1, 2, 3, 4, 0),
    )


def fit_children(source: Source) -> None:
    """Write the number and ages of own children given the parent's age."""
    ages = np.array(AGES["parent age"])
    size = len(ages)
    micro = source.microdata
    parents = micro[micro["children"] > 0]
    seed = totals(
        (size, 2, 3),
        age_group("parent age", parents["age"].to_numpy()),
        (parents["marital"] == 0).astype(int),
        np.minimum(parents["children"], 3) - 1,
        weight=parents["weight"].to_numpy(),
    )
    # Thin ages lean on all of them; three children before 22 are taken for impossible.
    seed += 5e4 * (seed.sum(axis=0) / seed.sum(axis=(0, 2))[:, None])[None]
    seed[0, :, 1:], seed[1, :, 2] = 0, 0
    write_table(
        "children",
        {
            "source": MICRODATA,
            "table": "microdata NOC",
            "year": "2019",
            "universe": "adults with own children under 18 at home",
            "kind": "computed; the last group is three or more; impossible at young ages is assumed",
        },
        {"age": age_labels("parent age"), "married": ["no", "yes"]},
        ["1", "2", "3"],
        seed,
    )
    none = {"source": "none", "table": "none", "year": "none"}
    share = np.zeros((size, 2))
    share[:, 1] = [0.03, 0.08, 0.14, 0.16, 0.15, 0.11, 0.07, 0.02, 0, 0, 0, 0]
    share[:, 0] = [0.01, 0.02, 0.035, 0.04, 0.04, 0.035, 0.03, 0.01, 0, 0, 0, 0]
    kind = "assumed; parents who live with their own parents or other relatives are in no published table at hand"
    write_table(
        "children_elsewhere",
        {**none, "universe": "adults who live with parents or other relatives", "kind": kind},
        {"age": age_labels("parent age"), "sex": SEX},
        ["yes", "no"],
        np.stack([share, 1 - share], axis=-1),
    )
    # Per child, the share under 6 by the parent's age; then children of one family are near each other in age.
    under = np.array([1, 1, 0.9, 0.7, 0.5, 0.3, 0.14, 0.05, 0.01, 0.0, 0.0, 0.0])
    shares = np.zeros((size, 3, 3))
    for number in range(1, 4):
        mixed = 0.0 if number == 1 else np.minimum(under, 1 - under) * (0.9 if number == 2 else 1.4)
        mixed = np.minimum(mixed, np.minimum(2 * under, 2 * (1 - under)))
        shares[:, number - 1, 0] = under - mixed / 2
        shares[:, number - 1, 1] = mixed
        shares[:, number - 1, 2] = 1 - under - mixed / 2
    write_table(
        "children_ages",
        {
            **none,
            "universe": "adults with own children under 18 at home",
            "kind": "assumed; all own children together are held against DP03 lines 14 and 16 (21.2 million under 6, 47.7 older)",
        },
        {"age": age_labels("parent age"), "number": ["1", "2", "3"]},
        ["all under 6", "under 6 and 6 to 17", "all 6 to 17"],
        np.maximum(shares, 0),
    )


def fit_fertility(source: Source, people: People) -> None:
    """Write births within the year given age, marriage and a child under 6 at home."""
    women = (people["sex"] == 1) & (people["age"] <= 50)
    age = np.minimum(age_group("birth age", people["age"]), 2)[women]
    married = (people["marital"] == MARRIED)[women].astype(np.int64)
    everybody = totals((3, 2), age, married)
    mothers = totals((3, 2), age, married, weight=people["young"][women].astype(float))
    # Assumed: at 18 and 19 twice the published rate of 15 to 19, whose younger half hardly has any.
    births = everybody.sum(axis=1) * np.array([2 * 8, 83, 35]) / 1000
    unmarried = source.dp02(38)[0] / source.dp02(37)[0]
    fitted = rake(mothers + 1e-9, ((0,), births), ((1,), births.sum() * np.array([unmarried, 1 - unmarried])))
    share = np.minimum(fitted / np.maximum(mothers, 1), 0.85)
    shares = np.zeros((3, 2, 2, 2))
    shares[..., 0, 1] = 1
    shares[..., 1, 0], shares[..., 1, 1] = share, 1 - share
    write_table(
        "fertility",
        {
            "source": "ACS 2023 profile",
            "table": "DP02 lines 37-43",
            "year": "2023",
            "universe": "women of 18 to 50",
            "kind": "births by age and by marriage are published; the rate of 18 and 19 is assumed; divided by the mothers of"
            " children under 6 in the model, the only women who may have given birth within the year",
        },
        {"age": age_labels("birth age")[:3], "married": ["no", "yes"], "child under 6": ["no", "yes"]},
        ["birth", "no birth"],
        shares,
    )
