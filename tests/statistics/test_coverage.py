from __future__ import annotations

import pytest

from tests.simulated import FULL, cases, slack
from tools.simulation import CASES, FEW, Case


@pytest.mark.slow
@pytest.mark.parametrize("case", cases(CASES), ids=lambda case: f"{case.estimator}: {case.truth.strip()}")
def test_interval_holds_the_truth_as_often_as_it_says(case: Case) -> None:
    spare = slack(case.high, FEW) if case.few else 0.0
    assert case.low - spare <= case.coverage(few=not FULL) <= case.high + spare


def test_every_case_outside_the_promise_says_why() -> None:
    assert all(case.why for case in CASES if (case.low, case.high) != (0.93, 0.97))
