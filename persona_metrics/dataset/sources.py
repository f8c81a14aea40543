"""Personas and questions from the package, the hub or a file, and the seeded draw of pairs. Knows no prompt and no model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from ..errors import PersonaError, shorten
from ..personas import ATTRIBUTES, Persona, require_attributes
from ..settings import Settings, split_names
from . import rows
from .hub import hub_rows
from .part import Part, enough_for
from .people import QUESTION_COLUMNS, People, parse_personas, read_people
from .rows import Row, Rows, plain
from .support import fill
from .values import text_of

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
    """The personas and questions that pairs are drawn from; ``hash`` names their content (12 hex digits).

    ``columns`` are the personas' attributes in the order of their source, ``remarks`` what a user should know of the reading.
    """

    personas: tuple[Persona, ...]
    questions: tuple[Question, ...]
    hash: str
    label: str
    columns: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def load_pool(settings: Settings) -> Pool:
    """Return the personas and questions that the settings name; raise ``PersonaError`` for anything unusable."""
    people, persona_label = load_people(settings)
    questions, question_label = _load_questions(settings)
    label = persona_label if persona_label == question_label else f"{persona_label}+{question_label}"
    made = content_hash(people.personas, questions)
    return Pool(people.personas, questions, made, label, people.columns, people.remarks)


def content_hash(personas: Iterable[Persona], questions: Iterable[Question]) -> str:
    """Return 12 hex digits that name the content of personas and questions."""
    digest = hashlib.sha256()
    for persona in personas:
        digest.update(json.dumps([persona.id, dict(persona.attributes)], sort_keys=True).encode())
    for question in questions:
        digest.update(json.dumps([question.id, question.text]).encode())
    return digest.hexdigest()[:12]


def load_people(settings: Settings) -> tuple[People, str]:
    """Return the personas that the settings name, and where they are from; raise ``PersonaError`` for anything unusable."""
    chosen = split_names(settings.columns)
    if settings.personas:
        part = enough_for(settings.n, settings.seed)
        listed = read_rows(settings.personas, "personas", part)
        people = read_people(listed, settings.personas, chosen)
        _unique([p.id for p in people.personas], settings.personas)
        if listed.total > len(listed):
            drawn = f"{len(listed):,} of {listed.total:,} rows are drawn from, chosen by the seed"
            people = replace(people, remarks=(f"personas={shorten(settings.personas, 60)}: {drawn}", *people.remarks))
        return people, "file"
    if settings.source == "hub":
        return _only(_hub_people(), chosen), "hub"
    return _only(People(_embedded_personas(), ATTRIBUTES), chosen), "embedded"


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
    ordered = tuple(
        Persona(p.id, {a: p.attributes[a] for a in ATTRIBUTES if a in p.attributes}) for p in people.personas
    )
    return replace(people, personas=ordered, columns=ATTRIBUTES)


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


def read_rows(name: str, setting: str, part: Part | None = None) -> Rows:
    """Return the rows of a JSONL, CSV or Parquet file, each with ``file:line`` for messages (see ``rows``)."""
    return rows.read_rows(name, setting, _COLUMNS, part)


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
        text = text_of(row.get(column), where)
        if not text or not text.strip():
            raise PersonaError(f"{where}: the question is blank")
        topic = text_of(row.get("topic"), where)
        questions.append(Question(text_of(row.get("id"), where) or f"q{index:05d}", text, topic or None))
    _unique([q.id for q in questions], origin)
    return tuple(questions)


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
