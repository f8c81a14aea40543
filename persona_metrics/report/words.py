"""What a report says in words: headlines, captions, and the warnings that stand before any number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from .load import Entry
from .tables import Comparison, TaskTables

EVALUATIONS = {
    "main": "Main",
    "leave_one_out": "Leave-one-out",
    "intersectionality": "Intersectionality",
    "pass_at_k": "Pass@k",
}
WIDE = 0.1
"""An interval that reaches further than this to either side leaves little to say about differences."""


@dataclass(frozen=True)
class Warning:
    """One line, and the tasks (with their models) that it is about."""

    text: str
    about: str = ""


def percent(value: float) -> str:
    """Return a share as per cent; rounding never claims all or nothing."""
    if math.isnan(value):
        return "–"
    rounded = f"{100 * value:.0f}"
    if rounded == "100" and value < 1:
        return "over 99%"
    return "under 1%" if rounded == "0" and value > 0 else f"{rounded}%"


def plus_minus(value: float, low: float, high: float) -> str:
    """Return ``62% ± 5``, or both ends where the interval is lopsided."""
    if math.isnan(low) or math.isnan(high):
        return percent(value)
    down, up = 100 * (value - low), 100 * (high - value)
    if abs(down - up) < 1.5 and 0.01 < value < 0.99:
        return f"{percent(value)} ± {max(down, up):.0f}"
    return f"{percent(value)} ({100 * low:.0f} to {100 * high:.0f})"


def count(number: int, noun: str) -> str:
    """Return ``1 pair`` or ``300 pairs``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def headline(table: TaskTables) -> str:
    """Return the task's main number as a sentence."""
    entry = table.entry
    if table.headline is None or not len(table.headline):
        return "There are no samples to count: lm-eval's own table is all there is."
    row = table.headline.iloc[0]
    judged = int(row["n"])
    if not judged:
        return f"The critic gave no verdict on any of {count(int(row['missing']), 'pair')}."
    said = plus_minus(float(row["value"]), float(row["low"]), float(row["high"]))
    if entry.evaluation == "pass_at_k":
        last = table.headline.iloc[-1]
        k = str(last["row"]).partition("@")[2]
        most = plus_minus(float(last["value"]), float(last["low"]), float(last["high"]))
        return f"{said} of single attempts were judged personalised; with {k} attempts at least one was for {most} of pairs."
    text = f"{said} of answers were judged personalised"
    missing = int(row["missing"])
    total = judged + missing
    if missing:
        return f"{text}; on {missing:,} of {total:,} the critic gave no verdict."
    return f"{text}; the critic gave a verdict on all {total:,}."


def finding(table: TaskTables) -> str:
    """Return the second sentence of a task: what its own evaluation is about."""
    tables = table.tables
    if "importance" in tables and len(tables["importance"]):
        rows = tables["importance"]
        kept = rows[rows["survives"].astype(bool)].sort_values("difference", ascending=False)
        if not len(kept):
            return (
                f"None of {len(rows)} importances survives the correction for testing many. Differences below"
                f" {100 * float(rows['detectable'].median()):.0f} points could hardly have been found with this n."
            )
        named = ", ".join(f"{r['item']} ({100 * r['difference']:+.0f} points)" for _, r in kept.head(5).iterrows())
        return f"Surviving the correction for testing many: {named}."
    if "groups" in tables and len(tables["groups"]):
        row = tables["groups"].iloc[0]
        if not row["groups"] or not isinstance(row["worst_group_name"], str):
            return "No intersection has enough judged pairs."
        p = float(row["homogeneity_p"])
        if math.isinf(float(row.get("prior_n", math.nan))) or float(row["between_group_sd"]) == 0.0:
            return f"The {int(row['groups'])} groups differ no more than chance makes them (homogeneity p = {p:.2g})."
        return (
            f"Lowest of {int(row['groups'])} groups: {row['worst_group_name']}, {percent(float(row['worst_group']))}"
            f" pooled; between-group spread {100 * float(row['between_group_sd']):.1f} points (homogeneity p = {p:.2g})."
        )
    if "attempts" in tables and len(tables["attempts"]):
        rows = tables["attempts"]
        share = float(rows[rows["capped"].astype(bool)]["pairs"].sum()) / (float(rows["pairs"].sum()) or 1.0)
        return f"For {percent(share)} of pairs no attempt succeeded."
    return ""


def caption(entry: Entry, n: int | None = None) -> str:
    """Return what every figure says of itself: n, model, critic."""
    meta = entry.task.metadata
    pairs = n if n is not None else entry.data.frame["doc_id"].nunique()
    return (
        f"n = {pairs:,} pairs · model {entry.label} · critic {meta.get('critic_model') or 'none'} · mode {entry.mode}."
    )


def warnings(tables: Sequence[TaskTables], comparisons: Sequence[Comparison]) -> list[Warning]:
    """Return everything that makes these numbers mean less than they seem to, the gravest first."""
    found: list[Warning] = []
    for table in tables:
        found += [Warning(text, _name(table.entry)) for text in _meaningless(table.entry)]
    for table in tables:
        found += [Warning(text, _name(table.entry)) for text in [*_missing(table), *_small(table)]]
    for comparison in comparisons:
        found += [Warning(text, f"{comparison.kind} of {comparison.of}") for text in _turned(comparison)]
    return _grouped(found)


def _name(entry: Entry) -> str:
    return f"{entry.task.name} of {entry.label}"


def _grouped(found: Sequence[Warning]) -> list[Warning]:
    by_text: dict[str, list[str]] = {}
    for warning in found:
        by_text.setdefault(warning.text, []).append(warning.about)
    return [Warning(text, "; ".join(dict.fromkeys(about))) for text, about in by_text.items()]


def _meaningless(entry: Entry) -> list[str]:
    meta = entry.task.metadata
    critics = str(meta.get("critic_model") or "").split(",")
    lines = []
    if "embedded" in critics:
        lines.append("The embedded 135M critic judged: its verdicts mean nothing. They show that everything runs.")
    if meta.get("model_name") in critics and meta.get("model_name") is not None:
        lines.append(f"The critic {meta['model_name']} is the model under test: models favour their own answers.")
    if meta.get("yardstick") == "reduced":
        lines.append(
            "yardstick=reduced: the critic saw what the model saw, so leaving a fact out could not be noticed."
        )
    data = entry.data
    if data.pairs_with_attempts and data.repeated / data.pairs_with_attempts > 0.5:
        lines.append(
            f"On {percent(data.repeated / data.pairs_with_attempts)} of pairs all attempts are the same text: the"
            " endpoint ignores the seed or samples at temperature 0, and pass@k then is pass@1."
        )
    return lines


def _missing(table: TaskTables) -> list[str]:
    lines = []
    head, rows = table.headline, table.tables.get("importance")
    if head is not None and len(head):
        first = head.iloc[0]
        total = int(first["n"]) + int(first["missing"])
        if total and int(first["missing"]) / total > 0.05:
            lines.append(
                f"The critic gave no verdict on {percent(int(first['missing']) / total)} of pairs: the rate could lie"
                f" anywhere from {percent(float(first['bound_low']))} to {percent(float(first['bound_high']))}."
            )
    if rows is not None and len(rows):
        turned = rows[rows["undetermined"].astype(bool)]
        if len(turned):
            names = ", ".join(map(str, turned["item"].head(6))) + (" …" if len(turned) > 6 else "")
            lines.append(f"Missing verdicts alone could turn the sign of {count(len(turned), 'importance')}: {names}.")
    frame = table.entry.data.frame
    if len(frame) and (share := float(frame["answer_failure"].notna().mean())) > 0.05:
        lines.append(f"In {percent(share)} of replies no answer was found; they count as not personalised.")
    return lines


def _small(table: TaskTables) -> list[str]:
    lines = []
    if (head := table.headline) is not None and len(head):
        first = head.iloc[0]
        reach = max(float(first["high"]) - float(first["value"]), float(first["value"]) - float(first["low"]))
        if reach > WIDE:
            lines.append(
                f"n = {int(first['n'])} is small: the 95% interval reaches {100 * reach:.0f} points to a side, and"
                " differences within it say nothing."
            )
    rows = table.tables.get("importance")
    if rows is not None and len(rows) and not rows["survives"].any():
        largest, floor = float(rows["difference"].abs().max()), float(rows["detectable"].median())
        if largest < floor:
            lines.append(
                f"The importances shown (at most {100 * largest:.0f} points) are smaller than what this n finds in four"
                f" of five runs ({100 * floor:.0f} points): their order is mostly chance."
            )
    groups = table.tables.get("intersections")
    if groups is not None and len(groups) and (thin := int(groups["suppressed"].sum())):
        support = int(groups["min_support"].iloc[0])
        lines.append(f"{thin} of {len(groups)} intersections have fewer than {support} judged pairs.")
    return lines


def _turned(comparison: Comparison) -> list[str]:
    table = comparison.differences
    if not len(table) or "undetermined" not in table:
        return []
    turned = table[table["undetermined"].astype(bool)]
    if not len(turned):
        return []
    named = "; ".join(f"{r['first']} – {r['second']}" for _, r in turned.head(4).iterrows())
    return [f"Missing verdicts alone could turn the sign of {count(len(turned), 'difference')}: {named}."]


def difference(row: pd.Series) -> str:
    """Return one paired difference in words."""
    p = float(row["p_adjusted"])
    if math.isnan(float(row["difference"])):
        return f"{row['first']} and {row['second']} share no judged pair."
    said = f"{100 * float(row['difference']):+.1f} points ({100 * float(row['low']):+.1f} to {100 * float(row['high']):+.1f})"
    verdict = "told apart" if p <= 0.05 else "cannot be told apart"
    shown = "p < 0.001" if p < 0.001 else f"p = {p:.2g}"
    return f"{row['first']} less {row['second']}: {said} over {int(row['n']):,} pairs, {shown}: {verdict}."
