"""lm-eval's results_*.json and samples_*.jsonl as tidy tables: one row a variant of a pair. Knows no statistics."""

from __future__ import annotations

import hashlib
import json
import math
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ..critic.protocol import value_of
from ..errors import PersonaError, shorten
from ..evaluations import judgefree
from ..files import is_regular, open_read, read_text, safe_name
from . import model, rows
from .rows import Row

COLUMNS = (
    "task",
    "evaluation",
    "mode",
    "model",
    "doc_id",
    "pair_id",
    "persona_id",
    "question_id",
    "content",
    "question",
    "topic",
    "kind",
    "decides",
    "colours",
    "columns",
    "variant",
    "dropped",
    "attempt",
    "reply",
    "answer",
    "answer_key",
    "answer_length",
    "answer_failure",
    "personalized",
    "missing",
    "agreement",
    "choice",
    "shares",
    "verdict",
    "persona",
)
"""Columns of the tidy frame. ``personalized`` is 1.0, 0.0 (also for an answer failure) or NaN (verdict missing).

Without a critic it says whether the picked option is right; ``choice`` is its position and ``shares`` those of all options
(None where there are none, and where answers are judged).

``decides`` and ``colours`` are the attributes that bear on the question (None where its source does not say), ``columns``
the further columns of the question's file, as pairs of name and value.

Judged pairwise (protocol ``pairwise``) it says whether the pair's own answer was preferred to the variant's: 1.0, 0.0, or 0.5
for a tie, whose ``choice`` is the place (0 or 1) that won in both orders. The own answer has no value.

``content`` names what the pair says, whatever its ids and row number (12 hex digits over persona and question);
``answer_key`` the answer's text, ``answer_length`` its characters (None and NaN without an answer).
"""

HEAVY = ("question", "reply", "answer", "verdict")
"""Columns that hold the texts; a reader of numbers leaves them out to stay small."""

_STAMP = re.compile(r"_(\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}(?:\.\d+)?)\.jsonl?(?:\.gz)?$")


@dataclass(frozen=True)
class TaskRun:
    """One of our tasks in a run: what was recorded of it, its table's rows by name, and where its samples lie.

    ``counts`` are the documents that lm-eval had and ran (None where the file does not say).
    """

    name: str
    metadata: Mapping[str, Any]
    rows: Mapping[str, Row]
    samples: Path | None
    generation: Mapping[str, Any] = field(default_factory=dict)
    counts: model.Counted = field(default_factory=model.Counted)

    @property
    def called(self) -> str:
        """The name, with the protocol where it is not the debate: what tells two runs of one task apart."""
        protocol = self.metadata.get("protocol")
        return f"{self.name}_{protocol}" if isinstance(protocol, str) else self.name


@dataclass(frozen=True)
class Going:
    """When a run began that has no results yet, and its last sign of life; seconds since 1970 (UTC)."""

    began: float
    heard: float


@dataclass(frozen=True)
class Run:
    """One results_*.json: the model, our tasks in it, and the names of the tasks that are not ours.

    ``date`` is when it began, in seconds since 1970 (UTC), and ``seconds`` how long it took; None where the file does not
    say. ``extra`` is what else stands at its top. ``going`` is set where it has no results yet: its tasks' samples are those
    judged so far (``runs.so_far``).
    """

    path: Path
    model: str
    config: Mapping[str, Any]
    tasks: tuple[TaskRun, ...]
    others: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    date: float | None = None
    seconds: float | None = None
    going: Going | None = None


def stamp_of(path: Path) -> str | None:
    """Return the time in the name of a results or samples file, which says which of them belong together."""
    found = _STAMP.search(path.name)
    return found[1] if found else None


def load_run(path: Path) -> Run:
    """Read one results_*.json (or .json.gz); raise ``PersonaError`` where it is none, or cannot be what it says."""
    text = read_text(path)
    try:
        data = model.results(text)
        ours = {name: config for name, config in data.configs.items() if _is_ours(config)}
        tasks = tuple(_task(path, name, config, data) for name, config in ours.items())
    except ValueError as error:
        raise PersonaError(f"{shorten(path)}: not a results file of lm-eval: {shorten(error)}") from None
    name = next((str(t.metadata["model_name"]) for t in tasks if t.metadata.get("model_name")), None)
    config_model = data.config.get("model")
    name = name or data.model_name or (config_model if isinstance(config_model, str) else None) or "unknown"
    others = tuple(str(n) for n in data.configs if n not in ours)
    known = {
        k: v for k, v in data.model_dump(by_alias=True).items() if k not in ("configs", "results", "config", "samples")
    }
    return Run(path, name, data.config, tasks, others, known, data.date, data.total_evaluation_time_seconds)


def _is_ours(config: Any) -> bool:
    metadata = config.get("metadata") if isinstance(config, dict) else None
    return isinstance(metadata, dict) and "evaluation" in metadata and "pack_version" in metadata


def _task(path: Path, name: str, config: Mapping[str, Any], data: model.Results) -> TaskRun:
    try:
        metadata = model.recorded(config["metadata"])
    except ValueError as error:
        raise ValueError(f"{shorten(name, 40)}: metadata.{error}") from None
    table = data.results.get(name)
    parsed = rows.parse(table) if isinstance(table, dict) else {}
    if wrong := next((row for row in parsed.values() if rows.impossible(row, metadata)), None):
        raise ValueError(f"{shorten(name, 40)}: the row {shorten(wrong.name, 60)} cannot be {wrong.value:g}")
    given = config.get("generation_kwargs")
    generation = model.Generation.model_validate(given if isinstance(given, dict) else {})
    counts = data.counts.get(name)
    return TaskRun(
        name,
        metadata,
        parsed,
        _samples_beside(path, name),
        generation.model_dump(exclude_unset=True),
        model.Counted.model_validate(counts if isinstance(counts, dict) else {}),
    )


def _samples_beside(path: Path, task: str) -> Path | None:
    if (stamp := stamp_of(path)) is None:
        return None
    stems = dict.fromkeys((task, safe_name(task)))
    names = [f"samples_{stem}_{stamp}.jsonl{packed}" for stem in stems for packed in ("", ".gz")]
    # A task's name is a file's word: what is beside the file is looked through, and no path is made of it.
    try:
        beside = {p.name: p for p in path.parent.iterdir() if p.name in names and is_regular(p)}
    except OSError:
        return None
    return next((beside[name] for name in names if name in beside), None)


@dataclass
class ReadLog:
    """What reading a samples file came upon."""

    lines: int = 0
    lost: int = 0
    offset: int = 0
    """Where the line that was read last begins, in bytes (of the unpacked file)."""


def read_samples(path: Path, log: ReadLog | None = None) -> Iterator[dict[str, Any]]:
    """Yield the samples of a JSONL file (or .jsonl.gz) one by one, each as ``model.sample`` gives it.

    A line that is cut, broken or no sample is counted in ``log`` and left out; so is the rest of a file that ends early.
    """
    log = log if log is not None else ReadLog()
    end = 0
    with open_read(path) as lines:
        while True:
            try:
                line = lines.readline()
            except (OSError, EOFError, zlib.error):
                log.lines, log.lost = log.lines + 1, log.lost + 1
                return
            if not line:
                return
            log.offset, end = end, end + len(line)
            if not line.strip():
                continue
            log.lines += 1
            if (row := model.sample(line)) is None:
                log.lost += 1
            else:
                yield row


def results_of(sample: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a sample's filtered results, one a variant; without a critic they are made of the responses."""
    if judgefree.is_judgefree(sample.get("doc") or {}):
        try:
            return judgefree.results(sample["doc"], sample.get("resps") or [])
        except (KeyError, IndexError, TypeError, ValueError):
            return []
    return [result for item in sample.get("filtered_resps") or [] for result in model.flat(item)]


class Result(str):
    """One variant's answer, failure and verdict: a JSON text that can be asked for its parts, ``result["verdict"]``.

    A text, because lm-eval writes ``str(result)`` into samples files, copies every ``dict`` into a plain one first, and
    hands results to wandb and trackio as they are, which take nothing but JSON's own types.
    """

    data: dict[str, Any]

    def __new__(cls, data: Mapping[str, Any] | None = None, /, **parts: Any) -> Result:
        """Make the result of a mapping, of keywords, or of both."""
        held = {**(data or {}), **parts}
        made = super().__new__(cls, json.dumps(held, ensure_ascii=False))
        made.data = held
        return made

    def __reduce__(self) -> tuple[type[Result], tuple[dict[str, Any]]]:
        return Result, (self.data,)

    def __getitem__(self, key: Any) -> Any:
        return self.data[key] if isinstance(key, str) else super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a part, or ``default`` where it is not there."""
        return self.data.get(key, default)


def replies_of(sample: Mapping[str, Any]) -> list[str]:
    """Return a sample's raw replies, one a variant; options' loglikelihoods are none."""
    if judgefree.is_judgefree(sample.get("doc") or {}) and len(sample.get("resps") or []) != len(sample["doc"]["asks"]):
        return []
    flat: list[str] = []
    for item in sample.get("resps") or []:
        flat += ["" if r is None else str(r) for r in (item if isinstance(item, list) else [item])]
    return flat


def variant_rows(
    sample: Mapping[str, Any], task: str, metadata: Mapping[str, Any], model: str
) -> Iterator[dict[str, Any]]:
    """Yield one dict of ``COLUMNS`` for each variant of a sample, with the ``rounds`` of an answer that was revised."""
    doc = sample["doc"]
    replies = replies_of(sample)
    content = content_of(doc)
    about = _about(doc)
    at = -1
    for result in results_of(sample):
        # An answer that is judged for several people has a result for each, and one reply.
        at += "judged_for" not in result
        failure, verdict = result.get("answer_failure"), result.get("verdict")
        value = 0.0 if failure is not None else None if verdict is None else value_of(verdict)
        value = result.get("value", value)
        shares = result.get("shares")
        name = str(result.get("variant", "whole"))
        answer = result.get("answer")
        yield {
            "task": task,
            "evaluation": metadata.get("evaluation"),
            "mode": metadata.get("mode"),
            "model": model,
            "doc_id": int(sample.get("doc_id") or 0),
            "pair_id": doc.get("pair_id"),
            "persona_id": doc.get("persona_id"),
            "question_id": doc.get("question_id"),
            "content": content,
            "question": doc.get("question"),
            "topic": doc.get("topic"),
            "kind": doc.get("kind"),
            **about,
            "variant": name,
            "dropped": tuple(result.get("dropped") or ()),
            "attempt": _attempt(name),
            "reply": replies[at] if at < len(replies) else None,
            "answer": answer,
            "answer_key": None if answer is None else _digest(answer),
            "answer_length": float("nan") if answer is None else float(len(answer)),
            "answer_failure": failure,
            "personalized": float("nan") if value is None else float(value),
            "missing": (verdict or {}).get("missing") or result.get("missing"),
            "agreement": _number((verdict or {}).get("agreement")),
            "choice": result.get("choice"),
            "shares": None if shares is None else tuple(shares),
            "verdict": verdict,
            "persona": doc.get("persona") or {},
            "rounds": tuple(result.get("rounds") or ()),
        }


def _about(doc: Mapping[str, Any]) -> dict[str, tuple[Any, ...] | None]:
    bears, columns = doc.get("bears"), doc.get("columns")
    return {
        "decides": None if bears is None else tuple(bears.get("decides") or ()),
        "colours": None if bears is None else tuple(bears.get("colours") or ()),
        "columns": tuple((name, value) for name, value in (columns or {}).items() if value is not None),
    }


def content_of(doc: Mapping[str, Any]) -> str:
    """Return 12 hex digits that name what a document's pair says, whatever its ids."""
    return _digest(json.dumps([doc.get("persona"), doc.get("question")], sort_keys=True))


def _digest(text: Any) -> str:
    return hashlib.blake2b(str(text).encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _attempt(variant: str) -> int:
    number = variant.removeprefix("attempt ")
    return int(number) if number != variant and re.fullmatch(r"[0-9]{1,9}", number) else 0


def tidy(
    samples: Iterable[Mapping[str, Any]],
    task: str,
    metadata: Mapping[str, Any],
    model: str = "",
    *,
    heavy: bool = True,
) -> pd.DataFrame:
    """Return the tidy frame of a task's samples; ``heavy=False`` leaves the ``HEAVY`` columns out."""
    columns = [c for c in COLUMNS if heavy or c not in HEAVY]
    rows = [{c: row[c] for c in columns} for sample in samples for row in variant_rows(sample, task, metadata, model)]
    return pd.DataFrame(rows, columns=columns)
