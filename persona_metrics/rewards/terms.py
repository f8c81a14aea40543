"""What a reward is made of beside the verdict: length over a budget, recital, what fits another person as well. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..answers.recital import recited
from ..errors import PersonaError

FULL = 3
"""So many recited attributes are a whole recital."""


@dataclass(frozen=True)
class Terms:
    """The weights; each term lies in 0…1 and is taken off the verdict (1 or 0) times its weight. 0 switches it off."""

    length_budget: int | None = None
    """Characters that cost nothing; at twice as many the length term is 1."""
    length_weight: float = 0.5
    recital_weight: float = 0.0
    contrast_weight: float = 0.0

    def __post_init__(self) -> None:
        for name in ("length_weight", "recital_weight", "contrast_weight"):
            if not 0 <= getattr(self, name) <= 10:
                raise PersonaError(f"{name}={getattr(self, name):g}: must be between 0 and 10")
        if self.length_budget is not None and self.length_budget < 1:
            raise PersonaError(f"length_budget={self.length_budget}: must be at least 1 character")


@dataclass(frozen=True)
class Parts:
    """One completion's reward and its parts, None where a verdict that it rests on is missing."""

    fits: float | None
    over: float
    recital: float
    fits_other: float | None
    reward: float | None


def parts(
    terms: Terms, answer: str | None, persona: Mapping[str, str], question: str, fits: float | None, other: float | None
) -> Parts:
    """Return the reward of an answer; one that holds none (None) earns 0.0. ``other`` is None where nobody else is asked.

    With a contrast term and another person whose verdict is missing there is no reward: pass NaN for that.
    """
    if answer is None:
        return Parts(0.0, 0.0, 0.0, None, 0.0)
    over = 0.0 if terms.length_budget is None else min(1.0, max(0.0, len(answer) / terms.length_budget - 1))
    recital = min(1.0, len(recited(answer, persona, question)) / FULL)
    lost = other is not None and other != other
    if fits is None or lost:
        return Parts(fits, over, recital, None if lost else other, None)
    off = terms.length_weight * over + terms.recital_weight * recital + terms.contrast_weight * (other or 0.0)
    return Parts(fits, over, recital, other, fits - off)
