"""Personas and questions from the package, the hub or a file, and the seeded draw of pairs. Knows no prompt and no model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from ..errors import PersonaError, shorten, suggest
from ..personas import ATTRIBUTES, QUESTION_GROUPS, Persona, known
from ..settings import Settings
from . import rows
from .draw import Pair, Pool, content_hash, draw
from .hub import hub_rows
from .questions import KNOWN_COLUMNS, Question, asked, parse_questions
from .rows import Row, plain
from .rows import cell_text as _text
from .rows import require_unique as _unique

HUB_PERSONAS = "SynthLabsAI/Synthetic-Personas"
HUB_QUESTIONS = "SynthLabsAI/PRISM-Filter"


def load_pool(settings: Settings) -> Pool:
    """Return the personas and questions that the settings name; raise ``PersonaError`` for anything unusable."""
    personas, persona_label = load_personas(settings)
    questions, question_label = _load_questions(settings)
    _require_columns(settings.by, personas, questions)
    label = persona_label if persona_label == question_label else f"{persona_label}+{question_label}"
    data = "+".join(
        dict.fromkeys(str(settings.data) if one == "embedded" else one for one in (persona_label, question_label))
    )
    return Pool(personas, questions, content_hash(personas, questions), label, data)


def _require_columns(by: Sequence[str], personas: Sequence[Persona], questions: Sequence[Question]) -> None:
    for name in by:
        if name in ATTRIBUTES or name in QUESTION_GROUPS or any(name in q.columns for q in questions):
            continue
        if not any(name in p.attributes for p in personas):
            known = (*ATTRIBUTES, *QUESTION_GROUPS, *dict.fromkeys(c for q in questions for c in q.columns))
            raise PersonaError(f"by: {shorten(name, 40)!r} is no column of personas or questions{suggest(name, known)}")


def load_personas(settings: Settings) -> tuple[tuple[Persona, ...], str]:
    """Return the personas that the settings name, and where they are from; raise ``PersonaError`` for anything unusable."""
    if settings.personas:
        return parse_personas(read_rows(settings.personas, "personas"), settings.personas), "file"
    if settings.source == "hub":
        return parse_personas(hub_rows(HUB_PERSONAS), HUB_PERSONAS), "hub"
    return _embedded_personas(settings.data), "embedded"


def _load_questions(settings: Settings) -> tuple[tuple[Question, ...], str]:
    if settings.questions:
        origin, label = settings.questions, "file"
        found = parse_questions(read_rows(origin, "questions"), origin)
    elif settings.source == "hub":
        origin, label = HUB_QUESTIONS, "hub"
        found = parse_questions(hub_rows(origin), origin)
    else:
        origin, label = f"data={settings.data}", "embedded"
        found = _embedded_questions(settings.data)
    return asked(found, settings, origin), label


def _embedded(name: str, data: int) -> str:
    """Return the file of an edition: its own, or the first edition's where that one has not changed."""
    folder = files("persona_metrics") / "dataset" / "embedded"
    return str(own if (own := folder / f"{name}_v{data}.jsonl").is_file() else folder / f"{name}.jsonl")


@cache
def _embedded_personas(data: int) -> tuple[Persona, ...]:
    path = _embedded("personas", data)
    return parse_personas(read_rows(path, "personas"), path)


@cache
def _embedded_questions(data: int) -> tuple[Question, ...]:
    path = _embedded("questions", data)
    return parse_questions(read_rows(path, "questions"), path)


def read_rows(name: str, setting: str) -> list[Row]:
    """Return the rows of a JSONL, CSV or Parquet file, each with ``file:line`` for messages (see ``rows``)."""
    return rows.read_rows(name, setting, _COLUMNS)


def parse_personas(listed: Sequence[Row], origin: str) -> tuple[Persona, ...]:
    """Return the personas of a table with one column an attribute.

    The column ``persona`` may hold them instead: an object, the same as JSON text, or lines of ``attribute: value``. A
    line that begins with no attribute's name, or with one that was there before, belongs to the value above it.
    """
    flat: list[tuple[str, dict[str, Any]]] = []
    for where, row in listed:
        columns = {**row, **_inner(row.get("persona"))}
        flat.append((where, {plain(k): v for k, v in columns.items()}))
    present = {name for _, columns in flat for name in columns}
    if missing := [name for name in ATTRIBUTES if name not in present]:
        raise PersonaError(f"personas={shorten(origin)}: these columns are missing: {', '.join(missing)}")
    personas = []
    for index, (where, columns) in enumerate(flat):
        attributes = known({name: _scalar(columns.get(name), name, where) for name in ATTRIBUTES})
        if not attributes:
            raise PersonaError(f"{where}: this persona has no attribute at all")
        personas.append(Persona(_text(columns.get("id"), where) or f"p{index:05d}", attributes))
    _unique([p.id for p in personas], origin)
    return tuple(personas)


def _inner(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, str):
        return {}
    if value.lstrip().startswith("{"):
        try:
            loaded = json.loads(value)
        except ValueError:
            return {}
        return loaded if isinstance(loaded, dict) else {}
    return _lines(value)


def _lines(text: str) -> dict[str, str]:
    """Return the attributes of a text of ``attribute: value`` lines.

    The 33 names alone begin a value, each once: quirks that run over lines and say "age: just a number" leave the age.
    """
    found: dict[str, list[str]] = {}
    current: str | None = None
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        begins = plain(name) if colon else ""
        if begins not in found and (begins in ATTRIBUTES or (begins == "id" and current is None)):
            found[begins], current = [value.strip()], begins
        elif current is not None and current != "id":
            found[current].append(line.rstrip())
    return {name: "\n".join(lines).strip() for name, lines in found.items()}


_COLUMNS = frozenset({*ATTRIBUTES, *map(plain, KNOWN_COLUMNS), "persona"})


def _scalar(value: Any, name: str, where: str) -> str | None:
    # The hub's set keeps some attributes as JSON; a list of them reads as its items.
    value = _joined(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    try:
        return _text(value, where)
    except PersonaError as error:
        raise PersonaError(f"{error} in {name!r}") from None


def _joined(value: Any) -> Any:
    if hasattr(value, "tolist"):  # numpy's arrays and numbers, as data frames hand them over
        value = value.tolist()
    if isinstance(value, Mapping):
        return ", ".join(f"{k}: {_joined(v)}" for k, v in value.items() if v is not None)
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(str(_joined(v)) for v in value if v is not None)
    return value


__all__ = [
    "HUB_PERSONAS",
    "HUB_QUESTIONS",
    "Pair",
    "Pool",
    "Question",
    "content_hash",
    "draw",
    "load_personas",
    "load_pool",
    "parse_personas",
    "parse_questions",
    "read_rows",
]
