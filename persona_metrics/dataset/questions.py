"""Questions: what a table says of each, and which of them a run asks. Knows no persona and no draw."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ..errors import PersonaError, shorten, suggest
from ..personas import ATTRIBUTES, NOT_STATED, attribute_name
from ..settings import Settings
from .conditions import ALWAYS, AllOf, Condition, Has, named_attributes, parse
from .rows import Row, require_unique
from .values import text_of

PLAIN = "plain"
"""The kind of the control set: questions on which nothing bears. They are asked on request alone."""
ENGLISH = "en"
EVERY = "all"
ANYWHERE = "any"
LONGEST = 80
"""Characters of a value that further columns of a question file may have, so that pairs can be grouped by it."""

QUESTION_COLUMNS = ("question", "instruction", "prompt", "opening_prompt")
"""What the column of the question may be called; the hub's sets use several of these names."""
KNOWN_COLUMNS = frozenset(
    {*QUESTION_COLUMNS, "id", "topic", "kind", "asker", "bears", "attributes", "locale", "language", "counterpart"}
)

_SPEAKERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "es": ("*Spanish*",),
        "zh": ("*Chinese*", "*Mandarin*", "*Cantonese*", "Asian or Pacific Island language"),
        "tl": ("*Tagalog*", "*Filipino*", "Asian or Pacific Island language"),
        "vi": ("*Vietnamese*", "Asian or Pacific Island language"),
        "ko": ("*Korean*", "Asian or Pacific Island language"),
        "ja": ("*Japanese*", "Asian or Pacific Island language"),
        "hi": ("*Hindi*", "Other Indo-European language"),
        "ht": ("*Haitian*", "*Creole*", "Other Indo-European language"),
        "pt": ("*Portuguese*", "Other Indo-European language"),
        "pl": ("*Polish*", "Other Indo-European language"),
        "ru": ("*Russian*", "Other Indo-European language"),
        "de": ("*German*", "Other Indo-European language"),
        "fr": ("*French*", "Other Indo-European language"),
        "it": ("*Italian*", "Other Indo-European language"),
        "ar": ("*Arabic*", "Other or multiple languages", "Other language"),
    }
)
"""Household languages of those who speak a language; the census names most of them by class only."""


@dataclass(frozen=True)
class Bears:
    """The attributes that change what a good answer says (``decides``), and how it says it (``colours``)."""

    decides: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """Every attribute that bears."""
        return frozenset((*self.decides, *self.colours))


@dataclass(frozen=True)
class Question:
    """One question to the model, and what its source says of it.

    ``asker`` is what a persona has to meet (unknown is possible), ``bears`` None where the source does not say,
    ``counterpart`` the id of the question that the other side would ask, ``columns`` what else the table holds.
    """

    id: str
    text: str
    topic: str | None = None
    kind: str | None = None
    asker: Condition = ALWAYS
    bears: Bears | None = None
    locale: str = ""
    language: str = ENGLISH
    counterpart: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


def parse_questions(
    listed: Sequence[Row], origin: str, attributes: Collection[str] = ATTRIBUTES
) -> tuple[Question, ...]:
    """Return the questions of a table with the column ``question`` (and any of ``KNOWN_COLUMNS`` beside it).

    ``attributes`` are those that ``asker`` and ``bears`` may name. Raises ``PersonaError``, with row and text, for what
    cannot be.
    """
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
        language = _word(row, "language", where) or ENGLISH
        questions.append(
            Question(
                text_of(row.get("id"), where) or f"q{index:05d}",
                text,
                None if row.get("topic") != row.get("topic") else text_of(row.get("topic"), where) or None,
                _word(row, "kind", where) or None,
                _asker(row.get("asker"), language, where, attributes),
                _bears(row, where, attributes),
                _word(row, "locale", where),
                language.lower(),
                _word(row, "counterpart", where) or None,
                _further(row, where),
            )
        )
    require_unique([q.id for q in questions], origin)
    return tuple(questions)


def _word(row: Mapping[str, Any], name: str, where: str) -> str:
    value = row.get(name)
    # pandas writes a cell that is not there as NaN, which no JSON has and every number equals but itself.
    if value is None or value != value:
        return ""
    if isinstance(value, (list, dict)):
        raise PersonaError(f"{where}: {name} is a {type(value).__name__} and not a word")
    return (text_of(value, where) or "").strip()


def _further(row: Mapping[str, Any], where: str) -> dict[str, str]:
    found = {}
    for name in row:
        value = row[name]
        if str(name) in KNOWN_COLUMNS or isinstance(value, (list, dict)) or value is None or value != value:
            continue
        text = (text_of(value, where) or "").strip()
        if 0 < len(text) <= LONGEST:
            found[attribute_name(name)] = text
    return found


def _loaded(value: Any, where: str) -> Any:
    """Return a nested cell as Python holds it; a CSV has its JSON."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if not isinstance(value, str):
        return None if value is None or value != value else value
    if not value.strip():
        return None
    if not value.lstrip().startswith(("[", "{")):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise PersonaError(f"{where} {shorten(value, 80)!r} is not JSON: {shorten(error, 60)}") from None


def _asker(value: Any, language: str, where: str, attributes: Collection[str]) -> Condition:
    data = _loaded(value, f"{where}: asker")
    speaks = _SPEAKERS.get(language.lower())
    try:
        asked = ALWAYS if data is None else parse(data, "asker", attributes)
    except PersonaError as error:
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        raise PersonaError(f"{where}: {error} (in {shorten(shown, 100)})") from None
    if speaks is None or "household language" in named_attributes(asked):
        return asked
    return AllOf((Has("household language", speaks), asked))


def _bears(row: Mapping[str, Any], where: str, attributes: Collection[str]) -> Bears | None:
    # `attributes` is what the first edition's questions call it.
    name = "bears" if "bears" in row else "attributes"
    data = _loaded(row.get(name), f"{where}: {name}")
    if data is None:
        return None
    if isinstance(data, str):
        data = [part.strip() for part in data.replace("+", ",").replace(";", ",").split(",") if part.strip()]
    graded = data if isinstance(data, Mapping) else {"decides": data}
    if not set(graded) <= {"decides", "colours"}:
        raise PersonaError(f'{where}: {name} has "decides" and "colours", found {shorten(", ".join(map(str, graded)))}')
    lists = {key: _listed(graded.get(key), f"{where}: {name}") for key in ("decides", "colours")}
    for one in (*lists["decides"], *lists["colours"]):
        if one not in attributes:
            raise PersonaError(f"{where}: {name}: {shorten(one, 40)!r} is not an attribute{suggest(one, attributes)}")
    return Bears(lists["decides"], lists["colours"])


def _listed(value: Any, where: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise PersonaError(f"{where}: expected a list of attributes, found {shorten(value, 60)}")
    return tuple(dict.fromkeys(map(attribute_name, value)))


# -- which of them a run asks --------------------------------------------------------------------------------------


def asked(questions: Sequence[Question], settings: Settings, origin: str) -> tuple[Question, ...]:
    """Return the questions that the settings ask for, in their order.

    Without ``kind`` all but the plain ones, without ``language`` the English ones, without ``locale`` those of every
    place (``any`` leaves out what takes one country's institutions for granted; a country keeps its own).
    Raises ``PersonaError``, naming the setting and what there is, where none is left.
    """
    kept = _kept(questions, [q.language for q in questions], settings.language, "language", origin)
    if settings.kind:
        kept = _kept(kept, [q.kind for q in kept], settings.kind, "kind", origin)
    elif not (kept := tuple(q for q in kept if (q.kind or "").lower() != PLAIN)):
        raise PersonaError(f"every question of {shorten(origin)} is of the plain kind; kind={PLAIN} asks them")
    if settings.locale:
        place = "" if settings.locale.lower() == ANYWHERE else settings.locale.lower()
        kept = tuple(q for q in kept if q.locale.lower() in ("", place))
        if not kept:
            raise PersonaError(f"locale={settings.locale}: no question of {shorten(origin)} can be asked there")
    if settings.bears:
        names = frozenset(settings.bears.split(","))
        kept = tuple(q for q in kept if q.bears is not None and q.bears.names & names)
        if not kept:
            raise PersonaError(
                f"bears={settings.bears}: no question of {shorten(origin)} says in its column bears that it does"
            )
    return kept


def _kept(
    questions: Sequence[Question], values: Sequence[str | None], wanted: str, setting: str, origin: str
) -> tuple[Question, ...]:
    names = frozenset(wanted.lower().split(","))
    paired = zip(questions, values, strict=True)
    kept = tuple(question for question, value in paired if EVERY in names or (value or "").lower() in names)
    if not kept:
        there = ", ".join(sorted({v for v in values if v})) or f"no {setting}"
        raise PersonaError(
            f"{setting}={wanted}: no question of {shorten(origin)} is of that {setting}; they have {shorten(there, 80)}"
        )
    return kept


def of_document(doc: Mapping[str, Any]) -> Question:
    """Return the question of a document as ``harness.record`` writes it; what is no text there is not known."""
    bears, columns = doc.get("bears"), doc.get("columns")

    def texts(value: Any) -> tuple[str, ...]:
        return tuple(map(str, value)) if isinstance(value, (list, tuple)) else ()

    return Question(
        str(doc.get("question_id")),
        str(doc.get("question")),
        None if doc.get("topic") is None else str(doc["topic"]),
        None if doc.get("kind") is None else str(doc["kind"]),
        bears=Bears(texts(bears.get("decides")), texts(bears.get("colours"))) if isinstance(bears, Mapping) else None,
        columns={str(k): str(v) for k, v in columns.items() if v is not None} if isinstance(columns, Mapping) else {},
    )


def value_of(question: Question, column: str) -> str:
    """Return the group of a question by ``topic``, ``kind`` or another column of its table."""
    found = {"topic": question.topic, "kind": question.kind}.get(column) or question.columns.get(column)
    return found or NOT_STATED
