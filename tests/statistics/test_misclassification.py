from __future__ import annotations

import pytest

from persona_metrics.statistics.misclassification import Errors, rogan_gladen

# The formulas of arXiv 2511.21140 (section 3), worked by hand for p = .6 of 300, .9 of 60, .85 of 40.
Z2 = 1.959963984540054**2


def test_worked_value() -> None:
    p, size = (180 + Z2 / 2) / (300 + Z2), 300 + Z2
    hit, miss = (54 + 1) / 62, (34 + 1) / 42
    middle = (p + miss - 1) / (hit + miss - 1)
    of_hit, of_miss = hit * (1 - hit) / 62, miss * (1 - miss) / 42
    shift = 2 * Z2 * (middle * of_hit - (1 - middle) * of_miss)
    error = (p * (1 - p) / size + (1 - middle) ** 2 * of_miss + middle**2 * of_hit) ** 0.5 / (hit + miss - 1)
    found = rogan_gladen(0.6, 300, Errors(0.9, 60, 0.85, 40))
    assert found.value == pytest.approx(0.45 / 0.75)
    assert found.low == pytest.approx(middle + shift - Z2**0.5 * error)
    assert found.high == pytest.approx(middle + shift + Z2**0.5 * error)


def test_a_perfect_critic_changes_nothing() -> None:
    assert rogan_gladen(0.6, 300, Errors(1.0, 500, 1.0, 500)).value == pytest.approx(0.6)


def test_a_rate_below_what_errors_alone_give_is_none() -> None:
    assert rogan_gladen(0.05, 300, Errors(0.9, 60, 0.85, 40)).value == 0.0


@pytest.mark.parametrize("errors", [Errors(0.5, 60, 0.5, 60), Errors(0.2, 60, 0.7, 60), Errors(0.9, 60, 0.9, 0)])
def test_a_critic_no_better_than_a_coin_corrects_nothing(errors: Errors) -> None:
    with pytest.raises(ValueError, match="nothing to correct"):
        rogan_gladen(0.6, 300, errors)
