"""A promptfoo configuration of the task itself: the run's pairs as tests, the debate as what an ``llm-rubric`` is graded by.

Knows promptfoo's format and its templates (nunjucks), and that nothing of a run may act as one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ..critic.debate import LATEST, TEMPLATES, edition_of, prompt_hash
from ..critic.framing import whole
from ..errors import PersonaError
from ..evaluations.base import WHOLE
from ..files import safe_name, write_text
from ..prompts import render
from .scores import Task, critics, votes_of

FILE = "promptfooconfig.yaml"
SCHEMA = "https://promptfoo.dev/config-schema.json"
_MODES = ("baseline", "output_only")
_PLACES = {name: f"{{{{ {name} }}}}" for name in ("question", "persona", "fence")} | {"answer": "{{ output | dump }}"}
"""Where promptfoo puts what the critic is shown; ``dump`` makes the reply the one JSON value that the prompt announces."""
_MORE = """
promptfoo reads three keys beside these. Write them last, in the same object: reason (the conclusion in one sentence),
pass (true where needs_revision is false, and false where it is true) and score (1 where pass is true, else 0).
"""


def write(tasks: list[Task], out: Path) -> tuple[list[Path], list[str]]:
    """Write ``promptfooconfig.yaml`` below ``out``, of several tasks one in a folder each; return the files, and notes.

    A task needs one prompt a pair. ``promptfoo eval`` then gives the model's prompts, and every critic of the run its
    debate. Raises ``PersonaError`` for modes that answer inside JSON, since promptfoo grades the whole reply, and for a
    run whose critic template is not this version's.
    """
    usable = [t for t in tasks if t.judged and (t.task.samples is None or set(t.frame["variant"]) <= {WHOLE})]
    if not usable:
        names = ", ".join(t.name for t in tasks)
        raise PersonaError(f"--to promptfoo: takes one prompt a pair, {names} has several; export a persona_main run")
    written, notes = [], []
    for task in usable:
        # The task's name is the file's word: as a path it could lead anywhere.
        folder = out if len(usable) == 1 else out / safe_name(task.name)
        configuration, said = configured(task)
        head = f"# yaml-language-server: $schema={SCHEMA}\n"
        write_text(folder / FILE, head + yaml.dump(configuration, Dumper=_Quoted, sort_keys=False, width=10**9))
        written.append(folder / FILE)
        notes += said
    return written, list(dict.fromkeys(notes))


def configured(task: Task) -> tuple[dict[str, Any], list[str]]:
    """Return a task's configuration as plain data, and what is to be said of it; raises as ``write`` does."""
    task.require_samples("a promptfoo configuration")
    if task.metadata.get("mode") not in _MODES:
        raise PersonaError(
            f"--to promptfoo: {task.name} answers inside JSON (mode {task.metadata.get('mode')}) and promptfoo grades the"
            f" whole reply; export a run of mode {' or '.join(_MODES)}"
        )
    edition = edition_of(str(task.metadata.get("critic_template")))
    if edition is None:
        raise PersonaError(
            f"--to promptfoo: {task.name} was judged with template {task.metadata.get('critic_template')}, this version has"
            f" {prompt_hash()}; export with persona-metrics {task.metadata.get('pack_version')}"
        )
    answers = list(task.answers())
    roles = {tuple(str(message["role"]) for message in answer.prompt) for answer in answers}
    if len(roles) != 1:
        raise PersonaError(
            f"--to promptfoo: {task.name} has prompts of different turns; promptfoo takes one form of prompt"
        )
    graders, notes = _graders(task)
    asked = [{"role": role, "content": f"{{{{ message_{i} | load }}}}"} for i, role in enumerate(roles.pop(), 1)]
    return {
        "description": "PERSONA Bench: does the answer fit the person it is given to?",
        "prompts": [{"label": "as the run asked", "raw": json.dumps(asked)}],
        "providers": [_provider(task.run.model, task.task.generation, "max_gen_toks", "temperature")],
        "defaultTest": {
            "options": {"rubricPrompt": json.dumps(rubric(edition))},
            "assert": graders,
            # Most critics have to pass it.
            **({"threshold": (len(graders) // 2 + 0.5) / len(graders)} if len(graders) > 1 else {}),
        },
        "tests": [{"vars": made, "metadata": about} for made, about in tests(answers)],
    }, notes


def rubric(template: int = LATEST) -> list[dict[str, str]]:
    """Return the messages that grade an answer: the pack's own debate, with the keys that promptfoo reads beside its own."""
    marks = {name: f"\x00{name}\x00" for name in _PLACES}
    messages = []
    for role in ("system", "user"):
        text = render(TEMPLATES[template], part=role, **marks)
        if re.search(r"\{[{%#]", text):
            raise AssertionError(f"{TEMPLATES[template]}: a template of nunjucks stands in its text")
        for name, mark in marks.items():
            text = text.replace(mark, _PLACES[name])
        messages.append({"role": role, "content": text.rstrip("\n") + (f"\n{_MORE}" if role == "system" else "\n")})
    return messages


def tests(answers: Sequence[Any]) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Yield a pair's values and what it is: the model's messages, and what the critic is shown beside the answer."""
    for answer in answers:
        row = answer.row
        question = inert(row["question"])
        persona = inert({k: v for k, v in row["persona"].items() if v is not None})
        # The pack's fence also hashes the answer, which is not there yet. The model never sees this one either.
        fence = hashlib.sha256(f"{question}\x00{persona}".encode("utf-8", "replace")).hexdigest()[:20]
        said = {f"message_{i}": inert(message["content"]) for i, message in enumerate(answer.prompt, 1)}
        yield (
            {**said, "question": question, "persona": persona, "fence": fence},
            {"pair_id": _plain(row["pair_id"])},
        )


def inert(value: Any) -> str:
    """Return JSON in which no text can be a template, a file's name or a package: a brace within a text is its escape.

    promptfoo renders every value as a nunjucks template, several times over, and takes one that begins with ``file://``
    for a file to read. A JSON text begins with its quote or brace; its template's ``load`` reads the escapes back.
    """
    text = whole(json.dumps(value, ensure_ascii=False))
    return re.sub(r'"(?:[^"\\]|\\.)*"', lambda found: found[0].replace("{", "\\u007b").replace("}", "\\u007d"), text)


def _graders(task: Task) -> tuple[list[dict[str, Any]], list[str]]:
    """Return an ``llm-rubric`` a critic of the run, and notes."""
    panel = [name for name, _ in critics(task.metadata) if name != "embedded"]
    # With a rubricPrompt of its own the value is what a reader sees of it.
    one = {"type": "llm-rubric", "value": "the debate ends without need of a revision", "metric": "personalized"}
    if not panel:
        return [one], ["the embedded critic lives in this package: promptfoo's own grader takes its place"]
    made = [
        {**one, "provider": _provider(name, task.metadata, "critic_max_tokens", "critic_temperature")} for name in panel
    ]
    several = ["promptfoo asks each critic once, and counts one reply each"] if votes_of(task.metadata) > 1 else []
    return made, several


def _provider(name: str, given: Mapping[str, Any], tokens: str, temperature: str) -> dict[str, Any]:
    found = {"temperature": given.get(temperature), "max_tokens": given.get(tokens)}
    if given.get("critic_reasoning_effort"):
        found["reasoning_effort"] = _plain(given["critic_reasoning_effort"])
    return {"id": f"openai:chat:{_plain(name)}", "config": {k: v for k, v in found.items() if v is not None}}


def _plain(text: Any) -> str:
    """Return a name without what could begin a template."""
    return whole(re.sub(r"[{}]", "_", str(text)))


class _Quoted(yaml.SafeDumper):
    """Quotes every text: readers of YAML differ in what they take for a number (``12e4567``) or a truth."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = None if re.fullmatch(r"[a-zA-Z_]\w*", value) and value.lower() not in _WORDS else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"})
_Quoted.add_representer(str, _text)
