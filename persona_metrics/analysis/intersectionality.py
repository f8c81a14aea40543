"""Intersections: raw and partially pooled rates, what chance alone would spread, and a test of whether groups differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import confint_proportions_2indep

from ..evaluations.base import row_of
from ..evaluations.intersectionality import Intersection
from ..personas import Persona, stated
from ..statistics.clusters import Counts, effective_counts
from ..statistics.pooling import (
    between_group_sd,
    between_group_sd_interval,
    homogeneity,
    pooled_intervals,
    pooled_rates,
    worst,
)
from .rates import LEVEL, NAN, SMALL, clusters_of, codes, headline, summary, whole
from .words import count, p_value, percent, plus_minus, points

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
    "groups",
    "pairs",
    "overall",
    "worst_group",
    "worst_group_name",
    "worst_low",
    "worst_high",
    "worst_n",
    "worst_probability",
    "worst_raw",
    "worst_raw_low",
    "worst_raw_high",
    "gap",
    "gap_low",
    "gap_high",
    "between_group_sd",
    "sd_low",
    "sd_high",
    "prior_n",
    "design_effect",
    "homogeneity_statistic",
    "homogeneity_df",
    "homogeneity_p",
    "homogeneity_method",
]


def tables(frame: pd.DataFrame, metadata: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Return ``headline``, ``intersections`` (one row each) and ``groups`` (one row over all of them).

    Below ``min_support`` judged pairs an intersection is ``suppressed``: its own rate and interval are NaN, since
    they would be read, while the pooled rate, which leans on the others, stays.

    ``groups`` is one row over all of them. ``worst_group`` is the lowest pooled rate, never above ``overall``, that of the
    same pairs; it has a name only where the homogeneity test says that groups differ (p ≤ 0.05). Then it stands with its
    interval, its pairs, the chance that it is the lowest (posterior), its raw rate with Wilson's interval, and the ``gap``
    from the other pairs' raw rate (Agresti & Caffo 2000); pooled numbers are for the many, an odd one is drawn towards them.
    ``between_group_sd`` has an interval (``sd_low`` of 0: no spread shown).
    Where persons repeat, all pooled numbers rest on the counts that they are worth, and ``design_effect`` says how much that
    costs (``statistics.clusters.effective_counts``); ``prior_n`` is in such pairs.
    ``homogeneity_p`` is the chi-squared test's where the groups are disjoint and large enough for it, otherwise
    that of shuffled verdicts, which allows for pairs in several groups, or of shuffled persons where they repeat.
    """
    about, values = whole(frame)
    support = int(metadata.get("min_support") or SMALL)
    listed = [
        Intersection(name, tuple((a, tuple(map(str, v))) for a, v in conditions.items()))
        for name, conditions in dict(metadata.get("intersections") or {}).items()
    ]
    personas = [Persona(str(p), stated(a or {})) for p, a in zip(about["persona_id"], about["persona"], strict=True)]
    inside = np.array([[item.holds(p) for item in listed] for p in personas], bool).reshape(len(personas), len(listed))
    table = pd.DataFrame(
        [_row(item.name, values, inside[:, i], clusters_of(about), support) for i, item in enumerate(listed)],
        columns=_COLUMNS,
    )
    groups = _pool(table, inside, values, codes(list(about["persona_id"])))
    return {"headline": headline({"personalized": values}, about), "intersections": table, "groups": groups}


def _row(name: str, values: Any, inside: Any, clusters: Sequence[Sequence[Any]], support: int) -> dict[str, Any]:
    found = summary(values[inside], [np.asarray(ids, object)[inside] for ids in clusters])
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


def _pool(table: pd.DataFrame, inside: Any, values: Any, persons: Any) -> pd.DataFrame:
    """Fill the pooled columns of ``table`` and return the row over all groups that have a judged pair."""
    judged = ~np.isnan(values)
    inside = inside[judged]
    totals = inside.sum(axis=0)
    filled = np.flatnonzero(totals)
    if not len(filled):
        return pd.DataFrame([dict.fromkeys(_GROUPS, NAN) | {"worst_group_name": None, "groups": 0}], columns=_GROUPS)
    counted = effective_counts(values[judged], inside[:, filled], persons[judged])
    k, n = counted.successes, counted.totals
    pooled = pooled_rates(k, n)
    lows, highs = pooled_intervals(k, n, LEVEL)
    for column, numbers in (("pooled", pooled.rates), ("pooled_low", lows), ("pooled_high", highs)):
        table.loc[filled, column] = np.asarray(numbers, float)
    test = homogeneity(values[judged], inside[:, filled], persons=persons[judged])
    covered = inside[:, filled].any(axis=1)
    overall = float(values[judged][covered].mean())
    sd_low, sd_high = between_group_sd_interval(k, n, LEVEL)
    row = {
        **dict.fromkeys(_GROUPS, NAN),
        "groups": len(filled),
        "pairs": int(covered.sum()),
        "overall": overall,
        "worst_group": min(*pooled.rates, overall),
        "worst_group_name": None,
        "between_group_sd": between_group_sd(k, n) if len(filled) > 1 else 0.0,
        "sd_low": sd_low,
        "sd_high": sd_high,
        "prior_n": pooled.prior_n,
        "design_effect": counted.effect,
        "homogeneity_statistic": test.statistic,
        "homogeneity_df": test.df,
        "homogeneity_p": test.p,
        "homogeneity_method": test.method,
    }
    if len(filled) > 1 and test.p <= 1 - LEVEL:
        lowest = min(*pooled.rates, overall)
        row |= _worst(table, filled, counted, values[judged], inside[:, filled], persons[judged], lowest)
    return pd.DataFrame([row], columns=_GROUPS)


def _worst(
    table: pd.DataFrame, filled: Any, counted: Counts, values: Any, inside: Any, persons: Any, rate: float
) -> dict[str, Any]:
    k, n, effect = counted.successes, counted.totals, counted.effect
    found = worst(k, n, LEVEL)
    at = found.group
    own = inside[:, at]
    raw = summary(values[own], (list(persons[own]), list(range(int(own.sum())))))
    others = values[inside.any(axis=1) & ~own]
    low, high = gap(k[at], n[at], others.sum() / effect, len(others) / effect) if len(others) else (NAN, NAN)
    return {
        "worst_group_name": str(table["name"].iloc[filled[at]]),
        "worst_low": min(found.low, rate),
        "worst_high": found.high,
        "worst_n": int(own.sum()),
        "worst_probability": found.probability,
        "worst_raw": raw["value"],
        "worst_raw_low": raw["low"],
        "worst_raw_high": raw["high"],
        "gap": float(raw["value"] - others.mean()) if len(others) else NAN,
        "gap_low": low,
        "gap_high": high,
    }


def gap(successes: float, total: float, others: float, of_others: float) -> tuple[float, float]:
    """Return the interval of a group's rate less that of the other pairs (Agresti & Caffo 2000, Am. Stat. 54)."""
    low, high = confint_proportions_2indep(
        successes, total, others, of_others, method="agresti-caffo", compare="diff", alpha=1 - LEVEL
    )
    # It can reach beyond what a difference of rates can be.
    return float(np.maximum(low, -1.0)), float(np.minimum(high, 1.0))


def intervals(found: Mapping[str, pd.DataFrame]) -> dict[str, tuple[float, float]]:
    """Return the intervals of the intersections' rates, of the worst group and of the spread."""
    rows = {
        row_of(str(row["name"])): (float(row["low"]), float(row["high"]))
        for row in found["intersections"].to_dict("records")
    }
    groups = found["groups"].iloc[0]
    rows["worst_group"] = (float(groups["worst_low"]), float(groups["worst_high"]))
    rows["between_group_sd"] = (float(groups["sd_low"]), float(groups["sd_high"]))
    return rows


def finding(found: Mapping[str, pd.DataFrame]) -> str:
    """Return whether the groups differ, and where they do the lowest with what is known of it."""
    row = found["groups"].iloc[0]
    count_of = int(row["groups"])
    if not count_of:
        return "No intersection has a judged pair."
    if count_of == 1:
        return "One intersection alone has judged pairs: nothing to compare."
    p = p_value(float(row["homogeneity_p"]))
    if not isinstance(row["worst_group_name"], str):
        return f"That the {count_of} groups differ is not shown (homogeneity {p}), so none is named the lowest."
    spread = f"{100 * float(row['between_group_sd']):.1f} points"
    interval = f"{100 * float(row['sd_low']):.1f} to {100 * float(row['sd_high']):.1f}"
    shown = "" if float(row["sd_low"]) > 0 else "; no spread shown"
    gap = points(*(float(row[k]) for k in ("gap", "gap_low", "gap_high")))
    raw = plus_minus(*(float(row[k]) for k in ("worst_raw", "worst_raw_low", "worst_raw_high")))
    # A share of draws is no certainty.
    chance = percent(min(float(row["worst_probability"]), 0.9999))
    pooled = plus_minus(*(float(row[k]) for k in ("worst_group", "worst_low", "worst_high")))
    return (
        f"Groups differ (homogeneity {p}). Lowest of {count_of}: {row['worst_group_name']}, {raw} of its"
        f" {count(int(row['worst_n']), 'pair')}, {gap} from the other pairs; pooled with the others {pooled}. It is the"
        f" lowest with a chance of {chance}. Spread between groups {spread}"
        f" ({interval}{shown})."
    )


def doubts(found: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return how many intersections are thin, and what repeated persons cost the pooled numbers."""
    rows, lines = found["intersections"], []
    thin = int(rows["suppressed"].sum()) if len(rows) else 0
    if thin:
        support = int(rows["min_support"].iloc[0])
        are = "has" if thin == 1 else "have"
        few = "no judged pair" if support == 1 else f"fewer than {count(support, 'judged pair')}"
        of = count(len(rows), "intersection")
        if thin == len(rows) > 1:
            lines.append(f"None of {of} has a judged pair." if support == 1 else f"All {of} have {few}.")
        else:
            lines.append(f"{thin} of {of} {are} {few}.")
    effect = float(found["groups"]["design_effect"].iloc[0])
    if effect > 1.1:
        lines.append(
            f"Persons repeat within groups: pooled rates, the lowest group and the spread rest on counts divided by"
            f" {effect:.2g}, as many pairs as they are worth."
        )
    return lines
