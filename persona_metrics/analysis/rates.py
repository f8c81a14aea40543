"""What all tables share: a rate with its interval, its clustered error, and its bounds from missing verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ..personas import QUESTION_GROUPS
from ..statistics.clusters import design
from ..statistics.rates import effective_n, imbens_manski, wilson

Floats = NDArray[np.float64]

LEVEL = 0.95
"""Confidence level of every interval here."""
SMALL = 30
"""Below so many judged pairs a group's rate is called small."""
NAN = float("nan")
TIED = "tie"
"""What samples say of a verdict that is missing because its votes cancel each other out (``critic.Reason.TIE``)."""

HEADLINE = (
    "row",
    "value",
    "low",
    "high",
    "stderr",
    "n",
    "missing",
    "bound_low",
    "bound_high",
    "undetermined",
    "design_effect",
    "partial_low",
    "partial_high",
)


def by_variant(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row a pair and one column a variant, in their order, holding ``personalized`` (NaN: missing)."""
    once = frame.drop_duplicates(["doc_id", "variant"], keep="last")
    names = list(dict.fromkeys(once["variant"]))
    wide = once.set_index(["doc_id", "variant"])["personalized"].unstack("variant")
    return wide.reindex(columns=names).astype(float)


def pairs(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row a pair, indexed by ``doc_id``, with its persona and question."""
    return frame.drop_duplicates("doc_id").set_index("doc_id").sort_index()


def summary(values: ArrayLike, clusters: Sequence[Sequence[Any]] = ()) -> dict[str, Any]:
    """Return value, interval, error, count and bounds of a mean of values in 0…1 (NaN: missing), array of shape (n,).

    Wilson's interval (for values between 0 and 1 with the effective n that their variance gives), so that no failure
    in ten pairs does not read as certainty. ``clusters`` are each value's persona and question: where one repeats, error
    and interval are the two-way clustered ones and ``design_effect`` is above 1 (Korn & Graubard 1998: Wilson with the
    effective n and t's quantile). ``bound_low`` and ``bound_high`` fill every missing value with 0 and 1.
    """
    given = np.asarray(values, float)
    seen = ~np.isnan(given)
    known = given[seen]
    n, missing = len(known), len(given) - len(known)
    value = float(known.mean()) if n else NAN
    found = design(known, *(codes(ids)[seen] for ids in clusters)) if clusters and n else None
    effect, df = (1.0, None) if found is None else (found.effect, found.df)
    low, high = wilson(value, effective_n(known) / effect, LEVEL, df) if n else (NAN, NAN)
    naive = float(known.std(ddof=1) / np.sqrt(n)) if n > 1 else NAN
    return {
        "value": value,
        "low": low,
        "high": high,
        "stderr": naive if found is None else found.stderr,
        "n": n,
        "missing": missing,
        "bound_low": float(known.sum() / len(given)) if len(given) else NAN,
        "bound_high": float((known.sum() + missing) / len(given)) if len(given) else NAN,
        "design_effect": effect if n else NAN,
    }


def codes(ids: Sequence[Any]) -> NDArray[np.intp]:
    """Return ids as numbers, equal where the ids are; an id that is not there (None) is one of its own."""
    found = pd.factorize(np.asarray(ids, object))[0]
    unknown = found < 0
    found[unknown] = found.max(initial=-1) + 1 + np.arange(int(unknown.sum()))
    return np.asarray(found)


def clusters_of(about: pd.DataFrame) -> tuple[list[Any], list[Any]]:
    """Return the pairs' personas and questions, for ``summary`` and the paired tests."""
    return list(about["persona_id"]), list(about["question_id"])


def headline(rows: Mapping[str, ArrayLike], about: pd.DataFrame) -> pd.DataFrame:
    """Return one row a named array of the pairs' values, aligned with ``about`` (``pairs``).

    ``partial_low`` and ``partial_high`` are the interval that holds whatever the missing verdicts are (``partial``).
    A rate has no sign to flip: ``undetermined`` is True only where not one verdict is there.
    """
    made = []
    for name, values in rows.items():
        row = {"row": name, **summary(values, clusters_of(about))}
        ends = partial(values, float(row["design_effect"]))
        if row["design_effect"] > 1:
            # Few clusters ask for t's quantile, which the other interval has.
            ends = {
                "partial_low": min(ends["partial_low"], row["low"]),
                "partial_high": max(ends["partial_high"], row["high"]),
            }
        made.append({**row, **ends, "undetermined": row["n"] == 0})
    return pd.DataFrame(made, columns=list(HEADLINE))


def partial(values: ArrayLike, effect: float = 1.0) -> dict[str, float]:
    """Return the interval of 0/1 verdicts that holds whatever the missing ones (NaN) are, within 0…1.

    ``effect`` is the design effect: so many pairs weigh like one where persons or questions repeat.

    Imbens and Manski's; with a bound within ten verdicts of 0 or 1, where its normal error is too small, the ends of
    Wilson's intervals of the two bounds.
    """
    given = np.asarray(values, float)
    known = given[~np.isnan(given)]
    if not len(given) or not np.isin(known, (0.0, 1.0)).all():
        return {"partial_low": NAN, "partial_high": NAN}
    good, total = int(known.sum()), len(given)
    missing = total - len(known)
    if min(good, len(known) - good) < 10:
        size = total / effect
        low, high = wilson(good / total, size, LEVEL)[0], wilson((good + missing) / total, size, LEVEL)[1]
    else:
        found = imbens_manski(good / effect, (len(known) - good) / effect, missing / effect, LEVEL)
        low, high = found.low, found.high
    return {"partial_low": max(0.0, low), "partial_high": min(1.0, high)}


def flips(low: float, high: float) -> bool:
    """Return whether the missing verdicts alone decide the sign: the bounds lie on both sides of 0."""
    return low < 0 < high


def whole(frame: pd.DataFrame) -> tuple[pd.DataFrame, Floats]:
    """Return the pairs and the whole persona's values, aligned."""
    about = pairs(frame)
    if frame.empty:
        return about, np.array([])
    return about, by_variant(frame).reindex(about.index)["whole"].to_numpy(float)


def by_row(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return a table's rows by their name."""
    return {str(row["row"]): {str(k): v for k, v in row.items()} for row in table.to_dict("records")}


def column_of(about: pd.DataFrame, column: str) -> list[str | None]:
    """Return what the pairs' questions have in ``topic``, ``kind`` or a column of their file; nothing where none has it."""
    if column in QUESTION_GROUPS:
        values = list(about[column]) if column in about else []
    else:
        values = [dict(held or ()).get(column) for held in about.get("columns", ())]
    found = [None if value is None or value != value else str(value) for value in values]
    return found if any(value is not None for value in found) else []
