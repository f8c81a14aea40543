"""Is the critic kinder to some? Each group's corrected rate, and how far the critic is above it, against the others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from ..personas import band
from ..statistics.multiple import holm
from ..statistics.two_phase import Interval, plain_interval, variance
from .units import ENOUGH, Floats, Rate, Units


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


def groups(units: Units, by: Sequence[str]) -> tuple[Group, ...]:
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
        adjusted[tested] = holm(p[tested])
    return tuple(replace(g, p_adjusted=float(v)) for g, v in zip(found, adjusted, strict=True))


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
    return replace(made, apart=apart, p=_p(value - other, spread, df + their_df))


def _p(value: float, spread: float, df: int) -> float:
    return float(2 * stats.t.sf(abs(value) / spread**0.5, df)) if spread > 1e-15 else 1.0


def _kindness(units: Units) -> tuple[float, Floats, float, int]:
    """Return critic's less corrected rate, the answers' influence on it, the variance's floor, and degrees of freedom."""
    found = units.corrected().mean
    centred = (units.verdict - units.verdict.mean()) / len(units.verdict)
    return float(units.verdict.mean() - found.value), centred - found.influence, found.floor, found.of.df
