"""Models, or modes, side by side over the pairs that both have."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests

from ..statistics.paired import paired_difference
from .rates import LEVEL, NAN, flips

KEY = ["pair_id", "persona_id", "question_id"]
"""What makes two rows of two runs the same pair."""

_COLUMNS = [
    "first",
    "second",
    "difference",
    "low",
    "high",
    "stderr",
    "n",
    "missing",
    "only_first",
    "only_second",
    "p",
    "p_adjusted",
    "bound_low",
    "bound_high",
    "undetermined",
]


def compare(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row for each two of the named tidy frames: first − second over the pairs that both have.

    A pair's value is the whole persona's verdict, or with attempts their mean (pass@1). ``n`` are shared pairs judged
    on both sides, ``missing`` shared pairs that are not. ``p`` is McNemar's exact one (with attempts: the sign
    test's), ``p_adjusted`` Holm's over all rows. Without a shared judged pair the numbers are NaN.
    """
    values = {name: _values(frame) for name, frame in frames.items()}
    rows: list[dict[str, Any]] = [
        {"first": one, "second": two, **_row(values[one], values[two])}
        for one, two in itertools.combinations(frames, 2)
    ]
    p = np.array([row["p"] for row in rows], float)
    tested = ~np.isnan(p)
    adjusted = np.full(len(p), NAN)
    if tested.any():
        adjusted[tested] = multipletests(p[tested], method="holm")[1]
    for row, value in zip(rows, adjusted, strict=True):
        row["p_adjusted"] = float(value)
    return pd.DataFrame(rows, columns=_COLUMNS)


def _values(frame: pd.DataFrame) -> pd.DataFrame:
    """Return for each pair its value, and the least and greatest that its missing verdicts allow."""
    counted = frame[(frame["variant"] == "whole") | (frame["attempt"] > 0)]
    counted = counted.drop_duplicates([*KEY, "variant"], keep="last")
    grouped = counted.groupby(KEY, sort=True, dropna=False)["personalized"]
    total, judged, passed = grouped.size(), grouped.count(), grouped.sum()
    mean = (passed / judged.where(judged > 0)).astype(float)
    return pd.DataFrame({"value": mean, "low": passed / total, "high": (passed + total - judged) / total})


def _row(one: pd.DataFrame, two: pd.DataFrame) -> dict[str, Any]:
    both = one.merge(two, left_index=True, right_index=True, suffixes=("_one", "_two"))
    judged = both.dropna(subset=["value_one", "value_two"])
    found = paired_difference(judged["value_one"].to_numpy(float), judged["value_two"].to_numpy(float), LEVEL)
    low = float((both["low_one"] - both["high_two"]).mean()) if len(both) else NAN
    high = float((both["high_one"] - both["low_two"]).mean()) if len(both) else NAN
    return {
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "stderr": found.stderr,
        "n": found.n,
        "missing": len(both) - len(judged),
        "only_first": found.only_first,
        "only_second": found.only_second,
        "p": found.p if found.n else NAN,
        "bound_low": low,
        "bound_high": high,
        "undetermined": flips(low, high),
    }
