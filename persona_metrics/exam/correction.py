"""The rate of a run corrected by the errors that its critic's card shows. Reads both; knows no critic that answers."""

from __future__ import annotations

from pathlib import Path

from ..cards import card as cards
from ..cards.card import Card, Rate
from ..errors import PersonaError, shorten
from ..labels.across import Across, across
from ..labels.items import answers_at
from ..statistics.misclassification import Errors
from ..statistics.rates import wilson

DECIDES = ("critic_model", "critic_template", "critic_temperature", "critic_votes", "critic_reasoning_effort")
"""Where one of these differs, the critic of the run is another one than the card's."""


def errors(card: Card) -> Errors:
    """Return how often the card's critic calls good good and bad bad, each over as many cases as its interval is worth.

    Raises ``PersonaError`` where the exam left one of the two without a verdict.
    """
    good, bad = card.specificity, card.sensitivity
    for name, rate in (("specificity", good), ("sensitivity", bad)):
        if rate.value is None:
            critic = card.identity.critic_model
            raise PersonaError(f"the card of {critic} has no {name}: no verdict of its exam tells it")
    return Errors(good.value or 0.0, worth(good), bad.value or 0.0, worth(bad))


def worth(rate: Rate) -> int:
    """Return the number of independent cases whose share Wilson's interval would be as wide as the card's.

    Cases of one base are alike: their interval is wider than their number says.
    """
    if rate.value is None or rate.low is None or rate.high is None:
        return 0
    for n in range(rate.n, 1, -1):
        low, high = wilson(rate.value, n)
        if min(1.0, high) - max(0.0, low) >= rate.high - rate.low - 1e-9:
            return n
    return 1


def corrected(run: Path, card: Path, task: str | None = None) -> Across:
    """Return the rate of the run at ``run`` by the card in ``card`` (a card.json, or the folder that holds it).

    Raises ``PersonaError`` for what is no card, and for the card of another critic than the run's.
    """
    place = card / "card.json" if card.is_dir() else card
    read = cards.read(place)
    here = answers_at(run, task)[0][0]
    known = {k: v for k, v in here.task.metadata.items() if k in DECIDES}
    if unlike := cards.differs(read, known):
        raise PersonaError(
            f"{shorten(place)}: the card of another critic ({'; '.join(unlike)}): its errors say nothing of this one"
        )
    return across(here, errors(read), f"{place.name} of {read.date}")
