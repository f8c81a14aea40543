"""How a check groups persons: from the attributes of finished personas to the categories that tables are published in.

Only the 33 attributes are read, as text or numbers, so that a file from elsewhere can be held against the tables too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from . import beliefs
from . import vocabulary as words
from .draw import read_rows, read_table
from .groups import AGES, SCHOOLING, age_labels
from .health import INCOME_BANDS, INCOME_LABELS

View = Callable[[pd.DataFrame], pd.Series]

INDUSTRY_GROUPS: tuple[tuple[str, ...], ...] = (
    ("AGR", "EXT"), ("CON",), ("MFG",), ("WHL",), ("RET",), ("UTL", "TRN"), ("INF",), ("FIN",), ("PRF",),
    ("EDU", "MED", "SCA"), ("ENT",), ("SRV",), ("ADM",),
)  # fmt: skip
"""The profile's thirteen industries, by prefixes of labels of ours."""
OCCUPATION_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "Management, business, science, and arts",
        ("MGR", "BUS", "FIN", "CMM", "ENG", "SCI", "CMS", "LGL", "EDU", "ENT", "MED"),
    ),
    ("Service", ("HLS", "PRT", "EAT", "CLN", "PRS")),
    ("Sales and office", ("SAL", "OFF")),
    ("Natural resources, construction, and maintenance", ("FFF", "CON", "RPR")),
    ("Production, transportation, and material moving", ("PRD", "TRN")),
)
CLASS_GROUPS = ("Private", "Government", "Self-employed, not incorporated", "Unpaid")
EMPLOYMENT_GROUPS = ("Employed", "Armed forces", "Unemployed", "Not in labor force")
EDUCATION_GROUPS = (
    "Less than 9th grade", "9th to 12th grade", "High school", "Some college", "Associate", "Bachelor", "Graduate",
)  # fmt: skip
DEGREES = ("No diploma", "High school", "Some college or associate", "Bachelor and up")
STANDING_GROUPS = ("Born a citizen", "Naturalized", "Not a citizen")
SURVEY_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Management", ("MGR",)), ("Business and financial operations", ("BUS", "FIN")), ("Computer and mathematical", ("CMM",)),
    ("Architecture and engineering", ("ENG",)), ("Life, physical, and social science", ("SCI",)),
    ("Community and social service", ("CMS",)), ("Legal", ("LGL",)), ("Education, training, and library", ("EDU",)),
    ("Arts, design, entertainment, sports, and media", ("ENT",)), ("Healthcare practitioners and technical", ("MED",)),
    ("Healthcare support", ("HLS",)), ("Protective service", ("PRT",)), ("Food preparation and serving related", ("EAT",)),
    ("Building and grounds cleaning and maintenance", ("CLN",)), ("Personal care and service", ("PRS",)),
    ("Sales and related", ("SAL",)), ("Office and administrative support", ("OFF",)),
    ("Farming, fishing, and forestry", ("FFF",)), ("Construction and extraction", ("CON",)),
    ("Installation, maintenance, and repair", ("RPR",)), ("Production", ("PRD",)), ("Transportation and material moving", ("TRN",)),
)  # fmt: skip
"""The 22 major groups of the Current Population Survey, by prefixes of labels of ours."""
DECADES = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")


def _lookup(column: str, mapping: Mapping[str, str]) -> View:
    return lambda f: f[column].map(mapping)


def _cut(column: str, lows: tuple[int, ...], labels: list[str] | tuple[str, ...]) -> View:
    def view(f: pd.DataFrame) -> pd.Series:
        values = pd.to_numeric(f[column], errors="coerce")
        places = np.searchsorted(np.array(lows), values.fillna(-1e9), side="right") - 1
        return pd.Series(
            np.array([*labels, None], dtype=object)[np.where(places < 0, len(labels), places)], index=f.index
        )

    return view


def _plain(column: str) -> View:
    return lambda f: f[column].astype(object)


def _region(f: pd.DataFrame) -> pd.Series:
    places = {row["state"]: "United States" for row in read_rows("states")}
    places |= dict.fromkeys(read_table("birth_territory").labels, "U.S. territory")
    abroad = {row["country"]: row["region"] for row in read_rows("countries")}
    # The profile counts those born abroad of American parents with the natives, not with their region.
    found = f["place of birth"].map(places | abroad)
    return found.mask(f["citizenship"] == words.CITIZENSHIP[2], "Abroad of American parents")


def _state_region(f: pd.DataFrame) -> pd.Series:
    if "state of residence" not in f:
        return pd.Series(None, index=f.index, dtype=object)
    return f["state of residence"].map({row["state"]: row["region"] for row in read_rows("states")})


def _by_prefix(column: str, groups: Mapping[str, str]) -> View:
    return lambda f: f[column].str[:3].map(groups)


VIEWS: dict[str, View] = {
    "age": _cut("age", AGES["band"], age_labels("band")),
    "age (six groups)": _cut("age", (18, 25, 35, 45, 55, 65), DECADES),
    "age (four groups)": _cut("age", AGES["third"], age_labels("third")),
    "at work": lambda f: f["employment status"].isin(words.EMPLOYMENT[:3]).map({True: "at work", False: "not at work"}),
    "age (65 and over)": _cut("age", (18, 65), ("18-64", "65+")),
    "age (births)": _cut("age", (18, 20, 35, 51), ("18-19", "20-34", "35-50")),
    "sex": _plain("sex"),
    "race": _plain("race"),
    "ancestry": _plain("ancestry"),
    "schooling": _lookup("education", dict(zip(words.EDUCATION, [SCHOOLING[i] for i in (0, 0, 1, 1, 2, 2, 3, 4, 4, 4)], strict=True))),
    "education": _lookup("education", dict(zip(words.EDUCATION, [EDUCATION_GROUPS[i] for i in (0, 1, 2, 2, 3, 4, 5, 6, 6, 6)], strict=True))),
    "employment": _lookup("employment status", dict(zip(words.EMPLOYMENT, [EMPLOYMENT_GROUPS[i] for i in (0, 0, 1, 2, 3)], strict=True))),
    "class of worker": _lookup("class of worker", dict(zip(words.CLASS_OF_WORKER, [CLASS_GROUPS[i] for i in (0, 0, 1, 1, 1, 0, 2, 3)], strict=True))),
    "industry": _by_prefix("industry category", {p: "+".join(g) for g in INDUSTRY_GROUPS for p in g}),
    "occupation": _by_prefix("occupation category", {p: name for name, g in OCCUPATION_GROUPS for p in g}),
    "income": _cut("income", (-(10**9), *INCOME_BANDS), INCOME_LABELS),
    "marital status": _plain("marital status"),
    "household": _plain("household type"),
    "family": _plain("family presence and age"),
    "birth region": _region,
    "nativity": _lookup("citizenship", dict(zip(words.CITIZENSHIP, ["Native"] * 3 + ["Foreign-born"] * 2, strict=True))),
    "citizenship": _plain("citizenship"),
    "language": _plain("household language"),
    "english": _lookup("ability to speak english", dict(zip(words.ENGLISH, [words.ENGLISH[0], words.ENGLISH[1], *["Less than very well"] * 3], strict=True))),
    "veteran status": _plain("veteran status"),
    "cognitive difficulty": _plain("cognitive difficulty"),
    "vision difficulty": _plain("vision difficulty"),
    "hearing difficulty": _plain("hearing difficulty"),
    "disability": _lookup("disability", dict(zip(words.DISABILITY, ["Without", "With", "With"], strict=True))),
    "insurance": _lookup("health insurance", dict(zip(words.INSURANCE, ["Private", "Public", "Both", "Public", "Both", "None"], strict=True))),
    "degree": _lookup("education", dict(zip(words.EDUCATION, [DEGREES[i] for i in (0, 0, 1, 1, 2, 2, 3, 3, 3, 3)], strict=True))),
    "citizenship (three groups)": _lookup("citizenship", dict(zip(words.CITIZENSHIP, [STANDING_GROUPS[i] for i in (0, 0, 0, 1, 2)], strict=True))),
    "occupation (22 groups)": _by_prefix("occupation category", {p: name for name, g in SURVEY_GROUPS for p in g}),
    "ever married": lambda f: (f["marital status"] == "Never married").map({True: "Never", False: "Ever"}),
    "insured": lambda f: (f["health insurance"] == words.INSURANCE[5]).map({True: "Uninsured", False: "Insured"}),
    "veteran": lambda f: (f["veteran status"] == words.VETERAN[1]).map({True: "Veteran", False: "No veteran"}),
    "party (two sides)": _lookup("political views", dict(zip((*beliefs.PARTY[:3], *beliefs.PARTY[4:7]), ["Democrat or leans"] * 3 + ["Republican or leans"] * 3, strict=True))),
    "religion (three groups)": lambda f: f["religion"].map({"Catholic": "Catholic", **dict.fromkeys(beliefs.RELIGION[beliefs.NO_RELIGION:], "None")}).fillna("Other"),
    "region": _state_region,
    "fertility": _plain("fertility"),
    "religion": _plain("religion"),
    "political views": _plain("political views"),
    "ideology": _plain("ideology"),
    "ideology (three groups)": _lookup("ideology", dict(zip(beliefs.IDEOLOGY, ["Conservative"] * 2 + ["Moderate"] + ["Liberal"] * 2, strict=True))),
}  # fmt: skip
"""A category a person, by the name of the view; None for whom it does not apply to."""

UNIVERSES: dict[str, View] = {
    "adults": lambda f: pd.Series(True, index=f.index),
    "25 and over": lambda f: pd.to_numeric(f["age"], errors="coerce") >= 25,
    "employed civilians": lambda f: f["employment status"].isin(words.EMPLOYMENT[:2]),
    "19 to 64, civilian": lambda f: pd.to_numeric(f["age"], errors="coerce").between(19, 64) & (f["employment status"] != words.EMPLOYMENT[2]),
    "26 and over": lambda f: pd.to_numeric(f["age"], errors="coerce") >= 26,
    "with a diploma, 35 to 54": lambda f: pd.to_numeric(f["age"], errors="coerce").between(35, 54) & ~f["education"].isin(words.EDUCATION[:2]),
    "civilian adults": lambda f: f["employment status"] != words.EMPLOYMENT[2],
    "citizens": lambda f: f["citizenship"] != words.CITIZENSHIP[4],
    "citizens with a state": lambda f: (f["citizenship"] != words.CITIZENSHIP[4]) & _state_region(f).notna(),
    "women of 18 to 50": lambda f: (f["sex"] == "Female") & (pd.to_numeric(f["age"], errors="coerce") <= 50),
    "speakers of another language": lambda f: f["household language"] != words.LANGUAGE[0],
}  # fmt: skip
