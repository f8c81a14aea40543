"""Do the intervals of skill and steer hold the truth? Planted models over 200 simulated surveys each."""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
import pytest

from persona_metrics.statistics.opinion import Bootstrap, GroupAnswer, OpinionScore, score
from tests.simulated import runs, slack

SEEDS = runs(200)
ITEMS = 141
MODEL_N = 300
GROUPINGS = {"party": 3, "sex": 2}

Knows = Literal["truth", "table"]


def simulated(seed: int, strength: float, knows: Knows, items: int = ITEMS) -> list[GroupAnswer]:
    """A survey of new items, and a model that has ``strength`` times the differences of the truth, or of the table.

    The model's own answers are samples of ``MODEL_N``, as with a model that is asked many times.
    """
    # Another stream for every model: shared ones would make all of them miss in the same surveys.
    rng = np.random.default_rng([seed, int(10 * strength), knows == "table"])
    answers = []
    for options in (2, 3, 4, 5):
        some = len(range(options, items + 2, 4))
        middle = 0.5 / options + 0.5 * rng.dirichlet(np.full(options, 4.0), (some, 1))
        room = 0.45 * middle.min(2, keepdims=True)
        for grouping, groups in GROUPINGS.items():
            people = rng.integers(120, 400, (some, groups, 1))
            weight = people / people.sum(1, keepdims=True)
            # Differences small enough for twice their size to leave shares of 0…1.
            shift = rng.uniform(-1, 1, (some, groups, options)) * room
            shift -= shift.mean(2, keepdims=True)
            shift -= (weight * shift).sum(1, keepdims=True)
            shift *= np.minimum(1, room / np.abs(shift).max((1, 2), keepdims=True))
            table = rng.multinomial(people[..., 0], middle + shift) / people
            everybody = (weight * table).sum(1, keepdims=True)
            centre, apart = (middle, shift) if knows == "truth" else (everybody, table - everybody)
            own = np.clip(centre + strength * apart, 0, None)
            model = rng.multinomial(MODEL_N, own / own.sum(2, keepdims=True)) / MODEL_N
            answers += [
                GroupAnswer(f"{options}/{i}", "t", grouping, str(g), True, *map(tuple, rows), int(people[i, g, 0]))
                for i in range(some)
                for g, rows in enumerate(
                    zip(table[i].tolist(), everybody[[i] * groups, 0].tolist(), model[i].tolist(), strict=True)
                )
            ]
    return answers


@cache
def scores(strength: float, knows: Knows) -> tuple[OpinionScore, ...]:
    return tuple(score(simulated(s, strength, knows), Bootstrap(seed=s, resamples=500)) for s in range(SEEDS))


@cache
def long_run(strength: float, knows: Knows) -> OpinionScore:
    """What an endless survey would give: the value over very many items, whose interval does not matter."""
    return score(simulated(9_999, strength, knows, items=6000), Bootstrap(resamples=2, model_n=MODEL_N))


def held(claims: dict[tuple[float, Knows], tuple[str, float]]) -> None:
    """Hold intervals to the truth: of each planted model (name of the estimate, truth), and 93% over all models together.

    One model's share over 200 surveys scatters by 1.5 points, so that it alone may come to less than all together. Over
    2,500 surveys the slope of the table's own model was held in 94.9%, that of doubled differences in 95.4%.
    """
    shares = {}
    for model, (name, truth) in claims.items():
        intervals = [getattr(s, name) for s in scores(*model)]
        shares[model] = sum(e.low <= truth <= e.high for e in intervals) / len(intervals)
    print(shares)
    assert min(shares.values()) >= 0.88 - slack(0.9, SEEDS)
    assert sum(shares.values()) / len(shares) >= 0.93 - slack(0.93, SEEDS * len(shares))


PLANTED: tuple[tuple[float, Knows], ...] = (
    *((strength, "truth") for strength in (0.0, 0.5, 1.0, 2.0)),
    # Twice the table's own noisy differences would leave shares of 0…1; that case is worked by hand.
    *((strength, "table") for strength in (0.0, 0.5, 1.0)),
)


@pytest.mark.slow
def test_slope_is_held_corrected_for_the_truth_and_plain_for_the_table() -> None:
    right = {"truth": "steer_corrected", "table": "steer"}
    held({(strength, knows): (right[knows], strength) for strength, knows in PLANTED})
    for strength, knows in PLANTED:
        assert getattr(long_run(strength, knows), right[knows]).value == pytest.approx(strength, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["skill", "skill_ordinal"])
def test_skill_is_held(name: str) -> None:
    held({model: (name, getattr(long_run(*model), name).value) for model in PLANTED})


@pytest.mark.slow
def test_skill_of_a_model_that_knows_the_truth_meets_the_ceiling_in_the_long_run() -> None:
    run = long_run(1.0, "truth")
    assert run.skill.value == pytest.approx(run.ceiling, abs=0.02)


@pytest.mark.slow
def test_plain_slope_of_a_model_that_knows_the_truth_is_attenuated_by_the_reliability() -> None:
    run = long_run(1.0, "truth")
    assert run.reliability < 0.9
    assert run.steer.value == pytest.approx(run.reliability, abs=0.02)
