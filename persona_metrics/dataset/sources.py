"""Personas and questions from the package, the hub or a file, and the seeded draw of pairs. Knows no prompt and no model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ..errors import PersonaError, shorten
from ..personas import ATTRIBUTES, Persona, known
from ..settings import Settings
from . import rows
from .hub import hub_rows
from .rows import Row, plain
from .support import fill

HUB_PERSONAS = "SynthLabsAI/Synthetic-Personas"
HUB_QUESTIONS = "SynthLabsAI/PRISM-Filter"


@dataclass(frozen=True)
class Question:
    """One question to the model, with its topic where the source names one."""

    id: str
    text: str
    topic: str | None = None


@dataclass(frozen=True)
class Pair:
    """One persona and one question: what lm-eval calls a document."""

    id: str
    persona: Persona
    question: Question


@dataclass(frozen=True)
class Pool:
    """The personas and questions that pairs are drawn from; ``hash`` names their content (12 hex digits)."""

    personas: tuple[Persona, ...]
    questions: tuple[Question, ...]
    hash: str
    label: str


def load_pool(settings: Settings) -> Pool:
    """Return the personas and questions that the settings name; raise ``PersonaError`` for anything unusable."""
    personas, persona_label = load_personas(settings)
    questions, question_label = _load_questions(settings)
    label = persona_label if persona_label == question_label else f"{persona_label}+{question_label}"
    return Pool(personas, questions, content_hash(personas, questions), label)


def content_hash(personas: Iterable[Persona], questions: Iterable[Question]) -> str:
    """Return 12 hex digits that name the content of personas and questions."""
    digest = hashlib.sha256()
    for persona in personas:
        digest.update(json.dumps([persona.id, dict(persona.attributes)], sort_keys=True).encode())
    for question in questions:
        digest.update(json.dumps([question.id, question.text]).encode())
    return digest.hexdigest()[:12]


def load_personas(settings: Settings) -> tuple[tuple[Persona, ...], str]:
    """Return the personas that the settings name, and where they are from; raise ``PersonaError`` for anything unusable."""
    if settings.personas:
        return parse_personas(read_rows(settings.personas, "personas"), settings.personas), "file"
    if settings.source == "hub":
        return parse_personas(hub_rows(HUB_PERSONAS), HUB_PERSONAS), "hub"
    return _embedded_personas(), "embedded"


def _load_questions(settings: Settings) -> tuple[tuple[Question, ...], str]:
    if settings.questions:
        return parse_questions(read_rows(settings.questions, "questions"), settings.questions), "file"
    if settings.source == "hub":
        return parse_questions(hub_rows(HUB_QUESTIONS), HUB_QUESTIONS), "hub"
    return _embedded_questions(), "embedded"


@cache
def _embedded_personas() -> tuple[Persona, ...]:
    path = str(files("persona_metrics") / "dataset" / "embedded" / "personas.jsonl")
    return parse_personas(read_rows(path, "personas"), path)


@cache
def _embedded_questions() -> tuple[Question, ...]:
    path = str(files("persona_metrics") / "dataset" / "embedded" / "questions.jsonl")
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


QUESTION_COLUMNS = ("question", "instruction", "prompt", "opening_prompt")
"""What the column of the question may be called; the hub's sets use several of these names."""
_COLUMNS = frozenset({*ATTRIBUTES, *map(plain, QUESTION_COLUMNS), "id", "topic", "persona"})


def parse_questions(listed: Sequence[Row], origin: str) -> tuple[Question, ...]:
    """Return the questions of a table with the column ``question`` (and, if there, ``id`` and ``topic``)."""
    present = {str(name) for _, row in listed for name in row}
    column = next((name for name in QUESTION_COLUMNS if name in present), None)
    if column is None:
        raise PersonaError(f"questions={shorten(origin)}: the column question is missing")
    questions = []
    for index, (where, row) in enumerate(listed):
        if isinstance(row.get(column), (list, dict)):
            raise PersonaError(f"{where}: the question is a {type(row[column]).__name__} and not a text")
        text = _text(row.get(column), where)
        if not text or not text.strip():
            raise PersonaError(f"{where}: the question is blank")
        topic = _text(row.get("topic"), where)
        questions.append(Question(_text(row.get("id"), where) or f"q{index:05d}", text, topic or None))
    _unique([q.id for q in questions], origin)
    return tuple(questions)


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


def _text(value: Any, where: str) -> str | None:
    if value is None:
        return None
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PersonaError(f"{where}: the text holds half a surrogate pair, which is not Unicode text") from None
    return text


def _unique(ids: Iterable[str], origin: str) -> None:
    seen: set[str] = set()
    for identifier in ids:
        if identifier in seen:
            raise PersonaError(f"{shorten(origin)}: the id {shorten(identifier, 40)!r} stands twice")
        seen.add(identifier)


def _order(ids: Iterable[int], seed: int, salt: str) -> list[int]:
    # A hash, not random.shuffle: the same order on every machine and Python, whatever was drawn before.
    return sorted(ids, key=lambda i: hashlib.sha256(f"{seed}/{salt}/{i}".encode()).digest())


def draw(pool: Pool, n: int, seed: int, groups: Sequence[frozenset[int]] = (), min_support: int = 0) -> list[Pair]:
    """Draw ``n`` pairs, each persona once before any is used twice, no pair twice.

    ``groups`` are sets of persona positions (intersections). Each is filled to ``min_support`` pairs with different
    personas where it has them and ``n`` allows it, the emptiest first; the rest of ``n`` is drawn from everybody.
    The first pairs of a larger ``n`` are those of a smaller one where there are no groups.
    Raises ``PersonaError`` where ``n`` exceeds the number of distinct pairs.
    """
    possible = len(pool.personas) * len(pool.questions)
    if n > possible:
        raise PersonaError(
            f"n={n}: {len(pool.personas)} personas and {len(pool.questions)} questions give {possible} pairs at most"
        )
    chosen = fill(_order(range(len(pool.personas)), seed, "persona/0"), n, groups, min_support) if groups else []
    taken = set(chosen)
    rounds = 0
    while len(chosen) < n:
        order = [i for i in _order(range(len(pool.personas)), seed, f"persona/{rounds}") if i not in taken]
        chosen += order[: n - len(chosen)]
        taken, rounds = set(), rounds + 1
    if groups:
        # Mixed, so that a run over the first documents (--limit) is no run over the first group.
        chosen = [chosen[i] for i in _order(range(len(chosen)), seed, "mix")]
    return [
        Pair(f"{number:05d}", pool.personas[p], pool.questions[q])
        for number, (p, q) in enumerate(zip(chosen, _questions_for(chosen, len(pool.questions), seed), strict=True))
    ]


def _questions_for(chosen: Sequence[int], questions: int, seed: int) -> list[int]:
    used: set[tuple[int, int]] = set()
    queue: list[int] = []
    result: list[int] = []
    rounds = 0
    for persona in chosen:
        position = next((i for i, q in enumerate(queue) if (persona, q) not in used), None)
        while position is None:
            queue += _order(range(questions), seed, f"question/{rounds}")
            rounds += 1
            position = next((i for i, q in enumerate(queue) if (persona, q) not in used), None)
        question = queue.pop(position)
        used.add((persona, question))
        result.append(question)
    return result
