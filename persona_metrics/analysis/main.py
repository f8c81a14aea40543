"""Main: the rate with its errors, and the rate within each group of each attribute of the personas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..evaluations.base import row_of
from ..personas import band, in_order
from . import length
from .rates import SMALL, clusters_of, headline, summary, whole

GROUPS_SHOWN = 12
"""Groups shown of one attribute, the largest; ``groups`` says how many there are."""

_COLUMNS = ["attribute", "group", "rate", "low", "high", "n", "missing", "bound_low", "bound_high", "small", "groups"]


def tables(frame: pd.DataFrame, metadata: Mapping[str, Any]) -> dict[str, pd.DataFrame]:  # noqa: ARG001
    """Return ``headline`` (the row ``personalized``), ``by_attribute`` and ``length`` (the rate at equal length).

    ``by_attribute`` has every attribute's groups (ages and incomes in bands, ``not stated`` a group of its own), the
    largest ``GROUPS_SHOWN`` of an attribute; ``small`` marks fewer than 30 judged pairs, where the rate is mostly luck.
    """
    about, values = whole(frame)
    return {
        "headline": headline({"personalized": values}, about),
        "by_attribute": by_attribute(list(about["persona"]), values, clusters_of(about)),
        "length": length.table(frame, {"whole": "personalized"}),
    }


def intervals(found: Mapping[str, pd.DataFrame]) -> dict[str, tuple[float, float]]:
    """Return the intervals of the groups' rates."""
    return {
        row_of(f"{row['attribute']}={row['group']}"): (float(row["low"]), float(row["high"]))
        for row in found["by_attribute"].to_dict("records")
    }


def by_attribute(
    personas: list[Mapping[str, Any]], values: Any, clusters: Sequence[Sequence[Any]] = ()
) -> pd.DataFrame:
    """Return one row a group of each attribute, for personas and their values in the same order."""
    rows = []
    for attribute in in_order(personas):
        labels = np.array([band(attribute, _text(p.get(attribute))) for p in personas], object)
        sizes = pd.Series(labels).value_counts()
        # By size, then name: the same table whatever the order of the pairs.
        order = sorted(sizes.index, key=lambda label: (-int(sizes[label]), label))
        for label in order[:GROUPS_SHOWN]:
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
    return pd.DataFrame(rows, columns=_COLUMNS)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
