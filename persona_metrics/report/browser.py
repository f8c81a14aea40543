"""The samples that the page carries: which of them, cut to what a page can hold, packed so that a browser opens them fast."""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..critic.protocol import FIRST, named
from ..evaluations import EVALUATIONS
from ..personas import ATTRIBUTES, NOT_STATED, band
from ..runs import model
from . import bodies, summaries
from .bodies import LONGEST, LONGEST_VALUE
from .load import Entry
from .reader import read_lines
from .sent import Sent

MOST_BEARING = 100
"""Attributes of one question that the page names as bearing on it."""
MOST = 20_000
"""Samples in one page; beyond it a stratified part is taken."""
MOST_TEXT = 120_000_000
"""Characters of text in one page, whatever the number of samples."""
CHUNK = 250
"""Samples in one packed block: opening a sample unpacks only its own."""

_REST = ("no verdict", "no answer", "differs", "picked", "tie", "compared with the others")
_PICKS = ("right", "not right", "no reply", "no letter", "differs", "picked", "tie", "")


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


def pack(
    entries: Sequence[Entry],
    most: int = MOST,
    most_text: int = MOST_TEXT,
    labels: Mapping[int, Mapping[tuple[int, str], str]] | None = None,
) -> Packed:
    """Read the chosen samples again and pack them.

    ``labels`` are what people say, by the entry's number, then by document and variant: "yes", "no" or "cannot tell".
    """
    total = sum(len(e.data.offsets) for e in entries)
    blocks, block = [], []
    rows: dict[str, list[int]] = {name: [] for name in _COLUMNS}
    tables = _Tables()
    # A page cut by its texts is cut in all tasks alike.
    per_entry = most_text / max(1, len(entries))
    for number, (entry, chosen) in enumerate(zip(entries, choose(entries, most), strict=True)):
        spent = 0.0
        said = (labels or {}).get(number, {})
        for sample in _again(entry, chosen):
            if spent > per_entry:
                break
            # First: the prompts hold the numbers of its columns.
            who = tables.person(bodies.person_of(sample["doc"].get("persona") or {}))
            body = bodies.body(sample, entry.task.metadata, tables.sent, tables.person)
            spent += sum(map(len, bodies.texts(body)))
            row = {"task": number, "doc": int(sample.get("doc_id") or 0), "persona": who}
            row |= tables.row(entry.evaluation, sample["doc"], body)
            for name in _COLUMNS:
                rows[name].append(row[name])
            block.append([{**v, "label": said.get((row["doc"], v["name"]))} if said else v for v in body])
            if len(block) == CHUNK:
                blocks.append(_zip(block))
                block = []
    if block:
        blocks.append(_zip(block))
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
        **tables.packed(),
        "chunk": CHUNK,
        "labelled": bool(labels and any(labels.values())),
        "rows": rows,
    }
    return Packed(_zip(index), tuple(blocks), len(rows["task"]), total)


_COLUMNS = (
    *("task", "doc", "persona", "question", "bears", "outcome"),
    *("summary", "flips", "why", "good", "length", "split", "tokens"),
)
"""Numbers of a sample in the index. ``split`` is the share of disagreeing votes in per cent; -1 where nothing is known."""


class _Tables:
    """What many samples share, each once."""

    def __init__(self) -> None:
        self.questions, self.people, self.bearing = _Table(), _Table(), _Table()
        self.summaries, self.flips, self.reasons = _Table(), _Table(), _Table()
        self.reasons.add("")
        # The 33 first, then the columns of personas' own files as they come.
        self.attributes = {name: number for number, name in enumerate(ATTRIBUTES)}
        self.sent = Sent(self.attributes)

    def person(self, values: Mapping[str, str | None]) -> int:
        for name in values:
            self.attributes.setdefault(name, len(self.attributes))
        return self.people.add(json.dumps(values, ensure_ascii=False))

    def row(self, evaluation: str, doc: Mapping[str, Any], body: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        return {
            "question": self.questions.add(bodies.cut(doc.get("question"), LONGEST)),
            "bears": self.bearing.add(json.dumps(_bears(doc), ensure_ascii=False)),
            "outcome": summaries.lead(evaluation, body),
            "summary": self.summaries.add(summaries.summary(evaluation, body)),
            "flips": self.flips.add(json.dumps(summaries.flips(evaluation, body), ensure_ascii=False)),
            "why": self.reasons.add(summaries.reason(body)),
            "good": summaries.successes(body),
            "length": int(body[0]["length"]) if body else 0,
            "split": summaries.disagreement(body),
            "tokens": summaries.tokens(body),
        }

    def packed(self) -> dict[str, Any]:
        return {
            "questions": self.questions.texts,
            "bearing": [json.loads(text) for text in self.bearing.texts],
            "summaries": self.summaries.texts,
            "flips": [json.loads(text) for text in self.flips.texts],
            "reasons": self.reasons.texts,
            "sent": self.sent.texts,
            "attributes": list(self.attributes),
            **_people([json.loads(text) for text in self.people.texts], list(self.attributes)),
        }


def _words(entry: Entry) -> Sequence[str]:
    """Return how each outcome of the task's samples reads, in the order of their numbers."""
    evaluation = EVALUATIONS.get(entry.evaluation)
    if evaluation is not None and not evaluation.needs_critic:
        return _PICKS
    return (*named(evaluation.protocol if evaluation else FIRST).sides, *_REST)


def _file(entry: Entry) -> str:
    return entry.task.samples.name if entry.task.samples and not entry.so_far else ""


def _again(entry: Entry, chosen: np.ndarray[Any, Any]) -> Iterator[dict[str, Any]]:
    path = entry.task.samples
    if path is None:
        return
    for start in range(0, len(chosen), 1000):
        for line in read_lines(path, entry.data.offsets[chosen[start : start + 1000]]):
            if (sample := model.sample(line)) is not None:
                yield sample


def _bears(doc: Mapping[str, Any]) -> list[list[str]] | None:
    """Return the attributes that decide and that colour an answer to the question; None where its source does not say."""
    bears = doc.get("bears")
    if not isinstance(bears, Mapping):
        return None
    return [
        [bodies.cut(name, LONGEST_VALUE) for name in bears.get(grade) or ()][:MOST_BEARING]
        for grade in ("decides", "colours")
    ]


def _people(people: Sequence[Mapping[str, str | None]], attributes: Sequence[str]) -> dict[str, Any]:
    """Return values and groups, each attribute's distinct texts once, and a number a person."""
    values, groups = [], []
    value_rows, group_rows = [], []
    for attribute in attributes:
        texts, banded = _Table(), _Table()
        stated = [p.get(attribute) for p in people]
        value_rows.append([-1 if value is None else texts.add(value) for value in stated])
        group_rows.append([banded.add(band(attribute, value) or NOT_STATED) for value in stated])
        values.append(texts.texts)
        groups.append(banded.texts)
    return {"values": values, "people": value_rows, "groups": groups, "grouped": group_rows}


def _zip(value: Any) -> str:
    # Half a surrogate pair fits into no file; a reader sees a question mark.
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return base64.b64encode(gzip.compress(data, 5, mtime=0)).decode("ascii")
