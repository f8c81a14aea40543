"""Main: the rate with its errors, and the rate within each group of each attribute of the personas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..evaluations.base import row_of
from ..personas import NOT_STATED, QUESTION_GROUPS, band, in_order
from . import length
from .rates import SMALL, clusters_of, column_of, headline, summary, whole

GROUPS_SHOWN = 12
"""Groups shown of one attribute, the largest; ``groups`` says how many there are."""

TOPICS_SHOWN = 60
"""Groups shown of one column of the questions: topics are many, and each is asked about."""

_COLUMNS = ["attribute", "group", "rate", "low", "high", "n", "missing", "bound_low", "bound_high", "small", "groups"]


def tables(frame: pd.DataFrame, metadata: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Return ``headline`` (the row ``personalized``), ``by_attribute``, ``by_question`` and ``length`` (at equal length).

    ``by_attribute`` has every attribute's groups (ages and incomes in bands, ``not stated`` a group of its own), the
    largest ``GROUPS_SHOWN`` of an attribute; ``small`` marks fewer than 30 judged pairs, where the rate is mostly luck.
    """
    about, values = whole(frame)
    return {
        "headline": headline({"personalized": values}, about),
        "by_attribute": by_attribute(list(about["persona"]), values, clusters_of(about)),
        "by_question": by_question(about, values, metadata.get("by") or ()),
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
