"""Two parts of training rows that share no persona and no question. Knows no answer and no file."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from scipy.cluster.hierarchy import DisjointSet

from ..errors import PersonaError
from .training import Pair, strings

TRAIN, TEST = "train", "test"


def split(pairs: Sequence[Pair], share: float, seed: int) -> tuple[dict[str, list[Pair]], int]:
    """Return ``share`` of the pairs as ``train``, the rest as ``test``, and how many pairs are in neither.

    What hangs together (by persona or its attributes, by question, its text or its counterpart) stays together where the
    shares allow it. Else personas and questions are divided each for itself, and a pair of a persona of one part and a
    question of the other is in neither. The same seed gives the same parts, whatever the order of the pairs.

    Raises ``PersonaError`` for a share that is no share, and where a part would be empty.
    """
    if not 0 < share < 1:
        raise PersonaError(f"--split {share:g}: the share of the training part must be between 0 and 1")
    together = _together((*_people(pair), *_questions(pair)) for pair in pairs)
    groups: dict[str, list[Pair]] = {}
    for pair in pairs:
        groups.setdefault(together[_people(pair)[0]], []).append(pair)
    wanted = max(1, round((1 - share) * len(pairs)))
    test: list[Pair] = []
    for name in sorted(groups, key=lambda name: _order(seed, name)):
        if len(test) + len(groups[name]) <= 1.5 * wanted and len(test) < wanted:
            test += groups[name]
    if len(test) < wanted / 2 or len(test) == len(pairs):
        return _crossed(pairs, share, seed)
    chosen = {id(pair) for pair in test}
    return {TRAIN: [p for p in pairs if id(p) not in chosen], TEST: [p for p in pairs if id(p) in chosen]}, 0


def _crossed(pairs: Sequence[Pair], share: float, seed: int) -> tuple[dict[str, list[Pair]], int]:
    # With s of the personas and s of the questions, s² of the pairs are test and (1 − s)² train; test's share is 1 − share.
    odds = math.sqrt((1 - share) / share)
    s = odds / (1 + odds)
    people, questions = (_drawn([kind(p) for p in pairs], s, seed) for kind in (_people, _questions))
    parts: dict[str, list[Pair]] = {TRAIN: [], TEST: []}
    for pair in pairs:
        sides = {people[_people(pair)[0]], questions[_questions(pair)[0]]}
        if len(sides) == 1:
            parts[TEST if sides == {True} else TRAIN].append(pair)
    if empty := [name for name, part in parts.items() if not part]:
        raise PersonaError(
            f"--split {share:g}: {len(pairs)} pairs leave nothing for {empty[0]} where no persona and no question may be in"
            " both parts; give more pairs, or leave --split out"
        )
    return parts, len(pairs) - sum(map(len, parts.values()))


def _drawn(named: Sequence[tuple[str, ...]], share: float, seed: int) -> dict[str, bool]:
    """Return for each first name whether its group is of the test part: ``share`` of the groups."""
    together = _together(named)
    groups = sorted({together[names[0]] for names in named}, key=lambda name: _order(seed, name))
    chosen = set(groups[: max(1, round(share * len(groups)))])
    return {names[0]: together[names[0]] in chosen for names in named}


def _people(pair: Pair) -> tuple[str, ...]:
    return f"persona {pair.persona_id}", f"person {strings(dict(pair.persona))}"


def _questions(pair: Pair) -> tuple[str, ...]:
    text = " ".join(pair.question.casefold().split())
    return f"question {text}", f"question {counterparts().get(text, text)}", f"id {pair.question_id}"


@cache
def counterparts() -> dict[str, str]:
    """Return each embedded question that has a counterpart (the same matter from the other side), to one name of the two."""
    found: dict[str, str] = {}
    for path in (files("persona_metrics") / "dataset" / "embedded").iterdir():
        if path.name.startswith("questions") and path.name.endswith(".jsonl"):
            rows: list[dict[str, Any]] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            texts = {row["id"]: " ".join(str(row["question"]).casefold().split()) for row in rows}
            for row in rows:
                if row.get("counterpart") in texts:
                    found[texts[row["id"]]] = min(texts[row["id"]], texts[row["counterpart"]])
    return found


def _order(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}/{name}".encode("utf-8", "surrogatepass")).digest()


def _together(named: Iterable[tuple[str, ...]]) -> dict[str, str]:
    """Return the group of each name: names of one tuple belong together. A group goes by its least name."""
    groups = DisjointSet()
    for names in named:
        for name in names:
            groups.add(name)
            groups.merge(names[0], name)
    return {name: min(group) for group in groups.subsets() for name in group}
