"""Models, or modes, side by side over the pairs that both have. Pairs are the same where their content is."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..evaluations.pass_at_k import PassAtK
from ..statistics.attempts import curves
from ..statistics.multiple import holm
from ..statistics.paired import paired_difference
from ..statistics.rates import pass_at_k
from .rates import LEVEL, NAN, codes, flips

_COLUMNS = [
    "row",
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
    "design_effect",
]


def compare(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row for each two of the named tidy frames: first − second over the pairs that both have.

    Two rows are the same pair where persona and question say the same (``content``), whatever their numbers in a file. A
    pair's value is the whole persona's verdict; with attempts there is a row for each k that both runs have, its value the
    pair's pass@k (``statistics.attempts``). ``n`` are shared pairs judged on both sides, ``missing`` shared pairs that are
    not. Interval and ``p`` are those of ``statistics.paired.paired_difference``: McNemar's exact test, with attempts a paired
    permutation test on the means, the clustered ones where persons or questions repeat. ``p_adjusted`` is Holm's over all
    rows. Without a shared judged pair the numbers are NaN.
    """
    values = {name: _values(frame) for name, frame in frames.items()}
    rows: list[dict[str, Any]] = [
        {"row": row, "first": one, "second": two, **_row(values[one][row], values[two][row])}
        for one, two in itertools.combinations(frames, 2)
        for row in values[one]
        if row in values[two]
    ]
    p = np.array([row["p"] for row in rows], float)
    tested = ~np.isnan(p)
    adjusted = np.full(len(p), NAN)
    if tested.any():
        adjusted[tested] = holm(p[tested])
    for row, value in zip(rows, adjusted, strict=True):
        row["p_adjusted"] = float(value)
    return pd.DataFrame(rows, columns=_COLUMNS)


def _values(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return by row each pair's value, and the least and greatest that its missing verdicts allow, indexed by content."""
    counted = frame[(frame["variant"] == "whole") | (frame["attempt"] > 0)].drop_duplicates(
        ["doc_id", "variant"], keep="last"
    )
    once = counted.drop_duplicates("doc_id").sort_values("doc_id").set_index("doc_id")
    # The same content twice in one run: its first stands for the other's first, its second for the other's second.
    place = once.groupby("content").cumcount()
    about = pd.DataFrame(
        {
            "content": once["content"],
            "place": place,
            "persona": once["persona_id"],
            "question": once["question_id"],
        }
    )
    grouped = counted.groupby("doc_id", sort=True)["personalized"]
    total, judged = grouped.size(), grouped.count()
    passed = grouped.sum()
    k = int(counted["attempt"].max() or 0) if len(counted) else 0
    if not k:
        value = (passed / judged.where(judged > 0)).astype(float)
        found = {"personalized": (value, passed / total, (passed + total - judged) / total)}
    else:
        done = curves(k, list(judged), list(passed.round().astype(int)))
        found = {}
        for step in PassAtK(k=k).steps:
            at = [NAN if one is None else one.pass_at[step - 1] for one in done]
            worst, best = ([pass_at_k(k, round(c), step) for c in ends] for ends in (passed, passed + k - judged))
            ends = [pd.Series(column, index=judged.index, dtype=float) for column in (at, worst, best)]
            found[f"pass@{step}"] = (ends[0], ends[1], ends[2])
    return {
        row: about.assign(value=value, low=low, high=high).set_index(["content", "place"])
        for row, (value, low, high) in found.items()
    }


def _row(one: pd.DataFrame, two: pd.DataFrame) -> dict[str, Any]:
    both = one.merge(two[["value", "low", "high"]], left_index=True, right_index=True, suffixes=("_one", "_two"))
    judged = both.dropna(subset=["value_one", "value_two"])
    clusters: Sequence[Any] = [codes(list(judged[name])) for name in ("persona", "question")]
    first, second = (judged[name].to_numpy(float) for name in ("value_one", "value_two"))
    found = paired_difference(first, second, LEVEL, clusters)
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
        "design_effect": found.effect,
    }
