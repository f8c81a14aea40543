"""The exam's cases: persona, question and answer whose right outcome is known. Knows no critic and no network."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..critic.debate import Judgement
from ..errors import PersonaError, shorten, suggest
from ..personas import ATTRIBUTES, known, require_attributes

FILE = Path(__file__).with_name("cases.jsonl")
SHORT = "short"
"""The good answer again at about half its length: asked by the length probe, not among the cases."""
GOOD: tuple[str, ...] = ("fits", "plain", SHORT)
"""Kinds of answer that need no revision; ``plain`` is for bases where nothing in the persona bears."""
BAD: tuple[str, ...] = (
    "generic",
    "contradicts",
    "another",
    "names",
    "stereotypes",
    "flatters",
    "evades",
    "wrong",
    "unsafe",
    "balanced",
)
"""Kinds of answer that need a revision, each wrong in one respect."""

_KEYS = {"id": str, "topic": str, "bears": list, "persona": dict, "question": str, "answers": list}
_ANSWER_KEYS = {"kind": str, "answer": str, "needs_revision": bool, "reason": str}
_MINIMUM_BAD = 3


@dataclass(frozen=True, slots=True)
class Case:
    """One answer with its outcome and the reason for it."""

    base: str
    kind: str
    persona: Mapping[str, str]
    question: str
    answer: str
    needs_revision: bool
    reason: str

    @property
    def id(self) -> str:
        """Return the base's id and the kind, which no other case has: ``e001-fits``."""
        return f"{self.base}-{self.kind}"

    @property
    def judgement(self) -> Judgement:
        """Return what a critic is asked about."""
        return Judgement(self.question, self.persona, self.answer)


@dataclass(frozen=True, slots=True)
class Base:
    """One persona and one question with all answers written for them. ``bears`` is empty where nothing bears."""

    id: str
    topic: str
    bears: tuple[str, ...]
    persona: Mapping[str, str]
    question: str
    paraphrase: str | None
    answers: tuple[Case, ...]

    def answer(self, kind: str) -> Case | None:
        """Return the case of a kind, or None where this base has none."""
        return next((case for case in self.answers if case.kind == kind), None)

    @property
    def good(self) -> Case:
        """Return the answer of full length that needs no revision."""
        return next(case for case in self.answers if not case.needs_revision and case.kind != SHORT)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many bases there are, and how often each topic, bearing attribute and kind of answer occurs in them."""

    bases: int
    topics: Mapping[str, int]
    attributes: Mapping[str, int]
    kinds: Mapping[str, int]


def load(path: Path = FILE) -> tuple[Base, ...]:
    """Return the bases of a cases file in its order.

    Raise ``PersonaError`` with file and line for what is not one base a line in the form of ``cases.jsonl``: unknown
    attributes or kinds, an outcome that is not its kind's, fewer than one good and three bad answers, doubled ids.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PersonaError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None
    bases: dict[str, Base] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{path.name} line {number}"
        base = _base(_object(line, where), where)
        if base.id in bases:
            raise PersonaError(f"{where}: the id {base.id!r} stands twice; give every base its own")
        bases[base.id] = base
    if not bases:
        raise PersonaError(f"{path}: holds no cases")
    return tuple(bases.values())


def cases(bases: Iterable[Base]) -> tuple[Case, ...]:
    """Return the cases that sensitivity and specificity are measured on: all answers but the shortened ones."""
    return tuple(case for base in bases for case in base.answers if case.kind != SHORT)


def choose(bases: Sequence[Base], limit: int | None = None, seed: int = 0) -> tuple[Base, ...]:
    """Return at most ``limit`` bases, drawn by seed and kept in their order.

    Bases where nothing bears keep their share, and at least one place, so that a small exam is two-sided as well.
    Raise ``PersonaError`` for a limit below 2.
    """
    if limit is None or limit >= len(bases):
        return tuple(bases)
    if limit < 2:
        raise PersonaError(f"limit={limit}: an exam needs at least 2 bases")
    plain = [base for base in bases if not base.bears]
    bearing = [base for base in bases if base.bears]
    kept = min(len(plain), max(1, round(limit * len(plain) / len(bases))))
    drawn = {base.id for base in [*shuffled(plain, seed)[:kept], *shuffled(bearing, seed)[: limit - kept]]}
    return tuple(base for base in bases if base.id in drawn)


def shuffled(items: Iterable[Any], seed: int, salt: str = "") -> list[Any]:
    """Return items that have an ``id`` in an order that depends on seed, salt and id alone.

    A hash and not ``random``: the draw has to be the same under every Python, and adding a base must not reorder the
    others.
    """
    return sorted(items, key=lambda item: hashlib.sha256(f"{seed}\0{salt}\0{item.id}".encode()).digest())


def counts(bases: Iterable[Base]) -> Counts:
    """Count bases, topics, bearing attributes and kinds of answer (shortened ones included)."""
    held = tuple(bases)
    return Counts(
        len(held),
        Counter(base.topic for base in held),
        Counter(name for base in held for name in base.bears),
        Counter(case.kind for base in held for case in base.answers),
    )


def digest(bases: Iterable[Base]) -> str:
    """Return a hash over all that is asked and its outcomes: two cards compare only where it agrees."""
    told = []
    for base in bases:
        answers = [[case.kind, case.answer, case.needs_revision] for case in base.answers]
        told.append([base.id, base.question, base.paraphrase, list(base.persona.items()), answers])
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()[:12]


def _object(line: str, where: str) -> Mapping[str, Any]:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise PersonaError(f"{where}: is not JSON: {shorten(error)}") from None
    if not isinstance(data, dict):
        raise PersonaError(f"{where}: is not a JSON object")
    return data


def _base(data: Mapping[str, Any], where: str) -> Base:
    _check(data, {**_KEYS, **({"paraphrase": str} if "paraphrase" in data else {})}, where)
    require_attributes(data["persona"], f"{where}, persona")
    told = known(data["persona"])
    persona = {name: told[name] for name in ATTRIBUTES if name in told}
    if len(persona) != len(data["persona"]):
        raise PersonaError(f"{where}, persona: holds blank values; leave those attributes out")
    bears = require_attributes(map(str, data["bears"]), f"{where}, bears")
    if absent := [name for name in bears if name not in persona]:
        raise PersonaError(f"{where}: {absent[0]!r} is said to bear but is not in the persona")
    frozen = MappingProxyType(persona)
    answers: dict[str, Case] = {}
    for entry in data["answers"]:
        case = _case(entry, data["id"], frozen, data["question"], where)
        if case.kind in answers:
            raise PersonaError(f"{where}: the kind {case.kind!r} stands twice")
        answers[case.kind] = case
    good = [kind for kind in answers if kind in GOOD and kind != SHORT]
    bad = [kind for kind in answers if kind in BAD]
    if good != [wanted := "fits" if bears else "plain"] or len(bad) < _MINIMUM_BAD:
        raise PersonaError(
            f"{where}: needs one good answer of the kind {wanted!r} and at least {_MINIMUM_BAD} that need a revision"
        )
    return Base(
        data["id"], data["topic"], bears, frozen, data["question"], data.get("paraphrase"), tuple(answers.values())
    )


def _case(entry: Any, base: str, persona: Mapping[str, str], question: str, where: str) -> Case:
    if not isinstance(entry, dict):
        raise PersonaError(f"{where}: every answer is an object with {', '.join(_ANSWER_KEYS)}")
    _check(entry, _ANSWER_KEYS, f"{where}, answer")
    kind = entry["kind"]
    if kind not in (*GOOD, *BAD):
        raise PersonaError(f"{where}: {shorten(kind, 40)!r} is no kind of answer{suggest(kind, (*GOOD, *BAD))}")
    if entry["needs_revision"] is not (kind in BAD):
        raise PersonaError(f"{where}: an answer of the kind {kind!r} has needs_revision {str(kind in BAD).lower()}")
    return Case(base, kind, persona, question, entry["answer"], entry["needs_revision"], entry["reason"])


def _check(data: Mapping[str, Any], keys: Mapping[str, type], where: str) -> None:
    if wrong := sorted(set(data) ^ set(keys)):
        verb = "is no key here" if wrong[0] in data else "is missing"
        raise PersonaError(f"{where}: {shorten(wrong[0], 40)!r} {verb}; the keys are {', '.join(keys)}")
    for name, kind in keys.items():
        value = data[name]
        if not isinstance(value, kind) or (isinstance(value, str) and not value.strip()):
            raise PersonaError(f"{where}: {name!r} must be {_NAMES[kind]}")


_NAMES: Mapping[type, str] = {
    str: "a text that is not blank",
    list: "a list",
    dict: "an object",
    bool: "true or false",
}
