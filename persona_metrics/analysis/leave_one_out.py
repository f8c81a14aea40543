"""Leave-one-out: paired differences with intervals, p-values that hold jointly, and what this n could have seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

from ..evaluations.leave_one_out import ALL_LISTED, NONE_LISTED
from ..statistics.paired import Paired, detectable_difference, paired_difference, step_down_max_t
from ..statistics.rates import paired_bounds
from .rates import LEVEL, NAN, Floats, by_variant, flips, headline, two_way, whole

_COLUMNS = [
    "item",
    "dropped",
    "difference",
    "low",
    "high",
    "stderr",
    "n",
    "missing",
    "only_whole",
    "only_without",
    "p",
    "p_adjusted",
    "p_bh",
    "survives",
    "detectable",
    "bound_low",
    "bound_high",
    "undetermined",
    "stderr_two_way",
]


def tables(frame: pd.DataFrame, metadata: Mapping[str, Any]) -> dict[str, pd.DataFrame]:  # noqa: ARG001
    """Return ``headline`` (the whole persona's rate) and ``importance``, one row an item and one for all listed.

    ``p`` is McNemar's exact one, ``p_adjusted`` the step-down max-T one over all rows (family-wise: ``survives`` is
    ``p_adjusted`` ≤ 0.05), ``p_bh`` Benjamini & Hochberg's 1995 one, for exploring. ``detectable`` is the smallest true
    difference that this n would have found in four of five runs. ``missing`` counts pairs that lack a verdict on
    either side; ``undetermined`` says that those alone could turn the sign.
    """
    about, values = whole(frame)
    return {"headline": headline({"personalized": values}, about), "importance": importance(frame)}


def importance(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row a variant that leaves something out, in the order of the variants."""
    if frame.empty:
        return pd.DataFrame(columns=_COLUMNS)
    wide = by_variant(frame).sort_index()
    about = frame.drop_duplicates("doc_id").set_index("doc_id").reindex(wide.index)
    dropped = frame.drop_duplicates("variant").set_index("variant")["dropped"]
    without = [str(name) for name in wide.columns if name != "whole"]
    if not without:
        return pd.DataFrame(columns=_COLUMNS)
    first = wide["whole"].to_numpy(float)
    differences = np.stack([first - wide[name].to_numpy(float) for name in without], axis=1)
    rows = [
        {
            "item": ALL_LISTED if name == NONE_LISTED else name.removeprefix("without "),
            "dropped": ", ".join(dropped[name]),
            **_row(first, wide[name].to_numpy(float)),
            "stderr_two_way": two_way_error(differences[:, i], about),
        }
        for i, name in enumerate(without)
    ]
    p = np.array([row["p"] for row in rows])
    # A sign flip of differences in −1, 0, 1 is McNemar's exact test: random flips may not claim a smaller p than it.
    adjusted = np.maximum(step_down_max_t(differences).adjusted, p)
    exploratory = multipletests(p, method="fdr_bh")[1]
    for row, joint, bh in zip(rows, adjusted, exploratory, strict=True):
        row.update(p_adjusted=float(joint), p_bh=float(bh), survives=bool(joint <= 1 - LEVEL + 1e-12))
    return pd.DataFrame(rows, columns=_COLUMNS)


def _row(first: Floats, second: Floats) -> dict[str, Any]:
    both = ~np.isnan(first) & ~np.isnan(second)
    found = paired_difference(first[both], second[both], LEVEL)
    low, high = paired_bounds([(_known(a), _known(b)) for a, b in zip(first, second, strict=True)])
    return {
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "stderr": found.stderr,
        "n": found.n,
        "missing": int((~both).sum()),
        "only_whole": found.only_first,
        "only_without": found.only_second,
        "p": found.p,
        "detectable": _detectable(found),
        "bound_low": low,
        "bound_high": high,
        "undetermined": flips(low, high),
    }


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _detectable(found: Paired) -> float:
    if found.n < 2:
        return NAN
    # Without a discordant pair the error is 0, and yet nothing small could have been seen: take it from the interval.
    error = found.stderr or (found.high - found.low) / (2 * float(stats.norm.ppf(0.5 + LEVEL / 2)))
    return min(1.0, detectable_difference(error, LEVEL))


def two_way_error(differences: Floats, about: pd.DataFrame) -> float:
    """Return the error of a mean difference clustered by persona and question; NaN where neither repeats."""
    return two_way(differences, list(about["persona_id"]), list(about["question_id"]))["stderr_two_way"]
