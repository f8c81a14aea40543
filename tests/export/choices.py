"""A run of persona_choice as lm-eval writes it, without a model: every document of the split, and no reply that matters."""

from __future__ import annotations

import json
from pathlib import Path

from persona_metrics.dataset.sources import Pool, load_personas
from persona_metrics.evaluations.choice import Choice
from persona_metrics.harness import record
from persona_metrics.settings import load

STAMP = "2026-03-01T10-00-00.000001"


def write_choices(folder: Path, n: int = 6, split: str = "main") -> Path:
    """Write the run and return its results_*.json."""
    chosen = load({"n": n, "split": split})
    personas, label = load_personas(chosen)
    evaluation = Choice.build(chosen, personas)
    documents = evaluation.documents()
    metadata = {"version": 1.0, **record.metadata({}, chosen, evaluation, Pool(personas, (), "x", label), documents)}
    folder.mkdir(parents=True)
    with (folder / f"samples_persona_choice_{STAMP}.jsonl").open("w", encoding="utf-8") as file:
        for number, document in enumerate(documents):
            resps = [["A"] for _ in document.asks]
            file.write(
                json.dumps({"doc_id": number, "doc": document.to_row(), "resps": resps, "filter": "none"}) + "\n"
            )
    path = folder / f"results_{STAMP}.json"
    configs = {"persona_choice": {"task": "persona_choice", "metadata": metadata}}
    path.write_text(json.dumps({"results": {"persona_choice": {}}, "configs": configs, "config": {"model": "dummy"}}))
    return path
