"""An OpenAI-evals registry of the task itself: the run's pairs as samples, the debate as a model-graded spec."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ..critic.debate import LATEST, TEMPLATES, edition_of, prompt_hash
from ..errors import PersonaError
from ..evaluations.base import WHOLE
from ..files import safe_name, write_text
from ..prompts import render
from .scores import Task

SPEC = "persona_debate"
_MODES = ("baseline", "output_only")
_FIELDS = ("question", "persona", "answer", "fence")


def write(tasks: list[Task], out: Path) -> list[Path]:
    """Write ``evals/``, ``data/`` and ``modelgraded/`` below ``out``; ``oaieval --registry_path`` takes that folder.

    One eval a task with a whole persona and no attempts, over the pairs of the run. ``oaieval MODEL,CRITIC
    persona_main`` then gives the model's prompts and the same debate; a debate without ``needs_revision`` scores 0
    there, by OpenAI evals' own rule. Raises ``PersonaError`` for modes that answer inside JSON, since OpenAI evals
    grades the whole reply, and for a run whose critic template is not this version's.
    """
    usable = [t for t in tasks if t.task.samples is None or set(t.frame["variant"]) <= {WHOLE}]
    if not usable:
        names = ", ".join(t.name for t in tasks)
        raise PersonaError(
            f"--to openai-evals: has one prompt a sample, {names} has several; export a persona_main run"
        )
    for task in usable:
        task.require_samples("an OpenAI-evals registry")
        if task.metadata.get("mode") not in _MODES:
            raise PersonaError(
                f"--to openai-evals: {task.name} answers inside JSON (mode {task.metadata.get('mode')}) and OpenAI evals"
                f" grades the whole reply; export a run of mode {' or '.join(_MODES)}"
            )
        if edition_of(str(task.metadata.get("critic_template"))) is None:
            raise PersonaError(
                f"--to openai-evals: {task.name} was judged with template {task.metadata.get('critic_template')}, this"
                f" version has {prompt_hash()}; export with persona-metrics {task.metadata.get('pack_version')}"
            )
    editions = {edition_of(str(task.metadata.get("critic_template"))) for task in usable}
    if len(editions) > 1:
        raise PersonaError("--to openai-evals: the tasks were judged with different critic templates; export one run")
    written = []
    listed: dict[str, Any] = {}
    for task in usable:
        lines = [json.dumps(s, ensure_ascii=False, allow_nan=False) for s in samples(task)]
        # The task's name is the file's word: as a path it could lead anywhere.
        file = f"{safe_name(task.name)}.jsonl"
        path = out / "data" / "persona_bench" / file
        write_text(path, "".join(line + "\n" for line in lines))
        written.append(path)
        version = f"{task.name}.test.v{_version(task.metadata.get('version'))}"
        listed[task.name] = {
            "id": version,
            "description": "PERSONA Bench: does the answer fit the person it is given to?",
            "metrics": ["score"],
        }
        listed[version] = {
            "class": "evals.elsuite.modelgraded.classify:ModelBasedClassify",
            "args": {
                "samples_jsonl": f"persona_bench/{file}",
                "modelgraded_spec": SPEC,
                "sample_kwargs": _sampling(task.task.generation, "max_gen_toks", "temperature"),
                "eval_kwargs": _sampling(task.metadata, "critic_max_tokens", "critic_temperature"),
            },
        }
    evals, graded = out / "evals" / "persona_bench.yaml", out / "modelgraded" / f"{SPEC}.yaml"
    write_text(evals, yaml.safe_dump(listed, sort_keys=False, allow_unicode=True))
    write_text(
        graded, yaml.safe_dump({SPEC: specification(editions.pop() or LATEST)}, sort_keys=False, allow_unicode=True)
    )
    return [evals, graded, *written]


def _version(recorded: Any) -> str:
    try:
        return f"{float(recorded or 0):.0f}"
    except (TypeError, ValueError):
        return str(recorded)


def _sampling(given: Mapping[str, Any], tokens: str, temperature: str) -> dict[str, Any]:
    found = {"max_tokens": given.get(tokens), "temperature": given.get(temperature)}
    return {k: v for k, v in found.items() if v is not None}


def specification(template: int = LATEST) -> dict[str, Any]:
    """Return the model-graded spec: the pack's own debate prompt, and the verdict as the choice.

    OpenAI evals reads the reply's lines from the end; the last one with words ends in ``needs_revision: true`` or
    ``false``.
    """
    filled = {name: f"\x00{name}\x00" for name in _FIELDS}
    messages = [
        {"role": "system", "content": render(TEMPLATES[template], part="system", fence=filled["fence"])},
        {"role": "user", "content": render(TEMPLATES[template], part="user", **filled)},
    ]
    # OpenAI evals puts the bare reply in; the quotes keep it the one JSON value that the prompt announces. `eval_type`
    # stands here and not in the eval, where it would append another instruction to the prompt.
    places = {"answer": '"{completion}"'}
    for message in messages:
        text = message["content"].replace("{", "{{").replace("}", "}}")
        for name, mark in filled.items():
            text = text.replace(mark, places.get(name, f"{{{name}}}"))
        message["content"] = text
    return {
        "prompt": messages,
        "choice_strings": ["true", "false"],
        "choice_scores": {"true": 0.0, "false": 1.0},
        "eval_type": "cot_classify",
        "input_outputs": {"input": "completion"},
    }


def samples(task: Task) -> Iterator[dict[str, Any]]:
    """Yield a sample a pair: the model's prompt, and what the critic is shown beside the answer."""
    for answer in task.answers():
        row = answer.row
        question = json.dumps(row["question"], ensure_ascii=False)
        persona = json.dumps({k: v for k, v in row["persona"].items() if v is not None}, ensure_ascii=False)
        # The pack's fence also hashes the answer, which is not there yet. The model never sees this one either.
        fence = hashlib.sha256(f"{question}\x00{persona}".encode("utf-8", "replace")).hexdigest()[:20]
        yield {
            "input": [dict(message) for message in answer.prompt],
            "question": question,
            "persona": persona,
            "fence": fence,
            "pair_id": row["pair_id"],
        }
