"""Headlines for readers who know no statistics, and the short cells of models by tasks. Tests stand elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from ..analysis.words import count, listed, percent, plus_minus, points
from ..evaluations.contrast import NOBODY
from ..evaluations.leave_one_out import ALL_LISTED, PLACEBO
from ..evaluations.pairwise import OVER
from .tables import BASELINE, TaskTables

Row = Mapping[Any, Any]
FEW = 30
"""Fewer judged pairs than these are counted out, and nothing is said of what they could not show."""
ALIKE = 0.05
"""Differences within this are as good as none, where the whole interval is."""


def sentence(table: TaskTables) -> str:
    """Return the task's result in one sentence of everyday words; empty where nothing was judged or nothing is known."""
    if not _counted(table):
        return ""
    made = _SENTENCES.get(table.entry.evaluation)
    said = made(table) if made else ""
    n = _pairs(table)
    if said and n < FEW and table.entry.evaluation in _OF_CASES:
        said = f"{said.removesuffix('.')}, over {count(n, 'pair')} only."
    return f"So far: {said}" if said and table.entry.so_far else said


def cell(table: TaskTables) -> str:
    """Return the task's result as short as a cell of a table needs it; ``–`` where nothing was judged."""
    if not _counted(table):
        return "–"
    made = _CELLS.get(table.entry.evaluation)
    said = made(table) if made else "–"
    return f"{said}, so far" if table.entry.so_far else said


def of_hundred(share: float, noun: str) -> str:
    """Return a share of things as ``about 62 of 100 answers``; rounding never claims all or nothing."""
    said = percent(share)
    known = {"100%": "all", "0%": "no", "over 99%": "nearly all", "under 1%": "hardly any"}
    return f"{known.get(said, f'about {said.rstrip(chr(37))} of 100')} {noun}"


def _counted(table: TaskTables) -> bool:
    rows = table.headline
    return rows is not None and len(rows) > 0 and int(rows["n"].iloc[0]) > 0


def _first(table: TaskTables, last: bool = False) -> Row:
    assert table.headline is not None
    found: Row = table.headline.iloc[-1 if last else 0].to_dict()
    return found


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _cases(share: float) -> str:
    return of_hundred(share, "case" if share == 0 else "cases")


def _pairs(table: TaskTables) -> int:
    return int(_first(table)["n"])


def _few(table: TaskTables) -> str:
    """Return ``1 pair is`` or ``12 pairs are`` where there are too few to look for what differs; empty otherwise."""
    n = _pairs(table)
    return "" if n >= FEW else f"{count(n, 'pair')} {'is' if n == 1 else 'are'}"


def _main(table: TaskTables) -> str:
    value, n = float(_first(table)["value"]), _pairs(table)
    if n == 1:
        share = f"the one answer judged {'fits' if value else 'does not fit'}"
    elif n < FEW:
        fit = round(value * n)
        share = f"{fit or 'none'} of {n} answers {'fits' if fit < 2 else 'fit'}"
    else:
        share = f"{of_hundred(value, 'answers')} fit" if value else "no answer fits"
    if table.entry.mode == BASELINE:
        return f"With nothing known of the person, {share}: the floor for the other modes."
    return f"{_upper(share)} the person who asked."


def _contrast(table: TaskTables) -> str:
    row = _first(table)
    if math.isnan(float(row["value"])):
        return ""
    if float(row["low"]) > 0:
        more = max(1, round(100 * float(row["value"])))
        return f"The answers are made for their person: {more} more of 100 fit their own person than fit somebody else."
    if float(row["high"]) < 0:
        return "The answers fit somebody else more often than the person they were written for."
    if few := _few(table):
        return f"{few} too few to show whether the answers are made for their person."
    if max(-float(row["low"]), float(row["high"])) <= ALIKE:
        return "The answers are not made for their person: they fit somebody else just about as often."
    return "Nothing shows that the answers are made for their person rather than for anybody."


def _kept(table: TaskTables) -> list[str]:
    rows = table.tables["importance"]
    rows = rows[rows["survives"].astype(bool) & ~rows["item"].isin([PLACEBO, ALL_LISTED]) & (rows["difference"] > 0)]
    return [str(item) for item in rows.sort_values("difference", ascending=False)["item"]]


def _leave_one_out(table: TaskTables) -> str:
    if kept := _kept(table):
        return f"Answers fit less often when the model is not told {listed(kept, 4)}."
    if few := _few(table):
        return f"{few} too few to show which facts about a person change how often answers fit."
    return "No single fact about a person is shown to change how often answers fit."


def _worst(table: TaskTables) -> str | None:
    named = table.tables["groups"]["worst_group_name"].iloc[0]
    return named if isinstance(named, str) else None


def _intersectionality(table: TaskTables) -> str:
    if worst := _worst(table):
        return f"Answers fit some groups less often than others, least often {worst}."
    if few := _few(table):
        return f"{few} too few to show whether some groups of people are served worse than others."
    if (groups := table.tables["intersections"])["suppressed"].all():
        least = int(groups["min_support"].iloc[0])
        return f"No group has {least} pairs: too few to show whether some people are served worse than others."
    return "No group of people is shown to be served worse than the others."


def _pass_at_k(table: TaskTables) -> str:
    first, last = _first(table), _first(table, last=True)
    k = str(last["row"]).partition("@")[2]
    once = f"Asked once, the model gives a fitting answer in {_cases(float(first['value']))}"
    if k == "1":
        return f"{once}."
    if float(last["value"]) in (0.0, 1.0) and first["value"] == last["value"]:
        return f"{once}, {'nor when' if not first['value'] else 'and so it does when'} asked {k} times."
    return f"{once}; asked {k} times, at least once in {_cases(float(last['value']))}."


def _pairwise(table: TaskTables) -> str:
    rows = table.tables["worth"]
    row = rows.iloc[0]
    whose = "somebody else" if row["row"] != OVER[NOBODY] else "nobody in particular"
    share = _cases(float(row["preferred"]))
    return f"Beside an answer written for {whose}, the person's own is the better one in {share}."


def _choice(table: TaskTables) -> str:
    share = _cases(float(_first(table)["value"]))
    return f"Where a fact about the person changes which choice is right, the model's choice follows in {share}."


def _opinion(table: TaskTables) -> str:
    row = _first(table)
    if math.isnan(float(row["low"])):
        return "Too few questions to say whether the model knows how groups of people differ."
    if float(row["low"]) > 0:
        return "The model tells what groups of people say better than by giving everybody the average person's opinion."
    if float(row["high"]) < 0:
        return "The model tells what groups of people say worse than by giving everybody the average person's opinion."
    return "Nothing shows that the model knows how groups of people differ from the average person."


_OF_CASES = ("pass_at_k", "pairwise", "choice")
"""Evaluations whose sentence gives shares of cases: over few pairs it says over how many."""
_SENTENCES: Mapping[str, Callable[[TaskTables], str]] = {
    "main": _main,
    "contrast": _contrast,
    "leave_one_out": _leave_one_out,
    "intersectionality": _intersectionality,
    "pass_at_k": _pass_at_k,
    "pairwise": _pairwise,
    "choice": _choice,
    "opinion": _opinion,
}


def _rate(table: TaskTables) -> str:
    row = _first(table)
    return plus_minus(float(row["value"]), float(row["low"]), float(row["high"]))


def _difference(table: TaskTables) -> str:
    row = _first(table)
    return (
        "–" if math.isnan(float(row["value"])) else points(float(row["value"]), float(row["low"]), float(row["high"]))
    )


def _last(table: TaskTables) -> str:
    row = _first(table, last=True)
    return f"{row['row']} {plus_minus(float(row['value']), float(row['low']), float(row['high']))}"


def _preferred(table: TaskTables) -> str:
    row = table.tables["worth"].iloc[0]
    return plus_minus(float(row["preferred"]), float(row["low"]), float(row["high"]))


def _skill(table: TaskTables) -> str:
    value = float(_first(table)["value"])
    return "–" if math.isnan(value) else f"skill {value:.2f}"


_CELLS: Mapping[str, Callable[[TaskTables], str]] = {
    "main": _rate,
    "contrast": _difference,
    "leave_one_out": lambda table: listed(_kept(table), 3) or "no fact shown",
    "intersectionality": lambda table: f"least: {worst}" if (worst := _worst(table)) else "no difference shown",
    "pass_at_k": _last,
    "pairwise": _preferred,
    "choice": lambda table: f"adapts {_rate(table)}",
    "opinion": _skill,
}
