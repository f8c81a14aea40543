"""Samples that are written already, with rows made anew where all pairs together say more than each did in its turn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..dataset.questions import of_document
from ..evaluations import Evaluation
from ..harness.judging import outcome, persona_of
from ..harness.remarks import rows_of_pair
from .pieces import Terms
from .rows import Rows


def rewritten(samples: Path, terms: Terms, informed: Evaluation) -> Rows:
    """Give every sample of the file the rows of the ``informed`` evaluation; return them all, added up."""
    rows = Rows(informed.headline, terms.repeats, informed.aggregates())
    made = samples.with_suffix(".informed")
    with samples.open("rb") as lines, made.open("wb") as written:
        for line in lines:
            sample = _informed(json.loads(line), terms, informed)
            doc = sample["doc"]
            rows.add({name: sample[name] for name in sample["metrics"]}, doc["persona_id"], doc["question_id"])
            written.write(json.dumps(sample, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
    made.replace(samples)
    return rows


def _informed(sample: dict[str, Any], terms: Terms, informed: Evaluation) -> dict[str, Any]:
    doc = sample["doc"]
    outcomes = [outcome(json.loads(text)) for of_reply in sample["filtered_resps"] for text in of_reply]
    rows = rows_of_pair(informed, persona_of(doc), of_document(doc), outcomes, terms.repeats)
    kept = {k: v for k, v in sample.items() if k not in sample["metrics"]}
    return {**kept, "metrics": list(rows), **rows}
