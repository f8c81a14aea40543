"""What an evaluation says of itself: its rows, their scales and what they mean. Report, leaderboard and exports read it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_NAME = re.compile(r"([^\[@^]+)(?:\[(.*)\]|[@^](\d{1,9}))", re.S)


@dataclass(frozen=True, slots=True)
class Fact:
    """One kind of row: its name without argument, what it says, its least and greatest value, which way is better.

    ``most`` may name the run's setting that bounds it (``k``). ``higher_is_better`` of a row that has no better or
    worse (an importance) is True, as lm-eval and its readers want one of the two. ``judged`` says whether the row rests
    on the critic's verdicts; ``column`` is the heading of a leaderboard's column where the row is to have one (rate,
    importances, groups and pass@k have columns of their own there), ``columns`` names rows with an argument and their
    headings.
    """

    kind: str
    says: str
    least: float = 0.0
    most: float | str = 1.0
    higher_is_better: bool = True
    unit: str = "proportion"
    judged: bool = True
    column: str | None = None
    columns: tuple[tuple[str, str], ...] = ()

    @property
    def headings(self) -> tuple[tuple[str, str], ...]:
        """Every row that is to have a column of a leaderboard, with its heading."""
        return self.columns if self.column is None else ((self.kind, self.column), *self.columns)


def kind_of(row: str) -> tuple[str, str | None]:
    """Return a row's kind and argument: ``importance[age]`` is ``("importance", "age")``, ``pass@4`` ``("pass@k", "4")``."""
    match = _NAME.fullmatch(row)
    if match is None:
        return row, None
    return (f"{match[1]}{row[len(match[1])]}k", match[3]) if match[3] else (match[1], match[2])


PERSONALIZED = Fact(
    "personalized",
    "share of answers that the critics' debate found to need no revision for this persona",
)
SHARED: tuple[Fact, ...] = (
    Fact("critic_failures", "share of verdicts that could not be had", higher_is_better=False),
    Fact("answer_failures", "share of replies without an answer", higher_is_better=False, judged=False),
    Fact("critic_agreement", "share of agreeing pairs of votes"),
    Fact(
        "critic_ties",
        "share of verdicts whose votes were tied; they are missing",
        higher_is_better=False,
        column="tied",
    ),
    Fact("n", "judged pairs of a group", most="n", unit="pairs", judged=False),
    Fact(
        "design_effect",
        "variance of the headline's mean over that of as many pairs without a repeated person or question",
        least=1.0,
        most="n",
        higher_is_better=False,
        unit="ratio",
    ),
)
"""Rows that every evaluation has."""


def fact_of(row: str, facts: Iterable[Fact]) -> Fact:
    """Return the fact of a row; one that none of them knows is a share of which more is better."""
    kind, _ = kind_of(row)
    return next((fact for fact in (*facts, *SHARED) if fact.kind == kind), Fact(kind, kind))
