"""Composes a person's texts from the banks: two entries that fit, about different things, in a sentence or two.

Which entries fit is a matter of masks over all persons at once. Weights are whole numbers and so are their sums, hence
the same draw on every machine. No persona gets two texts about one thing, in whichever attribute; while the persons are
few enough (``MOST_WITH_OWN_PAIR``), no two of them get the same two entries, let alone the same words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .bank import BANKS, HOUSEHOLD, OCCUPATIONS, TRAITS, WORK, Entry, read_bank
from .draw import Codes
from .vocabulary import CLASS_OF_WORKER, ENGLISH
from .vocabulary import HOUSEHOLD as HOUSEHOLD_TYPES

Mask = NDArray[np.bool_]

ATTEMPTS, ATTEMPTS_OF_MANY = 40, 10
"""Rounds in which whoever repeats another's text draws again; of many persons, a few share a text in the end."""
CHUNK = 10_000
"""Persons whose masks are in memory at once (about 200 entries each)."""
MOST_WITH_OWN_PAIR = 3000
"""Up to so many persons no two share the same two entries; a bank of 200 offers too few pairs for many more."""

_TRAIT, _CIRCUMSTANCE, _BAND = 4, 3, 2
"""How much likelier an entry becomes with a trait, with work or household, with age or income that it asks for."""
_CULTURE = 8
"""How likely an entry of faith or home culture is: so that it is heard from a share of its group, never from all."""


@dataclass(frozen=True)
class Facts:
    """What the banks' conditions ask of each person. ``levels`` has a column a trait: 0 Extremely Low to 4 Extremely High."""

    age: Codes
    income: Codes
    occupation: Codes
    work: Mapping[str, Mask]
    household: Mapping[str, Mask]
    able: Mapping[str, Mask]
    levels: Codes
    origins: Mapping[str, NDArray[np.object_]] = field(default_factory=dict)

    @classmethod
    def of(cls, census: pd.DataFrame, levels: Codes, religion: NDArray[np.object_] | None = None) -> Facts:
        """Read the facts from the census part, helper columns included.

        Entries of faith fit nobody where ``religion`` is not given.
        """
        activity = census["_activity"].to_numpy(dtype=object)
        employed = np.isin(activity, ["working full time", "working part time", "temporarily off work", "armed forces"])
        own_boss = census["class of worker"].isin([c for c in CLASS_OF_WORKER if c.startswith("Self-employed")])
        kind = census["household type"].to_numpy(dtype=object)
        marital = census["marital status"].to_numpy(dtype=object)
        partner = np.array([t.startswith(("Married couple", "Cohabiting")) for t in HOUSEHOLD_TYPES])
        partnered = np.isin(kind, np.array(HOUSEHOLD_TYPES, dtype=object)[partner])
        children = census["_children"].to_numpy() > 0
        age = census["age"].to_numpy(dtype=np.int64)
        work = {
            "employed": employed,
            "full time": np.isin(activity, ["working full time", "armed forces"]),
            "self-employed": employed & own_boss.to_numpy(),
            "not employed": ~employed,
            **{name: activity == name for name in WORK[4:]},
        }
        household = {
            "children": children,
            "young children": census["_young_children"].to_numpy(dtype=bool),
            "school children": census["family presence and age"].str.contains("6 to 17").to_numpy(dtype=bool),
            "partner": partnered,
            "married": (marital == "Married") & partnered,
            "once married": marital != "Never married",
            "widowed": marital == "Widowed",
            "single parent": children & ~partnered,
            "single again": np.isin(marital, ["Divorced", "Widowed"]) & ~partnered,
            "alone": kind == "Lives alone",
            "not alone": ~np.isin(kind, ["Lives alone", "Group quarters"]),
            "roommates": kind == "Lives with roommates or other nonrelatives",
            "relatives": kind == "Lives with other relatives",
            "parents": kind == "Lives with parents",
            "own place": ~np.isin(kind, ["Lives with parents", "Lives with other relatives", "Group quarters"]),
        }
        sight, memory = census["vision difficulty"] == "No", census["cognitive difficulty"] == "No"
        home = kind != "Group quarters"
        able = {
            "sight": sight.to_numpy(),
            "hearing": (census["hearing difficulty"] == "No").to_numpy(),
            "walking": ~census["_walking_difficulty"].to_numpy(dtype=bool),
            "memory": memory.to_numpy(),
            "home": home,
            "driving": (sight & memory).to_numpy() & home,
            "english": census["ability to speak english"].isin(ENGLISH[:3]).to_numpy(),
        }
        origins = {
            "religion": np.full(len(census), "", dtype=object) if religion is None else religion,
            "household language": census["household language"].to_numpy(dtype=object),
            "ancestry": census["ancestry"].to_numpy(dtype=object),
            "birth region": census["_birth_region"].to_numpy(dtype=object),
        }
        assert set(work) == set(WORK)
        assert set(household) == set(HOUSEHOLD)
        occupation = pd.Index(OCCUPATIONS).get_indexer(census["occupation category"].str[:3])
        return cls(age, census["income"].to_numpy(dtype=np.int64), occupation, work, household, able, levels, origins)

    def fits(self, entry: Entry) -> Mask:
        """Return which persons the entry fits."""
        fit = (self.age >= entry.age[0]) & (self.age <= entry.age[1])
        fit &= (self.income >= entry.income[0]) & (self.income <= entry.income[1])
        for trait, level in entry.traits.items():
            column = self.levels[:, TRAITS.index(trait)]
            fit &= column >= 3 if level == "high" else column <= 1
        if entry.occupation:
            fit &= np.isin(self.occupation, [OCCUPATIONS.index(o) for o in entry.occupation])
        for need in entry.needs:
            fit &= self.able[need]
        if entry.work:
            fit &= np.any([self.work[name] for name in entry.work], axis=0)
        for name in entry.household:
            fit &= self.household[name]
        for name, values in entry.asks.items():
            fit &= np.isin(self.origins[name], values)
        return fit


def weight(entry: Entry) -> int:
    """Return how likely the entry is among those that fit: the more it asks of a person, the more it says of them."""
    result = _TRAIT if entry.traits else 1
    if entry.asks:
        return _CULTURE
    if entry.work or entry.occupation or entry.household:
        result *= _CIRCUMSTANCE
    elif entry.age != Entry.age or entry.income != Entry.income:
        result *= _BAND
    return result


def sentence(first: str, second: str, frame: int) -> str:
    """Return two clauses without a subject as a text; ``frame`` (0, 1, 2) says how they are joined, if they can be."""
    joinable = len(first) + len(second) < 120 and first[-1] not in '".?!' and second[-1] not in ".?!"
    if frame == 1 and joinable:
        return f"{first}; {_lower(second)}" + _stop(second)
    if frame == 2 and joinable and not any(joint in first + second for joint in (",", " and ")):
        return f"{first}, and {_lower(second)}" + _stop(second)
    return f"{_closed(first)} {_closed(second)}"


def compose(facts: Facts, rng: np.random.Generator, banks: Sequence[str] = tuple(BANKS)) -> dict[str, list[str]]:
    """Return the text of each person for each attribute that has a bank."""
    read = {attribute: read_bank(attribute) for attribute in banks}
    topics = {about: i for i, about in enumerate(dict.fromkeys(e.about for bank in read.values() for e in bank))}
    used = np.zeros((len(facts.age), len(topics)), dtype=bool)
    texts = {}
    for attribute, bank in read.items():
        about = np.array([topics[entry.about] for entry in bank])
        texts[attribute], chosen = _compose(facts, rng, bank, about, used)
        for column in chosen.T:
            used[np.arange(len(used)), about[column]] = True
    return texts


def _compose(
    facts: Facts, rng: np.random.Generator, bank: Sequence[Entry], about: Codes, used: Mask
) -> tuple[list[str], Codes]:
    n = len(facts.age)
    weights = np.stack([facts.fits(entry) * np.uint8(weight(entry)) for entry in bank], axis=1)
    weights[used[:, about]] = 0
    told = np.array([entry.first_person for entry in bank])
    texts: list[str] = [""] * n
    chosen = np.zeros((n, 2), dtype=np.int64)
    waiting = np.arange(n)
    owner: dict[object, int] = {}
    attempts = ATTEMPTS if n <= MOST_WITH_OWN_PAIR else ATTEMPTS_OF_MANY
    for attempt in range(attempts):
        last = attempt == attempts - 1
        again = []
        for rows in np.array_split(waiting, max(1, -(-len(waiting) // CHUNK))):
            chosen[rows] = _two(weights[rows], rng, about, told)
            numbers = rng.random((len(rows), 3))
            for row, (a, b), (x, y, z) in zip(rows.tolist(), chosen[rows].tolist(), numbers.tolist(), strict=True):
                texts[row] = sentence(bank[a].wording(x), bank[b].wording(y), int(z * 3))
                key = (min(a, b), max(a, b)) if n <= MOST_WITH_OWN_PAIR else texts[row]
                if owner.setdefault(key, row) != row and not last:
                    again.append(row)
        if not again:
            break
        waiting = np.array(again)
    return texts, chosen


def _two(weights: NDArray[np.uint8], rng: np.random.Generator, about: Codes, told: Mask) -> Codes:
    """Return two columns of ``weights`` for each of its rows, drawn in proportion, the second about another thing and
    told by the same person.
    """
    chosen = np.zeros((len(weights), 2), dtype=np.int64)
    for place in range(2):
        sums = weights.cumsum(axis=1, dtype=np.int32)
        if not sums[:, -1].all():
            raise ValueError("no entry of a bank is left for somebody: it needs more that fit everybody")
        aim = (rng.random(len(weights)) * sums[:, -1]).astype(np.int32)
        chosen[:, place] = np.argmax(sums > aim[:, None], axis=1)
        weights[about == about[chosen[:, place]][:, None]] = 0
        # Who has nothing left in one voice goes on in another.
        alike = told == told[chosen[:, place]][:, None]
        weights *= alike | ~(alike & (weights > 0)).any(axis=1)[:, None]
    return chosen


_NAMES = (
    "Christmas", "Easter", "Bible", "Mass", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Ramadan", "Spanish",
    "Telenovelas", "TV", "I ", "I'", "Jollof", "Kalua", "Pho ", "Celsius", "Cod on Christmas",
)  # fmt: skip
"""Beginnings of a clause that keep their capital in the middle of a sentence."""


def _lower(text: str) -> str:
    return text if text.startswith(_NAMES) else text[0].lower() + text[1:]


def _stop(text: str) -> str:
    return "" if text.endswith(('"', ".", "?", "!")) else "."


def _closed(text: str) -> str:
    return f'{text[:-1]}."' if text.endswith('"') and text[-2] not in ".?!" else text + _stop(text)
