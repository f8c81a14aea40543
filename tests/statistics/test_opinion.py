"""Skill and steer against values worked out by hand, and at the edges."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import pytest

from persona_metrics.statistics.opinion import (
    Bootstrap,
    GroupAnswer,
    ceiling,
    score,
    score_by,
    skill,
    skill_ordinal,
    steer,
    total_variation,
    wasserstein,
)

EVERYBODY = (0.5, 0.5)


def answer(
    model: Sequence[float],
    survey: Sequence[float] = (0.8, 0.2),
    everybody: Sequence[float] = EVERYBODY,
    item: str = "one",
    group: str = "a",
    n: float = 101,
    ordinal: bool = True,
    grouping: str = "party",
    topic: str = "t",
) -> GroupAnswer:
    return GroupAnswer(item, topic, grouping, group, ordinal, tuple(survey), tuple(everybody), tuple(model), n)


def two(
    a: Sequence[float], b: Sequence[float], item: str = "one", n: tuple[float, float] = (101, 101)
) -> list[GroupAnswer]:
    """Groups a and b of one item: the survey has 80 and 20 per cent, everybody 50."""
    return [answer(a, (0.8, 0.2), item=item, n=n[0]), answer(b, (0.2, 0.8), item=item, group="b", n=n[1])]


def test_distances_of_two_answers_worked_by_hand() -> None:
    # TV: half of .3 + .1 + .4; Wasserstein: (.3 + .4) / 2 steps.
    p, q = (0.5, 0.3, 0.2), (0.2, 0.2, 0.6)
    assert total_variation(p, q) == pytest.approx(0.4)
    assert wasserstein(p, q, 3) == pytest.approx(0.35)
    assert wasserstein((1, 0, 0), (0, 0, 1), 3) == pytest.approx(1)
    assert wasserstein((1, 0, 0), (0, 1, 0), 3) == pytest.approx(0.5)


def test_padding_moves_no_distance() -> None:
    assert wasserstein((0.7, 0.3, 0, 0), (0.4, 0.6, 0, 0), 2) == pytest.approx(wasserstein((0.7, 0.3), (0.4, 0.6), 2))


def test_skill_is_one_less_the_ratio_of_sums_not_the_mean_of_ratios() -> None:
    # Everybody is .3 and .1 off; the model .1 and .1: 1 − .2/.4, where the mean of ratios would be 1 − (1/3 + 1)/2.
    answers = [answer((0.7, 0.3)), answer((0.5, 0.5), (0.6, 0.4), item="two")]
    assert skill(answers).value == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("a", "b", "expected_skill", "expected_steer"),
    [
        ((0.8, 0.2), (0.2, 0.8), 1, 1),
        ((0.5, 0.5), (0.5, 0.5), 0, 0),
        ((0.65, 0.35), (0.35, 0.65), 0.5, 0.5),
        ((0.95, 0.05), (0.05, 0.95), 0.5, 1.5),
        ((0.2, 0.8), (0.8, 0.2), -1, -1),
        # The same shift in both groups costs skill and leaves the slope alone.
        ((0.9, 0.1), (0.3, 0.7), 1 - 0.2 / 0.6, 1),
    ],
)
def test_planted_differences(
    a: tuple[float, ...], b: tuple[float, ...], expected_skill: float, expected_steer: float
) -> None:
    assert skill(two(a, b)).value == pytest.approx(expected_skill)
    assert steer(two(a, b)).value == pytest.approx(expected_steer, abs=1e-12)


def test_doubled_differences_have_skill_0_and_slope_2() -> None:
    answers = [answer((0.9, 0.1), (0.7, 0.3)), answer((0.1, 0.9), (0.3, 0.7), group="b")]
    assert skill(answers).value == pytest.approx(0)
    assert steer(answers).value == pytest.approx(2)


def test_corrected_slope_worked_by_hand() -> None:
    # d = ±.3 on two options and two groups: Σd² = .36. v = (1 − .68)/100 = .0032 a cell, w = ½:
    # error of a cell v(1 − 1) + ¼v + ¼v = .0016, of both .0032. Slope 1 becomes .36/.3568.
    answers = two((0.8, 0.2), (0.2, 0.8))
    assert steer(answers, corrected=True).value == pytest.approx(0.36 / 0.3568)
    assert score(answers).reliability == pytest.approx(0.3568 / 0.36)


def test_corrected_slope_weighs_unequal_groups() -> None:
    # w = ¾ and ¼, n = 301 and 101: the means lie at .65, so d = .15 and −.45: Σd² = 2(.15² + .45²) = .45.
    # v = .32/300 and .32/100; shared = .5625·v₁ + .0625·v₂; errors v₁(−½) + shared and v₂(½) + shared.
    answers = two((0.8, 0.2), (0.2, 0.8), n=(303, 101))
    v1, v2 = 0.32 / 302, 0.32 / 100
    shared = 0.5625 * v1 + 0.0625 * v2
    error = -0.5 * v1 + 0.5 * v2 + 2 * shared
    assert steer(answers).value == pytest.approx(1)
    assert steer(answers, corrected=True).value == pytest.approx(0.45 / (0.45 - error))


def test_error_of_a_difference_is_what_sampling_gives() -> None:
    # The formula behind the correction, against 40,000 draws: groups of 120 and 60 with 40 and 70 per cent.
    rng = np.random.default_rng(5)
    n, truth = np.array([120, 60]), np.array([0.4, 0.7])
    shares = rng.binomial(n, truth, (40_000, 2)) / n
    w = n / n.sum()
    d = shares - (shares @ w)[:, None]
    true_d = truth - truth @ w
    drawn = 2 * ((d - true_d) ** 2).mean(0)
    v = 2 * truth * (1 - truth) / n
    assert drawn == pytest.approx(v * (1 - 2 * w) + (w**2 * v).sum(), rel=0.03)


def test_ceiling_worked_by_hand_and_lower_with_sampled_answers() -> None:
    # One option's σ is √(.16/101); TV noise = ½·2·√(2/π)·σ, against .3.
    noise = math.sqrt(2 / math.pi) * math.sqrt(0.16 / 101)
    answers = [answer((0.8, 0.2))]
    assert ceiling(answers) == pytest.approx(1 - noise / 0.3)
    both = math.sqrt(2 / math.pi) * math.sqrt(0.16 * (1 / 101 + 1 / 20))
    assert ceiling(answers, Bootstrap(model_n=20)) == pytest.approx(1 - both / 0.3)


def test_ceiling_is_what_a_knowing_model_gets() -> None:
    rng = np.random.default_rng(1)
    truth = np.array([0.5, 0.3, 0.2])
    answers = [
        answer(truth, rng.multinomial(150, truth) / 150, (0.3, 0.3, 0.4), item=str(i), n=150) for i in range(4000)
    ]
    assert skill(answers).value == pytest.approx(ceiling(answers), abs=0.01)
    assert score(answers).skill_ordinal.value == pytest.approx(score(answers).ceiling_ordinal, abs=0.01)


def test_wasserstein_form_counts_ordinal_items_alone_and_how_far_answers_lie() -> None:
    near = answer((0, 1, 0), (1, 0, 0), (0, 0, 1))
    far = answer((0, 1, 0), (1, 0, 0), (0, 0, 1), item="two", ordinal=False)
    assert skill([near]).value == pytest.approx(0)
    assert skill_ordinal([near, far]).value == pytest.approx(0.5)
    assert skill_ordinal([near, far]).n == 1
    assert math.isnan(score([far]).skill_ordinal.value)


def test_by_grouping_and_topic_keeps_each_ones_own_cells() -> None:
    knows = [dataclasses.replace(a, grouping="sex", topic="x") for a in two((0.8, 0.2), (0.2, 0.8))]
    ignores = two((0.5, 0.5), (0.5, 0.5), item="two")
    by = score_by([*knows, *ignores], "grouping")
    assert {name: s.skill.value for name, s in by.items()} == {"sex": pytest.approx(1), "party": pytest.approx(0)}
    assert list(score_by([*knows, *ignores], "topic")) == ["x", "t"]


def test_groupings_of_one_item_are_centred_apart() -> None:
    # Centred together, the two pairs of groups would share one mean and the slope would not be 1.
    low = [dataclasses.replace(a, grouping="sex") for a in two((0.4, 0.6), (0.1, 0.9))]
    low = [dataclasses.replace(a, survey=a.model) for a in low]
    assert steer([*two((0.8, 0.2), (0.2, 0.8)), *low]).value == pytest.approx(1)


# -- edges -------------------------------------------------------------------------------------------------------------


def test_nothing_answered_has_no_value_and_no_error() -> None:
    empty = score([])
    assert (empty.items, empty.cells, empty.missing) == (0, 0, 0)
    assert all(math.isnan(v) for v in (empty.skill.value, empty.steer.value, empty.ceiling, empty.reliability))


def test_one_item_has_a_value_and_no_interval() -> None:
    estimate = skill(two((0.8, 0.2), (0.2, 0.8)))
    assert estimate.value == pytest.approx(1)
    assert estimate.n == 1
    assert math.isnan(estimate.low)
    assert math.isnan(estimate.high)


def test_one_group_has_skill_and_no_slope() -> None:
    assert skill([answer((0.8, 0.2))]).value == pytest.approx(1)
    assert math.isnan(steer([answer((0.8, 0.2))]).value)


def test_groups_that_differ_from_nobody_have_no_skill() -> None:
    assert math.isnan(skill([answer((0.7, 0.3), EVERYBODY)]).value)


@pytest.mark.parametrize("lost", [(math.nan, math.nan), (0.5, math.inf), ()])
def test_missing_answer_leaves_only_its_own_cell(lost: tuple[float, ...]) -> None:
    answers = [*two((0.65, 0.35), (0.35, 0.65)), answer(lost, item="two")]
    scored = score(answers)
    assert (scored.cells, scored.items, scored.missing) == (2, 1, 1)
    assert scored.skill.value == pytest.approx(0.5)


def test_missing_group_leaves_the_slope_of_the_others() -> None:
    # Without c, both sides are centred on a and b alone.
    lost = answer((math.nan, math.nan), (0.1, 0.9), group="c")
    assert steer([*two((0.65, 0.35), (0.35, 0.65)), lost]).value == pytest.approx(0.5)


@pytest.mark.parametrize("wrong", [(0.8, 0.3), (1.2, -0.2), (0.5, 0.3, 0.2)])
def test_what_is_no_distribution_is_refused(wrong: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="one / a"):
        skill([answer(wrong)])


def test_interval_hangs_on_the_seed_alone_and_narrows_with_items() -> None:
    rng = np.random.default_rng(0)

    def some(items: int) -> list[GroupAnswer]:
        return [answer((p, 1 - p), item=str(i)) for i, p in enumerate(rng.uniform(0.5, 0.9, items))]

    few, many = some(10), some(300)
    assert skill(few) == skill(few)
    assert skill(few) != skill(few, Bootstrap(seed=1))
    assert skill(many).high - skill(many).low < 0.5 * (skill(few).high - skill(few).low)
    narrow = skill(few, Bootstrap(confidence_level=0.8))
    assert skill(few).low < narrow.low < narrow.high < skill(few).high


def test_noise_as_large_as_the_differences_leaves_no_corrected_slope() -> None:
    answers = [a for i in range(5) for a in two((0.8, 0.2), (0.2, 0.8), item=str(i), n=(1.5, 1.5))]
    assert math.isnan(steer(answers, corrected=True).value)
    assert steer(answers).value == pytest.approx(1)
