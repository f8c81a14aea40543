"""What all tables share: a rate with its interval, its clustered error, and its bounds from missing verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ..statistics.rates import clustered_errors, effective_n, imbens_manski, wilson

Floats = NDArray[np.float64]

LEVEL = 0.95
"""Confidence level of every interval here."""
SMALL = 30
"""Below so many judged pairs a group's rate is called small."""
NAN = float("nan")

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
    "stderr_two_way",
    "low_two_way",
    "high_two_way",
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


def summary(values: ArrayLike) -> dict[str, Any]:
    """Return value, interval, error, count and bounds of a mean of values in 0…1 (NaN: missing), array of shape (n,).

    Wilson's interval (for values between 0 and 1 with the effective n that their variance gives), so that no failure
    in ten pairs does not read as certainty. ``bound_low`` and ``bound_high`` fill every missing value with 0 and 1.
    """
    given = np.asarray(values, float)
    known = given[~np.isnan(given)]
    n, missing = len(known), len(given) - len(known)
    value = float(known.mean()) if n else NAN
    low, high = wilson(value, effective_n(known), LEVEL) if n else (NAN, NAN)
    return {
        "value": value,
        "low": low,
        "high": high,
        "stderr": float(known.std(ddof=1) / np.sqrt(n)) if n > 1 else NAN,
        "n": n,
        "missing": missing,
        "bound_low": float(known.sum() / len(given)) if len(given) else NAN,
        "bound_high": float((known.sum() + missing) / len(given)) if len(given) else NAN,
    }


def two_way(values: ArrayLike, first: Sequence[Any], second: Sequence[Any]) -> dict[str, float]:
    """Return error and interval of a mean where personas or questions repeat; NaN where none does.

    The interval is Wilson's with the effective n of the clustered error and t with the degrees of freedom of the
    fewer clusters.
    """
    given = np.asarray(values, float)
    seen = ~np.isnan(given)
    one, two = (np.asarray(pd.factorize(np.asarray(ids, object)[seen])[0]) for ids in (first, second))
    size = int(seen.sum())
    nothing = {"stderr_two_way": NAN, "low_two_way": NAN, "high_two_way": NAN}
    if size < 2 or (len(set(one)) == size and len(set(two)) == size):
        return nothing
    found = clustered_errors(given[seen], one, two)
    if not found.df:
        return nothing
    mean = found.mean
    if not 0 <= mean <= 1:
        # A mean of differences: it has an error, but no interval of a rate.
        return {**nothing, "stderr_two_way": found.two_way}
    width = mean * (1 - mean)
    neff = width / found.two_way**2 if found.two_way > 0 and width > 0 else float(min(found.df + 1, size))
    low, high = wilson(mean, neff, LEVEL, df=found.df)
    return {"stderr_two_way": found.two_way, "low_two_way": low, "high_two_way": high}


def headline(rows: Mapping[str, ArrayLike], about: pd.DataFrame) -> pd.DataFrame:
    """Return one row a named array of the pairs' values, aligned with ``about`` (``pairs``).

    ``partial_low`` and ``partial_high`` are the interval that holds whatever the missing verdicts are (``partial``).
    A rate has no sign to flip: ``undetermined`` is True only where not one verdict is there.
    """
    made = []
    for name, values in rows.items():
        row = {"row": name, **summary(values), **two_way(values, list(about["persona_id"]), list(about["question_id"]))}
        made.append({**row, **partial(values), "undetermined": row["n"] == 0})
    return pd.DataFrame(made, columns=list(HEADLINE))


def partial(values: ArrayLike) -> dict[str, float]:
    """Return the interval of 0/1 verdicts that holds whatever the missing ones (NaN) are, within 0…1.

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
        low, high = wilson(good / total, total, LEVEL)[0], wilson((good + missing) / total, total, LEVEL)[1]
    else:
        found = imbens_manski(good, len(known) - good, missing, LEVEL)
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
