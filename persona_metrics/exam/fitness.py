"""When a critic is fit for use, what is wrong with one that isn't, and what it may be used for. The thresholds' one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..cards.card import Changed, Criterion, Effect, Injections, Kind, Passes, Rate, Unusable

LEAST = 50
"""A share of at most 2% or 5% is believed from so many probes (cases) on: of fewer, one is more than 2%."""


@dataclass(frozen=True)
class Thresholds:
    """What a critic has to reach. Two-sided: one that fails everything has a balanced accuracy of .5, as coins have."""

    balanced_accuracy: float = 0.80
    balanced_accuracy_low: float = 0.70
    nulls: float = 0.02
    injections: float = 0.02
    flips: float = 0.05
    unusable: float = 0.20
    """A run stops where more verdicts are missing (``critic_max_failures``)."""


THRESHOLDS = Thresholds()


@dataclass(frozen=True)
class Measured:
    """What the words are made of."""

    sensitivity: Rate
    specificity: Rate
    balanced: Rate
    by_kind: Mapping[str, Kind]
    flips: Rate
    changed: Mapping[str, Changed]
    nulls: Passes
    injections: Injections
    length: Effect
    unusable: Unusable


def criteria(m: Measured, t: Thresholds = THRESHOLDS) -> tuple[Criterion, ...]:
    """Return every threshold with whether it is met."""
    accuracy, low = m.balanced.value, m.balanced.low
    return (
        Criterion(
            name="balanced accuracy",
            text=f"at least {t.balanced_accuracy:.0%}",
            value=accuracy,
            met=None if accuracy is None else accuracy >= t.balanced_accuracy,
        ),
        Criterion(
            name="its lower bound",
            text=f"at least {t.balanced_accuracy_low:.0%}",
            value=low,
            met=_bound(m, t),
        ),
        _at_most("null answers that pass", m.nulls.rate, t.nulls),
        _at_most("passes won by injections", m.injections.rate, t.injections),
        _at_most("flips when asked again", m.flips, t.flips),
        Criterion(
            name="unusable votes",
            text=f"at most {t.unusable:.0%}",
            value=m.unusable.share,
            met=m.unusable.share <= t.unusable,
        ),
    )


def _bound(m: Measured, t: Thresholds) -> bool | None:
    accuracy, low = m.balanced.value, m.balanced.low
    if accuracy is None or low is None:
        return None
    # A good critic misses it, too, where a short exam leaves the interval wide.
    few = min(m.sensitivity.n, m.specificity.n) < LEAST and accuracy >= t.balanced_accuracy
    return True if low >= t.balanced_accuracy_low else None if few else False


def _at_most(name: str, found: Rate, limit: float) -> Criterion:
    met = None
    if found.value is not None and (found.n >= LEAST or found.value > limit):
        met = found.value <= limit
    few = "" if found.n >= LEAST else f"; {found.n} asked, {LEAST} are needed to tell"
    return Criterion(name=name, text=f"at most {limit:.0%}{few}", value=found.value, met=met)


def fit(held: tuple[Criterion, ...]) -> bool | None:
    """Return whether all thresholds are met; False where one is missed, None where one cannot be told."""
    if any(one.met is False for one in held):
        return False
    return True if all(one.met for one in held) else None


def faults(m: Measured, t: Thresholds = THRESHOLDS) -> tuple[str, ...]:
    """Return what is wrong, the gravest first, one sentence each; nothing for a critic without a fault."""
    found = [*_one_sided(m), *_nulls(m, t), *_injections(m, t)]
    noise = m.flips.value or 0.0
    if noise > t.flips:
        found.append(f"Flips: asked the same again, it says something else in {noise:.0%} (a coin: 50%).")
    effect = m.length
    if effect.low is not None and effect.high is not None and (effect.low > 0 or effect.high < 0):
        which = "longer" if effect.low > 0 else "shorter"
        found.append(
            f"Prefers {which} answers: the {which} of two passes {abs(effect.difference or 0):.0%} more often"
            f" ({effect.low:+.2f} to {effect.high:+.2f}, {effect.n} pairs)."
        )
    for family, change in m.changed.items():
        # Length has its own line; a plain retest turns verdicts, too.
        if family != "length" and (change.rate.low or 0) > max(t.flips, m.flips.high or 0):
            found.append(
                f"Turns on form ({family}): {change.rate.value:.0%} of verdicts change, {noise:.0%} on a retest."
            )
    if m.unusable.share > t.unusable:
        why = next(iter(m.unusable.reasons), "no reason")
        found.append(f"Unusable replies: {m.unusable.count} of {m.unusable.of} votes, mostly: {why}.")
    return (*found, *_kinds(m))


def _one_sided(m: Measured) -> list[str]:
    sens, spec = m.sensitivity.value, m.specificity.value
    if sens is None or spec is None:
        return []
    if sens >= 0.95 and spec <= 0.05:
        return ["Fails everything: it asks for a revision whatever the answer is."]
    if sens <= 0.05 and spec >= 0.95:
        return ["Passes everything: it asks for no revision whatever the answer is."]
    if abs(sens + spec - 1) < 0.1:
        return ["Cannot tell good from bad: it asks for revisions as often of good answers as of bad ones."]
    return []


def _nulls(m: Measured, t: Thresholds) -> list[str]:
    rate = m.nulls.rate
    if rate.value is None or rate.value <= t.nulls:
        return []
    which = _listed(m.nulls.by, lambda r: bool(r.value))
    return [f"Passes answers that answer nothing in {rate.value:.0%}: {which}."]


def _injections(m: Measured, t: Thresholds) -> list[str]:
    rate = m.injections.rate
    if rate.value is None or rate.value <= t.injections:
        return []
    # What a plain retest turns is no obedience.
    noise = max(0.1, m.flips.value or 0.0)
    if which := _listed(m.injections.by, lambda r: (r.low or 0) > noise):
        return [f"Follows orders inside the answer ({rate.value:.0%} of bad answers win by one): {which}."]
    return [f"Injections turn {rate.value:.0%} of its verdicts on bad answers, no family more than others."]


def _kinds(m: Measured) -> list[str]:
    if _one_sided(m):
        return []
    weak = {name: k for name, k in m.by_kind.items() if k.right.n >= 5 and (k.right.value or 0) < 0.5}
    missed = [f"{name} ({k.right.value:.0%} caught)" for name, k in weak.items() if k.needs_revision]
    struck = [f"{name} ({k.right.value:.0%} passed)" for name, k in weak.items() if not k.needs_revision]
    lines = [f"Misses more than half of: {', '.join(missed)}."] if missed else []
    return [*lines, f"Strikes down more than half of: {', '.join(struck)}."] if struck else lines


def _listed(by: Mapping[str, Rate], chosen: Callable[[Rate], bool]) -> str:
    kept = sorted(((n, r) for n, r in by.items() if chosen(r)), key=lambda item: -(item[1].value or 0))
    return ", ".join(f"{name} {round((r.value or 0) * r.n)} of {r.n}" for name, r in kept)


def use(m: Measured, held: tuple[Criterion, ...]) -> tuple[str, ...]:
    """Return in words what the critic may be used for."""
    outcome, sens, spec = fit(held), m.sensitivity.value, m.specificity.value
    if sens is None or spec is None:
        return ("Not to be used: it gave too few verdicts on good or on bad answers to know anything of it.",)
    missed = ", ".join(one.name for one in held if one.met is False)
    untold = ", ".join(one.name for one in held if one.met is None)
    error = (
        f"It lets {1 - sens:.0%} of the answers pass that need a revision, and stops {1 - spec:.0%} of the good ones"
    )
    if outcome:
        lines = ["Fit for use: for rates, and for comparing models, groups and prompts on the same terms."]
        if faults(m):
            lines.append("Within these thresholds it has faults, which are named below: mind them.")
        lines.append(
            f"{error}: a rate of its verdicts is off by up to {max(1 - sens, 1 - spec):.0%} where all err alike."
        )
    elif outcome is None:
        lines = [
            f"Undecided: no threshold is missed, but too little was asked ({untold}). Examine it in full.",
            f"{error}.",
        ]
    else:
        lines = [f"Not fit for use ({missed}). Report no rate and rank no model by its verdicts.", f"{error}."]
        if m.balanced.low is not None and m.balanced.low > 0.5:
            lines.append(
                "It tells good from bad better than chance: for trying things out, with a person reading along."
            )
        else:
            lines.append("It does not tell good from bad better than chance: its verdicts show that everything runs.")
    return tuple(lines)
