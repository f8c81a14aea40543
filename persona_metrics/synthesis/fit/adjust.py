"""Fits tables that know further keys: a base table and factors beside it, whose product meets a margin for each.

The base keeps the margins that it was fitted to; a factor adds what one more key changes. So four keys need four small
tables and not one of all their combinations, most of which no survey has seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..draw import Codes, Floats, Part, product_rows
from .source import rake, totals


@dataclass(frozen=True)
class Margin:
    """What a part is to meet: persons by its keys and by groups of labels.

    ``goal`` has the keys' axes, then one for the groups (``group`` says which one each label is in); a row that sums to
    0 is left as it is. Only persons of ``within`` are counted (all, where it is None).
    """

    keys: tuple[Codes, ...]
    goal: Floats
    group: Codes
    within: Codes | None = None


def fit_parts(base: Floats, margins: Sequence[Margin], fixed: Sequence[Part] = (), rounds: int = 60) -> list[Floats]:
    """Return the fitted parts: ``base`` (the keys of the first margin) and a factor for each of the others."""
    labels = base.shape[-1]
    parts = [base.astype(float), *(np.ones((*m.goal.shape[:-1], labels)) for m in margins[1:])]
    for _ in range(rounds):
        for i, margin in enumerate(margins):
            rows, cell = product_rows([*((p, m.keys) for p, m in zip(parts, margins, strict=True)), *fixed])
            whole = rows.sum(axis=1, keepdims=True)
            rows = np.divide(rows, whole, out=np.zeros_like(rows), where=whole > 0)
            counted = slice(None) if margin.within is None else margin.within.astype(bool)
            keys = tuple(key[counted] for key in margin.keys)
            found = np.zeros(margin.goal.shape)
            by_label = rows[cell[counted]]
            for label, group in enumerate(margin.group):
                found[..., group] += totals(margin.goal.shape[:-1], *keys, weight=by_label[:, label])
            usable = (found > 0) & (margin.goal > 0) & (margin.goal.sum(axis=-1, keepdims=True) > 0)
            ratio = np.divide(margin.goal, found, out=np.ones_like(found), where=usable)
            parts[i] = parts[i] * ratio[..., margin.group]
    return parts


def base_margin(shares: Floats, keys: tuple[Codes, ...], within: Codes | None = None) -> Margin:
    """Return the margin that keeps the base table's own shares for the persons there are."""
    persons = totals(shares.shape[:-1], *keys)
    whole = shares.sum(axis=-1, keepdims=True)
    goal = np.divide(shares, whole, out=np.zeros_like(shares), where=whole > 0) * persons[..., None]
    return Margin(keys, goal, np.arange(shares.shape[-1]), within)


def scaled(structure: Floats, persons: Floats, by_group: Floats) -> Floats:
    """Return persons by level and group: a survey's shares of ``structure``, raked to the persons and groups there are."""
    seed = structure / structure.sum(axis=-1, keepdims=True) * persons[:, None]
    return rake(seed + 1e-9, ((1,), by_group / by_group.sum() * persons.sum()), ((0,), persons))


def factor_shares(values: Floats) -> Floats:
    """Return factors scaled so that each row sums to 1, which changes no product's shares."""
    return np.asarray(values / values.sum(axis=-1, keepdims=True))
