"""Fits age, sex, race and schooling."""

from __future__ import annotations

import numpy as np

from ..basics import People, birth_key
from ..draw import POPULATION, Floats, read_rows, read_table, write_table
from ..groups import AGES, OLDEST, ORIGIN, age_group, age_labels, schooling
from ..vocabulary import EDUCATION, RACE, SEX
from .adjust import Margin, base_margin, factor_shares, fit_parts, scaled
from .birth import profile_of
from .source import Source, rake, totals

MICRODATA = "NIST Diverse Communities Data Excerpts (ACS 2019 microdata, raked to ACS 2022 and 2023)"
LEAST_AGE = (18, 18, 18, 18, 18, 20, 21, 23, 25, 26)
"""Assumed: the least age of each education; who finishes earlier is rare enough to read like an error."""


def fit_basics(source: Source) -> None:
    """Write the joint distribution of age, sex, race and Hispanic origin, and of single years within a band."""
    joint = source.joint
    lines = [
        "# source: American Community Survey; table: B01001A to B01001I; year: 2022 (1-year); universe: adults",
        "# kind: published; Hispanics within each race but White, and single ages within a band (single_years), are fitted",
        "age|sex|race|hispanic|persons",
    ]
    bands = age_labels("band")
    # Bands outermost last: whoever is next to a cell in this order shares race, origin and sex, and differs little in age.
    for r, race in enumerate(RACE):
        for h in (0, 1):
            for s, sex in enumerate(SEX):
                step = 1 if s == 0 else -1
                for b in list(range(len(bands)))[::step]:
                    if (count := joint[b, s, r, h]) >= 1:
                        lines.append(f"{bands[b]}|{sex}|{race}|{h}|{count:.0f}")
    (POPULATION / "age_sex_race.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    ages = np.arange(18, OLDEST + 1)
    band = age_group("band", ages)
    # Even within a band up to 64; then each year as much fewer as the bands themselves thin out.
    thinning = np.select([ages < 65, ages < 75, ages < 85], [1.0, 0.965, 0.93], 0.86)
    weight = thinning ** (ages - np.array(AGES["band"])[band])
    shares = np.zeros((len(bands), len(ages)))
    shares[band, np.arange(len(ages))] = weight
    write_table(
        "single_years",
        {
            "source": "none",
            "table": "none",
            "year": "none",
            "universe": "adults of a band of ages",
            "kind": "assumed: single years are not in the tables at hand; even up to 64, then thinning out as the bands do",
        },
        {"age": bands},
        [str(a) for a in ages],
        shares,
    )


def fit_education(source: Source, people: People) -> None:
    """Write schooling given age, sex and origin."""
    micro = source.microdata
    weight = micro["weight"].to_numpy()
    ages = AGES["school age"]
    size = len(ages)
    persons = totals((size, 2, 5), age_group("school age", people["age"]), people["sex"], people["origin"])
    decade_of = age_group("decade", np.array(ages))
    by_decade = totals(
        (len(AGES["decade"]), 2, 10),
        age_group("decade", micro["age"].to_numpy()),
        micro["sex"],
        micro["education"],
        weight=weight,
    )
    allowed = np.array([[age >= least for least in LEAST_AGE] for age in ages], dtype=float)
    seed_age_sex = by_decade[decade_of].transpose(0, 2, 1) * allowed[:, :, None]
    # Under 25 the survey speaks, for the microdata's young are students of a few university towns.
    survey = _young_from_survey(source)
    for position, age in enumerate(ages):
        if age < 25:
            for group, share in survey[age].items():
                at = [i for i in group if allowed[position, i]]
                if at:
                    now = seed_age_sex[position, at].sum()
                    seed_age_sex[position, at] *= share / now if now > 0 else 0
    target = seed_age_sex / seed_age_sex.sum(axis=1, keepdims=True) * persons.sum(axis=2)[:, None, :]
    grown = np.array(ages) >= 25
    groups = np.array([0, 1, 2, 2, 3, 4, 5, 6, 6, 6])
    published = source.dp02(*range(60, 67))
    published *= target[grown].sum() / published.sum()
    within = target[grown].sum(axis=(0, 2))
    by_group = np.bincount(groups, weights=within)
    goal = within / by_group[groups] * published[groups]
    target[grown] = rake(target[grown], ((1,), goal), ((0, 2), persons.sum(axis=2)[grown]))
    by_origin = totals((10, 2, 5), micro["education"], micro["sex"], micro["origin"], weight=weight)
    by_origin = rake(by_origin, ((0, 1), target.sum(axis=0)), ((1, 2), persons.sum(axis=0)))
    seed = np.repeat(allowed[:, :, None, None], 2, axis=2).repeat(5, axis=3)
    fitted = rake(seed, ((1, 2, 3), by_origin), ((0, 1, 2), target), ((0, 2, 3), persons), rounds=80)
    write_table(
        "education",
        {
            "source": f"ACS 2023 profile; {MICRODATA}; under 25, General Social Survey 2021-2024",
            "table": "DP02 lines 59-66; microdata EDU; C15002B, D, G, H, I (2018) by origin and sex",
            "year": "2023, 2019, 2021-2024",
            "universe": "adults",
            "kind": "computed by raking; schooling of 25 and over is published, least ages of a degree are assumed",
        },
        {"origin": ORIGIN, "sex": SEX, "age": age_labels("school age")},
        EDUCATION,
        fitted.transpose(3, 2, 0, 1),
    )


def _young_from_survey(source: Source) -> dict[int, dict[tuple[int, ...], float]]:
    survey = source.table("gss_2021_2024_extract.csv.gz").dropna(subset=["age", "degree", "wtssps"])
    groups = {
        "Less than High School": (0, 1),
        "High School": (2, 3, 4),
        "Associate / Jr College": (5,),
        "Bachelor's": (6,),
        "Graduate": (7, 8, 9),
    }
    result = {}
    for age, (low, high) in {
        18: (18, 19),
        20: (20, 21),
        21: (20, 21),
        22: (22, 24),
        23: (22, 24),
        24: (22, 24),
    }.items():
        part = survey[survey["age"].between(low, high)]
        share = part.groupby("degree")["wtssps"].sum() / part["wtssps"].sum()
        result[age] = {codes: float(share.get(name, 0.0)) for name, codes in groups.items()}
    return result


def fit_education_by_birth(source: Source, people: People) -> None:
    """Write what the country of birth changes in schooling given origin, sex and age; the table itself anew beside it."""
    table = read_table("education")
    countries = [r["country"] for r in read_rows("countries")]
    figures = profile_of(source, "091", "092", "093", "094", "095")
    structure = np.array([figures[name] for name in ("native", *countries)])
    keys = (people["origin"], people["sex"], age_group("school age", people["age"]))
    shares = _by_race(source, table.shares, totals(table.shares.shape[:-1], *keys))
    birth, grown = birth_key(people), (people["age"] >= 25).astype(np.int64)
    base = base_margin(shares, keys)
    level = schooling(np.arange(len(EDUCATION)))
    ages = np.array(AGES["school age"]) >= 25
    by_level = np.bincount(level, weights=base.goal[:, :, ages].sum(axis=(0, 1, 2)))
    persons = totals((len(structure),), birth[grown == 1])
    goal = scaled(structure, persons, by_level)
    fitted, factor = fit_parts(shares, [base, Margin((birth,), goal, level, grown)], rounds=40)
    labels = {"origin": ORIGIN, "sex": SEX, "age": age_labels("school age")}
    write_table("education", _header("education"), labels, EDUCATION, fitted)
    write_table(
        "education_by_birth",
        {
            "source": "ACS 2018, Selected Population Profile",
            "table": "S0201 (its region's row where a country has none)",
            "year": "2018",
            "universe": "factors for adults; fitted to those of 25 and over",
            "kind": "computed: what the country of birth changes in schooling given origin, sex and age",
        },
        {"birth": ["Born a citizen", *countries]},
        EDUCATION,
        factor_shares(factor),
    )


def _by_race(source: Source, shares: Floats, persons: Floats) -> Floats:
    """Return schooling given origin, sex and age, fitted to the published schooling of each origin and sex from 25 on.

    The microdata's few areas have too few graduates among their Black residents.
    """
    table = source.table("v2/acs2018_education.csv")
    ages, groups = np.array(AGES["school age"]) >= 25, np.array([0, 0, 1, 1, 2, 2, 3, 3, 3, 3])
    cells = shares * persons[..., None]
    by_age = cells.sum(axis=0)
    published = np.zeros((len(ORIGIN), 2, 4))
    for o, letter in enumerate("IHBDG"):
        rows = table[(table["table"] == f"C15002{letter}") & table["d1"].notna()]
        for s, sex in enumerate(SEX):
            published[o, s] = rows[rows["sex"] == sex]["estimate"].to_numpy(dtype=float)
    # The figures are of 2018: raked to what all of a sex have here.
    goal = np.zeros_like(published)
    for s in (0, 1):
        of_sex = cells[:, s, ages].sum(axis=1)
        degrees = np.array([np.bincount(groups, weights=row) for row in of_sex])
        goal[:, s] = scaled(published[:, s], degrees.sum(axis=1), degrees.sum(axis=0))
    for _ in range(60):
        now = np.zeros_like(goal)
        for g in range(4):
            now[..., g] = cells[:, :, ages][..., groups == g].sum(axis=(2, 3))
        cells[:, :, ages] *= (goal / np.maximum(now, 1e-9))[..., groups][:, :, None, :]
        cells *= np.divide(by_age, cells.sum(axis=0), out=np.ones_like(by_age), where=cells.sum(axis=0) > 0)
        whole = cells.sum(axis=-1)
        cells *= np.divide(persons, whole, out=np.ones_like(whole), where=whole > 0)[..., None]
    empty = persons == 0
    cells[empty] = shares[empty]
    return cells / cells.sum(axis=-1, keepdims=True)


def _header(name: str) -> dict[str, str]:
    """Return the header that a table of ours has."""
    found: dict[str, str] = {}
    for line in (POPULATION / f"{name}.csv").read_text(encoding="utf-8").splitlines():
        if line.startswith("# ") and not line.startswith("# keys:"):
            key, _, value = line.removeprefix("# ").partition(": ")
            found[key] = value
    return found
