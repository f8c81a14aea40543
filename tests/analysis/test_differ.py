"""Which attributes' groups differ beyond chance: worked by hand, a planted difference, and how often chance is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from persona_metrics.analysis.main import differing, finding
from tests.simulated import runs

COLUMNS = {"attribute", "groups", "pairs", "statistic", "df", "p", "p_adjusted", "method", "differs"}


def people(sexes: Any, races: Any) -> list[dict[str, Any]]:
    return [{"sex": sex, "race": race} for sex, race in zip(sexes, races, strict=True)]


def test_test_is_pearsons_by_hand_and_holm_over_the_attributes() -> None:
    # Male 20 of 40, Female 32 of 40: chi² = Σ (k − 26)²/26 + (n−k − 14)²/14 = 2·36/26 + 2·36/14.
    sexes = ["Male"] * 40 + ["Female"] * 40
    races = ["a", "b"] * 40
    values = [1.0] * 20 + [0.0] * 20 + [1.0] * 32 + [0.0] * 8
    rows = differing(people(sexes, races), values, list(range(80))).set_index("attribute")
    assert set(rows.reset_index().columns) == COLUMNS
    assert rows.loc["sex", "statistic"] == pytest.approx(72 / 26 + 72 / 14)
    assert rows.loc["sex", "p"] == pytest.approx(stats.chi2.sf(72 / 26 + 72 / 14, 1))
    assert rows.loc["sex", "p_adjusted"] == pytest.approx(2 * rows.loc["sex", "p"])
    assert bool(rows.loc["sex", "differs"])
    assert not bool(rows.loc["race", "differs"])


def test_small_groups_are_put_together_and_missing_verdicts_left_out() -> None:
    races = ["a"] * 40 + [f"rare {i}" for i in range(35)] + ["b"] * 5
    values = [1.0] * 40 + [0.0] * 40
    values[0] = float("nan")
    (row,) = differing(people(["x"] * 80, races), values, list(range(80))).to_dict("records")
    assert (row["attribute"], row["groups"], row["pairs"]) == ("race", 2, 79)


def test_too_few_pairs_are_not_tested() -> None:
    rows = differing(people(["Male", "Female"] * 20, ["a"] * 40), [1.0, 0.0] * 20, list(range(40)))
    assert rows.empty
    assert finding({"differ": rows, "by_attribute": pd.DataFrame()}).startswith("Too few pairs to test")


@pytest.mark.slow
@pytest.mark.parametrize("repeats", [1, 4])
def test_chance_alone_is_named_no_more_often_than_promised(repeats: int) -> None:
    rng = np.random.default_rng(5)
    number, hits = runs(200), 0
    for _ in range(number):
        persons = np.repeat(np.arange(120), repeats)
        rate = rng.beta(2, 2, 120)[persons] if repeats > 1 else np.full(len(persons), 0.6)
        values = (rng.random(len(persons)) < rate).astype(float)
        sexes, races = (np.array(["u", "v"])[rng.integers(0, 2, 120)][persons] for _ in range(2))
        hits += bool(differing(people(sexes, races), values, list(persons))["differs"].any())
    # Five in a hundred; 4.1 standard errors above.
    assert hits / number < 0.05 + 4.1 * (0.05 * 0.95 / number) ** 0.5
