"""Groups whose persons repeat count for as much as they are worth."""

from __future__ import annotations

import numpy as np
import pytest

from persona_metrics.statistics.clusters import effective_counts


def test_counts_stay_where_no_person_repeats() -> None:
    found = effective_counts([1, 0, 1, 1], [[1, 0], [1, 0], [0, 1], [0, 1]], ["a", "b", "c", "d"])
    assert (list(found.successes), list(found.totals), found.effect) == ([1, 2], [2, 2], 1.0)


def test_persons_who_always_say_the_same_count_once_each() -> None:
    # Two groups of three persons with four equal verdicts: by hand, Σ S² C/(C−1) over Σ r² n/(n−1).
    persons = np.repeat(np.arange(6), 4)
    values = np.repeat([1, 0, 0, 1, 1, 0], 4)
    inside = np.repeat(np.eye(2, dtype=bool), 12, axis=0)
    found = effective_counts(values, inside, persons)
    assert found.effect == pytest.approx((2 * (16 * 2 / 3) * 3 / 2) / (2 * (12 * 2 / 9) * 12 / 11))
    assert found.totals == pytest.approx([12 / found.effect] * 2)
    assert found.successes / found.totals == pytest.approx([1 / 3, 2 / 3])


def test_no_total_falls_below_one_and_nothing_is_divided_by_nothing() -> None:
    found = effective_counts([1, 1, 0, 0, 1], [[1, 0]] * 4 + [[0, 1]], ["a", "a", "b", "b", "c"])
    assert found.totals.min() >= 1.0
    alike = effective_counts([1, 1, 1], [[1], [1], [1]], ["a", "a", "b"])
    assert (alike.effect, alike.successes[0], alike.totals[0]) == (1.0, 3, 3)


def test_no_group_has_more_successes_than_it_is_worth() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        persons = np.repeat(np.arange(24), 3)
        inside = np.eye(4, dtype=bool)[persons % 4]
        found = effective_counts((rng.random(72) < 0.9).astype(float), inside, persons)
        assert (found.successes <= found.totals).all()
