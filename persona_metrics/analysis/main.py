"""Main: the rate with its errors, and the rate within each group of each attribute of the personas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..evaluations.base import row_of
from ..personas import NOT_STATED, QUESTION_GROUPS, band, in_order
from ..statistics.multiple import holm
from ..statistics.pooling import homogeneity
from . import length
from .rates import LEVEL, SMALL, clusters_of, codes, column_of, headline, summary, whole
from .words import count, p_value, percent

GROUPS_SHOWN = 12
"""Groups shown of one attribute, the largest; ``groups`` says how many there are."""

TOPICS_SHOWN = 60
"""Groups shown of one column of the questions: topics are many, and each is asked about."""

_SHUFFLES = 1999
LEAST_TESTED = SMALL
"""Groups of fewer judged pairs are put together before an attribute is tested."""

_DIFFER = ["attribute", "groups", "pairs", "statistic", "df", "p", "p_adjusted", "method", "differs"]
_COLUMNS = ["attribute", "group", "rate", "low", "high", "n", "missing", "bound_low", "bound_high", "small", "groups"]


def tables(frame: pd.DataFrame, metadata: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Return ``headline`` (the row ``personalized``), ``by_attribute``, ``by_question``, ``differ`` and ``length``.

    ``differ`` tests each attribute's groups (``differing``); ``length`` is the rate at equal length.
    ``by_attribute`` has every attribute's groups (ages and incomes in bands, ``not stated`` a group of its own), the
    largest ``GROUPS_SHOWN`` of an attribute; ``small`` marks fewer than 30 judged pairs, where the rate is mostly luck.
    """
    about, values = whole(frame)
    return {
        "headline": headline({"personalized": values}, about),
        "by_attribute": by_attribute(list(about["persona"]), values, clusters_of(about)),
        "by_question": by_question(about, values, metadata.get("by") or ()),
        "differ": differing(list(about["persona"]), values, list(about["persona_id"])),
        "length": length.table(frame, {"whole": "personalized"}),
    }


def intervals(found: Mapping[str, pd.DataFrame]) -> dict[str, tuple[float, float]]:
    """Return the intervals of the groups' rates."""
    return {
        row_of(f"{row['attribute']}={row['group']}"): (float(row["low"]), float(row["high"]))
        for table in ("by_attribute", "by_question")
        for row in found[table].to_dict("records")
    }


def by_attribute(
    personas: list[Mapping[str, Any]], values: Any, clusters: Sequence[Sequence[Any]] = ()
) -> pd.DataFrame:
    """Return one row a group of each attribute, for personas and their values in the same order."""
    rows = []
    for attribute in in_order(personas):
        labels = np.array([band(attribute, _text(p.get(attribute))) for p in personas], object)
        rows += _groups(attribute, labels, values, clusters, GROUPS_SHOWN)
    return pd.DataFrame(rows, columns=_COLUMNS)


def differing(personas: list[Mapping[str, Any]], values: Any, persons: Sequence[Any]) -> pd.DataFrame:
    """Return one row an attribute: Pearson's test that all its groups have one rate, and Holm's p over all attributes.

    Groups of fewer than ``LEAST_TESTED`` judged pairs are put together; an attribute is tested where two groups are left
    that are large enough. ``persons`` are the pairs' personas: where one repeats, whole persons are shuffled
    (``statistics.pooling.homogeneity``). ``differs`` is ``p_adjusted`` ≤ 0.05.
    """
    judged = ~np.isnan(np.asarray(values, float))
    known, who = np.asarray(values, float)[judged], codes(persons)[judged]
    rows = []
    for attribute in in_order(personas):
        labels = np.array([band(attribute, _text(p.get(attribute))) for p in personas], object)[judged]
        sizes = pd.Series(labels).value_counts()
        large = [label for label in sorted(sizes.index) if sizes[label] >= LEAST_TESTED]
        inside = np.stack([labels == label for label in large], axis=1) if large else np.zeros((len(labels), 0), bool)
        rest = ~inside.any(axis=1)
        if rest.sum() >= LEAST_TESTED:
            inside = np.column_stack([inside, rest])
        # A rest too small for a group of its own would be lost: it joins nobody and is not tested.
        if inside.shape[1] < 2:
            continue
        found = homogeneity(known, inside, resamples=_SHUFFLES, persons=who)
        counts = {"groups": inside.shape[1], "pairs": int(inside.any(axis=1).sum())}
        tested = {"statistic": found.statistic, "df": found.df, "p": found.p, "method": found.method}
        rows.append({"attribute": attribute, **counts, **tested})
    if rows:
        adjusted = holm([row["p"] for row in rows])
        for row, p in zip(rows, adjusted, strict=True):
            row.update(p_adjusted=float(p), differs=bool(p <= 1 - LEVEL + 1e-12))
    return pd.DataFrame(rows, columns=_DIFFER)


def finding(found: Mapping[str, pd.DataFrame]) -> str:
    """Return for whom the rate is another: the attributes whose groups differ beyond chance, or that none does."""
    tests = found["differ"]
    if not len(tests):
        return f"Too few pairs to test whether the rate differs between groups (two of {LEAST_TESTED} each are needed)."
    apart = tests[tests["differs"].astype(bool)].sort_values("p", kind="stable")
    if not len(apart):
        return f"No attribute's groups differ beyond chance ({len(tests)} tested)."
    said = [_ends(str(row["attribute"]), found["by_attribute"], row) for row in apart.to_dict("records")]
    return f"The rate differs beyond chance by {'; by '.join(said)} ({count(len(tests), 'attribute')} tested)."


def _ends(attribute: str, table: pd.DataFrame, test: Mapping[Any, Any]) -> str:
    rows = table[(table["attribute"] == attribute) & (table["n"] >= LEAST_TESTED)].sort_values("rate", kind="stable")
    p = p_value(float(test["p_adjusted"]))
    if len(rows) < 2:
        return f"{attribute} ({p})"
    least, most = (f"{row['group']} {percent(float(row['rate']))}" for row in (rows.iloc[0], rows.iloc[-1]))
    return f"{attribute} (from {least} to {most}, {p})"


def by_question(about: pd.DataFrame, values: Any, by: Sequence[str] = ()) -> pd.DataFrame:
    """Return one row a topic, a kind, and a group of each further column of the questions that ``by`` names."""
    rows: list[dict[str, Any]] = []
    for column in dict.fromkeys((*QUESTION_GROUPS, *by)):
        labels = column_of(about, column)
        if labels:
            named = np.array([NOT_STATED if label is None else label for label in labels], object)
            rows += _groups(column, named, values, clusters_of(about), TOPICS_SHOWN)
    return pd.DataFrame(rows, columns=_COLUMNS)


def _groups(
    attribute: str, labels: Any, values: Any, clusters: Sequence[Sequence[Any]], most: int
) -> list[dict[str, Any]]:
    rows = []
    sizes = pd.Series(labels).value_counts()
    # By size, then name: the same table whatever the order of the pairs.
    order = sorted(sizes.index, key=lambda label: (-int(sizes[label]), label))
    for label in order[:most]:
        inside = labels == label
        row = summary(values[inside], [np.asarray(ids, object)[inside] for ids in clusters])
        rows.append(
            {
                **row,
                "attribute": attribute,
                "group": label,
                "rate": row["value"],
                "small": row["n"] < SMALL,
                "groups": len(order),
            }
        )
    return rows


def _text(value: Any) -> str | None:
    return None if value is None or value != value else str(value)
