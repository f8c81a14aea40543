"""Agreement against values worked by hand, against statsmodels, and against irrCAC and krippendorff in venvs of their own."""

from __future__ import annotations

import json
import subprocess

import numpy as np
import pytest
from statsmodels.stats.inter_rater import cohens_kappa

from persona_metrics.statistics.agreement import agreement, alpha
from persona_metrics.statistics.paired import krippendorff_alpha
from tests.e2e.tools import tool_python

NAN = float("nan")


def _labels(both: int, people: int, critic: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and verdicts (1: fits) with these many of each cell, in the order of ``Agreement.cells``."""
    y = np.r_[np.zeros(both + people), np.ones(critic + neither)]
    f = np.r_[np.zeros(both), np.ones(people), np.zeros(critic), np.ones(neither)]
    return y, f


def test_worked_value() -> None:
    # 40 + 35 of 100 agree, by chance .55 · .5 + .45 · .5 would: κ = (.75 − .5) / .5. AC1: π = .475, pe = 2π(1 − π).
    found = agreement(*_labels(40, 15, 10, 35))
    assert found.cells == (40, 15, 10, 35)
    assert found.agreement.value == pytest.approx(0.75)
    assert found.kappa.value == pytest.approx(0.5)
    assert found.ac1.value == pytest.approx((0.75 - 2 * 0.475 * 0.525) / (1 - 2 * 0.475 * 0.525))
    assert found.sensitivity.value == pytest.approx(40 / 55)
    assert found.specificity.value == pytest.approx(35 / 45)


@pytest.mark.parametrize("cells", [(40, 15, 10, 35), (5, 3, 4, 88), (20, 20, 20, 20), (60, 1, 1, 38)])
def test_kappa_and_its_error_are_those_of_statsmodels(cells: tuple[int, int, int, int]) -> None:
    found = agreement(*_labels(*cells)).kappa
    theirs = cohens_kappa(np.array(cells).reshape(2, 2))
    assert found.value == pytest.approx(theirs.kappa, abs=1e-12)
    n = sum(cells)
    assert found.stderr == pytest.approx(theirs.std_kappa * (n / (n - 1)) ** 0.5, rel=1e-6)


def test_ac1_does_not_fall_where_nearly_all_fits() -> None:
    found = agreement(*_labels(0, 2, 2, 96))
    assert found.kappa.value < 0
    assert found.ac1.value > 0.9


def test_labels_drawn_by_verdict_show_the_answers_shares() -> None:
    # 900 of 1,000 pass; 50 labels on either side, 45 of 50 passed ones fit, 40 of 50 stopped ones do not.
    verdicts = np.r_[np.ones(900), np.zeros(100)]
    labels = np.full(1000, NAN)
    labels[:50], labels[900:950] = [1.0] * 45 + [0.0] * 5, [0.0] * 40 + [1.0] * 10
    found = agreement(labels, verdicts, verdicts)
    assert found.agreement.value == pytest.approx(0.9 * 0.9 + 0.1 * 0.8)
    assert found.sensitivity.value == pytest.approx(0.08 / (0.08 + 0.09))
    assert found.cells == (40, 5, 10, 45)


def test_attempts_of_one_pair_widen_the_interval() -> None:
    y, f = _labels(40, 10, 10, 40)
    pair = np.repeat(np.arange(25), 4)
    one, two = agreement(y, f).kappa, agreement(y, f, None, (pair,)).kappa
    assert one.value == two.value
    assert two.high - two.low > 1.5 * (one.high - one.low)


def test_all_alike_has_no_kappa() -> None:
    found = agreement([1.0] * 20, [1.0] * 20)
    assert np.isnan(found.kappa.value)
    assert found.agreement.value == 1.0
    assert found.agreement.low < 0.9


def test_perfect_agreement_is_not_certain() -> None:
    found = agreement(*_labels(10, 0, 0, 10))
    assert found.kappa.value == 1.0
    assert found.kappa.low < 0.9


RATERS = [[1, 0, 1, None, 1, 0, 1, 1, 0, 0], [1, 0, 0, 1, 1, 0, 1, None, 0, 1], [None, 0, 1, 1, 0, 0, 1, 1, 1, 0]]


def test_alpha_without_weights_is_the_plain_one() -> None:
    found = alpha(RATERS)
    assert found.value == pytest.approx(krippendorff_alpha(RATERS), abs=1e-12)
    assert found.low < found.value < found.high


def test_alpha_weighted_is_that_of_repeated_items() -> None:
    # An item of weight 2 is two of it; the small-sample term of few labels is all that may differ.
    weights = [2.0, 1, 2, 1, 1, 2, 1, 1, 1, 2]
    many = [[v for v, w in zip(row, weights, strict=True) for _ in range(int(w) * 50)] for row in RATERS]
    few = [[v for v in row for _ in range(50)] for row in RATERS]
    assert alpha(few, np.repeat(weights, 50), resamples=2).value == pytest.approx(
        alpha(many, resamples=2).value, abs=1e-3
    )


ORACLE = """
import json, sys
import numpy as np
import krippendorff
data = json.load(sys.stdin)
table = np.array([[np.nan if v is None else v for v in row] for row in data])
print(krippendorff.alpha(reliability_data=table, level_of_measurement="nominal"))
"""
GWET = """
import json, sys
import pandas as pd
from irrCAC.raw import CAC
made = []
for y, f in json.load(sys.stdin):
    made.append(CAC(pd.DataFrame({"people": y, "critic": f}), digits=10).gwet()["est"]["coefficient_value"])
print(json.dumps(made))
"""


@pytest.mark.slow
def test_alpha_is_that_of_krippendorff() -> None:
    python = tool_python(no_deps=("krippendorff==0.9.0",), with_ours=True)
    done = subprocess.run([python, "-c", ORACLE], input=json.dumps(RATERS), capture_output=True, text=True, check=True)
    assert alpha(RATERS).value == pytest.approx(float(done.stdout), abs=1e-8)


@pytest.mark.slow
def test_ac1_is_that_of_irrcac() -> None:
    tables = [(40, 15, 10, 35), (5, 3, 4, 88), (60, 1, 1, 38)]
    cases = [[part.tolist() for part in _labels(*cells)] for cells in tables]
    python = tool_python(no_deps=("irrCAC==0.4.4",), with_ours=True)  # it pins a scipy of its own
    done = subprocess.run([python, "-c", GWET], input=json.dumps(cases), capture_output=True, text=True, check=True)
    for (y, f), theirs in zip(cases, json.loads(done.stdout), strict=True):
        assert agreement(y, f).ac1.value == pytest.approx(theirs, abs=1e-8)
