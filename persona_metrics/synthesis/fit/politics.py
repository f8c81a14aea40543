"""Fits party and ideology: a multinomial logit on the survey's microdata, raked to published totals. Knows no religion table."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from ..beliefs import COLLEGE, FAITH_AGE_LABELS, FAITH_AGES, IDEOLOGY, PARTY, SURVEY_RACE, SURVEY_RELIGION
from ..draw import Codes, Floats, write_table
from ..vocabulary import SEX
from .source import Source, rake, totals

SURVEY = "General Social Survey 2021, 2022 and 2024 (socviz extract), weighted by wtssps"

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

NOBODY = 1e-3
"""Added to each cell, so that one without a person still has shares."""


def read_survey(source: Source) -> pd.DataFrame:
    """Return the survey's persons, one a row: weights, and positions of labels (NaN where there is no answer)."""
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


def fit_party(survey: pd.DataFrame, keys: dict[str, Codes], further: Callable[[Floats], Floats]) -> Floats:
    """Write party given race, religion, college, age and sex; return the number of persons in each cell and party.

    ``further`` takes the table and returns it fitted beside what region and marital status change in it.
    """
    sizes = tuple(len(levels) for levels in PARTY_KEYS.values())
    persons = totals(sizes, *(keys[k] for k in PARTY_KEYS)) + NOBODY
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
    write_table("party", header, PARTY_KEYS, PARTY, further(fitted))
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
