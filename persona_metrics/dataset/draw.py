"""The seeded draw of pairs: everybody once before anybody twice, and nobody a question that is not theirs. Knows no file."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import PersonaError
from ..personas import Persona
from .conditions import ALWAYS, AllOf, AnyOf, Condition, Has, Not, holds
from .questions import ENGLISH, Question
from .support import fill

_NO_ENGLISH = Has("ability to speak english", ("Not at all",))
_BLOCK = 50_000_000
"""Cells of people × conditions that are held at once."""


@dataclass(frozen=True)
class Pair:
    """One persona and one question: what lm-eval calls a document."""

    id: str
    persona: Persona
    question: Question


@dataclass(frozen=True)
class Pool:
    """The personas and questions that pairs are drawn from; ``hash`` names their content (12 hex digits).

    ``data`` is the edition of the embedded data, or where the others are from, ``columns`` are the personas' attributes in
    the order of their source, ``remarks`` what a user should know of the reading.
    """

    personas: Sequence[Persona]
    questions: Sequence[Question]
    hash: str
    label: str
    data: str = "file"
    columns: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def content_hash(personas: Iterable[Persona], questions: Iterable[Question]) -> str:
    """Return 12 hex digits that name the content of personas and questions."""
    digest = hashlib.sha256()
    in_order, plain = json.JSONEncoder(sort_keys=True).encode, json.JSONEncoder().encode  # `dumps` makes one each time
    for persona in personas:
        digest.update(in_order([persona.id, dict(persona.attributes)]).encode())
    for question in questions:
        digest.update(plain([question.id, question.text]).encode())
    return digest.hexdigest()[:12]


def draw(
    pool: Pool,
    n: int,
    seed: int,
    groups: Sequence[frozenset[int]] = (),
    min_support: int = 0,
    counterparts: bool = False,
) -> list[Pair]:
    """Draw ``n`` pairs, each persona once before any is used twice, no pair twice, no question to whom it does not fit.

    Of the questions that a persona may be asked (``asker`` holds or is unknown) it gets the one that was used least, so
    that all are used about equally often. Who speaks no English gets another language where any fits.
    ``groups`` are sets of persona positions (intersections). Each is filled to ``min_support`` pairs with different
    personas where it has them and ``n`` allows it, the emptiest first; the rest of ``n`` is drawn from everybody.
    The first pairs of a larger ``n`` are those of a smaller one where there are no groups. ``counterparts``: a question's
    counterpart follows it, asked of the same persona.
    Raises ``PersonaError`` where ``n`` exceeds the number of distinct pairs that fit.
    """
    room = _room(pool, n)
    if n > (possible := int(room.sum())):
        fit = " that fit each other" if any(q.asker != ALWAYS for q in pool.questions) else ""
        raise PersonaError(
            f"n={n}: {len(pool.personas)} personas and {len(pool.questions)} questions give {possible} pairs at most{fit}"
        )
    chosen = _turns(room, n, seed, groups, min_support)
    found = _questions_for(chosen, pool, n, seed, counterparts)
    return [Pair(f"{i:05d}", pool.personas[p], pool.questions[q]) for i, (p, q) in enumerate(found)]


def _order(ids: Iterable[int], seed: int, salt: str) -> list[int]:
    # A hash, not random.shuffle: the same order on every machine and Python, whatever was drawn before.
    listed = list(ids)
    hashes = b"".join(hashlib.sha256(f"{seed}/{salt}/{i}".encode()).digest() for i in listed)
    # The first 8 of 32 bytes decide: a million of them meet once in 37 million draws, and keep their order then.
    first = np.frombuffer(hashes, ">u8")[::4]
    return np.array(listed, np.int64)[np.argsort(first, kind="stable")].tolist()  # type: ignore[no-any-return]


def _room(pool: Pool, n: int) -> NDArray[np.int64]:
    """Return how many questions each persona may be asked, or a number that is enough for ``n`` pairs and not too many."""
    people = len(pool.personas)
    anybodys = sum(q.asker == ALWAYS for q in pool.questions)
    room = np.full(people, anybodys, np.int64)
    if n <= people * anybodys:
        return room
    known: dict[Any, Any] = {}
    for condition, count in Counter(q.asker for q in pool.questions if q.asker != ALWAYS).items():
        room += count * (_stated(condition, pool.personas, known) != _NO)
    return room


def _turns(room: NDArray[np.int64], n: int, seed: int, groups: Sequence[frozenset[int]], min_support: int) -> list[int]:
    """Return whose turn it is, ``n`` times; nobody has more turns than questions (``room``)."""
    able = np.flatnonzero(room).tolist()
    chosen = fill(_order(able, seed, "persona/0"), n, groups, min_support) if groups else []
    used = np.zeros(len(room), np.int64)
    used[chosen] = 1
    rounds = 0
    while len(chosen) < n:
        waiting = [i for i in able if used[i] <= rounds and room[i] > used[i]]
        order = _order(waiting, seed, f"persona/{rounds}")[: n - len(chosen)]
        used[order] += 1
        chosen += order
        rounds += 1
    if groups:
        # Mixed, so that a run over the first documents (--limit) is no run over the first group.
        chosen = [chosen[i] for i in _order(range(len(chosen)), seed, "mix")]
    return chosen


def _questions_for(chosen: Sequence[int], pool: Pool, n: int, seed: int, counterparts: bool) -> list[tuple[int, int]]:
    """Return ``n`` times persona and question, in the order of ``chosen``."""
    total = len(pool.questions)
    position_of = {q.id: i for i, q in enumerate(pool.questions)}
    other_side = [position_of.get(q.counterpart or "") if counterparts else None for q in pool.questions]
    number_of: dict[Condition, int] = {}
    condition_of = np.array([number_of.setdefault(q.asker, len(number_of)) for q in pool.questions])
    foreign = np.array([q.language != ENGLISH for q in pool.questions])

    @cache
    def places(round_: int) -> NDArray[np.int64]:
        found = np.empty(total, np.int64)
        found[_order(range(total), seed, f"question/{round_}")] = np.arange(total)
        return found

    # Each question waits at its place in the round that it has not been used in yet; the first who fits takes it.
    used = np.zeros(total, np.int64)
    waits = places(0).copy()
    asked: dict[int, set[int]] = {}
    found: list[tuple[int, int]] = []

    def take(persona: int, question: int) -> None:
        asked.setdefault(persona, set()).add(question)
        used[question] += 1
        waits[question] = used[question] * total + places(int(used[question]))[question]
        found.append((persona, question))

    for persona, fits, no_english in _fits(chosen, list(number_of), pool):
        if len(found) >= n:
            break
        may = fits[condition_of]
        may[list(asked.get(persona, ()))] = False
        if no_english and (may & foreign).any():
            may &= foreign
        if not may.any():  # all it may be asked was asked beside counterparts
            continue
        question = int(np.where(may, waits, np.iinfo(np.int64).max).argmin())
        take(persona, question)
        other = other_side[question]
        if other is not None and len(found) < n and may[other]:
            take(persona, other)
    return found


def _fits(
    chosen: Sequence[int], conditions: Sequence[Condition], pool: Pool
) -> Iterator[tuple[int, NDArray[np.bool_], bool]]:
    """Yield each chosen persona with the conditions that it may meet, and whether it speaks no English."""
    step = max(1, _BLOCK // (len(conditions) + 1))
    for start in range(0, len(chosen), step):
        block = chosen[start : start + step]
        people = [pool.personas[i] for i in block]
        fits = _fitting(conditions, people)
        silent = _stated(_NO_ENGLISH, people, {}) == _YES
        yield from zip(block, fits, silent.tolist(), strict=True)


# -- conditions over many personas ---------------------------------------------------------------------------------

_NO, _UNKNOWN, _YES = 0, 1, 2
"""Truth values in the order in which "all" takes the least and "any" the greatest."""

Truth = NDArray[np.int8]


def _fitting(conditions: Sequence[Condition], personas: Sequence[Persona]) -> NDArray[np.bool_]:
    """Return people × conditions: whether each holds or is unknown."""
    known: dict[Any, Any] = {}
    found = np.empty((len(personas), len(conditions)), bool)
    for number, condition in enumerate(conditions):
        found[:, number] = _stated(condition, personas, known) != _NO
    return found


def _stated(condition: Condition, personas: Sequence[Persona], known: dict[Any, Any]) -> Truth:
    """Return what ``conditions.holds`` says of each persona; ``known`` keeps what was found out on the way.

    Each attribute is looked at once, and each of its distinct values held against a condition once.
    """
    match condition:
        case Has(attribute, _):
            if attribute not in known:
                numbers: dict[str | None, int] = {}
                rows = [numbers.setdefault(p.attributes.get(attribute), len(numbers)) for p in personas]
                known[attribute] = (list(numbers), np.array(rows, np.int32))
            values, which = known[attribute]
            if condition not in known:
                said = [holds(condition, {} if value is None else {attribute: value}) for value in values]
                known[condition] = np.array([_UNKNOWN if s is None else _YES if s else _NO for s in said], np.int8)
            return np.asarray(known[condition][which])
        case Not(inside):
            return np.asarray(_YES - _stated(inside, personas, known), np.int8)
        case AnyOf(several):
            parts = [_stated(c, personas, known) for c in several]
            return np.maximum.reduce(parts) if parts else np.full(len(personas), _NO, np.int8)
        case AllOf(several):
            parts = [_stated(c, personas, known) for c in several]
            return np.minimum.reduce(parts) if parts else np.full(len(personas), _YES, np.int8)
