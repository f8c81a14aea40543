"""Every sentence a report can say, at the extremes: ``pytest -s`` prints them, and each has to be true as it stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from persona_metrics import analysis
from persona_metrics.analysis.words import p_value, percent, plus_minus, points
from persona_metrics.report.words import difference
from tests.analysis.made import NAN, column, tidy
from tests.conftest import full_attributes

LEFT = ["whole", "without age", "none of the listed"]


def failed(frame: pd.DataFrame, share: float = 1.0) -> pd.DataFrame:
    """The frame with no answer in the first ``share`` of its rows; they count as not personalised."""
    none = np.arange(len(frame)) < share * len(frame)
    values = np.where(none, 0.0, frame["personalized"])
    return frame.assign(answer_failure=np.where(none, "empty reply", None), personalized=values)


def tries(rows: list[list[float]]) -> tuple[str, pd.DataFrame, dict[str, Any]]:
    return "pass_at_k", tidy(rows, [f"attempt {i + 1}" for i in range(len(rows[0]))]), {"k": len(rows[0])}


def crossed(counts: list[tuple[int, int, int]], support: int = 1) -> tuple[str, pd.DataFrame, dict[str, Any]]:
    values, people = [], []
    for group, (good, bad, missing) in enumerate(counts):
        values += column(good, bad, missing)
        people += [full_attributes(race=f"g{group}")] * (good + bad + missing)
    named = {f"G{i}": {"race": [f"g{i}"]} for i in range(len(counts))}
    return "intersectionality", tidy(values, attributes=people), {"intersections": named, "min_support": support}


def left_out(rows: list[list[float]]) -> tuple[str, pd.DataFrame, dict[str, Any]]:
    return "leave_one_out", tidy(rows, LEFT), {}


CASES: dict[str, tuple[tuple[str, pd.DataFrame, dict[str, Any]], list[str], list[str]]] = {
    # name: (evaluation, frame, metadata), what has to be said, what must not be
    "no pair": (("main", tidy([]), {}), ["No pair was run."], ["%"]),
    "0%": (("main", tidy(column(0, 100)), {}), ["0% (0 to 4) of answers", "100 pairs, none without a verdict"], ["±"]),
    "100%": (("main", tidy(column(100, 0)), {}), ["100% (96 to 100)", "none without a verdict"], ["±"]),
    "nearly all": (("main", tidy(column(999, 1)), {}), ["over 99%"], ["100% of", "± 0"]),
    "one pair": (("main", tidy(column(1, 0)), {}), ["(1 pair, none", "n = 1 is small"], ["1 pairs", "nan"]),
    "nothing judged": (
        ("main", tidy(column(0, 0, 9)), {}),
        ["no verdict on any of 9 pairs"],
        ["%", "nan", "none without"],
    ),
    "one, not judged": (
        ("main", tidy(column(0, 0, 1)), {}),
        ["There is no verdict on the one pair."],
        ["any of", "nan"],
    ),
    "some missing": (
        ("main", tidy(column(60, 20, 20)), {}),
        ["20 of 100 have no verdict", "anywhere from 60% to 80%"],
        ["nan"],
    ),
    "all answers failed": (
        ("main", failed(tidy(column(50, 50))), {}),
        ["None of 100 replies held an answer: the critic was never asked"],
        ["none without a verdict", "gave a verdict"],
    ),
    "one answer failed": (
        ("main", failed(tidy(column(1, 0))), {}),
        ["The one reply held no answer", "it counts as not"],
        ["None of 1", "all count"],
    ),
    "some answers failed": (
        ("main", failed(tidy(column(100, 0)), 0.2), {}),
        [
            "80% (71 to 87)",
            "(100 pairs; 20 of 100 replies held no answer and count as not personalised, none of the others lacks a verdict)",
        ],
        ["critic was never", "none without"],
    ),
    "attempts all failed": (
        ("pass_at_k", failed(tries([[1.0] * 4] * 5)[1]), {"k": 4}),
        ["None of 20 replies held an answer"],
        ["none without a verdict"],
    ),
    "one person many times": (
        ("main", tidy(column(50, 50), personas=["p"] * 100), {}),
        ["50% ± 10"],
        ["nan", "design effect"],
    ),
    "K = 1": (
        tries([[1.0], [0.0], [1.0]]),
        ["single attempts", "with K = 1 there is no other number"],
        ["1 attempts", "nan"],
    ),
    "never": (tries([[0.0] * 4] * 10), ["0% (0 to", "For no pair did any attempt succeed."], ["±"]),
    "always": (tries([[1.0] * 4] * 10), ["For every pair at least one attempt succeeded."], ["0% of pairs no"]),
    "attempts lost": (
        tries([[1.0, NAN, NAN, NAN], [NAN] * 4]),
        ["7 attempts of 8 (on 2 pairs) have no verdict", "For every judged pair at"],
        ["nan"],
    ),
    "attempts all lost": (tries([[NAN] * 4] * 3), ["no verdict on any of 3 pairs"], ["nan", "succeeded", "%"]),
    "one attempt lost": (
        tries([[1.0, NAN], [1.0, 0.0]]),
        ["1 attempt of 4 (on 1 pair) has no verdict", "is 100% whatever it is"],
        ["1 attempts", "nan"],
    ),
    "no group": (("intersectionality", tidy(column(3, 1)), {}), ["No intersection has a judged pair."], ["nan", "–"]),
    "one group": (crossed([(5, 5, 0)]), ["One intersection alone"], ["Groups differ", "nan"]),
    "groups all alike": (crossed([(20, 0, 0)] * 3), ["is not shown", "none is named"], ["nan", "Lowest"]),
    "groups not judged": (crossed([(0, 0, 5), (0, 0, 5)], 2), ["No intersection has a judged pair."], ["nan"]),
    "groups apart": (
        crossed([(0, 40, 0), (40, 0, 0)]),
        ["Lowest of 2: G0, 0% (0 to 9)", "homogeneity p < 0.001", "chance of over 99%"],
        ["nan", "± 0", "-101"],
    ),
    "thin groups": (
        crossed([(1, 0, 0), (2, 1, 0)], 30),
        ["All 2 intersections have fewer than 30 judged pairs"],
        ["nan"],
    ),
    "one thin group": (
        crossed([(1, 0, 0), (30, 9, 0)], 30),
        ["1 of 2 intersections has fewer than 30"],
        ["have fewer", "nan"],
    ),
    "importance of nothing judged": (
        left_out([[NAN] * 3] * 4),
        ["No importance has a pair with both verdicts"],
        ["nan", "survive", "turn the sign"],
    ),
    "importance of one pair": (
        left_out([[1.0, 0.0, 0.0]]),
        ["So few pairs could not show any difference"],
        ["nan", "0 points would"],
    ),
    "one verdict missing": (("main", tidy(column(20, 10, 1)), {}), ["1 of 31 has no verdict"], ["have no"]),
    "never, as far as known": (
        tries([[0.0, NAN], [0.0, 0.0]]),
        ["For no judged pair did any judged attempt succeed"],
        ["nan"],
    ),
    "sometimes, as far as known": (
        tries([[0.0, NAN], [0.0, 0.0], [1.0, 1.0]]),
        ["of judged pairs no attempt succeeded (missing attempts completed)."],
        ["nan"],
    ),
    "importances of nothing": (
        left_out([[1.0, 1.0, 1.0]] * 60),
        ["None of 2 importances survives"],
        ["-0.0", "+0.0", "nan"],
    ),
    "difference of 0 with missing verdicts": (
        left_out([[1.0, 1.0, 1.0]] * 30 + [[1.0, NAN, NAN], [NAN, 1.0, 1.0]]),
        ["None of 2"],
        ["turn the sign", "nan"],
    ),
    "importance that could turn": (
        left_out([[1.0, 0.0, 1.0]] * 2 + [[0.0, 0.0, 0.0]] * 30 + [[NAN, 1.0, 0.0]] * 5),
        ["could turn the sign of 1 importance: age."],
        ["1 importances"],
    ),
    "importance beyond doubt": (
        left_out([[1.0, 0.0, 0.0]] * 60),
        ["Surviving the correction for testing 2: age (+100.0 points)"],
        ["nan"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_sentences_are_true_at_the_extremes(name: str) -> None:
    (evaluation, frame, metadata), said, unsaid = CASES[name]
    with np.errstate(all="ignore"):
        found = analysis.tables(frame, {"evaluation": evaluation, **metadata})
    lines = [
        analysis.headline(evaluation, found),
        analysis.finding(evaluation, found),
        *analysis.doubts(evaluation, found),
    ]
    text = "\n".join(line for line in lines if line)
    print(f"\n[{name}]\n{text}")
    for part in said:
        assert part in text
    for part in (*unsaid, "nan%", "None importances"):
        assert part not in text


def compared(one: list[list[float]], two: list[list[float]]) -> pd.Series:
    return analysis.compare({"one": tidy(one), "two": tidy(two)}).iloc[0]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            lambda: compared(column(40, 0), column(0, 40)),
            "one less two: +100.0 points (+82.5 to +100.0) over 40 pairs, p < 0.001: told apart.",
        ),
        (
            lambda: compared(column(20, 20), column(20, 20)),
            "0.0 points (-8.8 to +8.8) over 40 pairs, p = 1: cannot be told apart.",
        ),
        (
            lambda: compared(column(1, 0), column(0, 1)),
            "one less two: +100.0 points over 1 pair, p = 1: cannot be told apart.",
        ),
        (lambda: compared(column(0, 0, 5), column(5, 0)), "one and two share no judged pair."),
    ],
)
def test_difference_in_words(row: Callable[[], pd.Series], said: str) -> None:
    text = difference(row())
    print(f"\n{text}")
    assert text.endswith(said)


@pytest.mark.parametrize(
    ("p", "said"),
    [
        (0.0001, "p < 0.001"),
        (0.001, "p < 0.001"),
        (0.002, "p = 0.002"),
        (0.0499, "p = 0.05"),
        (0.9999, "p = 1"),
        (NAN, "not tested"),
    ],
)
def test_p_in_words(p: float, said: str) -> None:
    assert p_value(p) == said


def test_rounding_claims_neither_all_nor_nothing() -> None:
    assert [percent(v) for v in (0.0, 0.001, 0.999, 1.0, NAN)] == ["0%", "under 1%", "over 99%", "100%", "–"]
    assert plus_minus(0.5, NAN, NAN) == "50%"
    assert points(-0.0001) == "0.0 points"
