"""Leave-one-out: paired differences with intervals, p-values that hold jointly, and what this n could have seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ..evaluations.leave_one_out import ALL_LISTED, NONE_LISTED, PLACEBO, WHERE_IT_BEARS
from ..statistics.clusters import repeats
from ..statistics.multiple import holm
from ..statistics.paired import clustered_p, critical_value, detectable_difference, paired_difference, step_down_max_t
from ..statistics.rates import paired_bounds
from .rates import LEVEL, NAN, Floats, by_variant, clusters_of, codes, flips, headline, whole
from .words import count, listed, points, signed

_BEARING = [
    "item",
    "questions",
    "difference",
    "low",
    "high",
    "stderr",
    "n",
    "missing",
    "p",
    "p_adjusted",
    "survives",
    "undetermined",
    "overall",
]
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
    "design_effect",
]


def tables(frame: pd.DataFrame, metadata: Mapping[str, Any]) -> dict[str, pd.DataFrame]:  # noqa: ARG001
    """Return ``headline`` (the whole persona's rate), ``importance`` and, where it is known, ``where_it_bears``.

    ``importance`` has one row an item and one for all listed, ``where_it_bears`` one an item, over the pairs whose question
    it bears on alone (``overall`` is its importance over all): an attribute that matters on few questions is lost in the
    others. Its ``p_adjusted`` is Holm's, as the items' pairs are not the same.

    Interval and ``p`` are those of ``statistics.paired.paired_difference`` (Tango's score interval, McNemar's exact test;
    the clustered ones where persons or questions repeat). ``p_adjusted`` is the step-down max-T one over all rows
    (family-wise: ``survives`` is ``p_adjusted`` ≤ 0.05), ``p_bh`` Benjamini & Hochberg's 1995 one, for exploring.
    ``detectable`` is the smallest true difference that would survive in four of five runs of this n, simulated at the
    row's share of discordant pairs. ``missing`` counts pairs that lack a verdict on either side; ``undetermined`` says
    that those alone could turn the sign.
    """
    about, values = whole(frame)
    rows = importance(frame)
    found = {"headline": headline({"personalized": values}, about), "importance": rows}
    bearing = where_it_bears(frame, rows)
    return found if bearing.empty else {**found, "where_it_bears": bearing}


def where_it_bears(frame: pd.DataFrame, overall: pd.DataFrame) -> pd.DataFrame:
    """Return one row an item over the pairs on whose question it bears; empty where no question's source says what does."""
    if frame.empty or "decides" not in frame:
        return pd.DataFrame(columns=_BEARING)
    wide = by_variant(frame).sort_index()
    about = frame.drop_duplicates("doc_id").set_index("doc_id").reindex(wide.index)
    dropped = frame.drop_duplicates("variant").set_index("variant")["dropped"]
    bears = [frozenset((*(d or ()), *(c or ()))) for d, c in zip(about["decides"], about["colours"], strict=True)]
    questions = about["question_id"].to_numpy(object)
    people = about["persona_id"].to_numpy(object)
    of = dict(zip(overall["item"], overall["difference"], strict=True))
    rows = []
    for name in map(str, wide.columns):
        inside = np.array([not one.isdisjoint(dropped[name]) for one in bears], bool)
        if not name.startswith("without ") or not inside.any():
            continue
        clusters = [codes(list(ids[inside])) for ids in (people, questions)]
        clustered = any(repeats(ids) for ids in clusters)
        first, second = (wide[v].to_numpy(float)[inside] for v in ("whole", name))
        row = _row(first, second, clusters if clustered else ())
        item = name.removeprefix("without ")
        rows.append({**row, "item": item, "questions": len(set(questions[inside])), "overall": float(of[item])})
    if rows:
        adjusted = holm([row["p"] for row in rows])
        for row, p in zip(rows, adjusted, strict=True):
            row.update(p_adjusted=float(p), survives=bool(p <= 1 - LEVEL + 1e-12))
    return pd.DataFrame(rows, columns=_BEARING)


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
    clusters = [codes(ids) for ids in clusters_of(about)]
    clustered = any(repeats(ids) for ids in clusters)
    rows = [
        {
            "item": ALL_LISTED if name == NONE_LISTED else name.removeprefix("without "),
            "dropped": ", ".join(dropped[name]),
            **_row(first, wide[name].to_numpy(float), clusters if clustered else ()),
        }
        for name in without
    ]
    # The placebo is the noise floor, not one of the hypotheses: it may not make the others' correction dearer.
    noise = [row for row in rows if row["item"] == PLACEBO]
    rows = [row for row in rows if row["item"] != PLACEBO]
    if noise:
        differences = np.delete(differences, without.index(PLACEBO), axis=1)
        noise[0].update(p_adjusted=noise[0]["p"], p_bh=noise[0]["p"], survives=False, detectable=NAN)
    p = np.array([row["p"] for row in rows])
    joint = clustered_p(differences, clusters) if clustered else np.array(step_down_max_t(differences).adjusted)
    # A sign flip of differences in −1, 0, 1 is McNemar's exact test: random flips may not claim a smaller p than it.
    adjusted = np.maximum(joint, p)
    exploratory = stats.false_discovery_control(p)
    critical = critical_value(differences)
    for row, adjusted_p, bh in zip(rows, adjusted, exploratory, strict=True):
        row.update(p_adjusted=float(adjusted_p), p_bh=float(bh), survives=bool(adjusted_p <= 1 - LEVEL + 1e-12))
        row["detectable"] = _detectable(row, critical)
    return pd.DataFrame([*rows, *noise], columns=_COLUMNS)


def _row(first: Floats, second: Floats, clusters: Sequence[Any]) -> dict[str, Any]:
    both = ~np.isnan(first) & ~np.isnan(second)
    found = paired_difference(first[both], second[both], LEVEL, [ids[both] for ids in clusters])
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
        "bound_low": low,
        "bound_high": high,
        "undetermined": flips(low, high),
        "design_effect": found.effect,
    }


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _detectable(row: Mapping[str, Any], critical: float) -> float:
    n = int(row["n"])
    if n < 2:
        return NAN
    # Half a pair more than was seen: no discordant pair among n does not say that there are none.
    return detectable_difference(
        round(n / row["design_effect"]),
        (row["only_whole"] + row["only_without"] + 0.5) / (n + 0.5),
        critical,
        level=LEVEL,
    )


def intervals(found: Mapping[str, pd.DataFrame]) -> dict[str, tuple[float, float]]:
    """Return the intervals of the importances."""
    return {
        f"{kind}[{row['item']}]": (float(row["low"]), float(row["high"]))
        for kind, table in (("importance", "importance"), (WHERE_IT_BEARS, "where_it_bears"))
        if table in found
        for row in found[table].to_dict("records")
    }


def finding(found: Mapping[str, pd.DataFrame]) -> str:
    """Return which attributes' importances survive the correction for testing many."""
    every = found["importance"]
    rows = every[(every["n"] > 0) & (every["item"] != PLACEBO)]
    if not len(rows):
        return "No importance has a pair with both verdicts."
    kept = rows[rows["survives"].astype(bool)].sort_values("difference", ascending=False)
    if len(kept):
        named = listed(
            f"{r['item']} ({signed(float(r['difference']))} points)" for r in kept.head(5).to_dict("records")
        )
        return f"Surviving the correction for testing {len(rows)}: {named}.{_bearing(found)}{_floor(every)}"
    floor = float(rows["detectable"].median())
    found_with = (
        f" A difference below {100 * floor:.0f} points would survive in fewer than four of five runs of this n."
        if 0 < floor < 1
        else " So few pairs could not show any difference."
    )
    none = "The one importance does not survive" if len(rows) == 1 else f"None of {len(rows)} importances survives"
    return f"{none} the test.{found_with}{_bearing(found)}{_floor(every)}"


def _bearing(found: Mapping[str, pd.DataFrame]) -> str:
    """Return what survives among the questions that an attribute bears on."""
    rows = found.get("where_it_bears", pd.DataFrame(columns=_BEARING))
    kept = rows[rows["survives"].astype(bool)].sort_values("difference", ascending=False)
    if not len(kept):
        return ""
    named = listed(
        f"{r['item']} ({signed(float(r['difference']))} points of {count(int(r['n']), 'pair')}; over all"
        f" {signed(float(r['overall']))})"
        for r in kept.head(5).to_dict("records")
    )
    return f" Among the questions on which it bears: {named}."


def _floor(rows: pd.DataFrame) -> str:
    placebo = rows[(rows["item"] == PLACEBO) & (rows["n"] > 0)].to_dict("records")
    if not placebo:
        return ""
    row = placebo[0]
    moved = int(row["only_whole"]) + int(row["only_without"])
    return (
        f" Asking the whole persona twice (placebo) moved {count(moved, 'verdict')} of {int(row['n']):,}:"
        f" {points(*(float(row[k]) for k in ('difference', 'low', 'high')))} is noise of sampling and critic."
    )


def doubts(found: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return what missing verdicts and a small n do to the importances."""
    rows, lines = found["importance"], []
    rows = rows[rows["item"] != PLACEBO]
    if not len(rows):
        return []
    # Nothing judged and a difference of exactly 0 have no sign to turn.
    turned = rows[rows["undetermined"].astype(bool) & (rows["difference"].abs() > 0)]
    if len(turned):
        lines.append(
            f"Missing verdicts alone could turn the sign of {count(len(turned), 'importance')}: {listed(turned['item'])}."
        )
    if not rows["survives"].any() and (rows["n"] > 1).any():
        largest, floor = float(rows["difference"].abs().max()), float(rows["detectable"].median())
        # Where nothing moved at all there is no order to be misread.
        if 0 < largest < floor:
            lines.append(
                f"The importances shown (at most {100 * largest:.0f} points) are smaller than what would survive in four of"
                f" five runs of this n ({100 * floor:.0f} points): their order is mostly chance."
            )
    return lines
