"""The banks of texts: what an entry is, whom it fits, and the rule that no entry may know a person's origin or faith.

A bank is a JSONL file under ``banks/``, one entry a line: ``text`` (a clause whose subject is left out; ``[a|b]`` are
words to choose from), ``about`` (what it is about: no person gets two texts about the same thing), ``traits`` (which
of the big five must be high or low), ``fits`` (age and income from and to, any of the kinds of work and occupation
named, all of the circumstances of the household), ``needs`` (what the person must be able to do, or have) and ``asks``
(practice of faith, food, music, language and home culture: which religion, household language, ancestry or region of
birth the entry is of). A text that ends with a full stop stands by itself, in whatever voice. Knows no persona and
draws nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

from .vocabulary import OCCUPATION

BANKS: dict[str, str] = {
    "defining quirks": "quirks",
    "mannerisms": "mannerisms",
    "personal time": "personal_time",
    "lifestyle": "lifestyle",
}
"""The file of each attribute that is composed from a bank."""

FOLDER = Path(__file__).parent / "banks"

TRAITS = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
WORK = (
    "employed",
    "full time",
    "self-employed",
    "not employed",
    "retired",
    "studying",
    "looking for work",
    "keeping house",
    "unable to work",
)
HOUSEHOLD = (
    "children",
    "young children",
    "school children",
    "partner",
    "married",
    "once married",
    "widowed",
    "single parent",
    "single again",
    "alone",
    "not alone",
    "roommates",
    "relatives",
    "parents",
    "own place",
)
NEEDS = ("sight", "hearing", "walking", "memory", "home", "driving", "english")
OCCUPATIONS = tuple(label[:3] for label in OCCUPATION)
FITS = ("age", "income", "work", "occupation", "household")
"""All that an entry without ``asks`` may depend on besides traits and needs. Race, ancestry, religion, language,
citizenship and place of birth are not among them: a text that followed from them would be a stereotype."""
ASKS = ("religion", "household language", "ancestry", "birth region")
"""What an entry of faith, food, music, language or home culture may name. It says what some of a group do and no more:
a share of the group gets one, never all of it, and race is not among these."""

_FIELDS = ("id", "text", "about", "traits", "fits", "needs", "asks")

_ORIGIN_OR_FAITH = re.compile(
    r"\b(white|black|asian|hispanic|latin[oa]|latinx|african|native|indian|european|arab|jew|jewish|irish|italian|german"
    r"|polish|mexican|chinese|japanese|korean|vietnamese|filipino|puerto|cuban|russian|french|english|spanish|greek"
    r"|american|immigrant|immigrants|accent|homeland|ethnic|tribe|tribal|reservation|church|mosque|temple|synagogue"
    r"|chapel|parish|pray|prays|prayer|prayers|bible|scripture|koran|quran|torah|god|gods|lord|jesus|christ|christian"
    r"|catholic|protestant|muslim|islam|hindu|buddhist|buddha|atheist|bless|blessed|saint|saints|rosary|priest|pastor"
    r"|rabbi|imam|monk|sermon|hymn|hymns|gospel|halal|kosher|ramadan|christmas|easter|lent|sabbath|shabbat|diwali|eid"
    r"|hanukkah|passover|baptism|communion|karma|heaven|hell|sin|sins|sinner|holy|sacred)\b",
    re.IGNORECASE,
)
_GENDERED = re.compile(
    r"\b(he|she|his|her|hers|him|himself|herself|husband|wife|boyfriend|girlfriend|mother|father|mom|dad|man|men|woman"
    r"|women|gentleman|lady|guy|guys|bride|groom|makeup|lipstick|pregnan\w*)\b",
    re.IGNORECASE,
)

CITIZENS_WORDS = re.compile(r"\b(votes?|voting|ballots?|jury|at the polls|passport)\b", re.IGNORECASE)
"""What only citizens do: no entry speaks of it, for none may depend on citizenship."""

ENGLISH_WORDS = re.compile(
    r"\b(crosswords?|word (games?|puzzles?|searches)|scrabble|anagrams?|puns?|spelling|grammar|typos?|commas?)\b",
    re.IGNORECASE,
)
"""Words of texts that only somebody who knows English well fits."""

NEEDED_BY_WORDS: Mapping[str, re.Pattern[str]] = {
    "sight": re.compile(
        r"\b(reads?|rereads?|reading|paints?|sketch\w*|crosswords?|photo\w*|scrolls|proofreads|drives?|driving|maps? of"
        r"|looks? (at|up|down|people)|squints|eyebrow|mirrors?)\b",
        re.IGNORECASE,
    ),
    "hearing": re.compile(
        r"\b(listens?|radio|podcasts?|music|concerts?|hears?|overheard|voicemails?|symphony|albums?|amp)\b",
        re.IGNORECASE,
    ),
    "walking": re.compile(
        r"\b(walks?|walking|hikes?|climbs?|skates|danc(es|ing)|stairs?|jogs?|bikes?|bicycle|swims?|swimming|skis|stands?"
        r"|standing|steps|on foot|pickleball|softball|gym|gyms|boxing|marathon)\b",
        re.IGNORECASE,
    ),
    "home": re.compile(
        r"\b(porch|garage|kitchen|garden|yard|freezer|fridge|refrigerator|bathroom|cupboard|furniture|lawn|pantry|oven"
        r"|thermostat|windowsill|doorbell|bakes|houseplants|sills?|lamps)\b",
        re.IGNORECASE,
    ),
    "driving": re.compile(r"\b(drives?|driving|the tank|commute)\b", re.IGNORECASE),
    "english": ENGLISH_WORDS,
}
"""Words in a text, and what the person must be able to do or have for it not to contradict the census part."""

FITTED_BY_WORDS: Sequence[tuple[re.Pattern[str], str, tuple[str, ...]]] = (
    (
        re.compile(r"\b(kids?|children|toddlers?|lunchbox\w*|nap time|playground|little ones)\b", re.IGNORECASE),
        "household",
        ("children", "young children", "school children", "single parent"),
    ),
    (
        re.compile(
            r"\b(after work|cowork\w*|office|boss|paycheck|shift|shifts|at work|on the clock|commute)\b", re.IGNORECASE
        ),
        "work",
        ("employed", "full time", "self-employed"),
    ),
    (re.compile(r"\b(partner|partner's|spouse|wedding band)\b", re.IGNORECASE), "household", ("partner", "married")),
    (re.compile(r"\b(roommates?|housemates?)\b", re.IGNORECASE), "household", ("roommates",)),
    (re.compile(r"\bgrandchildren\w*\b", re.IGNORECASE), "household", ("once married",)),
)
"""Words in a text, and the conditions of which it must name one."""

_FIRST_PERSON = re.compile(r"\b(I|I'm|I've|I'd|I'll|[Mm]y|[Mm]e|[Mm]yself|[Mm]ine|[Ww]e|[Oo]ur|[Uu]s)\b")
_QUOTED = re.compile(r'"[^"]*"')
_CHOICE = re.compile(r"\[([^\[\]]+)\]")


@dataclass(frozen=True)
class Entry:
    """One text of a bank, and whom it fits (an empty condition fits everybody)."""

    id: str
    texts: tuple[str, ...]
    about: str
    traits: Mapping[str, str] = field(default_factory=dict)
    age: tuple[int, int] = (0, 999)
    income: tuple[int, int] = (-(10**9), 10**9)
    work: tuple[str, ...] = ()
    occupation: tuple[str, ...] = ()
    household: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    asks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def first_person(self) -> bool:
        """Whether the entry is told by the person."""
        return _FIRST_PERSON.search(_QUOTED.sub("", self.texts[0])) is not None

    def wording(self, number: float) -> str:
        """Return one of the texts, by a number in [0, 1)."""
        return self.texts[int(number * len(self.texts))]


@cache
def read_bank(attribute: str, folder: Path = FOLDER) -> tuple[Entry, ...]:
    """Return the entries of an attribute's bank; raise ``ValueError`` for one that breaks a rule, naming it."""
    path = folder / f"{BANKS[attribute]}.jsonl"
    entries = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            entries.append(parse(json.loads(line)))
        except ValueError as error:
            raise ValueError(f"{path.name}:{number}: {error}") from None
    for what in ("id", "texts"):
        if len({getattr(entry, what) for entry in entries}) < len(entries):
            raise ValueError(f"{path.name}: two entries have the same {what}")
    return tuple(entries)


def parse(row: Mapping[str, Any]) -> Entry:
    """Return an entry, having checked that it keeps the rules of this file; raise ``ValueError`` where it does not."""
    if unknown := set(row) - set(_FIELDS):
        raise ValueError(f"an entry has {', '.join(_FIELDS)}, not {', '.join(sorted(unknown))}")
    fits = row.get("fits", {})
    if unknown := set(fits) - set(FITS):
        raise ValueError(f"an entry may depend on {', '.join(FITS)}, never on {', '.join(sorted(unknown))}")
    text, traits, needs = row["text"], row.get("traits", {}), tuple(row.get("needs", ()))
    asks = row.get("asks", {})
    _known(asks, ASKS, "asked attribute")
    _known(traits, TRAITS, "trait")
    _known(traits.values(), ("high", "low"), "level")
    _known(needs, NEEDS, "need")
    _known(fits.get("work", ()), WORK, "work")
    _known(fits.get("occupation", ()), OCCUPATIONS, "occupation")
    _known(fits.get("household", ()), HOUSEHOLD, "household")
    _check_words(text, fits, needs, asks)
    return Entry(
        row["id"],
        _texts(text),
        row.get("about", row["id"]),
        traits,
        tuple(fits.get("age", Entry.age)),
        tuple(fits.get("income", Entry.income)),
        tuple(fits.get("work", ())),
        tuple(fits.get("occupation", ())),
        tuple(fits.get("household", ())),
        needs,
        {name: tuple(values) for name, values in asks.items()},
    )


def _known(names: Any, allowed: Sequence[str], what: str) -> None:
    if unknown := [name for name in names if name not in allowed]:
        raise ValueError(f"unknown {what} {unknown[0]!r}; there are {', '.join(allowed)}")


def _check_words(text: str, fits: Mapping[str, Any], needs: Sequence[str], asks: Mapping[str, Any]) -> None:
    if not asks and (found := _ORIGIN_OR_FAITH.search(text)):
        raise ValueError(f"{found.group()!r}: a text says nothing of origin or faith that asks for neither")
    if found := _GENDERED.search(text):
        raise ValueError(f"{found.group()!r}: a text fits either sex")
    if found := CITIZENS_WORDS.search(text):
        raise ValueError(f"{found.group()!r}: a text fits citizens and others")
    if not asks and _QUOTED.search(text) and "english" not in needs:
        raise ValueError("a text that quotes what somebody says needs english")
    for need, words in NEEDED_BY_WORDS.items():
        if (found := words.search(text)) and need not in needs:
            raise ValueError(f"{found.group()!r}: such a text needs {need}")
    for words, condition, allowed in FITTED_BY_WORDS:
        if (found := words.search(text)) and not set(fits.get(condition, ())) & set(allowed):
            raise ValueError(f"{found.group()!r}: such a text fits only {condition}: {' or '.join(allowed)}")


def _texts(text: str) -> tuple[str, ...]:
    """Return the text with each choice of words that it offers."""
    pieces = _CHOICE.split(text)
    places = [piece.split("|") if i % 2 else [piece] for i, piece in enumerate(pieces)]
    return tuple("".join(words) for words in product(*places))
