"""The debate, the first protocol: its prompt, its schema, and what a reply says. Knows no network and no disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

from ..prompts import render
from .protocol import Messages, Protocol, register

TEMPLATES: Mapping[int, str] = {1: "critic/debate_1.jinja", 2: "critic/debate.jinja"}
"""The debate's editions by the number that the setting ``template`` gives."""
LATEST = 2
TEXTS = ("chain_of_thought", "personalization_critic", "helpfulness_critic", "conclusion")

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {**{name: {"type": "string"} for name in TEXTS}, "needs_revision": {"type": "boolean"}},
    "required": [*TEXTS, "needs_revision"],
    "additionalProperties": False,
}
"""JSON Schema of the critic's reply, strict as structured outputs want it."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the critic is asked about: the persona that counts, the question, and the answer alone."""

    question: str
    persona: Mapping[str, str]
    answer: str
    template: int = LATEST
    """The debate's edition."""

    @property
    def protocol(self) -> Protocol:
        """The debate."""
        return edition(self.template)

    def messages(self) -> Messages:
        """Return the system and the user message of the debate."""
        return messages(self)


@dataclass(frozen=True, slots=True)
class Debate:
    """One reply of the critic. The answer is personalised when it needs no revision."""

    chain_of_thought: str
    personalization_critic: str
    helpfulness_critic: str
    conclusion: str
    needs_revision: bool

    @property
    def outcome(self) -> bool:
        """Whether the answer is personalised."""
        return not self.needs_revision


def messages(judgement: Judgement) -> Messages:
    """Return the system and the user message of the debate.

    The fence's token is a hash over all that stands between the fences: nobody can write a text that contains its own
    hash, and the same judgement gives the same prompt, so that a stored verdict is found again.
    """
    question, persona, answer = (_json(x) for x in (judgement.question, dict(judgement.persona), judgement.answer))
    fence = hashlib.sha256("\x00".join((question, persona, answer)).encode()).hexdigest()[:20]
    values = {"question": question, "persona": persona, "answer": answer, "fence": fence}
    template = TEMPLATES[judgement.template]
    return [{"role": part, "content": _filled(template, part, values)} for part in ("system", "user")]


def _filled(template: str, part: str, values: Mapping[str, str]) -> str:
    return "".join(values[piece] if is_name else piece for piece, is_name in _pieces(template, part))


@cache
def _pieces(template: str, part: str) -> tuple[tuple[str, bool], ...]:
    """Render a part of a template once, with a mark for each value; return texts and names of values in turn.

    Reading thousands of stored verdicts back would otherwise be Jinja's work for the most part. The template puts the
    values in as they are and does nothing else with them.
    """
    marked = {name: f"\0{name}\0" for name in ("question", "persona", "answer", "fence")}
    pieces = render(template, part=part, **marked).split("\0")
    return tuple((piece, bool(i % 2)) for i, piece in enumerate(pieces))


_ENCODER = json.JSONEncoder(ensure_ascii=False)  # json.dumps would make a new one a text


def _json(value: Any) -> str:
    return _whole(_ENCODER.encode(value))


def _whole(text: str) -> str:
    # A model can send half a surrogate pair, which no file and no HTTP body can carry.
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def parse(reply: str) -> Debate | None:
    """Return the debate when ``reply`` is exactly one object of the schema (white space and one code fence aside)."""
    text = reply.strip()
    if text.startswith("```") and text.endswith("```"):
        text = text[3:-3].removeprefix("json").strip()
    try:
        data = json.loads(text, object_pairs_hook=_no_repeats)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or set(data) != {*TEXTS, "needs_revision"}:
        return None
    if not all(isinstance(data[name], str) for name in TEXTS) or not isinstance(data["needs_revision"], bool):
        return None
    return Debate(**{name: _whole(data[name]) for name in TEXTS}, needs_revision=data["needs_revision"])


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # {"needs_revision": true, "needs_revision": false} has no meaning; JSON readers would take the last one.
    data = dict(pairs)
    if len(data) != len(pairs):
        raise ValueError("a key stands twice")
    return data


def _dry(template: int) -> Judgement:
    persona = {"age": "40", "lifestyle": "vegetarian"}
    return Judgement("What should I cook tonight?", persona, "A lentil curry.", template)


DEBATE = register(
    Protocol(
        name="debate",
        template=TEMPLATES[LATEST],
        schema=SCHEMA,
        parse=parse,
        restore=Debate,
        outcome_field="personalized",
        sections=(
            ("chain_of_thought", "What bears on the question"),
            ("personalization_critic", "Personalization critic"),
            ("helpfulness_critic", "Helpfulness critic"),
            ("conclusion", "Conclusion"),
        ),
        probe=partial(_dry, LATEST),
    )
)


_EDITIONS: Mapping[int, Protocol] = {
    number: DEBATE if number == LATEST else replace(DEBATE, template=name, probe=partial(_dry, number))
    for number, name in TEMPLATES.items()
}


def edition(template: int = LATEST) -> Protocol:
    """Return the debate by one of its templates. Schema, parser and name are the same, so that samples read the same."""
    return _EDITIONS[template]


def edition_of(prompt_hash: str) -> int | None:
    """Return the number of the template that a run recorded, None where this version has none of that hash."""
    return next((number for number, way in _EDITIONS.items() if way.prompt_hash() == prompt_hash), None)


def prompt_hash(template: int = LATEST) -> str:
    """Return the hash of the debate's template and schema: two runs compare only where it agrees."""
    return edition(template).prompt_hash()
