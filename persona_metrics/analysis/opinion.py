"""Opinion: skill and steer with their intervals, over all items, by grouping and by topic, and every difference. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..evaluations.base import row_of
from ..evaluations.opinion import TOPIC, Cells, cells, mean_shares
from ..statistics.opinion import Bootstrap, Estimate, GroupAnswer, OpinionScore, score, score_by
from .rates import HEADLINE, NAN, by_row
from .words import count

_BY = [
    "by",
    "name",
    "skill",
    "skill_low",
    "skill_high",
    "ceiling",
    "steer",
    "steer_low",
    "steer_high",
    "steer_corrected",
    "items",
    "cells",
]
_DIFFERENCES = ["item", "topic", "grouping", "group", "option", "survey", "model", "true", "modelled", "n_effective"]


def tables(frame: pd.DataFrame, metadata: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Return ``headline`` (one row a measure), ``by`` (groupings and topics) and ``differences``.

    ``n`` of the headline are documents (an item and a persona) with an answer, ``missing`` those without. Intervals are by
    bootstrap over items. ``differences`` has each group's share of each option less that of the item's groups together,
    surveyed and modelled: what ``steer`` is the slope of.
    """
    found, answered, asked = _cells(frame, metadata)
    bootstrap = Bootstrap(model_n=found.model_n(metadata.get("mode"), int(metadata.get("k") or 1)))
    total = score(found.answers, bootstrap)
    rows = [_row(name, getattr(total, name), answered, asked) for name in ("skill", "steer", "steer_corrected")]
    rows += [_row("ceiling", Estimate(total.ceiling, NAN, NAN, total.items), answered, asked)]
    rows += [_row("skill_ordinal", total.skill_ordinal, answered, asked)]
    return {
        "headline": pd.DataFrame(rows, columns=[*HEADLINE, "items"]),
        "by": pd.DataFrame([*_by("grouping", found, bootstrap), *_by("topic", found, bootstrap)], columns=_BY),
        "differences": pd.DataFrame(differences(found.answers), columns=_DIFFERENCES),
    }


def _cells(frame: pd.DataFrame, metadata: Mapping[str, Any]) -> tuple[Cells, int, int]:
    shares, people = {}, {}
    asked = 0
    for (item, persona), rows in frame.groupby(["question_id", "persona_id"], sort=False):
        asked += 1
        people[str(persona)] = rows["persona"].iloc[0]
        if (answer := mean_shares(rows["shares"])) is not None:
            shares[str(item), str(persona)] = answer
    groupings = [str(name) for name in metadata.get("groupings") or ()]
    return cells(shares, people, groupings), len(shares), asked


def _row(name: str, found: Estimate, answered: int, asked: int) -> dict[str, Any]:
    return {
        "row": name,
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "n": answered,
        "missing": asked - answered,
        "undetermined": answered == 0,
        "items": found.n,
        **dict.fromkeys(("stderr", "bound_low", "bound_high", "partial_low", "partial_high"), NAN),
        "design_effect": NAN,
    }


def _by(kind: Literal["topic", "grouping"], found: Cells, bootstrap: Bootstrap) -> Iterable[dict[str, Any]]:
    for name, part in score_by(found.answers, kind, bootstrap).items():
        yield {"by": kind, "name": name, **_flat(part)}


def _flat(part: OpinionScore) -> dict[str, Any]:
    return {
        "skill": part.skill.value,
        "skill_low": part.skill.low,
        "skill_high": part.skill.high,
        "ceiling": part.ceiling,
        "steer": part.steer.value,
        "steer_low": part.steer.low,
        "steer_high": part.steer.high,
        "steer_corrected": part.steer_corrected.value,
        "items": part.items,
        "cells": part.cells,
    }


def differences(answers: Iterable[GroupAnswer]) -> list[dict[str, Any]]:
    """Return one row a cell and option: shares, and how far they are from those of the item's groups together."""
    blocks: dict[tuple[str, str], list[GroupAnswer]] = {}
    for answer in answers:
        if answer.model:
            blocks.setdefault((answer.item, answer.grouping), []).append(answer)
    rows = []
    for (item, grouping), block in blocks.items():
        weight = np.array([a.n_effective for a in block])
        survey, model = np.array([a.survey for a in block]), np.array([a.model for a in block])
        means = [np.average(shares, axis=0, weights=weight) for shares in (survey, model)]
        for i, answer in enumerate(block):
            for option in range(survey.shape[1]):
                rows.append(
                    {
                        "item": item,
                        "topic": answer.topic,
                        "grouping": grouping,
                        "group": answer.group,
                        "option": option,
                        "survey": float(survey[i, option]),
                        "model": float(model[i, option]),
                        "true": float(survey[i, option] - means[0][option]),
                        "modelled": float(model[i, option] - means[1][option]),
                        "n_effective": answer.n_effective,
                    }
                )
    return rows


def intervals(found: Mapping[str, pd.DataFrame]) -> dict[str, tuple[float, float]]:
    """Return the intervals of skill and steer by grouping and topic."""
    ends = {}
    for row in found["by"].to_dict("records"):
        name = f"{TOPIC}{row['name']}" if row["by"] == "topic" else str(row["name"])
        for measure in ("skill", "steer"):
            ends[row_of(name, measure)] = (float(row[f"{measure}_low"]), float(row[f"{measure}_high"]))
    return ends


def said(found: Mapping[str, pd.DataFrame]) -> str:
    """Return skill and steer as a sentence, each with what its ends mean."""
    rows = by_row(found["headline"])
    items, noise = count(int(rows["skill"]["items"]), "item"), float(rows["ceiling"]["value"])
    return (
        f"Skill {_value(rows['skill'])} over {items} (0: says what the average person says; the survey's own noise allows"
        f" {noise:.2f}), steer {_value(rows['steer'])} (0: ignores the group, 1: right, above 1: exaggerates)."
    )


def _value(row: Mapping[str, Any]) -> str:
    value, low, high = (float(row[k]) for k in ("value", "low", "high"))
    if math.isnan(value):
        return "not to be had"
    return f"{value:.2f}" if math.isnan(low) else f"{value:.2f} ({low:.2f} to {high:.2f})"


def finding(found: Mapping[str, pd.DataFrame]) -> str:
    """Return in words what the two numbers say of the groups."""
    rows = by_row(found["headline"])
    skill, steer = rows["skill"], rows["steer"]
    if math.isnan(float(skill["low"])) or math.isnan(float(steer["low"])):
        return "Too few items for an interval."
    parts = []
    if float(skill["high"]) < 0:
        parts.append("What it says of groups is farther from the survey than the average person's opinion is")
    elif float(skill["low"]) > 0:
        parts.append("It knows something of the groups that the average person does not tell")
    else:
        parts.append("What it says of groups is not shown to be nearer to the survey than the average person's opinion")
    if float(steer["low"]) > 1:
        parts.append("it exaggerates how they differ")
    elif float(steer["high"]) < 1 and float(steer["low"]) > 0:
        parts.append("it makes them differ less than they do")
    elif float(steer["low"]) <= 0 <= float(steer["high"]):
        parts.append("it is not shown to move with the group at all")
    elif float(steer["high"]) < 0:
        parts.append("it moves against the group")
    return f"{', and '.join(parts)}."


def doubts(found: Mapping[str, pd.DataFrame]) -> list[str]:
    """Say where few items leave little to say, and what personas do to the ceiling."""
    row = by_row(found["headline"])["skill"]
    if int(row["items"]) >= 30:
        return []
    return [
        f"{count(int(row['items']), 'item')} of 141: intervals over so few items are wide, and a group is the few personas"
        " that were asked (raise n)."
    ]
