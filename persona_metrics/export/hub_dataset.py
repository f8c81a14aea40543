"""The embedded data as a data set of the Hugging Face hub: files, a card, and the ``eval.yaml`` that makes it a benchmark.

Knows no run: ``.eval_results`` of runs (``eval_results``) name its tasks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import DatasetCard, DatasetCardData

from ..evaluations import EVALUATIONS, NAMES
from ..files import write_bytes, write_lines, write_text

FRAMEWORK = "persona-metrics"
"""Under which name results say what measured them: lm-eval with this pack."""
PLACEHOLDER = "OWNER/NAME"
_COPIED = ("personas_v2.jsonl", "questions_v2.jsonl", "opinion_items.jsonl")
_NOTES = ("SOURCES.md", "questions.md", "choice.md", "opinion.md")
_CONFIGS: Mapping[str, tuple[str, str]] = {
    "pairs": ("test", "pairs.jsonl"),
    "personas": ("train", "personas_v2.jsonl"),
    "questions": ("train", "questions_v2.jsonl"),
    "choice": ("test", "choice.jsonl"),
    "opinion": ("test", "opinion_items.jsonl"),
}
"""By configuration its split and its file; the first is the one that loads without a name. All are of one kind: ``datasets``
reads a folder with one reader."""
_OWN: Mapping[str, str] = {"choice": "choice", "opinion": "opinion"}
"""Configurations of evaluations that are not drawn from ``pairs``."""
_TOLD = ("pair_id", "persona_id", "question_id", "question", "topic", "kind")
_FLAT = ("rules", "changes", "eligible")
"""Columns of choice items that differ from line to line: each is one JSON text."""


def write(out: Path, pairs: Iterable[Mapping[str, Any]], dataset: str | None = None) -> tuple[list[Path], list[str]]:
    """Write the data set below ``out``; return the files, and notes.

    ``pairs`` are lines of ``persona-metrics prompts --task persona_main``. The held-out choice items are left out: nobody
    is to train on them.
    """
    folder, written = files("persona_metrics") / "dataset" / "embedded", []
    for name in (*_COPIED, *_NOTES):
        write_bytes(out / name, (folder / name).read_bytes())
        written.append(out / name)
    items = [json.loads(line) for line in (folder / "choice.jsonl").read_text(encoding="utf-8").splitlines()]
    tables = {"pairs": [_pair(line) for line in pairs], "choice": [_flat(item) for item in items]}
    for name, rows in tables.items():
        path = out / _CONFIGS[name][1]
        write_lines(path, (json.dumps(row, ensure_ascii=False) for row in rows))
        written.append(path)
    write_text(out / "eval.yaml", yaml.safe_dump(benchmark(), sort_keys=False, allow_unicode=True, width=110))
    body = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)[2]
    asked = (folder / "questions_v2.jsonl").read_text(encoding="utf-8").splitlines()
    languages = list(dict.fromkeys(["en", *(str(json.loads(line)["language"]) for line in asked)]))
    write_text(out / "README.md", card(body, dataset or PLACEHOLDER, len(tables["pairs"]), languages))
    notes = ["the held-out choice items (choice_holdout.jsonl) are left out: nobody is to train on them"]
    if dataset is None:
        notes.append(f"the card says {PLACEHOLDER}: name the data set with --dataset")
    return [*written, out / "eval.yaml", out / "README.md"], notes


def benchmark() -> dict[str, Any]:
    """Return ``eval.yaml``: a task an evaluation, under the name that ``.eval_results`` give it."""
    return {
        "name": "PERSONA Bench",
        "description": (
            "Does a model's answer fit the person who asks, for whom does it not, and how sure are we? 1,000 made-up adults"
            " of the United States with 33 attributes, and questions on which people differ."
        ),
        "evaluation_framework": FRAMEWORK,
        "tasks": [{"id": EVALUATIONS[name].task, "config": _OWN.get(name, "pairs"), "split": "test"} for name in NAMES],
    }


def card(body: str, dataset: str, pairs: int, languages: Sequence[str]) -> str:
    """Return the data set's card: its metadata, the embedded data's own description, and what the further files hold."""
    data = DatasetCardData(
        license="apache-2.0",
        language=list(languages),
        pretty_name="PERSONA Bench: personas, questions and pairs",
        size_categories=["1K<n<10K"],
        task_categories=["text-generation", "question-answering"],
        tags=["synthetic", "persona", "personalization", "pluralistic-alignment", "benchmark", "arxiv:2407.17387"],
        configs=[
            {
                "config_name": name,
                **({"default": True} if i == 0 else {}),
                "data_files": [{"split": split, "path": path}],
            }
            for i, (name, (split, path)) in enumerate(_CONFIGS.items())
        ],
    )
    text = body.replace('"persona_metrics/dataset/embedded"', f'"{dataset}"').replace(
        f'"{dataset}", split="train")', f'"{dataset}", "personas", split="train")'
    )
    columns = ", ".join(f"`{name}`" for name in (*_TOLD, "persona")) + " (JSON), `prompt`"
    flat = ", ".join(f"`{name}`" for name in _FLAT)
    more = f"""
## As a data set of the hub

| configuration | split | rows |
| --- | --- | --- |
| `pairs` (default) | test | the {pairs} pairs of `persona_main` with seed 0: {columns} |
| `personas` | train | `personas_v2.jsonl`, as above |
| `questions` | train | `questions_v2.jsonl`, as above |
| `choice` | test | the items of `persona_choice`, described in `choice.md`; {flat} are JSON |
| `opinion` | test | the items of `persona_opinion`, described in `opinion.md` |

`eval.yaml` names the tasks. Its framework, `{FRAMEWORK}`, is EleutherAI's lm-eval with the pack of that name: the critic
that judges is a part of every number, and stands in the notes of each result.
`persona-metrics export RUN --to eval-results --dataset {dataset}` writes a run's results for a model's repository. Edition 1
and the held-out choice items stand in the package alone.
"""
    return str(DatasetCard(f"---\n{data.to_yaml()}\n---\n{text.rstrip()}\n{more}"))


def _pair(line: Mapping[str, Any]) -> dict[str, Any]:
    doc = line["doc"]
    told = {name: doc[name] for name in _TOLD}
    known = {name: value for name, value in doc["persona"].items() if value is not None}
    return {**told, "persona": json.dumps(known, ensure_ascii=False), "prompt": line["prompt"]}


def _flat(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: json.dumps(value, ensure_ascii=False) if name in _FLAT else value
        for name, value in item.items()
        if value is not None
    }
