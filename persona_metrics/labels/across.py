"""A rate corrected by a critic's errors measured elsewhere: labels on another run. Reads both runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..analysis.rates import codes
from ..analysis.words import percent, plus_minus
from ..errors import PersonaError, shorten
from ..runs.terms import terms_of
from ..statistics.agreement import agreement
from ..statistics.misclassification import Errors, rogan_gladen
from ..statistics.two_phase import Interval
from .draw import Weights, weights_near
from .items import Answers, answers_at
from .read import Label, by_key, consensus
from .records import interval
from .units import strata_of

_CRITIC = ("critic_model", "critic_template", "critic_temperature", "critic_votes", "critic_reasoning_effort")


@dataclass(frozen=True)
class Across:
    """The corrected rates of one task, by kind, and the errors that correct them. ``found`` is None where they cannot."""

    name: str
    critic: float
    errors: Errors
    found: Interval | None
    where: str

    def record(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "answers": self.name,
            "critic": self.critic,
            "errors_from": self.where,
            "specificity": self.errors.sensitivity,
            "answers_without_fault": self.errors.of_good,
            "sensitivity": self.errors.specificity,
            "answers_with_fault": self.errors.of_bad,
            "corrected": None if self.found is None else interval(self.found),
        }

    def said(self) -> str:
        """Return it as a sentence."""
        e = self.errors
        start = (
            f"{self.name}: the critic says {percent(self.critic)} fit. By its errors in {self.where} (asks for a revision"
            f" where people do: {percent(e.specificity)} of {e.of_bad}; for none where they do not:"
            f" {percent(e.sensitivity)} of {e.of_good})"
        )
        if self.found is None:
            return f"{start} nothing can be corrected: it does no better than a coin there."
        return f"{start} it is {plus_minus(self.found.value, self.found.low, self.found.high)} (Rogan–Gladen)."


def from_labels(
    path: Path, other: Path, labels: Sequence[Label], files: Sequence[Path], task: str | None = None
) -> Across:
    """Return the rate of the run at ``path`` by its critic's errors on the labelled answers of ``other``.

    ``files`` are where the labels come from; beside them or the other run lie the weights of their draw. Raises
    ``PersonaError`` where no label is about an answer there, or another critic judged there.
    """
    labelled = by_key(labels)
    answers, _ = answers_at(path, task)
    labelled_there, _ = answers_at(other)
    here = answers[0]
    there = next(
        (a for a in labelled_there if any(i.key in labelled for i in a.items)),
        None,
    )
    if there is None:
        raise PersonaError(
            f"{shorten(other)}: none of the {len(labelled)} labelled answers is there; labels of another run?"
        )
    one, two = terms_of(here.task), terms_of(there.task)
    if changed := [name for name in _CRITIC if one.get(name) != two.get(name)]:
        name = changed[0]
        raise PersonaError(
            f"--errors-from {shorten(other)}: another critic judged there ({name.replace('_', ' ')} {two.get(name)}, here"
            f" {one.get(name)}): its errors say nothing of this one"
        )
    draws = weights_near([*files, other], {label.sheet for label in labels if label.sheet})
    return across(here, errors_of(there, labelled, draws), there.name)


def errors_of(there: Answers, labelled: Mapping[str, Sequence[Label]], draws: Sequence[Weights] = ()) -> Errors:
    """Return the critic's errors on the labelled answers under their draw, with the numbers that they are worth.

    Drawn by verdict, the labels alone would show another share of errors than there is.
    """
    said = [consensus(labelled[i.key]) if i.key in labelled else None for i in there.items]
    y = np.array([np.nan if value is None else value for value in said])
    if np.isnan(y).all():
        raise PersonaError("the raters cannot tell on any of these answers")
    clusters = (codes([i.persona_id for i in there.items]), codes([i.question_id for i in there.items]))
    found = agreement(y, [i.fits for i in there.items], strata_of(there.items, draws), clusters)
    # Sensitivity to faults is, for the rate of what fits, specificity.
    good, bad = found.specificity, found.sensitivity
    return Errors(good.value, _worth(good), bad.value, _worth(bad))


def _worth(share: Interval) -> int:
    """Return the number of independent labels whose share is as certain as this one."""
    if not share.n or not 0 < share.value < 1 or not share.stderr > 0:
        return share.n
    return max(1, min(share.n, round(share.value * (1 - share.value) / share.stderr**2)))


def across(here: Answers, errors: Errors, where: str) -> Across:
    """Return the rate of these answers (of the first kind) by the errors."""
    kind = here.items[0].kind
    fits = [i.fits for i in here.items if i.kind == kind]
    rate = float(np.mean(fits))
    try:
        found: Interval | None = rogan_gladen(rate, len(fits), errors)
    except ValueError:
        found = None
    return Across(here.name, rate, errors, found, where)
