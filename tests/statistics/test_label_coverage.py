from __future__ import annotations

import pytest

from tests.simulated import cases
from tools.label_simulation import CASES, Case


@pytest.mark.slow
@pytest.mark.parametrize("case", cases(CASES), ids=lambda case: f"{case.interval}: {case.truth}")
def test_interval_holds_the_truth_as_often_as_it_says(case: Case) -> None:
    assert case.low <= case.coverage() <= case.high


def test_every_case_outside_the_promise_says_why() -> None:
    assert all(case.why for case in CASES if (case.low, case.high) != (0.93, 0.97))
