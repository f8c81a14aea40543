"""Pairwise: how often this person's own answer is preferred, what the order did, and the rates at equal length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ..evaluations.contrast import ANOTHER, NOBODY
from ..evaluations.pairwise import ORDER_BIAS, OVER, TIES
from ..statistics.clusters import design
from ..statistics.paired import unanimous
from . import length
from .rates import LEVEL, NAN, Floats, by_row, by_variant, clusters_of, codes, headline, pairs
from .words import count, p_value, percent, plus_minus, points

_WORTH = ["row", "preferred", "low", "high", "wins", "ties", "losses", "p", "n", "missing"]


def tables(frame: pd.DataFrame, metadata: Mapping[str, Any]) -> dict[str, pd.DataFrame]:  # noqa: ARG001
    """Return ``headline`` (preferred over another's and nobody's, ties), ``worth``, ``order`` and ``length``.

    ``worth`` counts wins, ties and losses; ``p`` is the two-sided sign test of wins against losses, to which ties say
    nothing (Dixon & Mood 1946, JASA 41; where persons or questions repeat, t of the clustered mean less ½). ``order`` has
    ``order_bias`` (see ``evaluations.pairwise``) with the interval of t over the pairs, two-way clustered where they
    repeat. ``length``: see ``length.preferences``.
    """
    about = pairs(frame)
    wide = by_variant(frame).reindex(about.index) if len(frame) else pd.DataFrame()
    values = {OVER[name]: np.asarray(wide[name], float) for name in OVER if name in wide}
    if not values:
        values = {OVER[ANOTHER]: np.full(len(about), NAN)}
    turned, asked = _turned(frame, about)
    rates = headline(
        {**values, TIES: np.where(asked > 0, np.abs(turned).sum(axis=0) / np.maximum(asked, 1), NAN)}, about
    )
    bias = np.where(asked > 0, turned.sum(axis=0) / 2 / np.maximum(asked, 1), NAN)
    return {
        "headline": rates,
        "worth": pd.DataFrame([_counted(name, one, rates, about) for name, one in values.items()], columns=_WORTH),
        "order": pd.DataFrame([order_row(bias, about)]),
        "length": length.preferences(frame, OVER),
    }


def _turned(frame: pd.DataFrame, about: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return for each comparison and pair +1 (tied, the first won twice), −1 (the second) or 0, and how many were asked."""
    if frame.empty or "choice" not in frame:
        return np.zeros((1, len(about))), np.zeros(len(about))
    once = frame.drop_duplicates(["doc_id", "variant"], keep="last")
    sides, asked = [], np.zeros(len(about))
    for name in (n for n in OVER if (once["variant"] == n).any()):
        part = once[once["variant"] == name].set_index("doc_id").reindex(about.index)
        # Without votes there is no agreement: an answer that was not there was not compared.
        judged = part["personalized"].notna() & part["agreement"].notna()
        place = pd.to_numeric(part["choice"], errors="coerce")
        sides.append(np.where(judged & place.notna(), 1.0 - 2.0 * place.fillna(0.0), 0.0))
        asked += judged.to_numpy(float)
    return np.array(sides), asked


def _counted(name: str, values: Floats, rates: pd.DataFrame, about: pd.DataFrame) -> dict[str, Any]:
    known = values[~np.isnan(values)]
    wins, losses = int((known > 0.5).sum()), int((known < 0.5).sum())
    row = by_row(rates)[name]
    p = NAN
    if wins + losses:
        p = float(stats.binomtest(wins, wins + losses).pvalue)
        found = design(known, *(codes(ids)[~np.isnan(values)] for ids in clusters_of(about)))
        if found is not None and found.effect > 1 and found.stderr > 0:
            p = float(2 * stats.t.sf(abs(known.mean() - 0.5) / found.stderr, found.df))
    elif len(known):
        p = 1.0
    counted = {"wins": wins, "ties": len(known) - wins - losses, "losses": losses}
    return {
        "row": name,
        "preferred": row["value"],
        **{k: row[k] for k in ("low", "high", "n", "missing")},
        **counted,
        "p": p,
    }


def order_row(bias: Floats, about: pd.DataFrame) -> dict[str, Any]:
    """Return the mean of the pairs' ``bias`` (-½…½, NaN: nothing was asked) with t's interval, clustered, and its test.

    Where the pairs are all alike both are those of ``statistics.paired.unanimous``.
    """
    seen = ~np.isnan(bias)
    known = bias[seen]
    n = len(known)
    value = float(known.mean()) if n else NAN
    row: dict[str, Any] = {
        "row": ORDER_BIAS,
        "order_bias": value,
        "low": NAN,
        "high": NAN,
        "p": NAN,
        "n": n,
    }
    if n < 2:
        return row
    clusters = [codes(ids)[seen] for ids in clusters_of(about)]
    found = design(known, *clusters)
    error, df = float(known.std(ddof=1) / np.sqrt(n)), float(n - 1)
    if found is not None and found.effect > 1:
        error, df = found.stderr, found.df or df
    if error == 0:
        return {**row, **dict(zip(("low", "high", "p"), unanimous(known, LEVEL, clusters), strict=True))}
    reach = float(stats.t.isf((1 - LEVEL) / 2, df)) * error
    p = float(2 * stats.t.sf(abs(value) / error, df))
    return {**row, "low": max(-0.5, value - reach), "high": min(0.5, value + reach), "p": p}


def intervals(found: Mapping[str, pd.DataFrame]) -> dict[str, tuple[float, float]]:
    """Return the interval of the order's bias; the headline has those of the others."""
    return {str(r["row"]): (float(r["low"]), float(r["high"])) for r in found["order"].to_dict("records")}


def comparable(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs with what two models are compared by: whether the own answer was preferred over another's."""
    kept = frame[frame["variant"] == ANOTHER]
    return kept.assign(variant="whole")


def said(found: Mapping[str, pd.DataFrame]) -> str:
    """Return how often the own answer is preferred over another's as a sentence."""
    row = by_row(found["worth"])[OVER[ANOTHER]] if OVER[ANOTHER] in set(found["worth"]["row"]) else None
    if row is None:
        return _said(by_row(found["worth"])[OVER[NOBODY]], "one written for nobody")
    return _said(row, "one written for another person")


def _said(row: Mapping[str, Any], over: str) -> str:
    rate = plus_minus(float(row["preferred"]), float(row["low"]), float(row["high"]))
    how = f"{row['wins']:,} won, {row['ties']:,} tied, {row['losses']:,} lost"
    return (
        f"The critic preferred {rate} of answers to {over}, ties counted half"
        f" ({count(int(row['n']), 'pair')}: {how}; {p_value(float(row['p']))} against half)."
    )


def finding(found: Mapping[str, pd.DataFrame]) -> str:
    """Return the rate over nobody's, the rates at equal length, and what the order did."""
    rows, parts = by_row(found["worth"]), []
    if OVER[NOBODY] in rows and OVER[ANOTHER] in rows and rows[OVER[NOBODY]]["n"]:
        parts.append(_said(rows[OVER[NOBODY]], "one written for nobody"))
    equal = [(str(r["row"]), float(r["equal_length"])) for r in found["length"].to_dict("records")]
    at = [f"{percent(value)} {name.partition('[')[2][:-1]}" for name, value in equal if value == value]
    if at:
        parts.append(f"At equal length it would be {' and '.join(at)}.")
    order = found["order"].iloc[0]
    if order["n"]:
        ties = by_row(found["headline"])[TIES]["value"]
        shown = points(float(order["order_bias"]), float(order["low"]), float(order["high"]))
        parts.append(
            f"{percent(float(ties))} of verdicts turned with the order; the first place won {shown} beyond half."
        )
    return " ".join(parts)


def doubts(found: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return what the order and rates that show nothing do to the numbers."""
    lines = []
    order, rows = found["order"].iloc[0], by_row(found["worth"])
    ties = float(by_row(found["headline"])[TIES]["value"])
    if ties > 0.5:
        lines.append(
            f"{percent(ties)} of verdicts turned with the order: this critic hardly tells the two answers apart."
        )
    if order["n"] and (float(order["low"]) > 0 or float(order["high"]) < 0):
        place = "first" if float(order["order_bias"]) > 0 else "second"
        lines.append(
            f"The critic favours the answer that stands {place}"
            f" ({points(abs(float(order['order_bias'])))} beyond half); both orders were asked, so that ties carry it."
        )
    judged = [row for row in rows.values() if row["n"]]
    if judged and not any(float(row["low"]) > 0.5 for row in judged):
        lines.append("No rate is shown to be above half: nothing here says that the persona mattered.")
    return lines
