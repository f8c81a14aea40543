"""Fits difficulties, veterans, incomes and health insurance."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from ..basics import NATURALIZED, People
from ..draw import POPULATION, Floats, write_table
from ..groups import AGES, ORIGIN, SCHOOLING, age_group, age_labels
from ..health import (
    COVERAGE,
    DIFFICULTIES,
    INCOME_BANDS,
    INCOME_LABELS,
    PATTERNS,
    STANDING,
    ability,
    insurance_keys,
    labor,
)
from ..vocabulary import SEX
from ..work import WORKING
from .adjust import Margin, base_margin, factor_shares, fit_parts, scaled
from .people import MICRODATA
from .source import Source, rake, totals

ABILITY = ("at work", "unable to work", "without work")
QUANTILES = (0, 2, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 95, 98, 100)


def fit_difficulties(source: Source, people: People) -> None:
    """Write sets of difficulties given age and ability to work."""
    micro = source.microdata
    weight = micro["weight"].to_numpy()
    age = age_group("health age", micro["age"].to_numpy())
    size = len(AGES["health age"])
    bits = [micro[name].to_numpy() for name in DIFFICULTIES]
    works = np.where(micro["industry"].to_numpy() >= 0, 0, 2)
    seed = totals((2, 2, 2, 2, size, 3), *bits, age, works, weight=weight)
    seed += 0.002 * seed.sum(axis=(0, 1, 2, 3), keepdims=True) * _independent(seed)
    # Assumed: of those unable to work nine in ten have a difficulty, mostly in walking or thinking.
    chance = np.array([0.42, 0.12, 0.12, 0.62])
    for place in np.ndindex(2, 2, 2, 2):
        seed[(*place, slice(None), 1)] = np.prod([c if bit else 1 - c for c, bit in zip(chance, place, strict=True)])
    seed[0, 0, 0, 0, :, 1] *= 0.35
    persons = totals((size, 3), age_group("health age", people["age"]), ability(people))
    by_age = persons.sum(axis=1)
    rates = np.array([[np.average(b[age == a], weights=weight[age == a]) for a in range(size)] for b in bits])
    grown = np.arange(size) < 5
    # KFF's rates for 19 to 64 are taken for 18 to 64: the microdata's slope over age, their level.
    for bit, rate in enumerate((0.0539, 0.0220, 0.0203)):
        rates[bit, grown] *= rate / np.average(rates[bit, grown], weights=by_age[grown])
    # Both published shares with any disability fix the fourth kind: walking, dressing, living alone.
    for part, line, total in ((grown, 76, 75), (~grown, 78, 77)):
        published = float(source.dp02(line)[0] / source.dp02(total)[0])

        def distance(scale: float, part: Floats = part, published: float = published) -> float:
            return _any(seed, rates, scale, persons, part) - published

        rates[3, part] *= brentq(distance, 0.3, 3.0, xtol=1e-3)
    fitted = _fit_patterns(seed, rates, persons)
    shares = fitted.reshape(16, size, 3).transpose(1, 2, 0)
    shares = np.divide(
        shares,
        shares.sum(axis=-1, keepdims=True),
        out=np.zeros_like(shares),
        where=shares.sum(axis=-1, keepdims=True) > 0,
    )
    grown_up = (people["age"] >= 25).astype(np.int64)
    taught, group = people["schooling"], np.minimum(np.arange(16), 1)
    base = base_margin(shares, (age_group("health age", people["age"]), ability(people)))
    any_and_none = np.array([base.goal[1:, :, 0].sum(), base.goal[1:, :, 1:].sum()])
    goal = scaled(_by_schooling(source), totals((5,), taught[grown_up == 1]), any_and_none)
    shares, factor = fit_parts(shares, [base, Margin((taught,), goal, group, grown_up)], rounds=40)
    write_table(
        "difficulties_by_schooling",
        {
            "source": "ACS 2018",
            "table": "S1811 (with a disability, by educational attainment)",
            "year": "2018",
            "universe": "factors for adults; fitted to those of 25 and over",
            "kind": "computed: what schooling changes in having any difficulty given age and ability to work",
        },
        {"schooling": SCHOOLING},
        PATTERNS,
        factor_shares(factor),
    )
    write_table(
        "difficulties",
        {
            "source": f"ACS 2023 profile; KFF from ACS 2024; {MICRODATA}",
            "table": "DP02 lines 71-78; KFF disability 19 to 64; microdata DREM, DEYE, DEAR, DPHY",
            "year": "2023; 2024; 2019",
            "universe": "adults (published ones: civilian, not in institutions)",
            "kind": "published: each difficulty at 18 to 64, any at 18 to 64 and from 65 on; computed: ages and combinations;"
            " walking stands for ambulatory, self-care and independent living; those unable to work are assumed",
        },
        {"age": age_labels("health age"), "ability": ABILITY},
        PATTERNS,
        shares,
    )


def _by_schooling(source: Source) -> Floats:
    """Return shares without and with a disability for each of ``SCHOOLING``, at 25 and over."""
    table = source.table("v2/acs2018_subject_tables.csv")
    rows = table[(table["table"] == "S1811") & table["row_path"].str.contains("EDUCATIONAL ATTAINMENT")]
    result = []
    for column in ("No Disability", "With a Disability"):
        values = rows[rows["column"] == column]["estimate"].to_numpy(dtype=float)
        result.append(values[0] * values[1:] / 100)
    shares = np.stack(result, axis=1)
    # The published last group is a bachelor's degree and more: both of ours have its share.
    return np.asarray((shares / shares.sum(axis=1, keepdims=True))[[0, 1, 2, 3, 3]])


def _independent(seed: Floats) -> Floats:
    result = np.ones(seed.shape)
    total = seed.sum()
    for axis in range(4):
        others = tuple(i for i in range(6) if i != axis)
        result = result * (seed.sum(axis=others) / total).reshape([2 if i == axis else 1 for i in range(6)])
    return np.asarray(result)


def _fit_patterns(seed: Floats, rates: Floats, persons: Floats) -> Floats:
    by_age = persons.sum(axis=1)
    margins = [((bit, 4), np.stack([(1 - rates[bit]) * by_age, rates[bit] * by_age])) for bit in range(4)]
    return rake(seed, *margins, ((4, 5), persons), rounds=60)


def _any(seed: Floats, rates: Floats, scale: float, persons: Floats, part: Floats) -> float:
    scaled = rates.copy()
    scaled[3, part] = np.minimum(scaled[3, part] * scale, 0.9)
    none = _fit_patterns(seed, scaled, persons)[0, 0, 0, 0].sum(axis=1)
    return float(1 - none[part].sum() / persons[part].sum())


def fit_veterans(source: Source, people: People) -> None:
    """Write who served in the past given age, sex and citizenship."""
    ages = len(AGES["service age"])
    standing = np.maximum(people["citizenship"] - (NATURALIZED - 1), 0)
    persons = totals((ages, 2, 3), age_group("service age", people["age"]), people["sex"], standing)
    # Washington Times from ACS 2019, in millions: by age (18-34, 35-54, 55-64, 65-74, 75+) and by sex.
    by_age = np.array([0.0, 1.5, 4.0, 3.1, 4.5, 4.2])
    by_sex = np.array([15.8, 1.6])
    scale = source.dp02(70)[0] / source.adults * persons.sum()
    # Assumed: naturalised citizens served a quarter as often as the native-born, others hardly ever.
    seed = persons * np.array([1, 0.25, 0.02]) * np.array([0, 1, 1, 1, 1, 1])[:, None, None]
    # Women served the less, the longer ago (assumed, raked to the total).
    seed = seed * np.stack([np.ones(6), np.array([0.2, 0.22, 0.18, 0.12, 0.04, 0.025])], axis=1)[:, :, None]
    fitted = rake(seed, ((0,), by_age / by_age.sum() * scale), ((1,), by_sex / by_sex.sum() * scale))
    share = np.divide(fitted, persons, out=np.zeros_like(fitted), where=persons > 0)
    write_table(
        "veteran",
        {
            "source": "ACS 2023 profile; Washington Times from ACS 2019",
            "table": "DP02 lines 69-70",
            "year": "2023; 2019",
            "universe": "adults",
            "kind": "published: the total of 2023, ages and sexes of 2019; citizenship and women's ages assumed and raked",
        },
        {"age": age_labels("service age"), "sex": SEX, "citizenship": STANDING},
        ["served", "never served"],
        np.stack([share, 1 - share], axis=-1),
    )


def fit_income(source: Source, people: People) -> None:
    """Write quantiles of income given work, sex, schooling and age."""
    micro = source.microdata
    frame = micro.assign(
        works=((micro["industry"] >= 0) & (micro["industry"] < 18)).astype(int),
        level=np.array([0, 0, 1, 1, 2, 2, 3, 4, 4, 4])[micro["education"]],
        third=age_group("third", micro["age"].to_numpy()),
    )
    # Median earnings of workers rose from 36,519 (DP03 of 2019) to 45,105 dollars.
    raised = np.maximum(frame["income"].to_numpy(), 0) * float(source.dp03(92)[0]) / 36519
    frame = frame.assign(income=raised)
    thirds = len(AGES["third"])
    quantiles = np.zeros((2, 2, 5, thirds, len(QUANTILES)))
    for place in np.ndindex(2, 2, 5, thirds):
        works, sex, level, third = place
        cell = frame[(frame["works"] == works) & (frame["third"] == third)]
        cell = cell[(cell["sex"] == sex) & (cell["level"] == level)]
        if len(cell) < 60:
            # Too few: the neighbours in schooling lend theirs.
            wide = frame[(frame["works"] == works) & (frame["third"] == third) & (frame["sex"] == sex)]
            cell = pd.concat([cell, wide[(wide["level"] - level).abs() == 1]])
        quantiles[place] = _weighted_quantiles(cell["income"].to_numpy(), cell["weight"].to_numpy())
    works = np.isin(people["activity"], WORKING).astype(np.int64)
    third = age_group("third", people["age"])
    cells = totals((2, 2, 5, thirds), works, people["sex"], people["schooling"], third)
    # Per capita income is that of all residents; nearly all of it is adults'.
    mean = float(source.dp03(88)[0] * source.dp02(88)[0]) / source.adults
    fitted = _trim(quantiles, cells, float(source.dp03(92)[0]), mean)
    names = [f"q{q}" for q in QUANTILES]
    lines = [
        f"# source: ACS 2023 profile; {MICRODATA}",
        "# table: DP03 lines 88 and 92; microdata PINCP",
        "# year: 2023; 2019",
        "# universe: adults",
        "# kind: computed: quantiles (percent) of income in dollars of 2023; the middle of those at work is scaled to the published"
        " median earnings of workers, the upper tail, too heavy in the microdata, is drawn in until the mean is the published one",
        "|".join(["works", "sex", "schooling", "age", *names]),
    ]
    for place in np.ndindex(2, 2, 5, thirds):
        keys = [("no", "yes")[place[0]], SEX[place[1]], SCHOOLING[place[2]], age_labels("third")[place[3]]]
        lines.append("|".join([*keys, *(f"{x:.0f}" for x in fitted[place])]))
    (POPULATION / "income.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _weighted_quantiles(values: Floats, weights: Floats) -> Floats:
    order = np.argsort(values)
    heights = np.cumsum(weights[order]) / weights.sum()
    result = np.interp(np.array(QUANTILES) / 100, heights, values[order])
    # The greatest of a sample says little: the last quantile is the 99.5th percentile.
    result[-1] = max(result[-2], np.interp(0.995, heights, values[order]))
    return np.asarray(result)


def _trim(quantiles: Floats, cells: Floats, median: float, mean: float) -> Floats:
    """Scale to the median of those at work and compress what lies above twice a cell's own median to meet the mean."""
    grid = (np.arange(200) + 0.5) / 200
    places = np.array(QUANTILES) / 100

    def draws(values: Floats) -> tuple[Floats, Floats]:
        flat = values.reshape(-1, values.shape[-1])
        spread = np.stack([np.interp(grid, places, row) for row in flat])
        return spread.ravel(), np.repeat(cells.ravel(), len(grid)) / len(grid)

    found, weight = draws(quantiles[1])[0], np.repeat(cells[1].ravel(), len(grid))
    order = np.argsort(found)
    heights = np.cumsum(weight[order]) / weight.sum()
    scaled = quantiles * median / np.interp(0.5, heights, found[order])

    def compressed(power: float) -> Floats:
        knee = np.maximum(scaled[..., QUANTILES.index(50)] * 1.6, 15000.0)[..., None]
        return np.asarray(np.where(scaled > knee, knee * (scaled / knee) ** power, scaled))

    def distance(power: float) -> float:
        values, weights = draws(compressed(power))
        return float(np.average(values, weights=weights)) - mean

    low, high = 0.2, 1.3
    if distance(low) * distance(high) > 0:
        raise ValueError(f"no tail gives the published mean: {distance(low) + mean:.0f} to {distance(high) + mean:.0f}")
    return compressed(float(brentq(distance, low, high, xtol=1e-4)))


def fit_insurance(source: Source, people: People) -> None:
    """Write coverage given age, work and income."""
    old = (people["age"] >= 65).astype(np.int64)
    band = np.searchsorted(np.array(INCOME_BANDS), people["income"], side="right")
    persons = totals((2, 4, len(INCOME_LABELS), 1), old, labor(people), band, np.zeros_like(old))[..., 0]
    # Assumed odds by income before raking: public coverage thins out as income grows, going without more slowly.
    seed = np.array(
        [
            [0.35, 0.60, 0.82, 0.93, 0.96, 0.975, 0.985],
            [0.42, 0.24, 0.07, 0.025, 0.012, 0.008, 0.005],
            [0.05, 0.05, 0.035, 0.025, 0.02, 0.02, 0.02],
            [0.22, 0.19, 0.11, 0.05, 0.03, 0.02, 0.012],
        ]
    ).T
    shares = np.zeros((2, 4, len(INCOME_LABELS), 4))
    for status, (total, insured, private, public, none) in enumerate(
        [(104, 105, 106, 107, 108), (109, 110, 111, 112, 113), (114, 115, 116, 117, 118)]
    ):
        n, ins, pri, pub, no = source.dp03(total, insured, private, public, none)
        goal = np.array([ins - pub, ins - pri, pri + pub - ins, no]) / n
        count = np.maximum(persons[0, status], 1e-3)
        shares[0, status] = rake(seed * count[:, None], ((0,), count), ((1,), goal * count.sum()))
    # From 65 on the profile says nothing directly: the total less all younger, those under 19 privately insured to 61.5
    # percent (assumed). What is left has Medicare but for one in a hundred; private policies go with income.
    minors, without_minors = source.dp03(100, 101)
    private = source.dp03(97)[0] - source.dp03(106, 111, 116).sum() - 0.615 * minors
    none = source.dp03(99)[0] - without_minors - source.dp03(108, 113, 118).sum()
    n = source.dp02(77)[0]
    seniors = np.array([[0.02, 0.5, 0.47, 0.01]]) * np.array([1, 1, 1, 1])
    seniors = np.repeat(seniors, len(INCOME_LABELS), axis=0)
    seniors[:, 2] *= np.array([0.45, 0.6, 1.0, 1.5, 1.9, 2.3, 2.6])
    goal = np.array([0.01, 0, private / n - 0.01, none / n])
    goal[1] = 1 - goal.sum()
    for status in range(3):
        count = np.maximum(persons[1].sum(axis=0), 1e-3)
        shares[1, status] = rake(seniors * count[:, None], ((0,), count), ((1,), goal * count.sum()))
    shares[:, 3] = np.array([1.0, 0, 0, 0])
    keys = insurance_keys(people)
    base = base_margin(shares, keys[0])
    none = np.array([0, 0, 0, 1])
    adult = (people["age"] < 65).astype(np.int64)
    by_group = np.array([base.goal[0, ..., :3].sum(), base.goal[0, ..., 3].sum()])
    margins = [base]
    for key, rates in zip(keys[1:], _uninsured(source), strict=True):
        persons = totals((len(rates),), key[0][adult == 1])
        structure = np.stack([1 - rates, rates], axis=1)
        margins.append(
            Margin(key, scaled(structure, np.maximum(persons, 1e-3), by_group) * (persons > 0)[:, None], none, adult)
        )
    shares, *factors = fit_parts(shares, margins, rounds=60)
    names = ({"age": age_labels("cover age")}, {"citizenship": STANDING}, {"origin": ORIGIN})
    for key, factor in zip(names, factors, strict=True):
        (name,) = key
        write_table(
            f"insurance_by_{name}",
            {
                "source": "ACS 2018",
                "table": "S2701 (uninsured, by age, citizenship, race and origin)",
                "year": "2018",
                "universe": "factors for adults; fitted to those under 65",
                "kind": f"computed: what {name} changes in having no insurance, given age, work and income; assumed: that those"
                " under 65 differ by it as all ages do",
            },
            key,
            COVERAGE,
            factor_shares(factor),
        )
    write_table(
        "insurance",
        {
            "source": "ACS 2023 profile",
            "table": "DP03 lines 95-118, DP02 line 77",
            "year": "2023",
            "universe": "adults (published ones: civilian, not in institutions)",
            "kind": "published at 19 to 64 by work: private, public, both (their overlap) and none; from 65 on what is left of the"
            " totals if 61.5 percent of minors have private insurance (assumed); how coverage goes with income is assumed and"
            " raked; the armed forces' own counts as private, as the public use file counts it",
        },
        {
            "age": ["18-64", "65+"],
            "work": ["employed", "unemployed", "not in labor force", "armed forces"],
            "income": INCOME_LABELS,
        },
        COVERAGE,
        shares,
    )


def _uninsured(source: Source) -> tuple[Floats, Floats, Floats]:
    """Return the share without insurance by age, by citizenship and by origin."""
    table = source.table("v2/acs2018_subject_tables.csv")
    rows = table[(table["table"] == "S2701") & (table["column"] == "Percent Uninsured")]
    last = rows["row_path"].str.split(" > ").str[-1]
    rate = dict(zip(last, rows["estimate"].astype(float) / 100, strict=True))
    ages = ("19 to 25", "26 to 34", "35 to 44", "45 to 54", "55 to 64", "65 and older")
    origins = (
        "Hispanic or Latino (of any race)", "White alone, not Hispanic or Latino", "Black or African American alone",
        "Asian alone", "Two or more races",
    )  # fmt: skip
    return (
        np.array([rate.get(f"{a} years", 0.008) for a in ages]),
        np.array([rate["Native born"], rate["Naturalized"], rate["Not a citizen"]]),
        np.array([rate[o] for o in origins]),
    )
