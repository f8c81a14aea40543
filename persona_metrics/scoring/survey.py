"""What all lines of a file of answers have in common, from one quick look at each before the first is judged.

Knows no lm-eval and no critic. What is wrong with a line's JSON, or with the file as a whole, is said here; what is wrong
with one persona when its turn comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..dataset.people import read_person
from ..errors import PersonaError, shorten
from ..personas import attribute_name, in_order
from .table import pair_in, text_of

_PLAIN = (str, int, float, bool)
_LOOKS = 100
"""So often a column that is no attribute is looked at again: whether it is one can depend on its values."""


@dataclass
class Survey:
    """Rows, columns, kinds and names of the lines seen so far. ``repeats``: a person or a question stands there twice."""

    rows: int = 0
    columns: tuple[str, ...] = ()
    kinds: dict[bool, None] = field(default_factory=dict)
    models: dict[str, None] = field(default_factory=dict)
    unknown: dict[str, None] = field(default_factory=dict)
    apart: str | None = None
    """The first line that cannot be judged by itself, and why."""
    repeats: bool = False
    _people: set[str] = field(default_factory=set)
    _questions: set[str] = field(default_factory=set)
    _ids: set[int] = field(default_factory=set)
    _settled: dict[str, int] = field(default_factory=dict)

    def add(self, where: str, row: Mapping[str, Any]) -> None:
        """Look at a line; raise ``PersonaError`` where it has no answer, or the id of another."""
        self.rows += 1
        self.kinds[text_of(row, where)[1]] = None
        if row.get("model") is not None:
            self.models[str(row["model"])] = None
        if self.apart is None:
            self.apart = _apart(row, where)
        if (given := row.get("pair_id", row.get("id"))) is not None:
            name = hash(str(given))
            if name in self._ids and self.apart is None:
                self.apart = f"{where}: the pair {shorten(given, 40)!r} stands twice"
            self._ids.add(name)
        question = row.get("question")
        if not isinstance(question, str) or not question.strip():
            pair_in(row, where, 0, {})  # says what is wrong
        if isinstance(persona := row.get("persona"), Mapping):
            self._state(persona, where)
        if not self.repeats:
            self._repeat(row)

    def _state(self, persona: Mapping[str, Any], where: str) -> None:
        stated = False
        for name, value in persona.items():
            if value is None:
                continue
            if self._settled.get(name, 0) < _LOOKS or type(value) not in _PLAIN:
                break
            stated = stated or value != ""
        else:
            if stated:
                return
        attributes, strange = read_person(persona, where)
        if not attributes:
            raise PersonaError(f"{where}: the persona has no attribute")
        self.columns = in_order((self.columns, attributes)) if self.columns else tuple(attributes)
        self.unknown.update({f"{k} ({why})": None for k, why in strange.items() if k != "id"})
        for name in persona:
            stated = attribute_name(name) in attributes
            self._settled[name] = _LOOKS if stated else self._settled.get(name, 0) + 1

    def _repeat(self, row: Mapping[str, Any]) -> None:
        person = row.get("persona_id") or repr(row.get("persona"))
        question = row.get("question_id") or row.get("question")
        self.repeats = str(person) in self._people or str(question) in self._questions
        self._people.add(str(person))
        self._questions.add(str(question))
        if self.repeats:
            self._people, self._questions = set(), set()

    def forget(self) -> None:
        """Let go of the ids, which are told apart within a part alone."""
        self._ids = set()

    def joined(self, other: Survey) -> Survey:
        """Return what both have in common; ids are told apart within each alone."""
        made = Survey(self.rows + other.rows, in_order((self.columns, other.columns)))
        made.kinds, made.models = {**self.kinds, **other.kinds}, {**self.models, **other.models}
        made.unknown, made.apart = {**self.unknown, **other.unknown}, self.apart or other.apart
        made.repeats = self.repeats or other.repeats or bool(self._people & other._people)
        made.repeats = made.repeats or bool(self._questions & other._questions)
        if not made.repeats:
            made._people, made._questions = self._people | other._people, self._questions | other._questions
        return made


def _apart(row: Mapping[str, Any], where: str) -> str | None:
    if row.get("mode") == "baseline":
        return f"{where}: an answer that was written for nobody"
    if row.get("variant") is not None:
        return f"{where}: one of a pair's several variants"
    if row.get("columns") is not None:
        return f"{where}: columns of the question"
    return None if isinstance(row.get("persona"), Mapping) else f"{where}: no persona"


def survey(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> Survey:
    """Return the survey of some lines; raise ``PersonaError`` as ``Survey.add`` does."""
    found = Survey()
    for where, row in rows:
        found.add(where, row)
    return found
