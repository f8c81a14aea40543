"""Marks a pairwise exam: from verdicts to the card. Knows no network and no file."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from itertools import combinations

import numpy as np
from scipy import stats

from .. import __version__
from ..cards.card import Asked, Criterion, Rate, Unusable
from ..cards.pair_card import Bias, PairCard
from ..costs.prices import Price
from ..critic import Verdict
from ..critic.pairwise import FIRST, PAIRWISE, TIE, turned_to
from ..settings import Settings
from ..statistics.paired import unanimous
from . import measure
from .fitness import LEAST, THRESHOLDS, fit
from .mark import cost, identity, unusable
from .pairs import PairAnswered

MOST_BIAS = 0.10
"""Verdicts for one place beyond half: more, and ties are what most of its verdicts on close answers become."""


def mark(answered: PairAnswered, settings: Settings, priced: Price | None = None) -> PairCard:
    """Return the card. A case counts once, with the mean of its repeats; intervals are by bases, which repeat."""
    exam = answered.exam
    held = [[v for v in verdicts if v.missing is None] for verdicts in answered.cases]
    told = [(case, verdicts) for case, verdicts in zip(exam.cases, held, strict=True) if verdicts]
    bases = [case.base for case, _ in told]
    rights = [float(np.mean([PAIRWISE.value(v.outcome) or 0.0 for v in verdicts])) for _, verdicts in told]
    kinds: dict[str, list[int]] = {}
    for at, (case, _) in enumerate(told):
        kinds.setdefault(case.kind, []).append(at)
    by_kind = {
        kind: measure.rate([rights[i] for i in places], [bases[i] for i in places]) for kind, places in kinds.items()
    }
    accuracy = measure.rate(rights, bases)
    ties = measure.rate([float(np.mean([v.outcome == TIE for v in verdicts])) for _, verdicts in told], bases)
    bias = _bias([float(np.mean([_lean(v) for v in verdicts])) for _, verdicts in told], bases)
    lost = unusable(answered.verdicts)
    held_to = criteria(accuracy, bias, lost)
    return PairCard(
        identity=identity(settings, answered.verdicts),
        asked=Asked(
            cases_digest=exam.digest,
            bases=len(exam.bases),
            all_bases=exam.all_bases,
            cases=len(exam.cases),
            probes=0,
            repeats=exam.repeats,
        ),
        date=datetime.now(timezone.utc).date().isoformat(),
        pack_version=__version__,
        fit=fit(held_to),
        accuracy=accuracy,
        by_kind=by_kind,
        ties=ties,
        order_bias=bias,
        flips=_flips([verdicts for _, verdicts in told], bases),
        unusable=lost,
        cost=cost(answered.verdicts, priced),
        criteria=held_to,
        faults=faults(accuracy, by_kind, ties, bias, lost),
    )


def _lean(verdict: Verdict) -> float:
    place = turned_to(verdict)
    return 0.0 if place is None else 0.5 if place == FIRST else -0.5


def _bias(values: Sequence[float], bases: Sequence[str]) -> Bias:
    """Return the mean with t's interval over bases: comparisons of one base share an answer and a persona."""
    if not values:
        return Bias()
    mean = float(np.mean(values))
    sums = Counter[str]()
    for value, base in zip(values, bases, strict=True):
        sums[base] += value - mean  # type: ignore[assignment]
    clusters = len(sums)
    if clusters < 2:
        return Bias(value=mean, n=len(values))
    error = math.sqrt(sum(s**2 for s in sums.values()) * clusters / (clusters - 1)) / len(values)
    if error == 0:
        low, high, _ = unanimous(np.full(clusters, mean))
        return Bias(value=mean, low=low, high=high, n=len(values))
    reach = float(stats.t.isf(0.025, clusters - 1)) * error
    return Bias(value=mean, low=max(-0.5, mean - reach), high=min(0.5, mean + reach), n=len(values))


def _flips(cases: Sequence[Sequence[Verdict]], bases: Sequence[str]) -> Rate:
    shares, kept = [], []
    for verdicts, base in zip(cases, bases, strict=True):
        if pairs := list(combinations([v.outcome for v in verdicts], 2)):
            shares.append(sum(a != b for a, b in pairs) / len(pairs))
            kept.append(base)
    return measure.rate(shares, kept)


def criteria(accuracy: Rate, bias: Bias, lost: Unusable) -> tuple[Criterion, ...]:
    """Return every threshold with whether it is met; of fewer than 50 comparisons a bias cannot be told to be small."""
    t = THRESHOLDS
    low = None
    if accuracy.value is not None and accuracy.low is not None:
        few = accuracy.n < LEAST and accuracy.value >= t.balanced_accuracy
        low = True if accuracy.low >= t.balanced_accuracy_low else None if few else False
    lean = None if bias.value is None else abs(bias.value)
    small = None if lean is None or (bias.n < LEAST and lean <= MOST_BIAS) else lean <= MOST_BIAS
    return (
        Criterion(
            name="accuracy, ties half",
            text=f"at least {t.balanced_accuracy:.0%}",
            value=accuracy.value,
            met=None if accuracy.value is None else accuracy.value >= t.balanced_accuracy,
        ),
        Criterion(name="its lower bound", text=f"at least {t.balanced_accuracy_low:.0%}", value=accuracy.low, met=low),
        Criterion(name="order bias, either way", text=f"at most {MOST_BIAS:.0%}", value=lean, met=small),
        Criterion(
            name="unusable votes",
            text=f"at most {t.unusable:.0%}",
            value=lost.share,
            met=lost.share <= t.unusable,
        ),
    )


def faults(accuracy: Rate, by_kind: Mapping[str, Rate], ties: Rate, bias: Bias, lost: Unusable) -> tuple[str, ...]:
    """Return what is wrong, the gravest first, one sentence each."""
    found = []
    if ties.value is not None and ties.value > 0.95:
        found.append("Sees the place alone: nearly every verdict turns with the order.")
    elif accuracy.low is not None and accuracy.high is not None and accuracy.low <= 0.5 <= accuracy.high:
        found.append("Cannot tell the answer that fits from one that does not.")
    elif accuracy.high is not None and accuracy.high < 0.5:
        found.append("Prefers the answer that does not fit.")
    if bias.value is not None and abs(bias.value) > MOST_BIAS:
        place = "first" if bias.value > 0 else "second"
        found.append(f"Favours the answer that stands {place}: {abs(bias.value):.0%} of verdicts beyond half.")
    weak = [f"{name} ({r.value:.0%})" for name, r in by_kind.items() if r.n >= 5 and (r.value or 0) < 0.5]
    if weak and not found:
        found.append(f"Is misled in more than half by: {', '.join(weak)}.")
    if lost.share > THRESHOLDS.unusable:
        why = next(iter(lost.reasons), "no reason")
        found.append(f"Unusable replies: {lost.count} of {lost.of} votes, mostly: {why}.")
    return tuple(found)
