"""What people's labels say of a run: agreement with the critic, corrected rates and differences, kindness by group."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from statsmodels.stats.multitest import multipletests

from ..analysis.rates import codes
from ..personas import band
from ..statistics.agreement import Agreement, agreement, alpha
from ..statistics.prediction_powered import Corrected, corrected, difference
from ..statistics.two_phase import Interval, plain_interval, variance
from .draw import Weights
from .items import Answers, Item, kinds
from .read import Label, consensus

Floats = NDArray[np.float64]
ENOUGH = 15
"""Labels below which no rate of a group, kind or difference is corrected."""
LOW_KAPPA = 0.4
"""Where κ's lower end is below this, the critic's verdicts are not people's (moderate agreement: Landis & Koch 1977)."""
OTHERS_OF_WHOLE = {"another person": "contrast", "no persona": "lift"}


@dataclass(frozen=True)
class Rate:
    """One rate as the critic gives it, corrected, and as so many labels alone would give it."""

    row: str
    critic: float
    answers: int
    result: Corrected


@dataclass(frozen=True)
class Group:
    """One group: its corrected rate, and how much kinder the critic is to it than people are (``kinder``, in rates).

    ``apart`` is how much kinder than to all others, with ``p`` adjusted over all groups (Holm); None where either side has
    fewer than ``ENOUGH`` labels.
    """

    attribute: str
    group: str
    labels: int
    agreement: float
    rate: Rate | None
    kinder: Interval | None
    apart: Interval | None
    p: float = math.nan
    p_adjusted: float = math.nan


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


@dataclass(frozen=True)
class Units:
    """The answers of a task as arrays, aligned: label (NaN: none), verdict, stratum, and what they belong to."""

    items: Sequence[Item]
    label: Floats
    verdict: Floats
    strata: NDArray[np.str_] | None
    clusters: tuple[NDArray[np.intp], ...]

    def of(self, inside: NDArray[np.bool_]) -> Units:
        """Return the part ``inside``."""
        return Units(
            [item for item, kept in zip(self.items, inside, strict=True) if kept],
            self.label[inside],
            self.verdict[inside],
            None if self.strata is None else self.strata[inside],
            tuple(ids[inside] for ids in self.clusters),
        )

    @property
    def n(self) -> int:
        """How many carry a label."""
        return int((~np.isnan(self.label)).sum())

    def corrected(self) -> Corrected:
        """Return the corrected rate of these answers."""
        return corrected(self.label, self.verdict, self.strata, self.clusters)


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
        _groups(units, by),
        strata is not None,
        tuple(notes),
        units,
        mine,
    )


def strata_of(items: Sequence[Item], weights: Sequence[Weights]) -> NDArray[np.str_] | None:
    """Return each answer's stratum; None where a draw does not know one of the answers, or draws differ in their strata.

    Two draws from the same run by the same attributes have their strata in common, and their labels count together.
    """
    if not weights:
        return None
    found = [weights[0].strata.get(item.key) for item in items]
    same = all(one.strata.get(item.key) == name for one in weights[1:] for item, name in zip(items, found, strict=True))
    return None if not same or any(name is None for name in found) else np.array(found, str)


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


def _groups(units: Units, by: Sequence[str]) -> tuple[Group, ...]:
    found: list[Group] = []
    for attribute in by:
        labels = np.array([band(attribute, item.persona.get(attribute)) for item in units.items], object)
        sizes = pd.Series(labels).value_counts()
        for name in sorted(sizes.index, key=lambda label: (-int(sizes[label]), str(label))):
            found.append(_group(units, attribute, str(name), labels == name))
    p = np.array([group.p for group in found])
    tested = ~np.isnan(p)
    adjusted = np.full(len(p), math.nan)
    if tested.any():
        adjusted[tested] = multipletests(p[tested], method="holm")[1]
    return tuple(Group(**{**vars(g), "p_adjusted": float(v)}) for g, v in zip(found, adjusted, strict=True))


def _group(units: Units, attribute: str, name: str, inside: NDArray[np.bool_]) -> Group:
    one, rest = units.of(inside), units.of(~inside)
    seen = ~np.isnan(one.label)
    agreed = float(np.mean(one.label[seen] == one.verdict[seen])) if one.n else math.nan
    if one.n < ENOUGH:
        return Group(attribute, name, one.n, agreed, None, None, None)
    mine, rate = _kindness(one), one.corrected()
    value, influence, floor, df = mine
    kinder = plain_interval(value, variance(influence, one.clusters) + floor, one.n, df)
    made = Group(
        attribute,
        name,
        one.n,
        agreed,
        Rate(f"{attribute}={name}", float(one.verdict.mean()), len(one.items), rate),
        kinder,
        None,
    )
    if rest.n < ENOUGH:
        return made
    other, their, their_floor, their_df = _kindness(rest)
    clusters = tuple(np.concatenate([a, b]) for a, b in zip(one.clusters, rest.clusters, strict=True))
    spread = variance(np.concatenate([influence, -their]), clusters) + floor + their_floor
    apart = plain_interval(value - other, spread, one.n + rest.n, df + their_df, (-2.0, 2.0))
    return Group(**{**vars(made), "apart": apart, "p": _p(value - other, spread, df + their_df)})


def _p(value: float, spread: float, df: int) -> float:
    from scipy import stats

    return float(2 * stats.t.sf(abs(value) / spread**0.5, df)) if spread > 1e-15 else 1.0


def _kindness(units: Units) -> tuple[float, Floats, float, int]:
    """Return critic's less corrected rate, the answers' influence on it, the variance's floor, and degrees of freedom."""
    found = units.corrected().mean
    centred = (units.verdict - units.verdict.mean()) / len(units.verdict)
    return float(units.verdict.mean() - found.value), centred - found.influence, found.floor, found.of.df


def records(found: Agreed) -> dict[str, Any]:
    """Return everything as plain data for ``--json`` and report.json; what cannot be had is null."""
    a = found.agreement
    return {
        "model": found.answers.run.model,
        "task": found.answers.task.name,
        "answers": len(found.answers.items),
        "labels": found.labels,
        "undecided": found.undecided,
        "raters": list(found.raters),
        "weighted": found.by_weights,
        "agreement": interval(a.agreement),
        "kappa": interval(a.kappa),
        "ac1": interval(a.ac1),
        "sensitivity": interval(a.sensitivity),
        "specificity": interval(a.specificity),
        "cells": dict(zip(CELLS, a.cells, strict=True)),
        "shares": dict(zip(CELLS, a.shares, strict=True)),
        "alpha": None if found.between is None else interval(found.between),
        "rates": [_rate_record(rate) for rate in found.rates],
        "differences": [{"row": name, **interval(value)} for name, value in found.differences.items()],
        "groups": [_group_record(group) for group in found.groups],
        "warning": found.warning,
        "notes": list(found.notes),
    }


CELLS = ("both say revision", "people say revision", "critic says revision", "both say none")


def interval(value: Interval) -> dict[str, Any]:
    """Return an interval as plain data."""
    ends = {"value": value.value, "low": value.low, "high": value.high, "stderr": value.stderr}
    return {**{k: None if math.isnan(v) else v for k, v in ends.items()}, "n": value.n}


def _rate_record(rate: Rate) -> dict[str, Any]:
    return {
        "row": rate.row,
        "critic": rate.critic,
        "answers": rate.answers,
        "corrected": interval(rate.result.found),
        "people_alone": interval(rate.result.people),
        "weight": rate.result.weight,
        "more_labels_to_halve": rate.result.more,
    }


def _group_record(group: Group) -> dict[str, Any]:
    return {
        "attribute": group.attribute,
        "group": group.group,
        "labels": group.labels,
        "agreement": None if math.isnan(group.agreement) else group.agreement,
        "rate": None if group.rate is None else _rate_record(group.rate),
        "kinder": None if group.kinder is None else interval(group.kinder),
        "kinder_than_to_others": None if group.apart is None else interval(group.apart),
        "p_adjusted": None if math.isnan(group.p_adjusted) else group.p_adjusted,
    }
