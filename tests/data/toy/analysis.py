"""Toy: the mean of the points with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd


def tables(frame: pd.DataFrame, metadata: Mapping[str, Any]) -> dict[str, pd.DataFrame]:  # noqa: ARG001
    """Return ``headline`` alone."""
    points = (10 - frame["answer_length"] / 50).clip(lower=0)
    mean, error, n = points.mean(), points.sem(), int(points.notna().sum())
    row = {"row": "brevity", "value": mean, "low": mean - 1.96 * error, "high": mean + 1.96 * error, "stderr": error}
    bounds = {"bound_low": float("nan"), "bound_high": float("nan"), "undetermined": False}
    return {"headline": pd.DataFrame([{**row, "n": n, "missing": len(frame) - n, **bounds}])}


def said(found: Mapping[str, pd.DataFrame]) -> str:
    """Return the points as a sentence."""
    row = found["headline"].iloc[0]
    return f"Answers had {row['value']:.1f} of 10 points for being short ({row['low']:.1f} to {row['high']:.1f})."
