"""What people's labels say of a run: agreement with the critic, corrected rates and differences, kindness by group."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..analysis.rates import codes
from ..statistics.agreement import Agreement, agreement, alpha
from ..statistics.prediction_powered import Corrected, difference
from ..statistics.two_phase import Interval
from .draw import Weights
from .groups import Group, groups
from .items import Answers, Item, kinds
from .read import Label, consensus
from .units import ENOUGH, Rate, Units, strata_of

Floats = NDArray[np.float64]
LOW_KAPPA = 0.4
"""Where κ's lower end is below this, the critic's verdicts are not people's (moderate agreement: Landis & Koch 1977)."""
OTHERS_OF_WHOLE = {"another person": "contrast", "no persona": "lift"}


@dataclass(frozen=True)
class Agreed:
    """Everything that the labels say of one task of one run. ``warning`` is the one line about a critic that disagrees."""

    answers: Answers
    labels: int
    raters: tuple[str, ...]
    undecided: int
    agreement: Agreement
    between: Interval | None
    rates: tuple[Rate, ...]
    differences: Mapping[str, Interval]
    groups: tuple[Group, ...]
    by_weights: bool
    notes: tuple[str, ...] = ()
    units: Units | None = field(default=None, repr=False, compare=False)
    given: Mapping[str, Sequence[Label]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def row(self) -> str | None:
        """The row that ``rates`` begins with; None where nothing is corrected."""
        return self.rates[0].row if self.rates else None

    @property
    def warning(self) -> str:
        """Why the critic should not be believed on these answers; empty where nothing shows it."""
        kappa = self.agreement.kappa
        if math.isnan(kappa.low):
            return "κ cannot be had: the labels, or the verdicts on them, are all alike."
        if kappa.low >= LOW_KAPPA:
            return ""
        return (
            f"The critic agrees with people only in part: κ {kappa.value:.2f} ({kappa.low:.2f} to {kappa.high:.2f}); its"
            f" lower end is below {LOW_KAPPA}. Read the corrected rate, and label more."
        )


def agree(
    answers: Answers, labelled: Mapping[str, Sequence[Label]], weights: Sequence[Weights] = (), by: Sequence[str] = ()
) -> Agreed | None:
    """Return what the labels (by key) say of these answers; None where none of them is about one of them.

    Under the draw's ``weights`` where its file is there; without, the labels count as a simple random draw. Standard errors
    are clustered by persona and question, and so by pair.
    """
    mine = {item.key: labelled[item.key] for item in answers.items if item.key in labelled}
    if not mine:
        return None
    said = {key: consensus(labels) for key, labels in mine.items()}
    decided = {key: value for key, value in said.items() if value is not None}
    undecided = len(said) - len(decided)
    raters = tuple(sorted({label.rater for labels in mine.values() for label in labels}))
    strata = strata_of(answers.items, weights)
    notes = []
    if strata is None:
        why = (
            "the draws' weights know other answers or groups"
            if weights
            else "no weights of the draw beside labels or run"
        )
        notes.append(f"{why}: the labels count as a simple random draw")
    if answers.failures or answers.missing:
        left = f"{answers.failures} without an answer (0 in the run's own rate), {answers.missing} without a verdict"
        notes.append(f"not in these rates: {left}")
    if not_blind := sum(not label.blind for labels in mine.values() for label in labels):
        notes.append(f"{not_blind} labels were given with the verdict in sight (blind: false)")
    if not decided:
        return None
    items = answers.items
    units = Units(
        items,
        np.array([decided.get(item.key, math.nan) for item in items]),
        np.array([item.fits for item in items]),
        strata,
        (codes([i.persona_id for i in items]), codes([i.question_id for i in items])),
    )
    rates = _rates(units)
    return Agreed(
        answers,
        len(decided),
        raters,
        undecided,
        agreement(units.label, units.verdict, strata, units.clusters),
        _between(units, mine, raters),
        tuple(rates.values()),
        _differences(units, rates),
        groups(units, by),
        strata is not None,
        tuple(notes),
        units,
        mine,
    )


def _rates(units: Units) -> dict[str, Rate]:
    found = {}
    for kind in kinds(units.items):
        part = units.of(np.array([item.kind == kind for item in units.items]))
        if part.n >= ENOUGH:
            found[kind] = Rate(_row(kind), float(part.verdict.mean()), len(part.items), part.corrected())
    return found


def _row(kind: str) -> str:
    return "personalized" if kind in ("whole", "attempt") else f"personalized[{kind}]"


def _differences(units: Units, rates: Mapping[str, Rate]) -> dict[str, Interval]:
    whole = rates.get("whole")
    if whole is None:
        return {}
    found = {}
    for kind, rate in rates.items():
        if kind == "whole":
            continue
        one, two = ([i for i in units.items if i.kind == k] for k in ("whole", kind))
        name = OTHERS_OF_WHOLE.get(kind) or f"importance[{kind.removeprefix('without ')}]"
        found[name] = between(whole.result, rate.result, one, two)
    return found


def between(one: Corrected, two: Corrected, first: Sequence[Item], second: Sequence[Item]) -> Interval:
    """Return the difference of two corrected rates over the answers ``first`` and ``second``, paired by pair."""
    places = ([i.pair for i in first], [i.pair for i in second])
    people = ([i.persona_id for i in first], [i.persona_id for i in second])
    asked = ([i.question_id for i in first], [i.question_id for i in second])
    return difference(one, two, places, (people, asked))


def _between(units: Units, mine: Mapping[str, Sequence[Label]], raters: Sequence[str]) -> Interval | None:
    """Return α among raters, items weighted as drawn; None with one rater."""
    if len(raters) < 2:
        return None
    first = {item.key: item for item in units.items}
    keys = list(mine)
    table = [[next((one.fits for one in mine[key] if one.rater == rater), None) for key in keys] for rater in raters]
    if not any(value is not None for row in table for value in row):
        return None
    weights = None
    if units.strata is not None:
        stratum = dict(zip((item.key for item in units.items), units.strata, strict=True))
        every, drawn = pd.Series(units.strata).value_counts(), pd.Series([stratum[k] for k in keys]).value_counts()
        weights = [float(every[stratum[key]] / drawn[stratum[key]]) for key in keys]
    return alpha(table, weights, codes([first[key].pair for key in keys]))
