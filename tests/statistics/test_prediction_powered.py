"""PPI++ against a value worked by hand, against ppi-python, and the draw's weights and clusters."""

from __future__ import annotations

import json
import subprocess

import numpy as np
import pytest

from persona_metrics.statistics.prediction_powered import corrected, difference, power_tuned
from persona_metrics.statistics.two_phase import draw, mean
from tests.e2e.tools import tool_python

NAN = float("nan")


def test_worked_value() -> None:
    # cov = .125, var of the ten predictions .7 · .3 · 10/9; n/N = 4/6.
    found = power_tuned([1, 1, 0, 1], [1, 1, 0, 0], [1, 1, 1, 1, 1, 0])
    assert found.weight == pytest.approx(0.125 / (10 / 6 * 0.21 * 10 / 9))
    assert found.value == pytest.approx(found.weight * 5 / 6 + 0.75 - found.weight / 2)


def test_without_strata_it_is_the_plain_estimate() -> None:
    labels = [1, 1, 0, 1, *[NAN] * 6]
    found = corrected(labels, [1, 1, 0, 0, 1, 1, 1, 1, 1, 0])
    plain = power_tuned([1, 1, 0, 1], [1, 1, 0, 0], [1, 1, 1, 1, 1, 0])
    assert found.weight == pytest.approx(plain.weight, abs=1e-12)
    assert found.found.value == pytest.approx(plain.value, abs=1e-12)


PPI = """
import json, sys
import numpy as np
from ppi_py import ppi_mean_ci, ppi_mean_pointestimate
made = []
for y, f, rest in json.load(sys.stdin):
    y, f, rest = map(np.array, (y, f, rest))
    low, high = ppi_mean_ci(y, f, rest, alpha=0.05)
    made.append([float(np.squeeze(ppi_mean_pointestimate(y, f, rest))), float(np.squeeze(low)), float(np.squeeze(high))])
print(json.dumps(made))
"""


@pytest.mark.slow
def test_plain_estimate_and_interval_are_those_of_ppi_python() -> None:
    rng = np.random.default_rng(0)
    cases = []
    for n, rest in ((20, 30), (50, 250), (100, 200), (200, 100), (60, 5000)):
        for right in (0.95, 0.7, 0.5, 0.2):
            y = (rng.random(n + rest) < 0.6).astype(float)
            f = np.where(rng.random(n + rest) < right, y, 1 - y)
            cases.append((y[:n].tolist(), f[:n].tolist(), f[n:].tolist()))
    python = tool_python("ppi-python==0.2.3")
    done = subprocess.run([python, "-c", PPI], input=json.dumps(cases), capture_output=True, text=True, check=True)
    for case, (value, low, high) in zip(cases, json.loads(done.stdout), strict=True):
        found = power_tuned(*case)
        assert found.value == pytest.approx(value, abs=1e-8)
        assert found.stderr == pytest.approx((high - low) / 2 / 1.959963984540054, abs=1e-8)


def test_labels_weigh_what_their_stratum_is_worth() -> None:
    # 80 answers pass, 20 do not; 4 of 5 labels agree on the one side, 1 of 5 on the other.
    verdicts = np.r_[np.ones(80), np.zeros(20)]
    labels = np.full(100, NAN)
    labels[:5], labels[80:85] = [1, 1, 1, 1, 0], [1, 0, 0, 0, 0]
    found = corrected(labels, verdicts, verdicts)
    assert found.found.value == pytest.approx(0.8 * 0.8 + 0.2 * 0.2)
    assert corrected(labels, verdicts).found.value != pytest.approx(0.68, abs=0.02)


def test_everything_labelled_is_the_labels_mean() -> None:
    labels, verdicts = [1.0, 0, 1, 1, 0, 1, 0, 1], [1.0, 1, 1, 0, 0, 1, 0, 1]
    found = corrected(labels, verdicts)
    assert found.found.value == pytest.approx(5 / 8)
    assert found.more is None


def test_a_useless_critic_leaves_the_labels_alone() -> None:
    rng = np.random.default_rng(1)
    labels = np.where(np.arange(300) < 60, (rng.random(300) < 0.5).astype(float), NAN)
    found = corrected(labels, np.ones(300))
    assert found.weight == 0.0
    assert found.found.value == pytest.approx(float(np.nanmean(labels)))
    assert found.found.high - found.found.low == pytest.approx(found.people.high - found.people.low, rel=0.1)


def test_attempts_of_one_pair_count_for_less_than_as_many_pairs() -> None:
    rng = np.random.default_rng(2)
    own = (rng.random(75) < 0.6).astype(float)
    y, pair = np.repeat(own, 4), np.repeat(np.arange(75), 4)
    labels = np.where(pair < 20, y, NAN)
    verdicts = np.where(rng.random(300) < 0.7, y, 1 - y)
    alone = corrected(labels, verdicts).found
    together = corrected(labels, verdicts, None, (pair,)).found
    assert together.stderr > 1.5 * alone.stderr


def test_what_two_models_share_cancels_in_their_difference() -> None:
    rng = np.random.default_rng(3)
    hard = (rng.random(300) < 0.5).astype(float)
    labels = np.where(np.arange(300) < 100, hard, NAN)
    one, two = corrected(labels, hard), corrected(labels, hard)
    names = list(range(300))
    paired = difference(one, two, (names, names))
    apart = difference(one, two, (names, [n + 1000 for n in names]))
    assert paired.value == 0.0
    assert paired.stderr < 1e-9 < apart.stderr


def test_more_labels_halve_the_error_as_promised() -> None:
    rng = np.random.default_rng(4)
    y = (rng.random(20000) < 0.6).astype(float)
    f = np.where(rng.random(20000) < 0.8, y, 1 - y)

    def at(n: int) -> float:
        return corrected(np.where(np.arange(20000) < n, y, NAN), f).found.stderr

    more = corrected(np.where(np.arange(20000) < 200, y, NAN), f).more
    assert more is not None
    assert at(200 + more) == pytest.approx(at(200) / 2, rel=0.1)


def test_a_stratum_with_one_label_is_counted_with_its_neighbour() -> None:
    of = draw([True, True, True, False, True, False], ["a", "a", "a", "b", "b", "c"])
    assert of.number == 1
    assert mean([1, 0, 1, 1], of).value == pytest.approx(0.75)


def test_no_label_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing is labelled"):
        corrected([NAN, NAN], [1.0, 0.0])
