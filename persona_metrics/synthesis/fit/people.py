"""Fits age, sex, race, schooling, citizenship, birthplaces, languages and ancestry."""

from __future__ import annotations

import numpy as np

from ..basics import ORIGINS_ABROAD, ORIGINS_AT_HOME, People
from ..draw import POPULATION, read_rows, write_table
from ..groups import AGES, OLDEST, ORIGIN, age_group, age_labels
from ..vocabulary import CITIZENSHIP, EDUCATION, ENGLISH, LANGUAGE, RACE, SEX
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
            "table": "DP02 lines 59-66; microdata EDU",
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


def fit_citizenship(source: Source, people: People) -> None:
    """Write citizenship given origin and age."""
    # Born here, naturalised, not a citizen, in percent; the last origin takes those of American Indians.
    published = np.array([[55.1, 18.4, 26.5], [95.4, 3.0, 1.6], [87.4, 7.9, 4.7], [24.8, 46.2, 29.0], [92.2, 3.3, 4.6]])
    persons = totals((5, 3), people["origin"], age_group("life", people["age"]))
    total = persons.sum()
    scale = total / source.adults
    # Assumed: 5.3 percent of the foreign-born are minors, nearly all of them not citizens; 17 percent of those born
    # abroad or in a territory as Americans are minors, and two fifths of them were born in a territory.
    foreign = source.dp02(94)[0] * 0.947
    naturalized = source.dp02(96)[0] * 0.975
    outside = source.dp02(93)[0] * 0.83
    goal = np.array([0, outside * 0.4, outside * 0.6, naturalized, foreign - naturalized]) * scale
    goal[0] = total - goal.sum()
    by_age = np.array([[1.0, 1.0, 1.0, 0.45, 1.05], [1.0, 1.0, 1.0, 1.25, 1.15], [1.0, 1.0, 0.8, 1.3, 0.35]]).T
    seed = np.zeros((5, 5, 3))
    territory = np.array([0.035, 0.0006, 0.004, 0.004, 0.002])
    abroad = np.array([0.012, 0.0065, 0.008, 0.012, 0.012])
    for o in range(5):
        born, nat, non = published[o] / published[o].sum()
        seed[o] = np.array([born, territory[o], abroad[o], nat, non])[:, None] * by_age
    seed *= persons[:, None, :]
    fitted = rake(seed, ((1,), goal), ((0, 2), persons))
    write_table(
        "citizenship",
        {
            "source": "ACS 2023 profile; Economic Policy Institute from ACS 2019",
            "table": "DP02 lines 89-97; B05003B, C, D, E, H, I",
            "year": "2023; 2019",
            "universe": "adults",
            "kind": "computed by raking the 2019 shares by race to the 2023 totals; assumed: minors' share of the totals,"
            " citizenship by age within an origin, the split of Americans born outside the states",
        },
        {"origin": ORIGIN, "age": age_labels("life")},
        CITIZENSHIP,
        fitted.transpose(0, 2, 1),
    )


def fit_birthplaces(source: Source, people: People) -> None:
    """Write states, territories and countries of birth given race and origin."""
    states = read_rows("states")
    number = {key: np.array([float(r[key]) for r in states]) for key in states[0] if key != "state"}
    size = number["population"]
    shares = np.stack(
        [
            size * number["rest"],
            size * number["white"],
            size * number["black"],
            size * number["asian"],
            number["native"],
            number["islander"],
            size * number["rest"] * 0.4 + size * 10,
        ]
    )
    header = {
        "source": "ACS 2016-2020 (states.csv)",
        "table": "B01003, B02001",
        "year": "2016-2020",
        "universe": "adults born in a state",
        "kind": "assumed to be born where people of their race live; no table of state of birth was at hand",
    }
    write_table("birth_state", header, {"origin": ORIGINS_AT_HOME}, [r["state"] for r in states], shares)
    header = {"source": "none", "table": "none", "year": "none", "kind": "assumed, by order of size"}
    write_table(
        "birth_territory",
        {**header, "universe": "adults born in a U.S. territory"},
        {"islander": ["no", "yes"]},
        ["Puerto Rico", "U.S. Virgin Islands", "Guam", "American Samoa", "Northern Mariana Islands"],
        np.array([[93.0, 5, 1.5, 0, 0.5], [0, 0, 60, 32, 8]]),
    )
    write_table(
        "birth_to_americans",
        {**header, "universe": "adults born abroad of American parents"},
        {"all": ["all"]},
        ["Germany", "Japan", "United Kingdom", "Mexico", "Philippines", "Korea", "Canada", "Italy", "France", "Spain"],
        np.array([[30.0, 12, 10, 16, 8, 7, 9, 4, 2, 2]]),
    )
    countries = read_rows("countries")
    regions = ["Europe", "Asia", "Africa", "Oceania", "Latin America", "Northern America"]
    region = np.array([regions.index(r["region"]) for r in countries])
    size = np.array([float(r["number"]) for r in countries])
    published = source.dp02(*range(106, 112))
    size *= (published / np.bincount(region, weights=size))[region]
    islanders = np.array([r["country"] in ("Samoa", "Tonga", "Fiji") for r in countries])
    affinity = np.array([[float(r[k]) for k in "hwba"] + [0.0, float(r["o"])] for r in countries])
    affinity[islanders, 4], affinity[islanders, 3] = (
        affinity[islanders, 3],
        np.where(np.array([r["country"] for r in countries])[islanders] == "Fiji", 60.0, 0.0),
    )
    foreign = people["foreign"] == 1
    at = np.where((people["race"] == 4) & (people["hispanic"] == 0), 4, np.array([0, 1, 2, 3, 5])[people["origin"]])
    persons = np.bincount(at[foreign], minlength=6).astype(float)
    fitted = rake(size[:, None] * np.maximum(affinity, 0.0), ((0,), size * persons.sum() / size.sum()), ((1,), persons))
    write_table(
        "birth_country",
        {
            "source": "ACS 2023 profile; Pew Research Center from ACS 2018 (countries.csv)",
            "table": "DP02 lines 105-111",
            "year": "2023; 2018",
            "universe": "foreign-born adults",
            "kind": "regions' totals published; countries within a region published or assumed as countries.csv marks them;"
            " which origins come from where assumed, raked to the numbers of each",
        },
        {"origin": ORIGINS_ABROAD},
        [r["country"] for r in countries],
        fitted.T,
    )


def fit_language(source: Source, people: People, place_names: list[str]) -> None:
    """Write the household's language given birthplace or origin, and English given language and schooling."""
    countries = read_rows("countries")
    profile = {r["country"]: [float(r[k]) for k in ("en", "es", "ie", "ap", "ot")] for r in countries}
    home = np.array(
        [
            [42.0, 57, 0.6, 0.2, 0.2],
            [97.2, 0.9, 1.5, 0.1, 0.3],
            [97.0, 1.2, 0.9, 0.1, 0.8],
            [57.0, 0.8, 10, 30, 2.2],
            [80.0, 2.0, 0.5, 0.5, 17],
            [58.0, 1.0, 0.5, 40, 0.5],
            [93.0, 3.0, 1.6, 1.4, 1],
        ]
    )
    keys = [*(f"Raised here: {name}" for name in ORIGINS_AT_HOME), "Born in a U.S. territory", *profile]
    seed = np.vstack([home, [[14.0, 84, 0.2, 1.6, 0.2]], list(profile.values())])
    at = np.array([keys.index(n) if n in keys else -1 for n in place_names])
    race, hispanic = people["race"], people["hispanic"]
    raised = np.array([0, 1, 2, 3, 6])[people["origin"]]
    raised = np.where((hispanic == 0) & (race == 2), 4, np.where((hispanic == 0) & (race == 4), 5, raised))
    speech = np.where(people["foreign"] == 1, at[people["birthplace"]], raised)
    speech = np.where(people["citizenship"] == 1, 7, speech)
    persons = np.bincount(speech, minlength=len(keys)).astype(float)
    published = source.dp02(113, 116, 118, 120, 122)
    fitted = rake(
        seed * np.maximum(persons, 1e-6)[:, None],
        ((1,), published / published.sum() * persons.sum()),
        ((0,), np.maximum(persons, 1e-6)),
    )
    write_table(
        "language",
        {
            "source": "ACS 2023 profile; seeds in countries.csv",
            "table": "DP02 lines 112-122",
            "year": "2023",
            "universe": "adults (the table's universe, 5 and over, is taken for them)",
            "kind": "computed: assumed shares by birthplace and origin, raked to the published languages",
        },
        {"upbringing": keys},
        LANGUAGE,
        fitted,
    )


def fit_english(source: Source, people: People) -> None:
    """Write ability to speak English given language, nativity and schooling."""
    learned = np.array([0, 1, 1, 2, 2])[people["schooling"]]
    persons = totals((5, 2, 3), people["language"], people["foreign"], learned)
    spoken = source.dp02(116, 118, 120, 122)
    weak = source.dp02(117, 119, 121, 123) / spoken
    seed = np.array(
        [
            [[80.0, 14, 5, 1], [88, 9, 2.7, 0.3], [95, 4.4, 0.6, 0]],
            [[18.0, 26, 36, 20], [38, 30, 24, 8], [64, 25, 10, 1]],
        ]
    )
    shares = np.zeros((5, 2, 3, 5))
    shares[0, ..., 0] = 1.0
    for language in range(4):
        count = persons[language + 1]
        goal = count.sum() * np.array([1 - weak[language], *(weak[language] * np.array([0.46, 0.36, 0.18]))])
        fitted = rake(seed * count[..., None], ((2,), goal), ((0, 1), count))
        shares[language + 1, ..., 1:] = fitted
    write_table(
        "english",
        {
            "source": "ACS 2023 profile",
            "table": "DP02 lines 116-123",
            "year": "2023",
            "universe": "adults who speak another language at home",
            "kind": "very well against less is published by language; the levels below (46, 36 and 18 percent), and how they"
            " differ by nativity and schooling, are assumed and raked",
        },
        {
            "language": LANGUAGE,
            "nativity": ["Born a citizen", "Foreign-born"],
            "schooling": ["No diploma", "High school or some college", "Bachelor's degree or more"],
        },
        ENGLISH,
        shares,
    )
