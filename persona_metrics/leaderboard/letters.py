"""Compact letter display and ranges of ranks from comparisons two by two. Knows no file and no frame."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Place:
    """The best and the worst place of a model that the comparisons leave open, and its mean difference to the others."""

    low: int
    high: int
    mean: float

    @property
    def sort(self) -> tuple[int, int, float]:
        """What places are sorted by, the best first."""
        return self.low, self.high, -self.mean


def ranked(names: Sequence[str], comparisons: Iterable[Mapping[str, Any]], alpha: float = 0.05) -> dict[str, Place]:
    """Return each model's place from ``first``, ``second``, ``difference`` and ``p_adjusted`` of all comparisons.

    A model stands below every one that is significantly better and above every one that is significantly worse.
    """
    better, worse = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    gaps: dict[str, list[float]] = {name: [] for name in names}
    for row in comparisons:
        if row["difference"] is None:
            continue
        one, two, gap = row["first"], row["second"], float(row["difference"])
        gaps[one].append(gap)
        gaps[two].append(-gap)
        if row["p_adjusted"] is not None and row["p_adjusted"] < alpha and gap:
            winner, loser = (one, two) if gap > 0 else (two, one)
            worse[winner] += 1
            better[loser] += 1
    return {
        name: Place(
            1 + better[name], len(names) - worse[name], sum(gaps[name]) / len(gaps[name]) if gaps[name] else 0.0
        )
        for name in names
    }


def letters(order: Sequence[str], different: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return each name's letters, ``order`` being from best to worst and ``different`` the pairs that differ.

    Two names share a letter exactly when they are not in ``different`` (Piepho 2004, J. Comput. Graph. Stat. 13). The
    display covers all pairs that do not differ with groups in which nobody differs, greedily from the best down:
    all such groups can be exponentially many, this takes at most one a pair.
    """
    apart = {frozenset(pair) for pair in different}
    groups: list[list[str]] = []
    for i, name in enumerate(order):
        partners = [other for other in order[i + 1 :] if frozenset((name, other)) not in apart]
        if not partners and not any(name in group for group in groups):
            groups.append([name])
        for other in partners:
            if not any(name in group and other in group for group in groups):
                groups.append(_grown([name, other], order, apart))
    # A group is needed only for pairs that no other group holds together.
    for group in sorted(groups, key=len):
        rest = [g for g in groups if g is not group]
        if all(any(set(pair) <= set(g) for g in rest) for pair in itertools.combinations(group, 2)) and all(
            any(name in g for g in rest) for name in group
        ):
            groups = rest
    groups.sort(key=lambda group: [order.index(name) for name in group])
    return {name: "".join(_label(k) for k, group in enumerate(groups) if name in group) for name in order}


def _grown(group: list[str], order: Sequence[str], apart: set[frozenset[str]]) -> list[str]:
    for name in order:
        if name not in group and all(frozenset((name, member)) not in apart for member in group):
            group.append(name)
    return sorted(group, key=order.index)


def _label(number: int) -> str:
    # a … z, then a2 … z2: past the alphabet two letters in a row would read as two groups.
    round_, place = divmod(number, 26)
    return chr(ord("a") + place) + (str(round_ + 1) if round_ else "")
