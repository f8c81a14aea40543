"""Contrast: the three rates, and contrast and lift as paired differences with McNemar's test and the effect of length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..evaluations.base import row_of
from ..evaluations.contrast import ANOTHER, NOBODY
from ..personas import NOT_STATED, QUESTION_GROUPS
from ..statistics.paired import paired_difference
from . import length
from .rates import (
    HEADLINE,
    LEVEL,
    NAN,
    SMALL,
    Floats,
    by_variant,
    clusters_of,
    codes,
    column_of,
    flips,
    headline,
    pairs,
)
from .words import count, listed, p_value, percent, plus_minus, points

_PAIRED = ["row", "difference", "low", "high", "stderr", "n", "missing", "only_own", "only_other", "p"]


def tables(frame: pd.DataFrame, metadata: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Return ``headline`` (contrast, lift, their rates), ``worth`` (the two, with their tests) and ``length``.

    ``by_question`` has the two by kind and topic of the question, where these are known; small groups, so no tests.
    Interval and ``p`` are those of ``statistics.paired.paired_difference``. Several other people are averaged within the pair
    first. ``only_own`` counts pairs whose answer fits its own person and not the other (lift: not the answer for nobody).
    """
    about = pairs(frame)
    own, another, nobody = _sides(frame, about)
    clusters = [codes(ids) for ids in clusters_of(about)]
    worth = [difference("contrast", own, another, clusters)]
    if nobody is not None:
        worth.append(difference("lift", own, nobody, clusters))
    sides = {"contrast": another, **({} if nobody is None else {"lift": nobody})}
    by = metadata.get("by") or ()
    rates = {"personalized": own, row_of(ANOTHER): another, **({} if nobody is None else {row_of(NOBODY): nobody})}
    differences = pd.DataFrame([{**row, "value": row["difference"]} for row in worth], columns=list(HEADLINE))
    made = [part for part in (differences, headline(rates, about)) if len(part)]
    return {
        "headline": pd.concat(made, ignore_index=True),
        "worth": pd.DataFrame(worth)[[*_PAIRED, "bound_low", "bound_high", "undetermined", "design_effect"]],
        **_by_question(about, own, sides, by),
        # The answer judged for another is the same one; only the one written for nobody has a length of its own.
        "length": length.table(frame, {"whole": "personalized", NOBODY: row_of(NOBODY)}),
    }


def _by_question(
    about: pd.DataFrame, own: Floats, sides: Mapping[str, Floats], by: Sequence[str]
) -> dict[str, pd.DataFrame]:
    rows = []
    for column in dict.fromkeys((*QUESTION_GROUPS, *by)):
        labels = np.array([NOT_STATED if label is None else label for label in column_of(about, column)], object)
        sizes = pd.Series(labels).value_counts()
        for group in sorted(sizes.index, key=lambda label: (-int(sizes[label]), label)):
            inside = labels == group
            clusters = [codes(list(np.asarray(ids, object)[inside])) for ids in clusters_of(about)]
            for name, other in sides.items():
                found = difference(name, own[inside], other[inside], clusters)
                rows.append({**found, "attribute": column, "group": group, "small": found["n"] < SMALL})
    columns = ["attribute", "group", "row", "difference", "low", "high", "n", "missing", "small"]
    return {"by_question": pd.DataFrame(rows)[columns]} if rows else {}


def _sides(frame: pd.DataFrame, about: pd.DataFrame) -> tuple[Floats, Floats, Floats | None]:
    """Return the pairs' values for their own person, for the others (their mean), and without the persona (or None)."""
    if frame.empty:
        return np.array([]), np.array([]), None
    wide = by_variant(frame).reindex(about.index)
    others = [name for name in wide.columns if str(name).startswith(ANOTHER)]
    another = wide[others].mean(axis=1) if others else pd.Series(NAN, index=wide.index)
    nobody = np.asarray(wide[NOBODY], float) if NOBODY in wide else None
    return np.asarray(wide["whole"], float), np.asarray(another, float), nobody


def difference(name: str, own: Floats, other: Floats, clusters: list[Any]) -> dict[str, Any]:
    """Return own − other over the pairs that have both (NaN: missing), with interval, test and worst-case bounds."""
    both = ~np.isnan(own) & ~np.isnan(other)
    found = paired_difference(own[both], other[both], LEVEL, [ids[both] for ids in clusters])
    low = float(np.mean(np.nan_to_num(own, nan=0.0) - np.nan_to_num(other, nan=1.0))) if len(own) else NAN
    high = float(np.mean(np.nan_to_num(own, nan=1.0) - np.nan_to_num(other, nan=0.0))) if len(own) else NAN
    return {
        "row": name,
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "stderr": found.stderr,
        "n": found.n,
        "missing": int((~both).sum()),
        "only_own": found.only_first,
        "only_other": found.only_second,
        "p": found.p if found.n else NAN,
        "bound_low": low,
        "bound_high": high,
        "undetermined": flips(low, high),
        "design_effect": found.effect if found.n else NAN,
    }


def said(found: Mapping[str, pd.DataFrame]) -> str:
    """Return what the persona is worth as a sentence."""
    rows, worth = _by_row(found["headline"]), _by_row(found["worth"])

    def rate(name: str) -> str:
        return plus_minus(*(float(rows[name][k]) for k in ("value", "low", "high")))

    return (
        f"{rate('personalized')} of answers fit their own person, {rate(row_of(ANOTHER))} of the same answers fit another"
        f" person, too: contrast {_worth(worth['contrast'])} over {count(int(rows['contrast']['n']), 'pair')}."
    )


def _by_row(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    return {str(row["row"]): {str(k): v for k, v in row.items()} for row in table.to_dict("records")}


def _worth(row: Mapping[str, Any]) -> str:
    return f"{points(float(row['difference']), float(row['low']), float(row['high']))}, {p_value(float(row['p']))}"


def finding(found: Mapping[str, pd.DataFrame]) -> str:
    """Return the lift, and what contrast and lift together say of the persona."""
    worth = {name: row for name, row in _by_row(found["worth"]).items() if row["n"]}
    parts = [] if "lift" in set(found["worth"]["row"]) else ["No answers written for nobody were there, so no lift."]
    if "lift" in worth:
        nobody = float(_by_row(found["headline"])[row_of(NOBODY)]["value"])
        parts.append(f"Of the answers written for nobody {percent(nobody)} fit: lift {_worth(worth['lift'])}.")
    if worth and not any(float(row["low"]) > 0 for row in worth.values()):
        none = "Neither contrast nor lift is" if len(worth) > 1 else f"{next(iter(worth)).capitalize()} is not"
        parts.append(f"{none} shown to be above 0: nothing here says that the persona mattered.")
    return " ".join(parts)


def doubts(found: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return what missing verdicts do to contrast and lift."""
    lines, turned = [], []
    for row in found["worth"].to_dict("records"):
        total = int(row["n"]) + int(row["missing"])
        if row["n"] and row["missing"] / total > 0.05:
            lines.append(
                f"{percent(row['missing'] / total)} of pairs lack a verdict on one side: {row['row']} could lie anywhere"
                f" from {points(float(row['bound_low']))} to {points(float(row['bound_high']))}."
            )
        elif row["n"] and row["undetermined"] and row["difference"]:
            turned.append(str(row["row"]))
    if turned:
        lines.append(f"Missing verdicts alone could turn the sign of {listed(turned)}.")
    return lines
