"""Intersections: raw and partially pooled rates, what chance alone would spread, and a test of whether groups differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..evaluations.intersectionality import Intersection
from ..personas import Persona, known
from ..statistics.pooling import between_group_sd, homogeneity, pooled_intervals, pooled_rates
from .rates import LEVEL, NAN, SMALL, headline, summary, whole

_COLUMNS = [
    "name",
    "rate",
    "low",
    "high",
    "pooled",
    "pooled_low",
    "pooled_high",
    "n",
    "missing",
    "min_support",
    "suppressed",
    "bound_low",
    "bound_high",
]
_GROUPS = [
    "worst_group",
    "worst_group_name",
    "between_group_sd",
    "prior_n",
    "homogeneity_statistic",
    "homogeneity_df",
    "homogeneity_p",
    "homogeneity_method",
    "groups",
]


def tables(frame: pd.DataFrame, metadata: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Return ``headline``, ``intersections`` (one row each) and ``groups`` (one row over all of them).

    Below ``min_support`` judged pairs an intersection is ``suppressed``: its own rate and interval are NaN, since
    they would be read, while the pooled rate, which leans on the others, stays. ``worst_group`` is the lowest pooled
    rate; with an infinite ``prior_n`` the groups differ no more than chance makes them, and no group is the worst.
    ``homogeneity_p`` is the chi-squared test's where the groups are disjoint and large enough for it, otherwise
    that of shuffled verdicts, which allows for pairs in several groups.
    """
    about, values = whole(frame)
    support = int(metadata.get("min_support") or SMALL)
    listed = [
        Intersection(name, tuple((a, tuple(map(str, v))) for a, v in conditions.items()))
        for name, conditions in dict(metadata.get("intersections") or {}).items()
    ]
    personas = [Persona(str(p), known(a or {})) for p, a in zip(about["persona_id"], about["persona"], strict=True)]
    inside = np.array([[item.holds(p) for item in listed] for p in personas], bool).reshape(len(personas), len(listed))
    table = pd.DataFrame(
        [_row(item.name, values[inside[:, i]], support) for i, item in enumerate(listed)], columns=_COLUMNS
    )
    groups = _pool(table, inside, values)
    return {"headline": headline({"personalized": values}, about), "intersections": table, "groups": groups}


def _row(name: str, values: Any, support: int) -> dict[str, Any]:
    found = summary(values)
    hidden = found["n"] < support
    shown = {"rate": found["value"], "low": found["low"], "high": found["high"]}
    return {
        **found,
        **(dict.fromkeys(shown, NAN) if hidden else shown),
        "name": name,
        "min_support": support,
        "suppressed": hidden,
        "pooled": NAN,
        "pooled_low": NAN,
        "pooled_high": NAN,
    }


def _pool(table: pd.DataFrame, inside: Any, values: Any) -> pd.DataFrame:
    """Fill the pooled columns of ``table`` and return the row over all groups that have a judged pair."""
    judged = ~np.isnan(values)
    inside = inside[judged]
    totals = inside.sum(axis=0)
    successes = (inside * values[judged][:, None]).sum(axis=0)
    filled = np.flatnonzero(totals)
    if not len(filled):
        return pd.DataFrame([dict.fromkeys(_GROUPS, NAN) | {"worst_group_name": None, "groups": 0}], columns=_GROUPS)
    k, n = successes[filled], totals[filled]
    pooled = pooled_rates(k, n)
    lows, highs = pooled_intervals(k, n, LEVEL)
    for column, numbers in (("pooled", pooled.rates), ("pooled_low", lows), ("pooled_high", highs)):
        table.loc[filled, column] = np.asarray(numbers, float)
    test = homogeneity(values[judged], inside[:, filled])
    row = {
        "worst_group": min(pooled.rates),
        "worst_group_name": str(table["name"].iloc[filled[pooled.worst]]),
        "between_group_sd": between_group_sd(k, n) if len(filled) > 1 else 0.0,
        "prior_n": pooled.prior_n,
        "homogeneity_statistic": test.statistic,
        "homogeneity_df": test.df,
        "homogeneity_p": test.p,
        "homogeneity_method": test.method,
        "groups": len(filled),
    }
    return pd.DataFrame([row], columns=_GROUPS)
