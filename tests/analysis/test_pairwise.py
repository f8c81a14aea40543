"""Pairwise in tables: wins, ties and losses by hand, the order's bias, the rate at equal length, and two models."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from persona_metrics import analysis
from persona_metrics.analysis import length, pairwise
from persona_metrics.evaluations.pairwise import ORDER_BIAS, OVER, TIES
from tests.simulated import runs, slack

META = {"evaluation": "pairwise"}
ANOTHER, NOBODY = OVER["another person"], OVER["no persona"]
NAN = float("nan")


def frame(
    rows: list[tuple[float, float]], turned: list[float] | None = None, lengths: list[tuple[float, float]] | None = None
) -> pd.DataFrame:
    """One pair for each (over another's, over nobody's); ties turned to the places in ``turned``, one after the other."""
    places, made = iter(turned or []), []
    for doc, values in enumerate(rows):
        sizes = lengths[doc] if lengths else (100.0, 100.0)
        for name, value, size in zip(
            ("whole", "another person", "no persona"), (NAN, *values), (*sizes, 100.0), strict=True
        ):
            made.append(
                {
                    "doc_id": doc,
                    "persona_id": f"p{doc}",
                    "question_id": f"q{doc}",
                    "content": f"c{doc}",
                    "variant": name,
                    "attempt": 0,
                    "personalized": value,
                    "agreement": NAN if math.isnan(value) else 1.0,
                    "choice": next(places) if value == 0.5 else None,
                    "answer_failure": None,
                    "answer_length": size,
                }
            )
    return pd.DataFrame(made)


def row(found: dict[str, pd.DataFrame], table: str, name: str) -> dict[str, Any]:
    return {str(k): v for k, v in found[table].set_index("row").loc[name].items()}


def test_wins_ties_and_losses_by_hand() -> None:
    found = analysis.tables(frame([(1, 1), (1, 1), (1, 0.5), (0.5, 1), (0, NAN)], [0.0, 1.0]), META)
    another = row(found, "worth", ANOTHER)
    assert (another["wins"], another["ties"], another["losses"], another["n"], another["missing"]) == (3, 1, 1, 5, 0)
    assert another["preferred"] == pytest.approx(3.5 / 5)
    # Three of four without the tie: 2 × (4 + 1) / 16.
    assert another["p"] == pytest.approx(10 / 16)
    assert (row(found, "worth", NOBODY)["n"], row(found, "worth", NOBODY)["missing"]) == (4, 1)
    assert row(found, "headline", TIES)["value"] == pytest.approx((0 + 0 + 0.5 + 0.5 + 0) / 5)
    # One tie went to the first place, the other to the second: no side.
    assert row(found, "order", ORDER_BIAS)["order_bias"] == 0.0


def test_order_that_never_turned_anything_leaves_room_for_what_so_many_pairs_can_miss() -> None:
    found = analysis.tables(frame([(1, 1)] * 60, []), META)
    order = row(found, "order", ORDER_BIAS)
    # Tango's interval of 60 pairs without a difference, z²/(n + z²), halved.
    reach = 1.959964**2 / (60 + 1.959964**2) / 2
    assert (order["order_bias"], order["p"]) == (0.0, 1.0)
    assert (order["low"], order["high"]) == (pytest.approx(-reach), pytest.approx(reach))


def test_a_lean_that_all_have_says_less_where_persons_repeat() -> None:
    about = pd.DataFrame({"persona_id": np.repeat(np.arange(6), 10), "question_id": np.arange(60) % 10})
    alone = pd.DataFrame({"persona_id": np.arange(60), "question_id": np.arange(60)})
    repeated, once = (pairwise.order_row(np.full(60, 0.5), of) for of in (about, alone))
    assert once["p"] < 1e-10 < 0.001 < repeated["p"]  # six persons: 2 / 2^6 at the least


@pytest.mark.parametrize(("place", "bias"), [(0.0, 0.5), (1.0, -0.5)])
def test_place_alone_is_all_ties_half_and_the_greatest_bias(place: float, bias: float) -> None:
    found = analysis.tables(frame([(0.5, 0.5)] * 20, [place] * 40), META)
    assert row(found, "worth", ANOTHER)["preferred"] == 0.5
    assert row(found, "worth", ANOTHER)["p"] == 1.0
    order = row(found, "order", ORDER_BIAS)
    assert order["order_bias"] == bias
    assert order["low"] < order["high"]
    assert order["p"] < 0.001
    said = " ".join(analysis.doubts("pairwise", found))
    assert "hardly tells the two answers apart" in said
    assert f"favours the answer that stands {'first' if bias > 0 else 'second'}" in said
    assert "No rate is shown to be above half" in said


def test_sentences_say_what_was_counted() -> None:
    found = analysis.tables(frame([(1, 1)] * 30 + [(0.5, 0)] * 10, [0.0] * 10), META)
    said = analysis.headline("pairwise", found)
    assert "The critic preferred 88%" in said
    assert "ties counted half (40 pairs: 30 won, 10 tied, 0 lost; p < 0.001 against half)" in said
    assert "one written for nobody" in analysis.finding("pairwise", found)
    assert analysis.intervals("pairwise", found)[ORDER_BIAS][0] > 0


def test_nothing_judged_is_said_and_nothing_is_zero() -> None:
    found = analysis.tables(frame([(NAN, NAN)] * 3), META)
    assert analysis.headline("pairwise", found) == "There is no verdict on any of 3 pairs."
    assert math.isnan(row(found, "worth", ANOTHER)["preferred"])
    assert math.isnan(row(found, "order", ORDER_BIAS)["order_bias"])


def test_two_models_are_compared_by_what_is_preferred_over_anothers() -> None:
    one, two = frame([(1, 0)] * 30 + [(0.5, 0)] * 10, [0.0] * 10), frame([(0, 1)] * 20 + [(0.5, 1)] * 20, [0.0] * 20)
    frames = {name: analysis.comparable("pairwise", f) for name, f in (("a", one), ("b", two))}
    (found,) = analysis.compare({k: v for k, v in frames.items() if v is not None}).to_dict("records")
    assert found["difference"] == pytest.approx(35 / 40 - 10 / 40)
    assert found["n"] == 40


def test_preference_that_is_all_length_is_half_at_equal_length() -> None:
    rng = np.random.default_rng(5)
    own, other = rng.normal(0.5, 0.6, 1500), rng.normal(0.0, 0.6, 1500)
    won = rng.random(1500) < 1 / (1 + np.exp(-2.0 * (own - other)))
    made = pd.DataFrame(
        {
            "doc_id": np.repeat(np.arange(1500), 2),
            "variant": ["whole", "no persona"] * 1500,
            "personalized": np.ravel(np.column_stack([np.full(1500, NAN), won])),
            "answer_length": np.ravel(np.column_stack([300 * np.exp(own), 300 * np.exp(other)])),
        }
    )
    (found,) = length.preferences(made, {"no persona": NOBODY}).to_dict("records")
    assert found["rate"] > 0.6
    assert found["low"] < 0.5 < found["high"]
    assert found["slope_low"] > 0


def test_worked_value_at_equal_length_with_ties_as_halves() -> None:
    # Twice as long: 60 of 100 and 20 ties; half as long: 20 and 20 ties. In the middle one half, the slope logit .7.
    rows = [(1.0, NAN)] * 60 + [(0.5, NAN)] * 20 + [(0.0, NAN)] * 20 + [(1.0, NAN)] * 20 + [(0.5, NAN)] * 20
    rows += [(0.0, NAN)] * 60
    sizes = [(200.0, 100.0)] * 100 + [(50.0, 100.0)] * 100
    found = length.preferences(frame(rows, [0.0] * 40, sizes), OVER).set_index("row").loc[ANOTHER]
    assert found["rate"] == 0.5
    assert found["equal_length"] == pytest.approx(0.5, abs=1e-8)
    assert found["slope"] == pytest.approx(math.log(0.7 / 0.3), abs=1e-6)


@pytest.mark.slow
def test_intervals_hold_a_planted_rate() -> None:
    rng = np.random.default_rng(7)
    held: list[list[bool]] = []
    made = frame([(1.0, 1.0)] * 200)
    number = runs(400)
    for _ in range(number):
        values = rng.choice([0.0, 0.5, 1.0], 200, p=[0.2, 0.3, 0.5])
        every = np.column_stack([np.full(200, NAN), values, values]).ravel()
        places = np.where(every == 0.5, rng.choice([0.0, 1.0], 600, p=[0.7, 0.3]), NAN)
        found = analysis.tables(made.assign(personalized=every, choice=places), META)
        rate, bias = row(found, "worth", ANOTHER), row(found, "order", ORDER_BIAS)
        # Of the verdicts 30% are ties, of which 70% went to the first place: .3 × (.7 − .3) / 2.
        held.append([rate["low"] <= 0.65 <= rate["high"], bias["low"] <= 0.06 <= bias["high"]])
    assert all(0.92 - slack(0.95, number) <= share <= 0.98 + slack(0.95, number) for share in np.mean(held, axis=0))
