"""The leaderboard's columns: what each is called, says, shows and sorts by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..analysis.words import signed
from ..costs.prices import dollars
from ..evaluations import EVALUATIONS
from ..evaluations.facts import SHARED
from ..runs.terms import NO_CRITIC
from .board import PASS_STEPS, Board, Cell, Row

SCORE = "personalised"
NONE = "–"
"""What stands where nothing was measured."""


@dataclass(frozen=True)
class Column:
    """``show`` gives a row's cell as text, ``key`` what it sorts by (None last); ``text`` cells are set to the left."""

    name: str
    show: Callable[[Row], str]
    key: Callable[[Row], Any]
    meaning: str = ""
    text: bool = False
    always: bool = True
    """Whether the column stands even where no row has a value for it."""
    judged: bool = False
    """Whether the column says something only where a critic judged."""
    unit: str = ""
    """What its numbers are counted in, as the heading says it: ``%``, ``points``, ``pairs``; none for places and words."""

    @property
    def heading(self) -> str:
        """The name with the unit."""
        return f"{self.name}, {self.unit}" if self.unit else self.name


def percent(value: float | None) -> str:
    """Return a share as a percentage with one decimal."""
    return NONE if value is None else f"{100 * value:.1f}"


def top_importances(row: Row) -> str:
    """Return the row's importances in words, in points; ``*`` marks those that survive the correction."""
    return ", ".join(f"{i.item} {signed(i.difference)}{'*' if i.survives else ''}" for i in row.importances)


def _rate(row: Row) -> str:
    interval = "" if row.low is None else f" ({percent(row.low)}–{percent(row.high)})"
    return percent(row.personalized) + interval


def _worst(row: Row) -> str:
    return percent(row.worst_group) + (f" {row.worst_group_name}" if row.worst_group_name else "")


def _rank(row: Row) -> str:
    if row.rank_low is None or row.rank_high is None:
        return NONE
    return str(row.rank_low) if row.rank_low == row.rank_high else f"{row.rank_low}–{row.rank_high}"


def _count(value: int | None) -> str:
    return NONE if value is None else str(value)


def _pass(k: int, row: Row) -> float | None:
    return row.passes.get(k)


def _pass_text(k: int, row: Row) -> str:
    return percent(row.passes.get(k))


def _with_ends(cell: Cell) -> str:
    ends = "" if cell.low is None or cell.high is None else f" ({_unit(cell, cell.low)}–{_unit(cell, cell.high)})"
    return _unit(cell, cell.value) + ends


def _unit(cell: Cell, value: float) -> str:
    return percent(value) if cell.share else f"{value:.2f}"


def _of_cell(name: str, of: Callable[[Row], Cell | None], meaning: str, unit: str = "") -> Column:
    """Return a column of values with intervals, which stands where some row has one."""

    def show(row: Row) -> str:
        found = of(row)
        return NONE if found is None else _with_ends(found)

    def key(row: Row) -> float | None:
        found = of(row)
        return None if found is None else found.value

    return Column(name, show, key, meaning, always=False, unit=unit)


COLUMNS: tuple[Column, ...] = (
    Column(
        "rank",
        _rank,
        lambda r: r.rank,
        "places that the comparisons leave open: one below every model that is significantly better, one above every one that"
        " is significantly worse",
    ),
    Column("model", lambda r: r.model, lambda r: r.model.lower(), text=True),
    Column(
        "groups",
        lambda r: r.groups or NONE,
        lambda r: r.groups or None,
        "models that share a letter cannot be told apart (the same pairs, McNemar's exact test or its clustered form, Holm"
        " over all, 5%)",
        text=True,
    ),
    Column(
        SCORE,
        _rate,
        lambda r: r.personalized,
        "share of the judged answers without need of revision, with its 95% interval",
        judged=True,
        unit="%",
    ),
    Column("n", lambda r: _count(r.n), lambda r: r.n, "judged pairs", unit="pairs"),
    Column(
        "worst group",
        _worst,
        lambda r: r.worst_group,
        "lowest partially pooled rate over the intersections, from pairs of its own; named where groups differ beyond chance",
        text=True,
        always=False,
        unit="%",
    ),
    Column(
        "spread",
        lambda r: percent(r.between_group_sd),
        lambda r: r.between_group_sd,
        "standard deviation of the groups' rates beyond chance",
        always=False,
        unit="points",
    ),
    Column(
        "top importances",
        lambda r: top_importances(r) or NONE,
        lambda r: r.importances[0].difference if r.importances else None,
        "what leaving the attribute out costs; * survives the correction over all attributes",
        text=True,
        always=False,
        unit="points",
    ),
    *(
        Column(
            f"pass@{k}",
            partial(_pass_text, k),
            partial(_pass, k),
            f"chance that at least one of {k} attempts is personalised" if k > 1 else "rate of a single attempt",
            always=False,
            unit="%",
        )
        for k in PASS_STEPS
    ),
    _of_cell(
        "by people",
        lambda r: r.people.corrected,
        "the rate corrected by people's labels (PPI++), with its interval",
        "%",
    ),
    _of_cell(
        "κ", lambda r: r.people.kappa, "the critic's agreement with people beyond chance (Cohen's κ), with its interval"
    ),
    Column(
        "no verdict",
        lambda r: _count(r.missing),
        lambda r: r.missing,
        "pairs left out, their verdict is missing",
        judged=True,
        unit="pairs",
    ),
    Column(
        "no answer",
        lambda r: percent(r.answer_failures),
        lambda r: r.answer_failures,
        "share of replies without an answer; they count as not personalised",
        unit="%",
    ),
    Column(
        "tokens",
        lambda r: _count(r.took.tokens),
        lambda r: r.took.tokens,
        "tokens in and out, the model's where its endpoint told them and the critic's",
        always=False,
    ),
    Column(
        "price",
        lambda r: NONE if r.took.price is None else dollars(r.took.price),
        lambda r: r.took.price,
        "US dollars of those tokens; none where a price is not known",
        always=False,
    ),
    Column(
        "time",
        lambda r: NONE if r.took.seconds is None else f"{r.took.seconds / 60:.1f} min",
        lambda r: r.took.seconds if r.took.tokens is not None else None,
        "of the longest of its runs, by the clock",
        always=False,
    ),
    Column("critic", lambda r: r.critic, lambda r: r.critic, text=True, judged=True),
    Column("data", lambda r: r.data_hash, lambda r: r.data_hash, "hash of personas and questions", text=True),
)


_UNITS = {("proportion", False): "%", ("proportion", True): "points"}
"""A share is in percent, a difference of shares in points; other numbers have no unit."""


def _other(name: str) -> Column:
    facts = ((e, f) for e in EVALUATIONS.values() for f in (*e.rows, *SHARED))
    asked = next(((e, f) for e, f in facts if name in dict(f.headings).values()), None)
    says = "the rate among these pairs alone" if asked is None else f"{asked[0].title}: {asked[1].says}"
    if asked is None:
        return _of_cell(name, lambda r: r.others.get(name), says, "%")
    fact = asked[1]
    return _of_cell(name, lambda r: r.others.get(name), says, _UNITS.get((fact.unit, fact.least < 0), ""))


def every(boards: Iterable[Board]) -> list[Column]:
    """Return all columns of these boards: the fixed ones, with those that evaluations ask for behind the rate."""
    names = dict.fromkeys(name for board in boards for row in board.rows for name in row.others)
    at = next(i for i, column in enumerate(COLUMNS) if column.name == "n") + 1
    return [*COLUMNS[:at], *map(_other, names), *COLUMNS[at:]]


def shown(board: Board) -> Sequence[Column]:
    """Return the columns of a board that hold anything."""
    without = board.terms.get("critic_model") == NO_CRITIC
    columns = [c for c in every([board]) if not (without and c.judged)]
    return [c for c in columns if c.always or any(c.key(row) is not None for row in board.rows)]
