"""Fits religion, party, ideology and the big five: structure from microdata and tables, totals raked to published ones."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..basics import People, places
from ..beliefs import (
    COLLEGE,
    FAITH_AGE_LABELS,
    FAITH_AGES,
    IDEOLOGY,
    PARTY,
    RELIGION,
    SURVEY_RACE,
    SURVEY_RELIGION,
    SURVEY_RELIGION_OF,
    birth_groups,
    draw_religion,
)
from ..draw import Codes, Floats, read_rows, write_table
from ..groups import ORIGIN
from ..vocabulary import RACE, SEX
from .source import Source, rake, totals

SURVEY = "General Social Survey 2021, 2022 and 2024 (socviz extract), weighted by wtssps"

PEW = {
    "Protestant": 40.0,
    "Catholic": 19.0,
    "Other Christian": 3.0,
    "Jewish": 2.0,
    "Muslim": 1.0,
    "Buddhist": 1.0,
    "Hindu": 1.0,
    "Other religion": 2.0,
    "Atheist": 29 * 5 / 30,
    "Agnostic": 29 * 6 / 30,
    "Nothing in particular": 29 * 19 / 30,
}
"""Percent of adults (Pew Religious Landscape Study 2023-24). Assumed: other religions 2, what is left of 7 to all non-
Christian religions; those who gave no answer (2) are spread over all; the three kinds of none are scaled to their 29."""

CHRISTIANS_BY_ORIGIN = {"White": 61.0, "Hispanic": 18.0}
"""Percent of Christians (Pew Religious Landscape Study 2023-24)."""

_OTHER_FAITHS = ("Protestant", "Other Christian", "Muslim", "Buddhist", "Hindu", "Other religion")
OTHER_SPLIT = {
    "Hispanic": (55, 30, 2, 2, 1, 10),
    "White": (50, 15, 6, 7, 1, 21),
    "Black": (60, 10, 15, 2, 1, 12),
    "Asian": (15, 5, 17, 25, 33, 5),
    "Other": (45, 15, 6, 6, 4, 24),
}
"""Assumed: what the survey's "Other" religion is made of (most are Christians of no named denomination), by origin."""

IDEOLOGY_BY_PARTY = {
    "Democrat": np.array([10.0, 35.0, 55.0]),
    "Republican": np.array([77.0, 18.0, 4.0]),
}
"""Percent conservative, moderate, liberal (Gallup 2024). Democrats: liberal is published; the remaining 45 are split as
in 2019 (14 to 36), rounded."""

IDEOLOGY_TOTAL = np.array([37.0, 34.0, 25.0])
"""Percent of adults (Gallup 2024); the 4 without an opinion are spread over all."""

VERY_LIBERAL_DEMOCRATS = 19.0
"""Percent of Democrats (Gallup 2024); the survey's "extremely" is rarer than Gallup's "very" by a factor that this sets."""

SIDE = np.array([0, 0, 1, 2, 2])
"""Conservative, moderate or liberal: the side of each of ``IDEOLOGY``."""

PARTY_SIDE: Codes = np.array([0, 0, 2, 2, 2, 1, 1, 2])
"""Democrat, Republican or neither: those who lean are independents to Gallup."""

_PARTY_IN_SURVEY = {
    "Strong Democrat": 0,
    "Not Very Strong Democrat": 1,
    "Independent, Close to Democrat": 2,
    "Independent (Neither, No Response)": 3,
    "Independent, Close to Republican": 4,
    "Not Very Strong Republican": 5,
    "Strong Republican": 6,
    "Other Party": 7,
}
_IDEOLOGY_IN_SURVEY = {
    "Extremely Conservative": 0,
    "Conservative": 1,
    "Slightly Conservative": 1,
    "Moderate, Middle of the Road": 2,
    "Slightly Liberal": 3,
    "Liberal": 3,
    "Extremely Liberal": 4,
}

_ACROSS = 0.25
"""Assumed: very conservative Democrats and very liberal Republicans are a quarter as common as the survey has them; its
answers at the far end of the scale are partly slips of the pen."""

_NOBODY = 1e-3
"""Added to each cell, so that one without a person still has shares."""


def fit_beliefs(source: Source, people: People, rng: np.random.Generator) -> None:
    """Write ``religion``, ``party`` and ``ideology``, fitted to ``people`` with origin, birthplace and schooling drawn."""
    keys = _keys(people)
    fit_religion(source, keys)
    keys["religion"] = SURVEY_RELIGION_OF[draw_religion(keys, rng)]
    survey = _survey(source)
    fit_ideology(survey, fit_party(survey, keys))


def _keys(people: People) -> dict[str, Codes]:
    _, countries = birth_groups()
    group = np.array([countries.get(name, 0) for name in places()])
    survey_race = np.array([{"White": 0, "Black": 1}.get(label.split()[0], 2) for label in RACE])
    return {
        "origin": people["origin"],
        "age": np.searchsorted(np.array(FAITH_AGES), people["age"], side="right") - 1,
        "birth": group[people["birthplace"]],
        "race": survey_race[people["race"]],
        "sex": people["sex"],
        "college": (people["schooling"] >= 3).astype(np.int64),
    }


def fit_religion(source: Source, keys: dict[str, Codes]) -> None:
    """Write religion given origin, age and place of birth."""
    groups, _ = birth_groups()
    sizes = (len(ORIGIN), len(FAITH_AGES), len(groups))
    persons = totals(sizes, keys["origin"], keys["age"], keys["birth"]) + _NOBODY
    shares = np.zeros((*sizes, len(RELIGION)))
    shares[:, :, 0] = _religion_at_home(source)
    for b, row in enumerate(read_rows("faiths")):
        if b:
            shares[:, :, b, :8] = [float(row[name]) for name in RELIGION[:8]]
            shares[:, :, b, 8:] = float(row["None"]) * np.array([5, 6, 19]) / 30
    shares /= shares.sum(axis=-1, keepdims=True)
    seed = shares * persons[..., None]
    by_religion = np.array([PEW[name] for name in RELIGION])
    by_religion *= persons.sum() / by_religion.sum()
    christians = np.array([CHRISTIANS_BY_ORIGIN.get(name, np.nan) for name in ORIGIN]) / 100
    fitted = _raked_to_origin(seed, persons, by_religion, christians)
    write_table(
        "religion",
        {
            "source": "Pew Religious Landscape Study 2023-24 (totals); " + SURVEY + " (by race and age)",
            "table": "executive summary; religion by race and age",
            "year": "2023-24; 2021-2024",
            "universe": "adults",
            "kind": "computed by raking the survey's shares by race and age to the published totals and to the published shares"
            " of White and Hispanic among Christians; assumed: what the survey's Other is made of, and the religions of"
            " those born abroad before raking (faiths.csv)",
        },
        {"origin": ORIGIN, "age": FAITH_AGE_LABELS, "birth": groups},
        RELIGION,
        fitted,
    )


def _raked_to_origin(seed: Floats, persons: Floats, by_religion: Floats, christians: Floats) -> Floats:
    # Christians by White, Hispanic and the rest is a margin of merged labels: one axis more, of two halves.
    halves = np.zeros((*seed.shape, 2))
    halves[..., :3, 0] = seed[..., :3]
    halves[..., 3:, 1] = seed[..., 3:]
    origin = persons.sum(axis=(1, 2))
    known = ~np.isnan(christians)
    all_christians = by_religion[:3].sum()
    rest = seed.sum(axis=(1, 2))[:, :3].sum(axis=1)
    goal = np.where(known, np.nan_to_num(christians) * all_christians, rest)
    goal[~known] *= (all_christians - goal[known].sum()) / goal[~known].sum()
    margin = np.stack([goal, origin - goal], axis=1)
    fitted = rake(halves, ((3,), by_religion), ((0, 4), margin), ((0, 1, 2), persons))
    return np.asarray(fitted.sum(axis=-1))


def _religion_at_home(source: Source) -> Floats:
    table = source.table("derived/gss2124_religion_by_race_age.csv").rename(columns={"None": "Nones"})
    race_of = {"Hispanic": "Other", "White": "White", "Black": "Black", "Asian": "Other", "Other": "Other"}
    shares = np.zeros((len(ORIGIN), len(FAITH_AGES), len(RELIGION)))
    for o, name in enumerate(ORIGIN):
        for a, age in enumerate(FAITH_AGE_LABELS):
            row = table[(table["race"] == race_of[name]) & (table["ageg"] == age)].iloc[0]
            for label in ("Protestant", "Catholic", "Jewish"):
                shares[o, a, RELIGION.index(label)] += float(row[label])
            shares[o, a, 8:] = float(row.iloc[4]) * np.array([5, 6, 19]) / 30
            for label, part in zip(_OTHER_FAITHS, OTHER_SPLIT[name], strict=True):
                shares[o, a, RELIGION.index(label)] += float(row["Other"]) * part / 100
    return shares


def _survey(source: Source) -> pd.DataFrame:
    # "None" is a religion here.
    path = source.folder / "gss_2021_2024_extract.csv.gz"
    rows = pd.read_csv(path, keep_default_na=False, na_values=[""])
    frame = pd.DataFrame({"weight": rows["wtssps"].astype(float)})
    for name, column, labels in (
        ("race", "race", SURVEY_RACE),
        ("religion", "religion", SURVEY_RELIGION),
        ("sex", "sex", SEX),
    ):
        frame[name] = rows[column].map({label: i for i, label in enumerate(labels)})
    frame["college"] = rows["degree"].map(
        {"Less than High School": 0, "High School": 0, "Associate / Jr College": 0, "Bachelor's": 1, "Graduate": 1}
    )
    age = pd.to_numeric(rows["age"])
    frame["age"] = np.where(age >= 18, np.searchsorted(np.array(FAITH_AGES), age, side="right") - 1, np.nan)
    frame["party"] = rows["partyid"].map(_PARTY_IN_SURVEY)
    frame["ideology"] = rows["polviews"].map(_IDEOLOGY_IN_SURVEY)
    return frame


PARTY_KEYS = {
    "race": SURVEY_RACE,
    "religion": SURVEY_RELIGION,
    "college": COLLEGE,
    "age": FAITH_AGE_LABELS,
    "sex": SEX,
}
_PARTY_PAIRS = (("race", "religion"), ("race", "college"), ("race", "sex"), ("race", "age"), ("religion", "college"))


def _features(codes: Codes, sizes: tuple[int, ...], pairs: tuple[tuple[int, int], ...]) -> Floats:
    blocks = [np.eye(size)[codes[:, i]][:, 1:] for i, size in enumerate(sizes)]
    for i, j in pairs:
        blocks.append(np.einsum("na,nb->nab", blocks[i], blocks[j]).reshape(len(codes), -1))
    return np.hstack(blocks)


def _smoothed(
    survey: pd.DataFrame, keys: dict[str, tuple[str, ...]], pairs: tuple[tuple[str, str], ...], target: str, labels: int
) -> Floats:
    """Return shares of ``target`` in each cell, by a multinomial logit with the named pairs: most cells are too thin to count."""
    from sklearn.linear_model import LogisticRegression

    rows = survey.dropna(subset=[*keys, target])
    sizes = tuple(len(levels) for levels in keys.values())
    at = tuple((list(keys).index(a), list(keys).index(b)) for a, b in pairs)
    codes = rows[list(keys)].to_numpy(dtype=np.int64)
    model = LogisticRegression(C=10.0, max_iter=2000)
    model.fit(_features(codes, sizes, at), rows[target].astype(int), sample_weight=rows["weight"])
    cells = np.stack(np.unravel_index(np.arange(int(np.prod(sizes))), sizes), axis=1)
    shares = model.predict_proba(_features(cells, sizes, at))
    return shares.reshape(*sizes, labels)


def fit_party(survey: pd.DataFrame, keys: dict[str, Codes]) -> Floats:
    """Write party given race, religion, college, age and sex; return the number of persons in each cell and party."""
    sizes = tuple(len(levels) for levels in PARTY_KEYS.values())
    persons = totals(sizes, *(keys[k] for k in PARTY_KEYS)) + _NOBODY
    seed = _smoothed(survey, PARTY_KEYS, _PARTY_PAIRS, "party", len(PARTY)) * persons[..., None]
    asked = survey.dropna(subset=["party"])
    by_party = totals((len(PARTY),), asked["party"], weight=asked["weight"])
    fitted = rake(seed, ((5,), by_party * persons.sum() / by_party.sum()), (range(5), persons))
    header = {
        "source": SURVEY,
        "table": "partyid by race, religion, degree, age and sex",
        "year": "2021-2024",
        "universe": "adults",
        "kind": "computed: multinomial logit on the microdata, for cells are thin, raked to the survey's totals by party",
    }
    write_table("party", header, PARTY_KEYS, PARTY, fitted)
    return fitted


def fit_ideology(survey: pd.DataFrame, party: Floats) -> None:
    """Write ideology given party and what party is given, each party's totals those of Gallup."""
    keys = {"party": PARTY, **PARTY_KEYS}
    pairs = (("party", "race"), ("party", "college"), ("party", "age"), ("party", "religion"))
    persons = np.moveaxis(party, -1, 0)
    seed = _smoothed(survey, keys, pairs, "ideology", len(IDEOLOGY)) * persons[..., None]
    by_side = ideology_by_side(persons.sum(axis=(1, 2, 3, 4, 5)))
    extremes = seed.sum(axis=tuple(range(1, 6)))
    fitted = np.zeros_like(seed)
    factor = _very_factor(extremes, by_side)
    for side in range(3):
        held = side == PARTY_SIDE
        goal = _five_levels(extremes[held].sum(axis=0), by_side[side], factor, side) * persons[held].sum()
        fitted[held] = rake(seed[held], ((6,), goal), (range(6), persons[held]))
    header = {
        "source": SURVEY + "; Gallup 2024 (news.gallup.com/poll/655190)",
        "table": "polviews by partyid, race, religion, degree, age and sex; ideology by party",
        "year": "2021-2024; 2024",
        "universe": "adults",
        "kind": "computed: multinomial logit on the microdata, raked to Gallup's ideology of Democrats, Republicans and adults;"
        " assumed: Democrats' split of moderate and conservative (as in 2019), 'very' as much commoner than the survey's"
        " 'extremely' on one's own side as among Democrats, and a quarter as common on the other",
    }
    write_table("ideology", header, keys, IDEOLOGY, fitted)


def ideology_by_side(by_party: Floats) -> Floats:
    """Return shares of conservative, moderate, liberal among Democrats, Republicans and the rest, who fill up the total."""
    size = np.array([by_party[side == PARTY_SIDE].sum() for side in range(3)]) / by_party.sum()
    known = np.stack([IDEOLOGY_BY_PARTY[name] / IDEOLOGY_BY_PARTY[name].sum() for name in ("Democrat", "Republican")])
    rest = IDEOLOGY_TOTAL / IDEOLOGY_TOTAL.sum() - size[:2] @ known
    return np.vstack([known, rest / size[2]])


def _very_factor(extremes: Floats, by_side: Floats) -> float:
    democrats = extremes[PARTY_SIDE == 0].sum(axis=0)
    among_liberals = democrats[4] / democrats[3:].sum()
    return float(VERY_LIBERAL_DEMOCRATS / 100 / by_side[0, 2] / among_liberals)


def _five_levels(counts: Floats, sides: Floats, factor: float, own: int) -> Floats:
    at_left, at_right = (_ACROSS if own == across else factor for across in (1, 0))
    very_conservative = min(0.9, at_right * counts[0] / counts[:2].sum())
    very_liberal = min(0.9, at_left * counts[4] / counts[3:].sum())
    return np.array(
        [
            sides[0] * very_conservative,
            sides[0] * (1 - very_conservative),
            sides[1],
            sides[2] * (1 - very_liberal),
            sides[2] * very_liberal,
        ]
    )
