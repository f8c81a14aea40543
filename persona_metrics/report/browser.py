"""The samples that the page carries: which of them, cut to what a page can hold, packed so that a browser opens them fast."""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..critic.protocol import FIRST, Protocol, named, value_of
from ..evaluations import EVALUATIONS
from ..personas import NOT_STATED, band, in_order
from ..runs import model
from ..runs.read import replies_of, results_of
from .load import Entry
from .reader import read_lines

MOST = 20_000
"""Samples in one page; beyond it a stratified part is taken."""
MOST_TEXT = 120_000_000
"""Characters of text in one page, whatever the number of samples."""
LONGEST = 16_000
"""Characters of one text; the samples file has the rest."""
LONGEST_VALUE = 1_000
CHUNK = 250
"""Samples in one packed block: opening a sample unpacks only its own."""

YES, NO, MISSING, FAILED, MIXED, PICKED, TIED, COMPARED = range(8)
"""What came of a sample; MIXED where its variants differ, PICKED where no option is the right one, TIED where a verdict on
two answers turned with their order. COMPARED is an answer that has no verdict of its own: others are held against it."""

_REST = ("no verdict", "no answer", "differs", "picked", "tie", "compared with the others")
_PICKS = ("right", "not right", "no reply", "no letter", "differs", "picked", "tie", "")
_WORDS = {"debate": ("personalised", "needs revision", *_REST), "pairwise": ("preferred", "not preferred", *_REST)}


@dataclass(frozen=True)
class Packed:
    """``index`` is what lists and filters need, ``blocks`` the texts; all are base64 of gzipped JSON.

    ``shown`` of ``total`` samples are in it.
    """

    index: str
    blocks: tuple[str, ...]
    shown: int
    total: int


class _Table:
    """Gives each distinct text a number."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def add(self, text: str) -> int:
        return self.numbers.setdefault(text, len(self.numbers))

    @property
    def texts(self) -> list[str]:
        return list(self.numbers)


def choose(entries: Sequence[Entry], most: int = MOST, seed: int = 0) -> list[np.ndarray[Any, Any]]:
    """Return, for each entry, which of its samples the page shows, in their order.

    Beyond ``most`` every task and outcome keeps its share, and at least a few of each.
    """
    total = sum(len(e.data.offsets) for e in entries)
    if total <= most:
        return [np.arange(len(e.data.offsets)) for e in entries]
    strata: dict[tuple[int, str], list[int]] = {}
    for number, entry in enumerate(entries):
        for position, name in enumerate(entry.data.strata):
            strata.setdefault((number, name), []).append(position)
    rng = random.Random(seed)
    floor = max(1, min(50, most // max(1, 4 * len(strata))))
    chosen: list[list[int]] = [[] for _ in entries]
    rest = most - sum(min(floor, len(s)) for s in strata.values())
    spare = sum(max(0, len(s) - floor) for s in strata.values())
    for (number, _), positions in strata.items():
        over = max(0, len(positions) - floor)
        size = min(floor, len(positions)) + int(rest * over / spare) if spare else len(positions)
        chosen[number] += rng.sample(positions, min(size, len(positions)))
    return [np.array(sorted(c), dtype=np.int64) for c in chosen]


def pack(entries: Sequence[Entry], most: int = MOST, most_text: int = MOST_TEXT) -> Packed:
    """Read the chosen samples again and pack them."""
    total = sum(len(e.data.offsets) for e in entries)
    blocks, block = [], []
    rows: dict[str, list[int]] = {"task": [], "persona": [], "question": [], "outcome": [], "doc": [], "bears": []}
    questions, people, bearing = _Table(), _Table(), _Table()
    # A page cut by its texts is cut in all tasks alike.
    per_entry = most_text / max(1, len(entries))
    for number, (entry, chosen) in enumerate(zip(entries, choose(entries, most), strict=True)):
        spent = 0.0
        for sample in _again(entry, chosen):
            if spent > per_entry:
                break
            body, person = _body(sample), _person(sample)
            spent += sum(map(len, _texts(body)))
            rows["task"].append(number)
            rows["doc"].append(int(sample.get("doc_id") or 0))
            rows["persona"].append(people.add(json.dumps(person, ensure_ascii=False)))
            rows["question"].append(questions.add(_cut(sample["doc"].get("question"), LONGEST)))
            rows["bears"].append(bearing.add(_bears(sample["doc"])))
            rows["outcome"].append(_outcome(body))
            block.append(body)
            if len(block) == CHUNK:
                blocks.append(_zip(block))
                block = []
    if block:
        blocks.append(_zip(block))
    personas = [json.loads(t) for t in people.texts]
    attributes = in_order(personas)
    index = {
        "tasks": [
            {
                "task": e.task.called,
                "model": e.label,
                "evaluation": e.evaluation,
                "file": _file(e),
                "words": _words(e),
            }
            for e in entries
        ],
        "questions": questions.texts,
        "bearing": bearing.texts,
        "attributes": list(attributes),
        "chunk": CHUNK,
        "rows": rows,
        **_people([[person.get(a) for a in attributes] for person in personas], attributes),
    }
    return Packed(_zip(index), tuple(blocks), len(rows["task"]), total)


def _words(entry: Entry) -> Sequence[str]:
    """Return how each outcome of the task's samples reads, in the order of their numbers."""
    evaluation = EVALUATIONS.get(entry.evaluation)
    if evaluation is not None and not evaluation.needs_critic:
        return _PICKS
    return _WORDS.get(evaluation.protocol if evaluation else "debate", _WORDS["debate"])


def _file(entry: Entry) -> str:
    return entry.task.samples.name if entry.task.samples else ""


def _again(entry: Entry, chosen: np.ndarray[Any, Any]) -> Iterator[dict[str, Any]]:
    path = entry.task.samples
    if path is None:
        return
    for start in range(0, len(chosen), 1000):
        for line in read_lines(path, entry.data.offsets[chosen[start : start + 1000]]):
            if (sample := model.sample(line)) is not None:
                yield sample


def _person(sample: Mapping[str, Any]) -> dict[str, str | None]:
    persona = sample["doc"].get("persona") or {}
    return {str(a): None if value is None else _cut(value, LONGEST_VALUE) for a, value in persona.items()}


def _bears(doc: Mapping[str, Any]) -> str:
    """Return what bears on a question as a line; empty where its source does not say."""
    bears = doc.get("bears")
    if not isinstance(bears, Mapping):
        return ""
    names = {grade: ", ".join(map(str, bears.get(grade) or ())) for grade in ("decides", "colours")}
    said = "; ".join(f"{grade} {_cut(listed, LONGEST_VALUE)}" for grade, listed in names.items() if listed)
    return said or "nothing"


def _people(people: Sequence[Sequence[str | None]], attributes: Sequence[str]) -> dict[str, Any]:
    """Return values and groups, each attribute's distinct texts once, and a number a person."""
    values, groups = [], []
    value_rows, group_rows = [], []
    for position, attribute in enumerate(attributes):
        texts, banded = _Table(), _Table()
        value_rows.append([-1 if p[position] is None else texts.add(str(p[position])) for p in people])
        group_rows.append([banded.add(band(attribute, p[position]) or NOT_STATED) for p in people])
        values.append(texts.texts)
        groups.append(banded.texts)
    return {"values": values, "people": value_rows, "groups": groups, "grouped": group_rows}


def _body(sample: Mapping[str, Any]) -> list[dict[str, Any]]:
    replies = replies_of(sample)
    variants = []
    for number, result in enumerate(results_of(sample)):
        failure = result.get("answer_failure")
        reply = replies[number] if failure is not None and number < len(replies) else None
        verdict = result.get("verdict") or {}
        variants.append(
            {
                "name": str(result.get("variant", "whole")),
                "dropped": [str(d) for d in result.get("dropped") or ()],
                "shares": result.get("shares"),
                "answer": _cut(result.get("answer"), LONGEST),
                "long": _length(result.get("answer") if failure is None else reply),
                "failure": None if failure is None else str(failure),
                "reply": None if reply is None else _cut(reply, LONGEST),
                "outcome": _value(failure, verdict, result),
                "missing": verdict.get("missing") or result.get("missing"),
                "votes": [_vote(v, named(str(verdict.get("protocol", FIRST)))) for v in verdict.get("votes") or ()],
            }
        )
    return variants


def _vote(vote: Mapping[str, Any], protocol: Protocol) -> dict[str, Any]:
    held = vote.get(protocol.name) or {}
    value = None
    if held:
        # What was cut or edited has no outcome; its texts are shown all the same.
        with suppress(TypeError):
            value = protocol.value(protocol.restore(**held).outcome)
    return {
        "critic": str(vote.get("critic", "")),
        "missing": vote.get("missing"),
        "code": _code(value),
        "about": protocol.about(held),
        "texts": [[heading, _cut(held.get(name), LONGEST)] for name, heading in protocol.sections] if held else None,
    }


def _code(value: float | None) -> int:
    return MISSING if value is None else TIED if value == 0.5 else YES if value else NO


def _value(failure: Any, verdict: Mapping[str, Any], result: Mapping[str, Any]) -> int:
    if failure is not None:
        return FAILED
    if verdict:
        return _code(value_of(verdict))
    if result.get("choice") is not None and result.get("value") is None:
        return PICKED
    if "value" in result and result["value"] is None and "choice" not in result:
        return COMPARED
    return _code(result.get("value"))


def _outcome(variants: Iterable[Mapping[str, Any]]) -> int:
    found = {v["outcome"] for v in variants}
    # An answer that is compared has no outcome, unless there is no answer: then it lost.
    found -= {COMPARED} if len(found) > 1 else set()
    return found.pop() if len(found) == 1 else MIXED


def _length(text: Any) -> int:
    """Return the length of a text that is cut, and 0 for one that is whole."""
    length = 0 if text is None else len(str(text))
    return length if length > LONGEST else 0


def _cut(text: Any, limit: int) -> str:
    shown = "" if text is None else str(text)
    return shown if len(shown) <= limit else shown[:limit] + "…"


def _texts(variants: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for variant in variants:
        yield variant["answer"]
        for vote in variant["votes"]:
            yield from (text for _, text in vote["texts"] or ())


def _zip(value: Any) -> str:
    # Half a surrogate pair fits into no file; a reader sees a question mark.
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return base64.b64encode(gzip.compress(data, 5, mtime=0)).decode("ascii")
