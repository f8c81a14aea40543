"""Choice: adapts and stays with their intervals, over all pairs and by attribute. Knows no file and no model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..evaluations.base import WHOLE, row_of
from ..evaluations.choice import CHANGED, NOBODY, UNRELATED
from .rates import NAN, SMALL, Floats, by_row, clusters_of, headline, pairs, summary
from .words import count, listed, percent, plus_minus

_COLUMNS = ["row", "attribute", "rate", "low", "high", "n", "missing", "small"]


def tables(frame: pd.DataFrame, metadata: Mapping[str, Any]) -> dict[str, pd.DataFrame]:  # noqa: ARG001
    """Return ``headline`` (adapts, stays, acc, prior) and ``by_attribute`` (adapts by what decides, stays by what must not).

    A document is a pair: its two sides, or its pick before and after, make one value. ``small`` marks fewer than 30 pairs.
    """
    about = pairs(frame)
    sides = _sides(frame, about)
    rows = {name: sides[name] for name in ("adapts", "stays", "acc", "prior")}
    listed_rows = []
    for row, by in (("adapts", "changed"), ("stays", "unrelated")):
        for attribute in sorted(set(sides[by]) - {""}):
            inside = sides[by] == attribute
            found = summary(rows[row][inside], [np.asarray(ids, object)[inside] for ids in clusters_of(about)])
            small = found["n"] < SMALL
            listed_rows.append({**found, "row": row, "attribute": attribute, "rate": found["value"], "small": small})
    return {
        "headline": headline(rows, about),
        "by_attribute": pd.DataFrame(listed_rows, columns=_COLUMNS),
    }


def _sides(frame: pd.DataFrame, about: pd.DataFrame) -> dict[str, Any]:
    """Return each document's values (NaN: missing) and the two attributes that were changed, aligned with ``about``."""
    once = frame.drop_duplicates(["doc_id", "variant"], keep="last")
    parts = {name: _part(once, begins, about) for name, begins in _PARTS.items()}
    right = {name: part["personalized"].to_numpy(float) for name, part in parts.items()}
    own, other = right["own"], right["changed"]
    picked, after = (parts[name]["choice"].astype(object) for name in ("own", "unrelated"))
    known = ~np.isnan(own) & ~np.isnan(right["unrelated"])
    same = np.array([a is not None and a == b for a, b in zip(picked, after, strict=True)], float)
    return {
        "adapts": own * other,
        "acc": (own + other) / 2,
        "stays": np.where(known, same, NAN),
        "prior": right["nobody"],
        "changed": parts["changed"]["attribute"].to_numpy(object),
        "unrelated": parts["unrelated"]["attribute"].to_numpy(object),
    }


_PARTS = {"own": WHOLE, "changed": CHANGED, "unrelated": UNRELATED, "nobody": NOBODY}


def _part(once: pd.DataFrame, begins: str, about: pd.DataFrame) -> pd.DataFrame:
    part = once[once["variant"].astype(str).str.startswith(begins)].drop_duplicates("doc_id").set_index("doc_id")
    part = part.assign(attribute=part["variant"].astype(str).str.slice(len(begins))).reindex(about.index)
    return part.assign(attribute=part["attribute"].fillna(""))


def comparable(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row a document whose value is ``adapts``: what two models are compared by."""
    about = pairs(frame)
    values: Floats = _sides(frame, about)["adapts"]
    once = (
        frame[frame["variant"] == WHOLE].drop_duplicates("doc_id").set_index("doc_id", drop=False).reindex(about.index)
    )
    return once.assign(personalized=values).reset_index(drop=True)


def intervals(found: Mapping[str, pd.DataFrame]) -> dict[str, tuple[float, float]]:
    """Return the intervals of the rows by attribute."""
    return {
        row_of(str(r["attribute"]), str(r["row"])): (float(r["low"]), float(r["high"]))
        for r in found["by_attribute"].to_dict("records")
    }


def said(found: Mapping[str, pd.DataFrame]) -> str:
    """Return both main numbers as a sentence, each beside what guessing and what ignoring the persona give."""
    rows = by_row(found["headline"])
    adapts, stays = (plus_minus(*(float(rows[r][k]) for k in ("value", "low", "high"))) for r in ("adapts", "stays"))
    pairs_ = count(int(rows["adapts"]["n"]), "pair")
    lost = int(rows["adapts"]["missing"])
    return (
        f"The pick adapts in {adapts} of {pairs_} where the person's case changes (guessing gives about 25%, ignoring the"
        f" person 0%), and stays in {stays} where it should (guessing about 50%, ignoring the person 100%)"
        f"{f'; {lost:,} have no reply' if lost else ''}."
    )


def finding(found: Mapping[str, pd.DataFrame]) -> str:
    """Return accuracy beside chance and prior, and the attributes that stand out."""
    rows = by_row(found["headline"])
    acc, prior = (plus_minus(*(float(rows[r][k]) for k in ("value", "low", "high"))) for r in ("acc", "prior"))
    text = (
        f"Of all picks with a persona {acc} are right (chance about 50%); without one {prior} fit the person as it is."
    )
    table = found["by_attribute"]
    low = table[(table["row"] == "stays") & (table["high"] < float(rows["stays"]["value"]))]
    if len(low):
        named = [f"{r['attribute']} ({percent(float(r['rate']))})" for r in low.to_dict("records")]
        text += f" Changes that should not matter turn the pick most often in {listed(named)}."
    return text


def doubts(found: Mapping[str, pd.DataFrame]) -> list[str]:
    """Say where the numbers cannot be told from guessing, or from not looking at the person."""
    rows = by_row(found["headline"])
    adapts = rows["adapts"]
    if not int(adapts["n"]):
        return []
    if float(adapts["low"]) <= 0.25 <= float(adapts["high"]):
        return ["adapts cannot be told from guessing (25%)."]
    if float(adapts["high"]) < 0.25 and float(rows["stays"]["value"]) > 0.5:
        return ["adapts is below what guessing gives (25%): mostly the same option is picked, whoever asks."]
    return []
