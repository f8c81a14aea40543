"""A way of judging, as a value: what a critic is asked, what its reply has to look like, and what the reply amounts to.

Client, store, batches and batch files know these types alone. ``debate`` is the first protocol, ``pairwise`` the second.
"""

from __future__ import annotations

import hashlib
import json
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from ..errors import PersonaError
from ..prompts import template_hash

Messages = list[dict[str, str]]
"""A chat's messages, the system's first."""
Outcome = bool | str
"""What a reply amounts to. Votes are counted by it."""


class Opinion(typing.Protocol):
    """What a protocol made of one reply: a dataclass of plain values."""

    @property
    def outcome(self) -> Outcome:
        """What the reply amounts to."""


class Judged(typing.Protocol):
    """What a critic is asked about."""

    @property
    def question(self) -> str:
        """The question, to name the judgement in a message."""

    @property
    def protocol(self) -> Protocol:
        """The way it is judged."""

    def messages(self) -> Messages:
        """Return what is sent; the same judgement gives the same messages, so that a stored verdict is found again."""


@dataclass(frozen=True)
class Protocol:
    """One way of judging. ``template`` renders the messages; ``schema`` is strict, as structured outputs want it.

    ``parse`` returns the opinion in a reply, or None where the reply is not exactly one. ``restore`` makes an opinion
    of its fields. ``outcome_field`` is the outcome's name in samples files, ``sections`` are the fields that pages
    show, with a heading each, and ``probe`` makes the judgement of a dry run. ``judgement`` makes that of one answer, of
    question, persona and answer; None where no answer is judged by itself. ``values`` and ``words`` say of each
    outcome what it counts as, in 0…1, and how it reads; ``counted`` names the outcome whose share a progress bar shows.
    ``about`` says of an opinion's fields what a reader has to know beside its outcome. ``answers`` is how many answers one
    judgement quotes. ``sides`` are what pages call an answer that counts as 1 and one that counts as 0, and ``rule`` says
    in words when an answer is the first.
    """

    name: str
    template: str
    schema: Mapping[str, Any]
    parse: Callable[[str], Opinion | None]
    restore: Callable[..., Opinion]
    outcome_field: str
    sections: tuple[tuple[str, str], ...]
    probe: Callable[[], Judged]
    judgement: Callable[[str, Mapping[str, str], str], Judged] | None = None
    values: Mapping[Outcome, float] = field(default_factory=lambda: {True: 1.0, False: 0.0})
    words: Mapping[Outcome, str] = field(default_factory=lambda: {True: "needs no revision", False: "needs revision"})
    counted: tuple[str, Outcome] = ("personalized", True)
    about: Callable[[Mapping[str, Any]], str] = lambda _: ""
    answers: int = 1
    sides: tuple[str, str] = ("personalised", "needs revision")
    rule: str = ""

    def value(self, outcome: Outcome | None) -> float | None:
        """Return what an outcome counts as; None for a missing verdict, and for an outcome that is no number."""
        return self.values.get(outcome) if isinstance(outcome, (int, str)) else None

    def word(self, outcome: Outcome | None) -> str:
        """Return how an outcome reads."""
        return "no verdict" if outcome is None else self.words.get(outcome, str(outcome))

    def prompt_hash(self) -> str:
        """Return the hash of template and schema: two runs compare only where it agrees."""
        return f"{template_hash(self.template)}-{_schema_hash(json.dumps(self.schema, sort_keys=True))}"


@cache
def _schema_hash(schema: str) -> str:
    return hashlib.sha256(schema.encode()).hexdigest()[:6]


@dataclass(frozen=True)
class Prompt:
    """What one vote is asked with: the messages, and the protocol that reads the reply."""

    messages: Messages
    protocol: Protocol

    @classmethod
    def of(cls, judgement: Judged) -> Prompt:
        """Return a judgement's prompt."""
        return cls(judgement.messages(), judgement.protocol)

    def digest(self) -> bytes:
        """Return what tells this prompt from any other."""
        parts = (self.protocol.name, *(message["content"] for message in self.messages))
        return hashlib.sha256("\x00".join(parts).encode("utf-8", "replace")).digest()


FIRST = "debate"
"""The protocol where none is named: results and samples that name none were made with it."""
_known: dict[str, Protocol] = {}


def register(protocol: Protocol) -> Protocol:
    """Make a protocol known by its name, so that samples files can be read back; return it."""
    _known[protocol.name] = protocol
    return protocol


def value_of(verdict: Mapping[str, Any]) -> float | None:
    """Return what a verdict of a samples file counts as, None where it is missing; raise as ``named`` does."""
    protocol = named(str(verdict.get("protocol", FIRST)))
    return protocol.value(verdict.get(protocol.outcome_field))


def named(name: str = FIRST) -> Protocol:
    """Return the protocol of this name; raise ``PersonaError`` where this version has none."""
    if name not in _known:
        raise PersonaError(f"judged by the protocol {name[:40]!r}, which this version of persona-metrics does not have")
    return _known[name]
