"""What lm-eval's table cannot say, from the samples of one task: intervals, adjusted p-values, pooled groups, bounds.

Pure functions over the tidy frame of ``runs.read.tidy``; one file an evaluation, found by its name. Knows no file, no model
and no lm-eval.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from typing import Any, Protocol, cast

import numpy as np
import pandas as pd

from ..errors import PersonaError, shorten
from ..evaluations import evaluation_of
from ..evaluations.facts import fact_of
from .compare import compare
from .rates import LEVEL, SMALL, TIED
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
    ``headline``, with ``replies``, how many of them were ``unanswered`` and of how many the votes ``tied``; the file of the
    evaluation says what else.
    A number that the verdicts do not give is NaN, never 0.
    Raises ``PersonaError`` for an evaluation that there is not, and for samples that are none of it.
    """
    name = metadata.get("evaluation")
    own = _of(name)
    try:
        with np.errstate(all="ignore"):
            found = own.tables(frame, metadata)
    except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise PersonaError(
            f"the samples do not fit evaluation {name!r} ({type(error).__name__}: {shorten(error, 80)}); was a file edited?"
        ) from None
    found["headline"] = found["headline"].assign(**_counts(frame))
    return found


def _counts(frame: pd.DataFrame) -> dict[str, int]:
    """Return the replies behind the headline, how many held no answer (no critic saw them) and of how many the votes tied.

    ``verdicts`` and ``ties`` count all that was judged, for other people and without the persona, too.
    """
    if "answer_failure" not in frame or frame.empty:
        return dict.fromkeys(("replies", "unanswered", "tied", "verdicts", "ties"), 0)
    tied = frame["missing"] == TIED if "missing" in frame else pd.Series(data=False, index=frame.index)
    own = (frame["variant"] == "whole") | (frame["attempt"] > 0)
    answered = frame["answer_failure"].isna()
    return {
        "replies": int(own.sum()),
        "unanswered": int((own & ~answered).sum()),
        "tied": int((own & tied).sum()),
        "verdicts": int(answered.sum()),
        "ties": int(tied.sum()),
    }


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
        if not missing:
            return "No pair was run."
        of = "the one pair" if missing == 1 else f"any of {count(missing, 'pair')}"
        return f"There is no verdict on {of}{_tied(row, missing)}."
    replies, unanswered = int(row.get("replies", 0)), int(row.get("unanswered", 0))
    if unanswered and unanswered == replies:
        if replies == 1:
            return "The one reply held no answer: the critic was not asked, and it counts as not personalised."
        return f"None of {replies:,} replies held an answer: the critic was never asked, and all count as not personalised."
    own = getattr(_of(name), "said", None)
    if own is not None:
        return str(own(found))
    text = f"{plus_minus(*(float(row[k]) for k in ('value', 'low', 'high')))} of answers were judged personalised"
    counted = f"count{'s' if unanswered == 1 else ''} as not personalised"
    without = f"; {unanswered:,} of {replies:,} replies held no answer and {counted}" if unanswered else ""
    if missing:
        have = "has" if missing == 1 else "have"
        return f"{text}; {missing:,} of {judged + missing:,} {have} no verdict{_tied(row, missing)}{without}."
    if unanswered:
        return f"{text} ({count(judged, 'pair')}{without}, none of the others lacks a verdict)."
    return f"{text} ({count(judged, 'pair')}, none without a verdict)."


def _tied(row: pd.Series, missing: int) -> str:
    tied = int(row.get("tied", 0))
    if not tied:
        return ""
    return " (the votes tied)" if tied == missing else f" ({tied:,} of them tied)"


def comparable(name: object, frame: pd.DataFrame) -> pd.DataFrame | None:
    """Return the frame by whose values two models are compared; None where an evaluation has no value a pair."""
    own = getattr(_of(name), "comparable", None)
    if own is not None:
        return cast(pd.DataFrame, own(frame))
    return frame if evaluation_of(name).needs_critic else None


def finding(name: object, found: Tables) -> str:
    """Return what the evaluation is about as a sentence; empty where there is nothing to say."""
    own = getattr(_of(name), "finding", None)
    return str(own(found)) if own and "headline" in found else ""


def doubts(name: object, found: Tables) -> list[str]:
    """Return what makes the evaluation's own numbers mean less than they seem to, one line each."""
    rows, lines = found.get("headline"), []
    if rows is not None and len(rows):
        lines = _of_headline(
            rows.iloc[0], fact_of(str(rows["row"].iloc[0]), evaluation_of(name).rows).unit == "proportion"
        )
        if ties := int(rows["ties"].iloc[0]):
            of = int(rows["verdicts"].iloc[0])
            lines.append(
                f"Of {count(of, 'verdict')} {ties:,} ({percent(ties / of)}) {'is' if ties == 1 else 'are'} missing because"
                " the votes tied; an odd number of votes always decides."
            )
    own = getattr(_of(name), "doubts", None)
    return lines + (list(own(found)) if own and rows is not None else [])


WIDE = 0.1
"""An interval that reaches further than this to either side leaves little to say about differences."""


def _of_headline(row: pd.Series, share: bool) -> list[str]:
    lines = []
    judged, missing = int(row["n"]), int(row["missing"])
    if judged and missing / (judged + missing) > 0.05 and not math.isnan(float(row["bound_low"])):
        lines.append(
            f"{percent(missing / (judged + missing))} of pairs have no verdict: the rate could lie anywhere from"
            f" {percent(float(row['bound_low']))} to {percent(float(row['bound_high']))}."
        )
    reach = max(float(row["high"]) - float(row["value"]), float(row["value"]) - float(row["low"]))
    if share and reach > WIDE and "items" not in row:
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
