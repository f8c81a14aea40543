"""The debate, the first protocol: its prompt, its schema, and what a reply says. Knows no network and no disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from .framing import fenced, one_object, schema, whole
from .protocol import Messages, Protocol, register

TEMPLATES: Mapping[int, str] = {1: "critic/debate_1.jinja", 2: "critic/debate.jinja"}
"""The debate's editions by the number that the setting ``template`` gives."""
LATEST = 2
TEXTS = ("chain_of_thought", "personalization_critic", "helpfulness_critic", "conclusion")

SCHEMA = schema(TEXTS, needs_revision={"type": "boolean"})


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
    """Return the system and the user message of the debate."""
    values = {"question": judgement.question, "persona": dict(judgement.persona), "answer": judgement.answer}
    return fenced(TEMPLATES[judgement.template], values)


def parse(reply: str) -> Debate | None:
    """Return the debate when ``reply`` is exactly one object of the schema (white space and one code fence aside)."""
    data = one_object(reply, (*TEXTS, "needs_revision"))
    if data is None or not isinstance(data["needs_revision"], bool):
        return None
    if not all(isinstance(data[name], str) for name in TEXTS):
        return None
    return Debate(**{name: whole(data[name]) for name in TEXTS}, needs_revision=data["needs_revision"])


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
        judgement=Judgement,
        rule="personalised when the debate ends without need of revision; a tie or no vote is missing",
    )
)


_EDITIONS: Mapping[int, Protocol] = {
    number: DEBATE
    if number == LATEST
    else replace(DEBATE, template=name, probe=partial(_dry, number), judgement=partial(Judgement, template=number))
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
