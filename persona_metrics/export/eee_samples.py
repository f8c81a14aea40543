"""The samples file of Every Eval Ever: one line an answer that has a score, linked to the one row it counts in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from ..files import writing
from ..labels.read import consensus
from .eee_rows import counted
from .scores import Answer, Task

SCHEMA_VERSION = "0.3.0"
COLLECTION = "persona_bench"


def write_lines(path: Path, lines: Iterator[str]) -> tuple[int, str]:
    """Write the lines; return how many there are and the file's SHA-256."""
    digest, count = hashlib.sha256(), 0
    with writing(path) as file:
        for line in lines:
            # U+2028 and the like are no line ends to JSON, but readers that use splitlines() stop there.
            data = (_one_line(line) + "\n").encode("utf-8", "replace")
            digest.update(data)
            file.write(data)
            count += 1
    return count, digest.hexdigest()


def _one_line(text: str) -> str:
    return text.translate({0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"})


def evaluation_name(task: Task) -> str:
    """Return the evaluation's dotted name: the collection and the task."""
    return f"{COLLECTION}.{task.name.removeprefix('persona_')}"


def result_id(task: Task, row: str) -> str:
    """Return the id by which a line names the row of the aggregate it counts in."""
    return f"{task.name}/{row}"


def lines(task: Task, evaluation: str, identity: str) -> Iterator[dict[str, Any]]:
    """Yield one line an answer that has a score, linked to the one row it counts in."""
    for _, pair in groupby(task.answers(), lambda answer: answer.row["doc_id"]):
        for answer, row, score in counted(list(pair), task.headline):
            yield _line(task, answer, score, row, evaluation, identity)


def _line(task: Task, answer: Answer, score: float, linked: str, evaluation: str, identity: str) -> dict[str, Any]:
    row = answer.row
    asked = "\n\n".join(m["content"] for m in answer.prompt)
    reference: list[str] = []
    fingerprint = json.dumps({"raw": asked, "reference": reference}, sort_keys=True, separators=(",", ":"))
    verdict = answer.verdict
    line: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": evaluation,
        "model_id": identity,
        "evaluation_name": evaluation_name(task),
        "evaluation_result_id": result_id(task, linked),
        "sample_id": answer.sample_id,
        "sample_hash": hashlib.sha256(fingerprint.encode("utf-8", "replace")).hexdigest(),
        "interaction_type": "single_turn",
        "input": {"raw": asked, "reference": reference},
        "output": {"raw": [row["reply"] or ""]},
        "answer_attribution": [
            {
                "turn_idx": 0,
                "source": "output.raw",
                "extracted_value": row["answer"] or "",
                "extraction_method": f"persona_metrics.answers ({row['mode']})",
                "is_terminal": True,
            }
        ],
        "evaluation": {"score": score, "is_correct": answer.score == 1.0},
        "metadata": {
            "pair_id": str(row["pair_id"]),
            "persona_id": str(row["persona_id"]),
            "question_id": str(row["question_id"]),
            "variant": str(row["variant"]),
            "debate": answer.explanation,
            "votes": str(len(verdict.votes) if verdict else 0),
            **_annotators(task, answer),
        },
    }
    if row["answer_failure"] is not None:
        line["error"] = f"no answer in the reply: {row['answer_failure']}"
    return line


def _annotators(task: Task, answer: Answer) -> dict[str, str]:
    """Return people's scores of the answer as the texts that a line's metadata may hold."""
    labels = task.labels_of(answer)
    if not labels:
        return {}
    scores = {one.rater: one.fits for one in labels}
    value = consensus(labels)
    said = {
        "annotator_scores": json.dumps(scores, ensure_ascii=False),
        "annotator_blind": str(all(o.blind for o in labels)),
    }
    return said if value is None else {**said, "annotator_score": str(value)}
