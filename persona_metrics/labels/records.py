"""What labels say of a run as plain data, for ``--json`` and report.json. Makes no number."""

from __future__ import annotations

import math
from typing import Any

from ..statistics.two_phase import Interval
from .agree import Agreed
from .groups import Group
from .units import Rate


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
