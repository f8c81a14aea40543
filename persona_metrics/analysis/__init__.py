"""What lm-eval's table cannot say, from the samples of one task: intervals, adjusted p-values, pooled groups, bounds.

Pure functions over the tidy frame of ``runs.read.tidy``; one file an evaluation, found by its name. Knows no file, no model
and no lm-eval.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from typing import Any, Protocol, cast

import pandas as pd

from ..evaluations import evaluation_of
from .compare import compare
from .rates import LEVEL, SMALL
from .words import count, percent, plus_minus

Tables = Mapping[str, pd.DataFrame]


class Analysis(Protocol):
    """What a file of this package named after an evaluation offers.

    ``tables`` returns at least ``headline``. ``intervals`` names rows of lm-eval's table with their interval,
    ``said`` is the main number as a sentence where "… of answers were judged personalised" is not it, ``finding`` what the
    evaluation is about, ``doubts`` what makes its numbers mean less than they seem to. All but ``tables`` may be missing.
    """

    def tables(self, frame: pd.DataFrame, metadata: Mapping[str, Any]) -> dict[str, pd.DataFrame]: ...


def _of(name: object) -> Analysis:
    return cast(Analysis, importlib.import_module(f".{evaluation_of(name).name}", __package__))


def tables(frame: pd.DataFrame, metadata: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Return the tables of one task of one model, by ``metadata["evaluation"]``.

    ``frame`` is tidy (``runs.read.COLUMNS``), ``metadata`` what the task left in ``configs`` of results_*.json. All have
    ``headline``; the file of the evaluation says what else. A number that the verdicts do not give is NaN, never 0.
    Raises ``PersonaError`` for an evaluation that there is not.
    """
    return _of(metadata.get("evaluation")).tables(frame, metadata)


def intervals(name: object, found: Tables) -> dict[str, tuple[float, float]]:
    """Return the 95% interval of each row of lm-eval's table that has one."""
    rows = {str(r["row"]): (float(r["low"]), float(r["high"])) for r in found["headline"].to_dict("records")}
    own = getattr(_of(name), "intervals", None)
    return {**(own(found) if own else {}), **rows}


def headline(name: object, found: Tables) -> str:
    """Return the main number as a sentence that is true at 0%, at 100%, at one pair and with nothing judged."""
    rows = found.get("headline")
    if rows is None or not len(rows):
        return "There are no samples to count: lm-eval's own table is all there is."
    row = rows.iloc[0]
    judged, missing = int(row["n"]), int(row["missing"])
    if not judged and not evaluation_of(name).needs_critic:
        return f"No reply could be used in any of {count(missing, 'pair')}." if missing else "No pair was run."
    if not judged:
        return f"There is no verdict on any of {count(missing, 'pair')}." if missing else "No pair was run."
    own = getattr(_of(name), "said", None)
    if own is not None:
        return str(own(found))
    text = f"{plus_minus(*(float(row[k]) for k in ('value', 'low', 'high')))} of answers were judged personalised"
    if missing:
        return f"{text}; {missing:,} of {judged + missing:,} have no verdict."
    return f"{text} ({count(judged, 'pair')}, none without a verdict)."


def comparable(name: object, frame: pd.DataFrame) -> pd.DataFrame | None:
    """Return the frame by whose values two models are compared; None where an evaluation has no value a pair."""
    if evaluation_of(name).needs_critic:
        return frame
    own = getattr(_of(name), "comparable", None)
    return None if own is None else cast(pd.DataFrame, own(frame))


def finding(name: object, found: Tables) -> str:
    """Return what the evaluation is about as a sentence; empty where there is nothing to say."""
    own = getattr(_of(name), "finding", None)
    return str(own(found)) if own and "headline" in found else ""


def doubts(name: object, found: Tables) -> list[str]:
    """Return what makes the evaluation's own numbers mean less than they seem to, one line each."""
    rows, lines = found.get("headline"), []
    if rows is not None and len(rows):
        lines = _of_headline(rows.iloc[0])
    own = getattr(_of(name), "doubts", None)
    return lines + (list(own(found)) if own and rows is not None else [])


WIDE = 0.1
"""An interval that reaches further than this to either side leaves little to say about differences."""


def _of_headline(row: pd.Series) -> list[str]:
    lines = []
    judged, missing = int(row["n"]), int(row["missing"])
    if judged and missing / (judged + missing) > 0.05 and not math.isnan(float(row["bound_low"])):
        lines.append(
            f"{percent(missing / (judged + missing))} of pairs have no verdict: the rate could lie anywhere from"
            f" {percent(float(row['bound_low']))} to {percent(float(row['bound_high']))}."
        )
    reach = max(float(row["high"]) - float(row["value"]), float(row["value"]) - float(row["low"]))
    if reach > WIDE and "items" not in row:
        lines.append(
            f"n = {judged} is small: the 95% interval reaches {100 * reach:.0f} points to a side, and"
            " differences within it say nothing."
        )
    effect = float(row.get("design_effect", math.nan))
    if effect > 1.1:
        lines.append(
            f"Persons or questions repeat: the {count(judged, 'pair')} weigh like {judged / effect:,.0f} (design effect"
            f" {effect:.2g}). Intervals and tests here allow for it; lm-eval's ± does not, multiply it by {effect**0.5:.2g}."
        )
    return lines


__all__ = ["LEVEL", "SMALL", "comparable", "compare", "doubts", "finding", "headline", "intervals", "tables"]
