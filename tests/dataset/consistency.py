"""Whether a persona's attributes go together: the rules of the population, and the texts against the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from persona_metrics.synthesis.bank import BANKS, Entry, read_bank
from persona_metrics.synthesis.rules import broken
from persona_metrics.synthesis.texts import Facts
from persona_metrics.synthesis.views import VIEWS

NO_CHILDREN = "No own children under 18 at home"
ACTIVITIES = {
    "Works full": "working full time",
    "Works part": "working part time",
    "Works as": "temporarily off work",
    "Serves": "armed forces",
    "Retired": "retired",
    "Studies": "studying",
    "Goes to": "studying",
    "Keeps": "keeping house",
    "Unable": "unable to work",
    "Looking": "looking for work",
}
"""How a job description begins, and what the banks call that activity."""

YOUNGER_RULES = frozenset(
    {"minimum wage", "public pay", "works only if employed", "no work after work", "keeps house in a house",
     "couples live together", "word games in English", "ancestors' language", "pay at least", "pay at most", "pupils at home",
     "citizens vote", "forces are fit"}
)  # fmt: skip
"""Rules (and pay) that the older personas, of which these items are made, were not drawn by."""

BANKS_1 = Path(__file__).parents[1] / "data" / "banks_1"
"""The banks that the first edition's texts are from, as they were: later ones ask for more. Texts that quote are left out."""

Named = tuple[str, str]
"""An attribute, and a text in it."""


def broken_rules(personas: Sequence[Mapping[str, str]]) -> dict[str, int]:
    """Return the rules of the population that somebody breaks, with how many do."""
    return {name: n for name, n in broken(pd.DataFrame(list(personas))).items() if n and name not in YOUNGER_RULES}


@cache
def _entries(attribute: str) -> tuple[tuple[Entry, tuple[str, ...]], ...]:
    """Return each entry without its traits, which no change looks at, and its wordings in lower case."""
    return tuple(
        (replace(entry, traits={}), tuple(text.lower() for text in entry.texts))
        for entry in read_bank(attribute, BANKS_1)
    )


def contradictions(personas: Sequence[Mapping[str, str]], changed: frozenset[str] = frozenset()) -> list[Named]:
    """Return the texts that do not go with the rest of their persona: a driver's with poor sight, a spouse's alone.

    In the attributes that were ``changed`` only what is impossible counts, not what is unlikely at an age or income.
    """
    facts, found = _facts(personas), []
    for attribute in BANKS:
        told = [p[attribute].lower() for p in personas]
        for entry, texts in _entries(attribute):
            if attribute in changed:
                entry = replace(entry, age=Entry.age, income=Entry.income)
            stated = np.array([any(text in words for text in texts) for words in told])
            if stated.any() and (stated & ~facts.fits(entry)).any():
                found.append((attribute, entry.texts[0]))
    return found


def _facts(personas: Sequence[Mapping[str, str]]) -> Facts:
    frame = pd.DataFrame(list(personas)).astype({"age": int, "income": int})
    frame["_activity"] = [_activity(text) for text in frame["detailed job description"]]
    frame["_children"] = (frame["family presence and age"] != NO_CHILDREN).astype(int)
    frame["_young_children"] = frame["family presence and age"].str.contains("under 6")
    frame["_walking_difficulty"] = frame["disability"].str.contains("walking")
    frame["_birth_region"] = VIEWS["birth region"](frame)
    return Facts.of(frame, np.full((len(frame), 5), 2), frame["religion"].to_numpy(dtype=object))


def _activity(text: str) -> str:
    return next(activity for start, activity in ACTIVITIES.items() if text.startswith(start))
