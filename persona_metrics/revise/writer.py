"""What the writer is asked and what its reply says: a protocol like the critic's, so that client and store are the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .. import settings as settings_of
from ..answers import extract
from ..critic import Protocol, Verdict
from ..critic.framing import fenced, schema
from ..critic.protocol import Messages, register
from ..critic.request import panel
from ..errors import PersonaError, shorten
from ..settings import Settings

TEMPLATE = "writer/revise.jinja"
SCHEMA = schema(("answer",))
UNDER_TEST = "under-test"
"""The writer's name where the model that answered revises its own answers."""


@dataclass(frozen=True, slots=True)
class Written:
    """One reply of the writer: the whole revised answer."""

    answer: str

    @property
    def outcome(self) -> str:
        """The answer."""
        return self.answer


@dataclass(frozen=True, slots=True)
class Revision:
    """What the writer is asked: persona, question, the answer, and what the critics object to in it."""

    question: str
    persona: Mapping[str, str]
    answer: str
    objections: tuple[Mapping[str, str], ...]

    @property
    def protocol(self) -> Protocol:
        """The writer's."""
        return PROTOCOL

    def messages(self) -> Messages:
        """Return the system and the user message."""
        values = {"question": self.question, "persona": dict(self.persona), "answer": self.answer}
        return fenced(TEMPLATE, {**values, "objections": [dict(one) for one in self.objections]})


def parse(reply: str) -> Written | None:
    """Return the answer in the writer's reply, None where it holds none."""
    found = extract(reply, "chain_of_thought").answer
    return Written(found) if found else None


PROTOCOL = register(
    Protocol(
        name="revision",
        template=TEMPLATE,
        schema=SCHEMA,
        parse=parse,
        restore=Written,
        outcome_field="revision",
        sections=(("answer", "Revised answer"),),
        probe=lambda: Revision(
            "What should I cook tonight?",
            {"age": "40", "lifestyle": "vegetarian"},
            "A steak.",
            ({"personalization_critic": "They eat no meat.", "helpfulness_critic": "", "conclusion": "Revise it."},),
        ),
    )
)


def objections(verdict: Verdict) -> tuple[Mapping[str, str], ...]:
    """Return what the votes for a revision say against the answer, one part a vote."""
    held = [vote.opinion for vote in verdict.votes if vote.opinion is not None and vote.opinion.outcome is False]
    names = ("personalization_critic", "helpfulness_critic", "conclusion")
    return tuple({name: str(getattr(one, name, "")) for name in names} for one in held)


_OF_THE_CRITIC = ("critic_votes", "critic_temperature", "critic_reasoning_effort")


def writer_settings(name: str, chosen: Settings, overrides: Mapping[str, Any]) -> Settings:
    """Return the settings under which the client asks the writer: its name stands where the critic's does.

    ``name`` may hold its address, ``NAME@http://…/v1``; else it is asked where the critic is. A key goes to its own host
    alone, as to a panel's members. Raises ``PersonaError`` for more than one name.
    """
    kept = {key: value for key, value in overrides.items() if key not in _OF_THE_CRITIC}
    if name == "embedded":
        kept["critic_base_url"] = ""  # it lives in this process, wherever the critic is asked
    made = settings_of.load({**kept, "critic_model": name}, where="--model")
    if len(panel(made)) > 1:
        raise PersonaError(f"--model {shorten(name, 60)!r}: one writer, not several")
    same = {field: getattr(chosen, field) for field in ("critic_max_failures", "critic_store")}
    return made.model_copy(
        update={**same, "critic_votes": 1, "critic_temperature": 0.0, "critic_reasoning_effort": None}
    )


def under_test(config: Mapping[str, Any], model: str) -> str:
    """Return the writer's name and address for the model that a run was made with, as its results file records it.

    Raises ``PersonaError`` where the file names no endpoint.
    """
    arguments = config.get("model_args")
    if isinstance(arguments, str):
        arguments = dict(part.partition("=")[::2] for part in arguments.split(","))
    arguments = arguments if isinstance(arguments, Mapping) else {}
    name, url = str(arguments.get("model") or model), arguments.get("base_url")
    if "," in name:
        raise PersonaError(f"--model {UNDER_TEST}: the run's model {shorten(name, 60)!r} cannot be asked by that name")
    if isinstance(url, str) and url.startswith("http"):
        return f"{name}@{url}"
    if str(config.get("model", "")).startswith("openai-"):
        return f"{name}@https://api.openai.com/v1"
    raise PersonaError(
        f"--model {UNDER_TEST}: the run does not say at which endpoint its model answers; give --model NAME@http://…/v1"
    )
