"""Marks an exam: from verdicts to the card. Knows no network and no file."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone

from .. import __version__
from ..cards.card import Asked, Card, Cost, Identity, Unusable
from ..costs.prices import Price
from ..critic import Verdict, Vote, critic_card
from ..critic.debate import edition_of
from ..settings import Settings
from . import fitness, measure
from .injections import INJECTIONS
from .measure import Probed, Seen
from .probes import SAME, families
from .run import Answered, Exam


def mark(answered: Answered, settings: Settings, priced: Price | None = None) -> Card:
    """Return the card."""
    exam = answered.exam
    cases, probes = _seen(answered), _probed(answered)
    sens, spec = measure.sensitivity(cases), measure.specificity(cases)
    same = [
        name for name in families(exam.probes) if any(p.expectation == SAME for p in exam.probes if p.family == name)
    ]
    length = measure.length(cases, probes)
    found = fitness.Measured(
        sensitivity=sens,
        specificity=spec,
        balanced=measure.balanced(sens, spec),
        by_kind=measure.by_kind(cases),
        flips=measure.flips(cases),
        changed=measure.changed(cases, probes, same),
        nulls=measure.nulls(probes),
        injections=measure.injections(cases, probes),
        length=length.all,
        unusable=unusable(answered.verdicts),
    )
    held = fitness.criteria(found)
    return Card(
        identity=identity(settings, answered.verdicts),
        asked=_asked(exam),
        date=datetime.now(timezone.utc).date().isoformat(),
        pack_version=__version__,
        fit=fitness.fit(held),
        sensitivity=sens,
        specificity=spec,
        balanced_accuracy=found.balanced,
        by_kind=dict(found.by_kind),
        flips=found.flips,
        changed=dict(found.changed),
        nulls=found.nulls,
        injections=found.injections,
        length=length,
        unusable=found.unusable,
        cost=cost(answered.verdicts, priced),
        criteria=held,
        faults=fitness.faults(found),
        use=fitness.use(found, held),
    )


def _says(verdict: Verdict) -> bool | None:
    return None if verdict.personalized is None else not verdict.personalized


def _seen(answered: Answered) -> list[Seen]:
    pairs = zip(answered.exam.cases, answered.cases, strict=True)
    return [Seen(c.id, c.base, c.kind, c.needs_revision, tuple(map(_says, verdicts))) for c, verdicts in pairs]


def _probed(answered: Answered) -> list[Probed]:
    of = {injection.id: injection.family for injection in INJECTIONS}
    pairs = zip(answered.exam.probes, answered.probes, strict=True)
    return [Probed(p.name, p.family, of.get(p.name, p.name), p.base, p.case, _says(v)) for p, v in pairs]


def identity(settings: Settings, verdicts: Iterable[Verdict]) -> Identity:
    """Return who was examined."""
    told = critic_card(settings)
    served = {vote.served_model for vote in _votes(verdicts) if vote.served_model}
    return Identity(served_models=tuple(sorted(served)), template=edition_of(told["critic_template"]), **told)


def _asked(exam: Exam) -> Asked:
    return Asked(
        cases_digest=exam.digest,
        bases=len(exam.bases),
        all_bases=exam.all_bases,
        cases=len(exam.cases),
        probes=len(exam.probes),
        repeats=exam.repeats,
    )


def _votes(verdicts: Iterable[Verdict]) -> list[Vote]:
    return [vote for verdict in verdicts for vote in verdict.votes]


def unusable(verdicts: Iterable[Verdict]) -> Unusable:
    """Count the votes that could not be had, by reason."""
    votes = _votes(verdicts)
    lost = [vote.missing.kind for vote in votes if vote.missing is not None]
    return Unusable(count=len(lost), of=len(votes), reasons=measure.reasons(lost))


def cost(verdicts: Iterable[Verdict], priced: Price | None) -> Cost:
    """Return what a verdict takes on average, with all its votes."""
    held = list(verdicts)
    votes = _votes(held)
    each = len(votes) / len(held) if held else 0.0
    prompt, completion, seconds = (
        None if (mean := measure.mean(getattr(vote, name) for vote in votes)) is None else mean * each
        for name in ("prompt_tokens", "completion_tokens", "latency")
    )
    spent = None
    if priced is not None and prompt is not None and completion is not None:
        spent = 1000 * priced.of(prompt, completion)
    return Cost(
        prompt_tokens=prompt,
        completion_tokens=completion,
        seconds=seconds,
        price=spent,
        price_in=priced.prompt if priced else None,
        price_out=priced.completion if priced else None,
    )
