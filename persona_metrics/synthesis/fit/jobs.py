"""Fits which jobs people hold in which industry and class, given schooling, sex and age."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from ..basics import People
from ..draw import POPULATION, Codes, Floats, read_rows
from ..groups import AGES, SCHOOLING, schooling
from ..views import SURVEY_GROUPS
from ..vocabulary import CLASS_OF_WORKER, EDUCATION, INDUSTRY, OCCUPATION, SEX
from ..work import ARMED, MILITARY, WORKING, Options, job_keys, open_to, options, seed
from .people import MICRODATA
from .source import Source, rake, totals

SOC = (11, 131, 132, 15, 17, 19, 21, 23, 25, 27, 29, 31, 33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53)
"""The first digits of the SOC codes of each of ``OCCUPATION`` but the last."""
BLS_GROUPS: tuple[tuple[str, tuple[int, ...]], ...] = tuple(
    (name, tuple(i for i, label in enumerate(OCCUPATION) if label[:3] in prefixes)) for name, prefixes in SURVEY_GROUPS
)
"""The 22 major groups of the Current Population Survey, and the positions in ``OCCUPATION`` that each holds."""
OCCUPATIONS_OF_PROFILE = (tuple(range(11)), (11, 12, 13, 14, 15), (16, 17), (18, 19, 20), (21, 22))
INDUSTRIES_OF_PROFILE = ((0, 1), (3,), (4,), (5,), (6,), (2, 7), (8,), (9,), (10,), (11, 12, 13), (14,), (15,), (16,))
WOMEN_BY_INDUSTRY = (
    "Agriculture, forestry, fishing, and hunting", "Mining, quarrying, and oil and gas extraction", "Utilities",
    "Construction", "Manufacturing", "Wholesale trade", "Retail trade", "Transportation and warehousing", "Information",
    "Financial activities", "Professional and business services", "Educational services", "Health care", "Social assistance",
    "Leisure and hospitality", "Other services", "Public administration",
)  # fmt: skip
"""The row of the Current Population Survey's table 18 for each of ``INDUSTRY``; health care is hospitals and other services."""
ROUNDS, AWAY = 250, 3.0


def women_by_group(source: Source) -> Floats:
    """Return the share of women among the employed in each of ``BLS_GROUPS`` (Current Population Survey 2022, table 11)."""
    table = source.table("v2/occ_cps2022_table11.csv")
    major = table[table["indent_level"] == "major"].set_index("occupation")["pct_women"].astype(float)
    return np.array([major[f"{name} occupations"] for name, _ in BLS_GROUPS]) / 100


def targets(source: Source) -> tuple[Floats, Floats, Floats]:
    """Return employed civilians by industry and sex, by occupation, and by class (shares of all)."""
    micro = source.microdata
    employed = micro[micro["industry"].between(0, 16)]
    industry = totals((17,), employed["industry"], weight=employed["weight"])
    goal = np.zeros(17)
    for total, members in zip(source.dp03(*range(33, 46)), INDUSTRIES_OF_PROFILE, strict=True):
        part = industry[list(members)]
        goal[list(members)] = total * part / part.sum()
    table = source.table("v2/industry_cps2022_table18_sex_race.csv").drop_duplicates("industry").set_index("industry")
    # Health care is what hospitals and other health services make together.
    sizes = table.loc[["Hospitals", "Health services, except hospitals"]].astype(float)
    care = float(np.average(sizes["pct_women"], weights=sizes["employed_thousands"]))
    women = (
        np.array([care if n == "Health care" else float(table.loc[n, "pct_women"]) for n in WOMEN_BY_INDUSTRY]) / 100
    )
    all_women = source.dp03(13)[0]
    by_sex = rake(
        np.stack([goal * (1 - women), goal * women], axis=1),
        ((0,), goal),
        ((1,), np.array([goal.sum() - all_women, all_women])),
    )
    survey = source.table("v2/occ_cps2022_table11.csv")
    count = survey[survey["indent_level"] == "major"].set_index("occupation")["employed_thousands"].astype(float)
    details = survey[survey["indent_level"] == "detailed"].set_index("occupation")["employed_thousands"].astype(float)
    employed_in = np.zeros(23)
    for name, members in BLS_GROUPS:
        employed_in[list(members)] = count[f"{name} occupations"]
    financial = details.loc["Accountants and auditors":"Other financial specialists"].sum()
    employed_in[1], employed_in[2] = employed_in[1] - financial, financial
    occupation = np.zeros(23)
    for total, members in zip(source.dp03(*range(27, 32)), OCCUPATIONS_OF_PROFILE, strict=True):
        part = employed_in[list(members)]
        occupation[list(members)] = total * part / part.sum()
    kind = _classes(source)
    return by_sex / by_sex.sum(), occupation / occupation.sum(), kind / kind.sum()


def _classes(source: Source) -> Floats:
    classes = source.dp03(47, 48, 49, 50)
    cps = source.table("derived/cps9495_cow_by_industry.csv")
    names = ["Private", "Self-employed-incorporated", "Local government", "State government", "Federal government"]
    private, own, local, state, federal = (float((cps[name] * cps["n"]).sum()) for name in names)
    # Assumed: a tenth of private wage and salary workers are with not-for-profit organizations.
    incorporated = own / (own + private)
    public = np.array([local, state, federal]) / (local + state + federal)
    profit = classes[0] * (1 - incorporated - 0.1)
    return np.array([profit, classes[0] * 0.1, *(classes[1] * public), classes[0] * incorporated, *classes[2:]])


def schooling_by_occupation(source: Source) -> Floats:
    """Return shares of ``SCHOOLING`` in each of ``OCCUPATION`` but the last, among workers of 25 and over."""
    shares = source.table("v2/occ_bls_ep_table53_education_25plus.csv")
    size = source.table("v2/occ_bls_ep_table17_2022.csv")
    employed = size[size["type"] == "Line item"].drop_duplicates("soc_code").set_index("soc_code")
    weight = pd.to_numeric(employed["employment_2022_thousands"]).reindex(shares["soc_code"]).fillna(0).to_numpy()
    digits = shares["soc_code"].str.replace("-", "")
    place = np.array(
        [SOC.index(int(d[:n])) if int(d[:n]) in SOC else -1 for d in digits for n in [3 if d[:2] == "13" else 2]]
    )
    levels = shares.filter(like="pct_").astype(float).to_numpy()
    five = np.stack(
        [levels[:, 0], levels[:, 1], levels[:, 2] + levels[:, 3], levels[:, 4], levels[:, 5:].sum(axis=1)], axis=1
    )
    result = np.zeros((23, 5))
    np.add.at(result, place[place >= 0], (five * weight[:, None])[place >= 0])
    return result / result.sum(axis=1, keepdims=True)


def fit_jobs(source: Source, people: People) -> None:
    """Write the factors that make the jobs of employed civilians meet sex, industry, occupation, schooling and class."""
    choices = options()
    civilian = np.isin(people["activity"], [a for a in WORKING if a != ARMED])
    sizes = (len(EDUCATION), 2, len(AGES["job age"]), 2, 2)
    keys = (people["education"], people["sex"], *job_keys(people))
    persons = totals(sizes, *(k[civilian] for k in keys))
    by_industry, by_occupation, by_class = targets(source)
    level = schooling(np.arange(len(EDUCATION)))
    total = persons.sum()
    learned = np.bincount(level, weights=persons.sum(axis=(1, 2, 3, 4)))
    occupation = schooling_by_occupation(source) * by_occupation[:, None] * total
    occupation = rake(occupation, ((1,), learned), ((0,), by_occupation * total))
    goals = Goals(
        by_industry * total, occupation, by_class * total, women_by_group(source), usual_sizes(source, choices)
    )
    factors = _fit(choices, persons, level, goals)
    header = (
        "# source: ACS 2023 profile; Current Population Survey 2022 (sex); BLS Employment Projections 2022 (schooling); CPS"
        f" 1994-95 (classes within private and government); {MICRODATA}\n"
        "# table: DP03 lines 26-50; CPS 11 and 18; EP 5.3 and 1.7; microdata INDP\n# year: 2023, 2022, 2019, 1994-95\n"
        "# universe: employed civilians\n"
        "# kind: computed: factors by which the weights of jobs.csv are multiplied, fitted so that title and industry by sex,\n"
        "#   occupation by schooling, and class meet their margins; not-for-profit's tenth of private workers is assumed\n"
    )
    _write("work_title", header, factors[0], {"job": choices.job, "sex": SEX})
    _write("work_industry", header, factors[1], {"industry": INDUSTRY, "sex": SEX})
    _write("work_occupation", header, factors[2], {"occupation": OCCUPATION, "schooling": SCHOOLING})
    _write("work_class", header, factors[3], {"class": CLASS_OF_WORKER})


@dataclass(frozen=True)
class Goals:
    """Persons by industry and sex, by occupation and schooling, by class; the share of women in ``BLS_GROUPS``; and how
    common each title usually is."""

    industry: Floats
    occupation: Floats
    kind: Floats
    women: Floats
    usual: Floats


def _fit(choices: Options, persons: Floats, level: Codes, goals: Goals) -> tuple[Floats, Floats, Floats, Floats]:
    """Return factors by title and sex, industry and sex, occupation and schooling, and class.

    Each round scales the factors by what is missing to a margin, over persons as they are: of each schooling, sex and
    age, with those kept out whom weak English or citizenship keeps out.
    """
    titles = len(choices.job)
    women = np.array([float(row["women"]) for row in read_rows("jobs")]) / 100
    group = _group_of(choices)
    title, industry, occupation, kind = np.ones((titles, 2)), np.ones((18, 2)), np.ones((24, 5)), np.ones(8)
    base = seed(choices) * (choices.occupation != MILITARY)
    masks = np.stack([open_to(choices, w, f) for w in (0, 1) for f in (0, 1)])
    flat = persons.reshape(*persons.shape[:3], 4)
    for _ in range(ROUNDS):
        for margin in range(4):
            shares = base * (title[choices.title] * industry[choices.industry]).T[None, :, None, :]
            shares = shares * (occupation[choices.occupation][:, level].T[:, None, None, :] * kind[choices.kind])
            found = np.zeros((len(level), 2, shares.shape[-1]))
            for m, mask in enumerate(masks):
                whole = (shares * mask).sum(axis=-1)
                scale = np.divide(flat[..., m], whole, out=np.zeros_like(whole), where=whole > 0)
                found += np.einsum("esa,esao->eso", scale, shares) * mask
            by_sex = found.sum(axis=0).T
            if margin == 0:
                industry *= _ratio(np.vstack([goals.industry, [0, 0]]), _by(choices.industry, by_sex, 18))
            elif margin == 1:
                by_level = np.stack([found[level == g].sum(axis=(0, 1)) for g in range(5)], axis=1)
                occupation *= _ratio(np.vstack([goals.occupation, np.zeros(5)]), _by(choices.occupation, by_level, 24))
            elif margin == 2:
                kind *= _ratio(goals.kind, _by(choices.kind, by_sex.sum(axis=1), 8))
            else:
                now = _by(choices.title, by_sex, titles)
                title *= _ratio(_title_goal(now, women, goals.usual, group, goals.women), now)
    title[group == len(BLS_GROUPS)], industry[17], occupation[MILITARY] = 1, 1, 1
    return title, industry, occupation, kind


def usual_sizes(source: Source, choices: Options) -> Floats:
    """Return how many hold each title relative to its group: between the survey's count and the weight in jobs.csv."""
    survey = source.table("v2/occ_cps2022_table11.csv")
    counts = survey[survey["indent_level"] == "detailed"].set_index("occupation")["employed_thousands"].astype(float)
    rows = read_rows("jobs")
    weight = np.array([float(row["weight"]) for row in rows])
    name = pd.Series([row["bls"] or "" for row in rows])
    alike = name.map(name.value_counts()).to_numpy(dtype=float)
    count = name.map(counts).to_numpy(dtype=float) / alike
    group = _group_of(choices)
    for g in np.unique(group):
        at = (group == g) & ~np.isnan(count)
        # A title without a row of its own counts by its weight at the scale of the others.
        scale = count[at].sum() / weight[at].sum() if at.any() else 1.0
        count[(group == g) & np.isnan(count)] = (weight * scale)[(group == g) & np.isnan(count)]
        weight[group == g] *= scale
    return np.asarray(np.sqrt(count * weight))


def _group_of(choices: Options) -> Codes:
    group = np.full(24, len(BLS_GROUPS))
    for g, (_, members) in enumerate(BLS_GROUPS):
        group[list(members)] = g
    occupation = np.zeros(len(choices.job), dtype=np.int64)
    occupation[choices.title] = choices.occupation
    return group[occupation]


def _title_goal(now: Floats, women: Floats, usual: Floats, group: Codes, goal: Floats) -> Floats:
    """Return persons by title and sex: each title's own share of women, titles of women made commoner or rarer within
    a group until the group's share is met, and none more than ``AWAY`` times as common as usual, or as rare.
    """
    result = np.array(now)
    for g in range(len(goal)):
        at = group == g
        whole = now[at].sum()
        common = usual[at] / usual[at].sum() * whole
        size = np.clip(now[at].sum(axis=1), common / AWAY, common * AWAY)

        def off(slope: float, size: Floats = size, share: Floats = women[at], wanted: float = goal[g]) -> float:
            tilted = size * np.exp(slope * (share - wanted))
            return float((tilted * share).sum() / tilted.sum()) - wanted

        ends = -12.0, 12.0
        slope = float(brentq(off, *ends)) if off(ends[0]) < 0 < off(ends[1]) else ends[int(off(0.0) < 0)]
        size = size * np.exp(slope * (women[at] - goal[g]))
        size *= whole / size.sum()
        result[at] = size[:, None] * np.stack([1 - women[at], women[at]], axis=1)
    return result


def _by(code: Codes, values: Floats, size: int) -> Floats:
    result = np.zeros((size, *values.shape[1:]))
    np.add.at(result, code, values)
    return result


def _ratio(goal: Floats, found: Floats) -> Floats:
    return np.divide(goal, found, out=np.ones_like(found), where=(found > 0) & (goal > 0))


def _write(name: str, header: str, values: Floats, keys: Mapping[str, Sequence[str]]) -> None:
    lines = ["|".join([*keys, "factor"])]
    for place in np.ndindex(values.shape):
        names = [level[i] for level, i in zip(keys.values(), place, strict=True)]
        lines.append("|".join([*names, f"{values[place]:.6g}"]))
    (POPULATION / f"{name}.csv").write_text(header + "\n".join(lines) + "\n", encoding="utf-8")
