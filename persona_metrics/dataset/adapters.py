"""Sets of personas that people have, by name: which of their columns are attributes of ours, and in which words.

Facts: column names of NVIDIA's Nemotron-Personas (the cards of its data sets, 22 columns in the USA's), of the authors'
PERSONA and Synthetic-Personas, and of PersonaHub. Knows no file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ..errors import PersonaError, suggest
from ..personas import ATTRIBUTES, require_attributes

_ANSWERS = ("instruction", "original", "data", "chosen", "rejected", "critique", "question type")


@dataclass(frozen=True)
class Adapter:
    """``signature``: columns that tell the set. ``renamed``: their column → our attribute. ``words``: attribute → their
    value in small letters → ours. ``left_out``: columns that say nothing of the person, or what another says already.
    ``once``: rows repeat the same person, who is meant once.
    """

    name: str
    signature: frozenset[str]
    renamed: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()
    once: bool = False

    def value(self, attribute: str, text: str) -> str:
        """Return their value in our words; one that nobody knows loses its underscores alone."""
        if attribute not in self.words:
            return text
        plain = " ".join(text.replace("_", " ").split())
        return self.words[attribute].get(plain.lower(), plain[:1].upper() + plain[1:] if "_" in text else text)


NEMOTRON = Adapter(
    "nemotron",
    frozenset({"professional persona", "persona", "sex", "age", "education level", "occupation"}),
    MappingProxyType(
        {
            "education level": "education",
            "occupation": "detailed job description",
            "hobbies and interests": "personal time",
            "military status": "veteran status",
            "family type": "household type",
        }
    ),
    MappingProxyType(
        {
            "marital status": {
                "married present": "Married",
                "married spouse present": "Married",
                "married": "Married",
                "married spouse absent": "Married",
                "married absent": "Married",
                "never married": "Never married",
                "single": "Never married",
                "divorced": "Divorced",
                "widowed": "Widowed",
                "separated": "Separated",
            },
            "education": {
                "less than 9th": "Less than 9th grade",
                "less than 9th grade": "Less than 9th grade",
                "9th 12th no diploma": "9th to 12th grade, no diploma",
                "high school": "Regular high school diploma",
                "some college": "Some college, no degree",
                "associates": "Associate's degree",
                "bachelors": "Bachelor's degree",
            },
            "detailed job description": {"not in workforce": "Not in the workforce"},
        }
    ),
    frozenset({"skills and expertise list", "hobbies and interests list"}),
)
PERSONA = Adapter("persona", frozenset({"instruction", "original", "data"}), left_out=frozenset(_ANSWERS), once=True)
SYNTHETIC_PERSONAS = Adapter("synthetic-personas", frozenset(ATTRIBUTES))
PERSONA_HUB = Adapter(
    "persona-hub",
    frozenset({"persona"}),
    {"input persona": "persona"},
    left_out=frozenset(
        {"synthesized text", "description", "general domain (top 1 percent)", "specific domain (top 1 percent)"}
    ),
)

ADAPTERS: Mapping[str, Adapter] = MappingProxyType(
    {a.name: a for a in (NEMOTRON, PERSONA, SYNTHETIC_PERSONAS, PERSONA_HUB)}
)


def adapter_of(name: str) -> Adapter:
    """Return the adapter of that name; raise ``PersonaError`` where there is none."""
    if name not in ADAPTERS:
        raise PersonaError(f"--from {name!r} is none of {', '.join(ADAPTERS)}{suggest(name, ADAPTERS)}")
    return ADAPTERS[name]


def detected(names: Collection[str]) -> Adapter | None:
    """Return the adapter whose set a file with these columns is of, None where it is somebody's own."""
    there = set(names)
    if "input persona" in there and "persona" not in there:
        return PERSONA_HUB
    if there >= {"persona"} and there <= {"persona", "id", "uuid", *PERSONA_HUB.left_out}:
        return PERSONA_HUB
    return next((a for a in (NEMOTRON, PERSONA, SYNTHETIC_PERSONAS) if there >= a.signature), None)


THEIR_NAMES: Mapping[str, str] = NEMOTRON.renamed
"""What an attribute is called in those sets, for ``by=occupation`` on a file that was read through an adapter."""


def named(name: str, there: Collection[str]) -> str | None:
    """Return what ``there`` (the personas' attributes) calls a name, None where it lacks it."""
    ours = name if name in there else THEIR_NAMES.get(name, name)
    return ours if ours in there else None


def stated_names(names: Iterable[str], where: str, there: Collection[str]) -> tuple[str, ...]:
    """Return the names as ``there`` (the personas' attributes) has them; raise ``PersonaError`` for one that it lacks."""
    ours = [name if name in there else THEIR_NAMES.get(name, name) for name in names]
    return require_attributes(dict.fromkeys(ours), where, there)
