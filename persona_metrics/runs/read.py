"""lm-eval's results_*.json and samples_*.jsonl as tidy tables: one row a variant of a pair. Knows no statistics."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import PersonaError, shorten
from ..evaluations import judgefree

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

``content`` names what the pair says, whatever its ids and row number (12 hex digits over persona and question);
``answer_key`` the answer's text, ``answer_length`` its characters (None and NaN without an answer).
"""

HEAVY = ("question", "reply", "answer", "verdict")
"""Columns that hold the texts; a reader of numbers leaves them out to stay small."""

_STAMP = re.compile(r"_(\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}\.\d+)\.jsonl?$")


@dataclass(frozen=True)
class TaskRun:
    """One of our tasks in a run: what was recorded of it, its table's rows, and where its samples lie."""

    name: str
    metadata: Mapping[str, Any]
    rows: Mapping[str, Any]
    samples: Path | None
    generation: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """One results_*.json: the model, our tasks in it, and the names of the tasks that are not ours."""

    path: Path
    model: str
    config: Mapping[str, Any]
    tasks: tuple[TaskRun, ...]
    others: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


def find_results(path: Path) -> list[Path]:
    """Return the results_*.json at or below ``path``, the newest first; for a samples file, those beside it."""
    if path.is_file():
        if path.name.startswith("results_"):
            return [path]
        stamp = _STAMP.search(path.name)
        return [p for p in path.parent.glob("results_*.json") if stamp and stamp[1] in p.name]
    found = [p for p in path.rglob("results_*.json") if p.is_file()]
    return sorted(found, key=lambda p: (p.name, str(p)), reverse=True)


def load_run(path: Path) -> Run:
    """Read one results_*.json; raise ``PersonaError`` where it is none."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        configs, results = data["configs"], data["results"]
        if not all(isinstance(part, dict) for part in (configs, results, *configs.values(), *results.values())):
            raise TypeError("configs and results are not objects of objects")
    except OSError as error:
        raise PersonaError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PersonaError(f"{path}: not a results file of lm-eval: {shorten(error)}") from None
    tasks, others = [], []
    stamp = _STAMP.search(path.name.replace(".json", ".jsonl") if path.name.endswith(".json") else path.name)
    for name, config in configs.items():
        metadata = config.get("metadata") or {}
        if "evaluation" not in metadata or "pack_version" not in metadata:
            others.append(name)
            continue
        samples = path.parent / f"samples_{name}_{stamp[1]}.jsonl" if stamp else None
        rows = {k: v for k, v in results.get(name, {}).items() if "," in k}
        samples = samples if samples and samples.is_file() else None
        tasks.append(TaskRun(name, metadata, rows, samples, config.get("generation_kwargs") or {}))
    config = data.get("config") or {}
    model = next((str(t.metadata["model_name"]) for t in tasks if t.metadata.get("model_name")), None)
    model = model or str(data.get("model_name") or config.get("model") or "unknown")
    extra = {k: v for k, v in data.items() if k not in ("configs", "results", "config", "samples")}
    return Run(path, model, config, tuple(tasks), tuple(others), extra)


@dataclass
class ReadLog:
    """What reading a samples file came upon."""

    lines: int = 0
    lost: int = 0
    offset: int = 0
    """Where the line that was read last begins, in bytes."""


def read_samples(path: Path, log: ReadLog | None = None) -> Iterator[dict[str, Any]]:
    """Yield the samples of a JSONL file one by one; a line that is cut or broken is counted in ``log`` and left out."""
    log = log if log is not None else ReadLog()
    end = 0
    with path.open("rb") as lines:
        for line in lines:
            log.offset, end = end, end + len(line)
            if not line.strip():
                continue
            log.lines += 1
            try:
                row = json.loads(line)
            except ValueError:
                log.lost += 1
                continue
            if isinstance(row, dict) and isinstance(row.get("doc"), dict):
                yield row
            else:
                log.lost += 1


def results_of(sample: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a sample's filtered results, one a variant; lm-eval 0.4 and 0.5 nest them differently.

    In a samples file lm-eval has made a text of each: JSON (see ``Result``), or Python's own notation. Without a critic the
    results are made of the responses (``evaluations.judgefree``).
    """
    if judgefree.is_judgefree(sample.get("doc") or {}):
        try:
            return judgefree.results(sample["doc"], sample.get("resps") or [])
        except (KeyError, IndexError, TypeError, ValueError):
            return []
    flat: list[dict[str, Any]] = []
    for item in sample.get("filtered_resps") or []:
        flat += [r for r in map(_result, item if isinstance(item, list) else [item]) if r is not None]
    return flat


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


def _result(item: Any) -> dict[str, Any] | None:
    if isinstance(item, str):
        try:
            item = json.loads(item)
        except ValueError:
            try:
                item = ast.literal_eval(item)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                return None
    return dict(item) if isinstance(item, Mapping) else None


def replies_of(sample: Mapping[str, Any]) -> list[str]:
    """Return a sample's raw replies, one a variant; options' loglikelihoods are none."""
    if judgefree.is_judgefree(sample.get("doc") or {}) and len(sample.get("resps") or []) != len(sample["doc"]["asks"]):
        return []
    flat: list[str] = []
    for item in sample.get("resps") or []:
        flat += [str(r) for r in (item if isinstance(item, list) else [item])]
    return flat


def variant_rows(
    sample: Mapping[str, Any], task: str, metadata: Mapping[str, Any], model: str
) -> Iterator[dict[str, Any]]:
    """Yield one dict of ``COLUMNS`` for each variant of a sample."""
    doc = sample["doc"]
    replies = replies_of(sample)
    content = _digest(json.dumps([doc.get("persona"), doc.get("question")], sort_keys=True))
    at = -1
    for result in results_of(sample):
        # An answer that is judged for several people has a result for each, and one reply.
        at += "judged_for" not in result
        failure, verdict = result.get("answer_failure"), result.get("verdict")
        value = 0.0 if failure is not None else None if verdict is None else verdict.get("personalized")
        value = result.get("value", value)
        shares = result.get("shares")
        name = str(result.get("variant", "whole"))
        answer = result.get("answer")
        yield {
            "task": task,
            "evaluation": metadata.get("evaluation"),
            "mode": metadata.get("mode"),
            "model": model,
            "doc_id": int(sample.get("doc_id", 0)),
            "pair_id": doc.get("pair_id"),
            "persona_id": doc.get("persona_id"),
            "question_id": doc.get("question_id"),
            "content": content,
            "question": doc.get("question"),
            "topic": doc.get("topic"),
            "variant": name,
            "dropped": tuple(result.get("dropped") or ()),
            "attempt": int(name.split()[-1]) if name.startswith("attempt ") else 0,
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
        }


def _digest(text: Any) -> str:
    return hashlib.blake2b(str(text).encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


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
