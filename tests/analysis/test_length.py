"""The rate at equal length, against a planted effect of length and against none."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from persona_metrics.analysis import length

ROWS = {"whole": "personalized", "no persona": "personalized[no persona]"}


def _frame(rng: np.random.Generator, n: int, slope: float, *, longer: float = 1.0, lift: float = 0.0) -> pd.DataFrame:
    """Answers with the persona are ``longer`` times as long; log odds rise by ``slope`` a unit of log length."""
    rows = []
    for doc in range(n):
        for variant in ROWS:
            own = variant == "whole"
            log = rng.normal(6.0, 0.4) + (math.log(longer) if own else 0.0)
            chance = 1 / (1 + math.exp(-(slope * (log - 6.0) + (lift if own else 0.0))))
            rows.append((doc, variant, float(rng.random() < chance), math.exp(log)))
    return pd.DataFrame(rows, columns=["doc_id", "variant", "personalized", "answer_length"])


def test_lift_that_is_all_length_is_gone_at_equal_length() -> None:
    found = length.table(_frame(np.random.default_rng(1), 1500, 2.0, longer=1.6), ROWS).set_index("row")
    assert found.loc["difference", "rate"] > 0.15
    assert found.loc["difference", "low"] < 0 < found.loc["difference", "high"]
    assert found.loc["personalized", "slope_low"] > 0


def test_lift_that_is_no_length_stays() -> None:
    found = length.table(_frame(np.random.default_rng(2), 1500, 0.0, longer=1.6, lift=1.0), ROWS).set_index("row")
    assert found.loc["difference", "low"] > 0.1
    assert found.loc["personalized", "slope_low"] < 0 < found.loc["personalized", "slope_high"]


def test_worked_value_of_two_lengths() -> None:
    # Half of the answers are short (30 of 100 fit), half long (70 of 100): in the middle it is one half, the slope logit .7.
    verdicts = [1.0] * 30 + [0.0] * 70 + [1.0] * 70 + [0.0] * 30
    frame = pd.DataFrame(
        {
            "doc_id": range(200),
            "variant": "whole",
            "personalized": verdicts,
            "answer_length": [100.0] * 100 + [400.0] * 100,
        }
    )
    (row,) = length.table(frame, {"whole": "personalized"}).to_dict("records")
    assert row["rate"] == 0.5
    assert row["equal_length"] == pytest.approx(0.5, abs=1e-8)
    assert row["slope"] == pytest.approx(math.log(0.7 / 0.3), abs=1e-6)


@pytest.mark.slow
def test_interval_holds_the_rate_at_equal_length() -> None:
    rng = np.random.default_rng(3)
    held = []
    for _ in range(400):
        frame = _frame(rng, 300, 1.0)
        (row,) = length.table(frame[frame["variant"] == "whole"], {"whole": "personalized"}).to_dict("records")
        held.append(row["low"] <= 0.5 <= row["high"])
    assert 0.92 <= float(np.mean(held)) <= 0.975


@pytest.mark.parametrize("lengths", [[100.0] * 60, [np.nan] * 60])
def test_no_slope_where_lengths_tell_nothing(lengths: list[float]) -> None:
    frame = pd.DataFrame(
        {"doc_id": range(60), "variant": "whole", "personalized": [1.0, 0.0] * 30, "answer_length": lengths}
    )
    found = length.table(frame, {"whole": "personalized"})
    assert found["equal_length"].isna().all()


def test_few_verdicts_of_a_kind_have_no_slope() -> None:
    frame = pd.DataFrame(
        {
            "doc_id": range(60),
            "variant": "whole",
            "personalized": [0.0] * 5 + [1.0] * 55,
            "answer_length": np.arange(60) + 10.0,
        }
    )
    assert length.table(frame, {"whole": "personalized"})["slope"].isna().all()


def test_no_slope_where_length_is_the_variant_alone() -> None:
    frame = _frame(np.random.default_rng(5), 100, 0.0)
    frame["answer_length"] = np.where(frame["variant"] == "whole", 300.0, 100.0)
    found = length.table(frame, ROWS)
    assert found["equal_length"].isna().all()
    assert found["rate"].notna().all()
