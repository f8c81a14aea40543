"""Writes the table that personas are checked against: published shares where there are any, fitted ones elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from .. import beliefs, census
from ..check import groups_of
from ..draw import POPULATION, Floats
from ..groups import age_labels
from ..views import (
    CLASS_GROUPS,
    EDUCATION_GROUPS,
    EMPLOYMENT_GROUPS,
    INDUSTRY_GROUPS,
    OCCUPATION_GROUPS,
    UNIVERSES,
    VIEWS,
)
from ..vocabulary import CITIZENSHIP, ENGLISH, FERTILITY, HOUSEHOLD, LANGUAGE, MARITAL, RACE, SEX, VETERAN
from .beliefs import PEW
from .home import household_goal
from .source import Source

PERSONS, SEED = 400_000, 99

COMPUTED: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("income", (), "adults"),
    ("income", ("age (four groups)", "sex", "schooling", "at work"), "adults"),
    ("income", ("occupation (22 groups)",), "employed civilians"),
    ("sex", ("occupation (22 groups)",), "employed civilians"),
    ("family", (), "adults"),
    ("ancestry", (), "adults"),
    ("education", ("age (six groups)", "sex", "race"), "adults"),
    ("employment", ("age (six groups)", "sex", "schooling"), "adults"),
    ("class of worker", ("sex", "schooling"), "employed civilians"),
    ("industry", ("sex", "schooling"), "employed civilians"),
    ("occupation", ("sex", "schooling"), "employed civilians"),
    ("marital status", ("age (six groups)", "sex"), "adults"),
    ("marital status", ("race", "schooling"), "adults"),
    ("education", ("birth region",), "adults"),
    ("english", ("birth region", "schooling"), "adults"),
    ("disability", ("schooling", "age (65 and over)"), "adults"),
    ("insurance", ("citizenship", "race"), "adults"),
    ("religion", ("marital status",), "adults"),
    ("political views", ("marital status", "sex"), "adults"),
    ("political views", ("region",), "adults"),
    ("household", ("marital status", "age (six groups)"), "adults"),
    ("family", ("marital status", "age (six groups)"), "adults"),
    ("birth region", ("race",), "adults"),
    ("citizenship", ("race",), "adults"),
    ("language", ("race",), "adults"),
    ("english", ("race",), "adults"),
    ("ancestry", ("race", "birth region"), "adults"),
    ("veteran status", ("age (six groups)", "sex"), "adults"),
    ("cognitive difficulty", ("age (six groups)",), "adults"),
    ("vision difficulty", ("age (six groups)",), "adults"),
    ("hearing difficulty", ("age (six groups)",), "adults"),
    ("insurance", ("age (65 and over)", "income", "employment"), "adults"),
    ("fertility", ("age (births)", "marital status"), "women of 18 to 50"),
    ("religion", ("race", "age (six groups)"), "adults"),
    ("religion", ("birth region",), "adults"),
    ("political views", (), "adults"),
    ("political views", ("race", "sex"), "adults"),
    ("political views", ("age (six groups)", "schooling"), "adults"),
    ("political views", ("religion",), "adults"),
    ("ideology", (), "adults"),
    ("ideology", ("political views",), "adults"),
    ("ideology", ("age (six groups)", "sex"), "adults"),
)
"""What is held against the fitted tables themselves, as 400,000 persons drawn from them show them."""

Row = tuple[str, str, str, str, str, float, str, str]


def fit_targets(source: Source) -> None:
    """Write ``targets.csv``."""
    rows = _published(source)
    frame = _population()
    for of, given, universe in COMPUTED:
        people = frame[np.asarray(UNIVERSES[universe](frame), dtype=bool)]
        pairs = pd.DataFrame({"group": groups_of(people, given), "label": VIEWS[of](people)}).dropna()
        counts = pairs.groupby(["group", "label"], sort=True).size()
        size = counts.groupby(level=0).transform("sum")
        for (group, label), count in counts.items():
            # Groups of fewer than one in ten thousand say nothing that a check could use.
            if size[group, label] >= 40:
                share = count / size[group, label]
                rows.append((of, " & ".join(given), universe, group, label, share, "computed", "the fitted tables"))
    lines = [
        "# source: named in each row; table: DP02 and DP03 (ACS 2023), B01001 (ACS 2022), or the fitted tables",
        "# year: 2023, 2022; universe: named in each row (civilian population in some published tables)",
        "# kind: published, or computed: published figures raked with microdata or surveys, as the table of that attribute says",
        "of|given|universe|group|label|share|kind|source",
    ]
    lines += ["|".join([*map(str, row[:5]), f"{row[5]:.6g}", row[6], row[7]]) for row in rows]
    (POPULATION / "targets.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _population() -> pd.DataFrame:
    """Draw the census part and the beliefs; the texts and the big five have no shares to be held against."""
    rng = np.random.Generator(np.random.PCG64(SEED))
    frame = census.sample(PERSONS, rng)
    keys = beliefs.keys_of(frame, POPULATION)
    religion = beliefs.draw_religion(keys, rng, POPULATION)
    keys["religion"] = beliefs.SURVEY_RELIGION_OF[religion]
    keys["party"] = beliefs.draw_party(keys, rng, POPULATION)
    ideology = beliefs.draw_ideology(keys, rng, POPULATION)
    return frame.assign(
        **{
            "religion": np.array(beliefs.RELIGION, dtype=object)[religion],
            "political views": np.array(beliefs.PARTY, dtype=object)[keys["party"]],
            "ideology": np.array(beliefs.IDEOLOGY, dtype=object)[ideology],
        }
    )


def _published(source: Source) -> list[Row]:
    rows: list[Row] = []

    def put(of: str, labels: Sequence[str], shares: Floats, origin: str, universe: str = "adults", given: str = "", group: str = "all") -> None:  # fmt: skip
        whole = float(np.sum(shares))
        for label, share in zip(labels, np.ravel(shares), strict=True):
            rows.append((of, given, universe, group, label, float(share) / whole, "published", origin))

    joint = source.joint
    bands = age_labels("band")
    census_table = "ACS 2022 B01001A-I"
    put("age", bands, joint.sum(axis=(1, 2, 3)), census_table)
    put("sex", SEX, joint.sum(axis=(0, 2, 3)), census_table)
    put("race", RACE, joint.sum(axis=(0, 1, 3)), census_table)
    for b, band in enumerate(bands):
        put("race", RACE, joint[b].sum(axis=(0, 2)), census_table, given="age", group=band)
        put("sex", SEX, joint[b].sum(axis=(1, 2)), census_table, given="age", group=band)
    put("education", EDUCATION_GROUPS, source.dp02(*range(60, 67)), "ACS 2023 DP02 60-66", "25 and over")
    minors = source.dp03(1)[0] - source.adults
    employed, looking, armed = source.dp03(4)[0] - 0.22 * minors, source.dp03(5)[0] - 0.03 * minors, source.dp03(6)[0]
    status = np.array([employed, armed, looking, source.adults - employed - looking - armed])
    put("employment", EMPLOYMENT_GROUPS, status, "ACS 2023 DP03 1-7 less 16 and 17 year olds")
    at_work = "employed civilians"
    put("class of worker", CLASS_GROUPS, source.dp03(47, 48, 49, 50), "ACS 2023 DP03 47-50", at_work)
    industries = ["+".join(g) for g in INDUSTRY_GROUPS]
    put("industry", industries, source.dp03(*range(33, 46)), "ACS 2023 DP03 33-45", at_work)
    put("occupation", [n for n, _ in OCCUPATION_GROUPS], source.dp03(*range(27, 32)), "ACS 2023 DP03 27-31", at_work)
    boys = (source.dp02(25, 31) - source.adults_by_sex)[:, None] * np.array([0, 0, 0, 0, 1.0])
    marital = np.stack([source.dp02(27, 29, 30, 28, 26), source.dp02(33, 35, 36, 34, 32)]) - boys
    origin = "ACS 2023 DP02 26-36 less 15 to 17 year olds"
    put("marital status", MARITAL, marital.sum(axis=0), origin)
    for s, sex in enumerate(SEX):
        put("marital status", MARITAL, marital[s], origin, given="sex", group=sex)
    put("household", HOUSEHOLD, household_goal(source).sum(axis=1), "ACS 2023 DP02 1-24 turned into persons")
    # Minors among the foreign-born and those born abroad as in citizenship.csv.
    foreign, outside = source.dp02(94)[0] * 0.947, source.dp02(93)[0] * 0.83
    naturalized = source.dp02(96)[0] * 0.975
    citizenship = np.array([0, outside * 0.4, outside * 0.6, naturalized, foreign - naturalized])
    citizenship[0] = source.adults - citizenship.sum()
    put("citizenship", CITIZENSHIP, citizenship, "ACS 2023 DP02 89-97 less minors")
    regions = source.dp02(*range(106, 112))
    names = ["United States", "U.S. territory", "Abroad of American parents"]
    names += ["Europe", "Asia", "Africa", "Oceania", "Latin America", "Northern America"]
    births = np.append(citizenship[:3], regions / regions.sum() * foreign)
    put("birth region", names, births, "ACS 2023 DP02 89-111 less minors")
    put("language", LANGUAGE, source.dp02(113, 116, 118, 120, 122), "ACS 2023 DP02 113-122 (5 and over)")
    only, other, weak = source.dp02(113, 114, 115)
    words = [ENGLISH[0], ENGLISH[1], "Less than very well"]
    put("english", words, np.array([only, other - weak, weak]), "ACS 2023 DP02 113-115 (5 and over)")
    for label, spoken, less in zip(LANGUAGE[1:], (116, 118, 120, 122), (117, 119, 121, 123), strict=True):
        n, w = source.dp02(spoken, less)
        put("english", words[1:], np.array([n - w, w]), "ACS 2023 DP02 116-123 (5 and over)",
            "speakers of another language", "language", label)  # fmt: skip
    served = source.dp02(70)[0]
    veterans = np.array([armed, served, source.adults - armed - served])
    put("veteran status", VETERAN, veterans, "ACS 2023 DP02 69-70, DP03 6")
    for label, rate in (("cognitive", 0.0539), ("vision", 0.0220), ("hearing", 0.0203)):
        put(f"{label} difficulty", ["Yes", "No"], np.array([rate, 1 - rate]), "KFF from ACS 2024 (19 to 64)",
            given="age (65 and over)", group="18-64")  # fmt: skip
    for group, total, line in (("18-64", 75, 76), ("65+", 77, 78)):
        n, w = source.dp02(total, line)
        put("disability", ["With", "Without"], np.array([w, n - w]), "ACS 2023 DP02 75-78",
            given="age (65 and over)", group=group)  # fmt: skip
    cover = ["Private", "Public", "Both", "None"]
    for group, lines in {
        "Employed": range(105, 109), "Unemployed": range(110, 114), "Not in labor force": range(115, 119),
    }.items():  # fmt: skip
        insured, private, public, none = source.dp03(*lines)
        shares = np.array([insured - public, insured - private, private + public - insured, none])
        put("insurance", cover, shares, "ACS 2023 DP03 104-118", "19 to 64, civilian", "employment", group)
    for group, rate in (("18-19", 16), ("20-34", 83), ("35-50", 35)):
        put("fertility", FERTILITY[:2], np.array([rate, 1000 - rate]), "ACS 2023 DP02 41-43 (18 and 19: twice the rate of 15 to 19)",
            "women of 18 to 50", "age (births)", group)  # fmt: skip
    put(
        "religion", list(PEW), np.array(list(PEW.values())), "Pew Religious Landscape Study 2023-24, as in religion.csv"
    )
    put("ideology (three groups)", ["Conservative", "Moderate", "Liberal"], np.array([37, 34, 25.0]), "Gallup 2024")
    return rows
