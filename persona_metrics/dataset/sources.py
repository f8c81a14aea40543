"""Personas and questions from the package, the hub or a file, and the pool of both. Knows no prompt and no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files

from ..errors import PersonaError, shorten, suggest
from ..personas import ATTRIBUTES, QUESTION_GROUPS, Persona, require_attributes
from ..settings import Settings
from ..settings.spellings import split_names
from . import rows
from .adapters import THEIR_NAMES
from .draw import Pair, Pool, content_hash, draw
from .hub import hub_rows
from .part import Part, enough_for
from .people import People, parse_personas, read_people
from .questions import KNOWN_COLUMNS, Question, asked, parse_questions
from .rows import Rows, plain, require_unique

HUB_PERSONAS = "SynthLabsAI/Synthetic-Personas"
HUB_QUESTIONS = "SynthLabsAI/PRISM-Filter"


def load_pool(settings: Settings) -> Pool:
    """Return the personas and questions that the settings name; raise ``PersonaError`` for anything unusable."""
    people, persona_label = load_people(settings)
    # What no persona states is unknown, and so may be named, as may a column of one's own.
    attributes = tuple(dict.fromkeys((*people.columns, *ATTRIBUTES)))
    require_attributes(split_names(settings.bears), "bears", attributes)
    questions, question_label = _load_questions(settings, attributes)
    _require_columns(settings.by, people.columns, questions)
    label = persona_label if persona_label == question_label else f"{persona_label}+{question_label}"
    data = "+".join(
        dict.fromkeys(str(settings.data) if one == "embedded" else one for one in (persona_label, question_label))
    )
    made = content_hash(people.personas, questions)
    return Pool(people.personas, questions, made, label, data, people.columns, people.remarks)


def _require_columns(by: Sequence[str], columns: Sequence[str], questions: Sequence[Question]) -> None:
    for name in by:
        if name in ATTRIBUTES or name in QUESTION_GROUPS or any(name in q.columns for q in questions):
            continue
        if name not in columns and THEIR_NAMES.get(name) not in columns:
            known = dict.fromkeys((*columns, *ATTRIBUTES, *QUESTION_GROUPS, *(c for q in questions for c in q.columns)))
            raise PersonaError(f"by: {shorten(name, 40)!r} is no column of personas or questions{suggest(name, known)}")


def load_people(settings: Settings) -> tuple[People, str]:
    """Return the personas that the settings name, and where they are from; raise ``PersonaError`` for anything unusable."""
    chosen = split_names(settings.columns)
    if settings.personas:
        part = enough_for(settings.n, settings.seed)
        listed = read_rows(settings.personas, "personas", part)
        people = read_people(listed, settings.personas, chosen)
        require_unique([p.id for p in people.personas], settings.personas)
        if listed.total > len(listed):
            drawn = f"{len(listed):,} of {listed.total:,} rows are drawn from, chosen by the seed"
            people = replace(people, remarks=(f"personas={shorten(settings.personas, 60)}: {drawn}", *people.remarks))
        return people, "file"
    if settings.source == "hub":
        return _only(_hub_people(), chosen), "hub"
    _require_embedded(settings.source)
    return (_only(_embedded_people(settings.data), chosen) if chosen else _embedded_33(settings.data)), "embedded"


def load_personas(settings: Settings) -> tuple[tuple[Persona, ...], str]:
    """Return the personas alone, and where they are from (see ``load_people``)."""
    people, label = load_people(settings)
    return people.personas, label


def _only(people: People, chosen: Sequence[str]) -> People:
    if not chosen:
        return people
    kept = frozenset(require_attributes(chosen, "columns", people.columns))
    cut = tuple(Persona(p.id, {k: v for k, v in p.attributes.items() if k in kept}) for p in people.personas)
    return replace(people, personas=cut, columns=tuple(c for c in people.columns if c in kept))


def _hub_people() -> People:
    """Return the authors' personas, the 33 in their order: what prompts of earlier runs showed."""
    people = read_people(hub_rows(HUB_PERSONAS), HUB_PERSONAS)
    if missing := [name for name in ATTRIBUTES if name not in people.columns]:
        raise PersonaError(f"personas={HUB_PERSONAS}: these columns are missing: {', '.join(missing)}")
    return _the_33(people)


def _the_33(people: People) -> People:
    cut = (Persona(p.id, {a: p.attributes[a] for a in ATTRIBUTES if a in p.attributes}) for p in people.personas)
    return replace(people, personas=tuple(cut), columns=ATTRIBUTES)


def _load_questions(settings: Settings, attributes: Sequence[str]) -> tuple[tuple[Question, ...], str]:
    if settings.questions:
        origin, label = settings.questions, "file"
        found = parse_questions(read_rows(origin, "questions"), origin, attributes)
    elif settings.source == "hub":
        origin, label = HUB_QUESTIONS, "hub"
        found = parse_questions(hub_rows(origin), origin, attributes)
    else:
        _require_embedded(settings.source)
        origin, label = f"data={settings.data}", "embedded"
        found = _embedded_questions(settings.data)
    return asked(found, settings, origin), label


def _require_embedded(source: str) -> None:
    # Of a new one, whose reader is not written yet, nobody is to get these under its name.
    if source != "embedded":
        raise PersonaError(f"source={source}: nothing here reads it")


def _embedded(name: str, data: int) -> str:
    """Return the file of an edition: its own, or the first edition's where that one has not changed."""
    folder = files("persona_metrics") / "dataset" / "embedded"
    return str(own if (own := folder / f"{name}_v{data}.jsonl").is_file() else folder / f"{name}.jsonl")


@cache
def _embedded_people(data: int) -> People:
    path = _embedded("personas", data)
    return read_people(read_rows(path, "personas"), path)


@cache
def _embedded_33(data: int) -> People:
    """Return the personas without the columns beyond the 33, which are shown where ``columns`` asks for them."""
    return _the_33(_embedded_people(data))


@cache
def _embedded_questions(data: int) -> tuple[Question, ...]:
    path = _embedded("questions", data)
    return parse_questions(read_rows(path, "questions"), path)


def read_rows(name: str, setting: str, part: Part | None = None) -> Rows:
    """Return the rows of a JSONL, CSV or Parquet file, each with ``file:line`` for messages (see ``rows``)."""
    return rows.read_rows(name, setting, _COLUMNS, part)


_COLUMNS = frozenset({*ATTRIBUTES, *map(plain, KNOWN_COLUMNS), "persona"})


__all__ = [
    "HUB_PERSONAS",
    "HUB_QUESTIONS",
    "Pair",
    "Pool",
    "Question",
    "content_hash",
    "draw",
    "load_people",
    "load_personas",
    "load_pool",
    "parse_personas",
    "parse_questions",
    "read_rows",
]
