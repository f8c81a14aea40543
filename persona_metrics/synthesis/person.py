"""The person part of a persona: beliefs, the big five and four texts, given the census part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import ndtri

from . import beliefs, texts
from .bank import BANKS, TRAITS
from .draw import POPULATION, Codes, Floats, order, read_rows, spread
from .vocabulary import PERSON_ATTRIBUTES, SEX

LEVELS = ("Extremely Low", "Low", "Average", "High", "Extremely High")
"""The five levels of PERSONA's personas (Castricato et al. 2024)."""

BOUNDS = (35, 45, 56, 66)
"""The least T-score (mean 50, standard deviation 10) of each level but the first. Assumed: the paper names none. In a
normal distribution the levels hold 6, 23, 42, 23 and 6 percent."""

MEAN, SPREAD, LEAST, MOST = 50, 10, 20, 80

_AGES = (18, 25, 35, 45, 55)


def sample(census: pd.DataFrame, rng: np.random.Generator, folder: Path = POPULATION) -> pd.DataFrame:
    """Return the columns of ``PERSON_ATTRIBUTES``, one row for each row of ``census.sample``, in its order.

    The same census part and generator state give the same rows.
    """
    keys = beliefs.keys_of(census, folder)
    religion = beliefs.draw_religion(keys, rng, folder)
    keys["religion"] = beliefs.SURVEY_RELIGION_OF[religion]
    keys["party"] = beliefs.draw_party(keys, rng, folder)
    ideology = beliefs.draw_ideology(keys, rng, folder)
    scores = draw_scores(census["age"].to_numpy(), keys["sex"], rng, folder, beliefs.leanings(ideology, religion))
    levels = levels_of(scores)
    faith = np.array(beliefs.RELIGION, dtype=object)[religion]
    found: dict[str, object] = dict(texts.compose(texts.Facts.of(census, levels, faith), rng, tuple(BANKS)))
    found["big five scores"] = describe(scores, levels)
    found["religion"] = faith
    found["political views"] = np.array(beliefs.PARTY, dtype=object)[keys["party"]]
    found["ideology"] = np.array(beliefs.IDEOLOGY, dtype=object)[ideology]
    return pd.DataFrame({name: found[name] for name in PERSON_ATTRIBUTES}, index=census.index)


def draw_scores(
    age: Codes, sex: Codes, rng: np.random.Generator, folder: Path = POPULATION, leanings: Floats | None = None
) -> Codes:
    """Return T-scores of the five traits (a column each): correlated normals whose means follow sex and age.

    ``leanings`` has a column for each row of ``big_five_beliefs.csv``, of mean 0 and deviation 1, that traits go with.
    """
    rows = read_rows("big_five_means", folder)
    means = np.array([[float(row[t]) for t in TRAITS] for row in rows]).reshape(len(SEX), len(_AGES), len(TRAITS))
    within = np.array([[float(row[t]) for t in TRAITS] for row in read_rows("big_five_within", folder)])
    group = np.searchsorted(np.array(_AGES), age, side="right") - 1
    # Even numbers within each sex and age, in an order of its own for each trait: no sample is off in a mean by chance.
    normal = np.stack([ndtri(_open(spread(rng, order(rng, sex, group)))) for _ in TRAITS])
    factor = np.linalg.cholesky(within)
    # Summed one by one and not by a matrix product, whose rounding depends on the machine.
    values = [sum(factor[i, j] * normal[j] for j in range(i + 1)) + means[sex, group, i] for i in range(len(TRAITS))]
    if leanings is not None:
        for j, row in enumerate(read_rows("big_five_beliefs", folder)):
            for i, trait in enumerate(TRAITS):
                r = float(row[trait])
                values[i] = values[i] * np.sqrt(1 - r * r) + r * leanings[:, j]
    scores = np.rint(MEAN + SPREAD * np.stack(values, axis=1)).astype(np.int64)
    return np.clip(scores, LEAST, MOST)


def levels_of(scores: Codes) -> Codes:
    """Return the level of each score: 0 Extremely Low to 4 Extremely High."""
    return np.searchsorted(np.array(BOUNDS), scores, side="right")


def describe(scores: Codes, levels: Codes) -> list[str]:
    """Return one text a person: ``Openness: High (61), Conscientiousness: …``."""
    names = [trait.capitalize() for trait in TRAITS]
    return [
        ", ".join(f"{name}: {LEVELS[level]} ({score})" for name, score, level in zip(names, row, steps, strict=True))
        for row, steps in zip(scores.tolist(), levels.tolist(), strict=True)
    ]


def read_scores(values: pd.Series[str]) -> Floats:
    """Return the five T-scores that ``describe`` wrote (a column each)."""
    found = values.str.extractall(r"\((\d+)\)")[0].astype(float).unstack()
    if found.shape[1:] != (len(TRAITS),) or found.isna().to_numpy().any():
        raise ValueError("big five scores: each must name five scores in parentheses")
    return found.to_numpy()


def _open(numbers: Floats) -> Floats:
    """Return the numbers moved off 0 and 1, where a normal has no value."""
    return numbers * (1 - 2e-9) + 1e-9
