"""Replies are judged by the protocol of their evaluation, and by no other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from persona_metrics import evaluations
from persona_metrics.critic import Judged, Judgement, Protocol
from persona_metrics.critic import protocol as protocols
from persona_metrics.critic.debate import DEBATE
from persona_metrics.errors import PersonaError
from persona_metrics.evaluations import BY_PROTOCOL
from persona_metrics.evaluations.main import Main
from persona_metrics.harness.judging import prepare
from persona_metrics.personas import Persona
from persona_metrics.settings import Settings
from persona_metrics.settings.fields import PROTOCOLS

PEOPLE = [Persona("a", {"age": "40", "sex": "Female"}), Persona("b", {"age": "20", "sex": "Male"})]


def asked(evaluation: evaluations.Evaluation, **settings: Any) -> list[Judged]:
    """Return what the critic is asked about one pair whose replies all have an answer."""
    own = PEOPLE[0]
    doc = {"pair_id": "a/q", "persona_id": "a", "question_id": "q", "question": "Tea?", "persona": dict(own.attributes)}
    docs = [{**doc, "variant": variant.name} for variant in evaluation.variants_of(own, "q")]
    replies = [[f"Answer {i}."] for i in range(len(docs))]
    return list(prepare(replies, docs, Settings(by=(), **settings), evaluation).judgements)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocol_that_can_be_set_is_known_and_some_evaluation_is_judged_by_it(name: str) -> None:
    assert protocols.named(name).name == name
    assert name == protocols.FIRST or name in {protocol for _, protocol in BY_PROTOCOL}


@pytest.mark.parametrize(("name", "protocol"), [("main", "debate"), ("contrast", "debate"), *BY_PROTOCOL])
def test_replies_are_judged_by_the_protocol_of_their_evaluation(name: str, protocol: str) -> None:
    evaluation = evaluations.build(name, Settings(by=(), protocol=protocol), PEOPLE)
    assert {judgement.protocol.name for judgement in asked(evaluation, protocol=protocol)} == {protocol}


def test_debate_is_that_of_the_template_that_is_set() -> None:
    assert [j.template for j in asked(Main(), template=1) if isinstance(j, Judgement)] == [1]


@dataclass(frozen=True)
class Glance:
    """A judgement of a protocol that this package does not have."""

    question: str
    persona: Mapping[str, str]
    answer: str

    @property
    def protocol(self) -> Protocol:
        """The glance."""
        return protocols.named("glance")

    def messages(self) -> protocols.Messages:
        """Return the answer alone."""
        return [{"role": "user", "content": self.answer}]


class Glanced(Main):
    """Main, judged by it."""

    protocol = "glance"


@pytest.fixture
def glance(monkeypatch: pytest.MonkeyPatch) -> Protocol:
    """Make the protocol known for one test."""
    monkeypatch.setattr(protocols, "_known", dict(protocols._known))
    return protocols.register(replace(DEBATE, name="glance", judgement=Glance))


def test_another_protocol_makes_the_judgements_itself(glance: Protocol) -> None:
    assert asked(Glanced()) == [Glance("Tea?", PEOPLE[0].attributes, "Answer 0.")]
    assert glance.judgement is Glance


def test_protocol_that_judges_no_single_answer_says_so(glance: Protocol) -> None:
    protocols.register(replace(glance, judgement=None))
    with pytest.raises(PersonaError, match="protocol=glance: does not judge one answer by itself"):
        asked(Glanced())
