"""Whether texts tell a person's sex or race better than what the texts may depend on does. Knows no table.

A text may follow age, schooling-free circumstances and the big five, which differ by sex and race; so texts predict them
a little, and that is no leak. The question is what words add: the area under the curve of a model that knows the
circumstances and the words, less that of one that knows the circumstances alone, both out of fold. Entries that ask for
a religion, a language or an ancestry are left out of the words, for they tell of origin by design.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import person
from .bank import BANKS, read_bank
from .vocabulary import RACE

LIMIT = 0.01
"""The gain allowed, on top of what chance gives."""
MOST, FOLDS, SHUFFLES, SEED = 2500, 4, 4, 11
LEAST = 200
"""Fewer persons say nothing of words."""

Floats = NDArray[np.float64]

TOLD: dict[str, tuple[str, tuple[str, ...]]] = {
    "sex": ("sex", ("Female",)),
    "race: Black": ("race", (RACE[1],)),
    "race: Asian": ("race", (RACE[3],)),
    "race: not White alone": ("race", RACE[1:]),
}
"""What words might tell: the attribute, and the values set against all others."""


def leaks(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return for each of ``TOLD`` the areas without and with words, the gain, its chance level, and whether it is within."""
    people = frame.head(MOST).reset_index(drop=True)
    if len(people) < LEAST:
        return []
    circumstances, words = _circumstances(people), _words(people)
    rng = np.random.Generator(np.random.PCG64(SEED))
    fold = rng.permutation(len(people)) % FOLDS
    orders = [rng.permutation(len(people)) for _ in range(SHUFFLES)]
    result = []
    for name, (column, values) in TOLD.items():
        is_one = people[column].isin(values).to_numpy().astype(float)
        if not 20 <= is_one.sum() <= len(people) - 20:
            continue
        base = _out_of_fold(circumstances, is_one, fold)
        with_words = [
            _area(is_one, _combined(base, _words_out_of_fold(words[order], is_one - base, fold), is_one))
            for order in (np.arange(len(people)), *orders)
        ]
        without = _area(is_one, base)
        gain, chance = with_words[0] - without, [w - without for w in with_words[1:]]
        # Words of other people add only chance: mean and two deviations of that are no leak.
        limit = LIMIT + max(0.0, float(np.mean(chance)) + 2 * float(np.std(chance)))
        row = {"of": name, "n": len(people), "without": without, "with": with_words[0], "gain": gain, "limit": limit}
        result.append(
            {**{k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}, "within": gain <= limit}
        )
    return result


@cache
def conditioned() -> tuple[str, ...]:
    """Return every wording, in lower case, of the entries that ask for faith or home culture; the longest first."""
    found = {text.lower().rstrip(".") for a in BANKS for entry in read_bank(a) if entry.asks for text in entry.texts}
    return tuple(sorted(found, key=len, reverse=True))


def _words(people: pd.DataFrame) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = people[list(BANKS)].agg(" . ".join, axis=1).str.lower()
    away = conditioned()
    cleaned = []
    for text in texts:
        for entry in away:
            if entry in text:
                text = text.replace(entry, " ")
        cleaned.append(text)
    return TfidfVectorizer(min_df=3, sublinear_tf=True, token_pattern=r"[a-z']+").fit_transform(cleaned).tocsr()


def _circumstances(people: pd.DataFrame) -> Floats:
    """Return what entries may depend on, a column each, scaled: no word of it names sex, race or origin."""
    age, income = people["age"].to_numpy(dtype=float), people["income"].to_numpy(dtype=float)
    scores = person.read_scores(people["big five scores"])
    columns = [age, age * age, np.log1p(np.maximum(income, 0)), *scores.T, *(scores.T >= 56), *(scores.T < 45)]
    labels = people[
        ["occupation category", "household type", "family presence and age", "marital status", "employment status",
         "class of worker", "disability", "vision difficulty", "hearing difficulty", "cognitive difficulty",
         "ability to speak english"]
    ]  # fmt: skip
    start = people["detailed job description"].str.split().str[0].rename("activity")
    dummies = pd.get_dummies(pd.concat([labels, start], axis=1), dtype=float).to_numpy()
    values = np.column_stack([*columns, dummies]).astype(float)
    spread = values.std(axis=0)
    return np.asarray((values - values.mean(axis=0)) / np.where(spread > 0, spread, 1))


def _out_of_fold(values: Floats, goal: Floats, fold: NDArray[np.int64]) -> Floats:
    predicted = np.zeros(len(goal))
    for k in range(FOLDS):
        train = fold != k
        x, mean = values[train], goal[train].mean()
        weights = np.linalg.solve(x.T @ x + 20 * np.eye(x.shape[1]), x.T @ (goal[train] - mean))
        predicted[~train] = values[~train] @ weights + mean
    return predicted


def _words_out_of_fold(words: Any, rest: Floats, fold: NDArray[np.int64]) -> Floats:
    from sklearn.linear_model import Ridge

    predicted = np.zeros(len(rest))
    for k in range(FOLDS):
        model = Ridge(alpha=5.0, solver="sparse_cg", max_iter=100, tol=1e-3).fit(words[fold != k], rest[fold != k])
        predicted[fold == k] = model.predict(words[fold == k])
    return predicted


def _combined(base: Floats, words: Floats, goal: Floats) -> Floats:
    """Return the base with as much of the words as fits the goal best: none, where they say nothing."""
    slope = float(np.clip(words @ (goal - base) / max(float(words @ words), 1e-12), 0, 2))
    return np.asarray(base + slope * words)


def _area(goal: Floats, score: Floats) -> float:
    """Return the area under the curve: how often one of ``goal`` scores above one of the others."""
    from scipy.stats import rankdata

    ranks, positive = rankdata(score), goal.sum()
    return float((ranks[goal == 1].sum() - positive * (positive + 1) / 2) / (positive * (len(goal) - positive)))
