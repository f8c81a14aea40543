"""What evaluations without a critic share: documents of several prompts, each with options, and what was picked of them.

A document travels as plain data (``Document.to_row``) through lm-eval and its samples file, so that whoever reads the file
finds the same picks that the task scored. Knows no lm-eval and no file.
"""

from __future__ import annotations

import hashlib
import math
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..dataset.sources import Question
from ..personas import ATTRIBUTES, Persona
from .base import Evaluation, Outcome, Row, Variant
from .letters import letter_of, letters

LOGLIKELIHOOD, GENERATE = "loglikelihood", "generate"
"""How an option is picked: the likeliest letter, or the letter that the model writes."""
NO_LETTER = "no letter of an option in the reply"
NO_REPLY = "no reply"


@dataclass(frozen=True)
class Ask:
    """One prompt: who is shown (None: nobody), the options' order, the right option, a seed where it has its own.

    ``order`` gives the options' positions as they are shown, ``right`` one of those positions, None where none is right.
    ``dropped`` are attributes that the persona shown lacks.
    """

    name: str
    persona: Persona | None
    order: tuple[int, ...]
    right: int | None = None
    seed: int | None = None
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True)
class Document:
    """One persona and one question with options, and every prompt that its rows need."""

    id: str
    persona: Persona
    question: Question
    options: tuple[str, ...]
    asks: tuple[Ask, ...]
    attribute: str = ""
    """The attribute that decides which option is right, where one does."""

    def to_row(self, columns: Sequence[str] = ATTRIBUTES) -> dict[str, Any]:
        """Return the document as lm-eval's: plain data, the persona with all of ``columns`` (None where unknown)."""
        own = self.persona.attributes
        return {
            "pair_id": self.id,
            "persona_id": self.persona.id,
            "question_id": self.question.id,
            "question": self.question.text,
            "topic": self.question.topic,
            "persona": {name: own.get(name) for name in columns},
            "attribute": self.attribute,
            "options": list(self.options),
            "letters": list(letters(len(self.options))),
            "target": _target(self.asks[0]),
            "asks": [_ask_row(ask, own) for ask in self.asks],
        }


def _target(ask: Ask) -> int:
    return 0 if ask.right is None else ask.order.index(ask.right)


def _ask_row(ask: Ask, own: Mapping[str, str]) -> dict[str, Any]:
    shown = ask.persona.attributes if ask.persona else {}
    return {
        "name": ask.name,
        "changed": [{"attribute": k, "value": v} for k, v in shown.items() if own.get(k) != v],
        "dropped": list(ask.dropped),
        "order": list(ask.order),
        "right": -1 if ask.right is None else ask.right,
    }


@dataclass(frozen=True)
class Pick:
    """What came of one prompt: the picked option's position, shares of all options, or why there is neither.

    ``failure`` says that a reply named no option, ``missing`` that there was no reply; both are None where one was picked.
    """

    choice: int | None
    shares: tuple[float, ...] | None
    failure: str | None = None
    missing: str | None = None

    def value(self, right: int | None) -> float | None:
        """Return 1.0 where the right option was picked, 0.0 where not (or none), None where nothing is right or known."""
        if right is None or self.missing is not None:
            return None
        return float(self.choice == right)


def picks(doc: Mapping[str, Any], responses: Sequence[Any]) -> list[Pick]:
    """Return the picks of a document's prompts from the model's responses, in the order of the requests.

    Loglikelihoods come one an option (a number, or a pair whose first it is; as text in a samples file), replies one a
    prompt. lm-eval nests them differently by version.
    """
    asks, options = doc["asks"], doc["options"]
    values = [_plain(item) for item in responses]
    if len(values) == len(asks):
        return [_from_reply(value, ask, options) for value, ask in zip(values, asks, strict=True)]
    width = len(options)
    return [_from_loglikelihoods(values[i * width : (i + 1) * width], ask) for i, ask in enumerate(asks)]


def _plain(item: Any) -> Any:
    while isinstance(item, (list, tuple)) and len(item) == 1:
        item = item[0]
    return item[0] if isinstance(item, (list, tuple)) and item else item


def _from_reply(reply: Any, ask: Mapping[str, Any], options: Sequence[str]) -> Pick:
    if not isinstance(reply, str) or is_no_reply(reply):
        return Pick(None, None, missing=NO_REPLY)
    order = ask["order"]
    position = letter_of(reply, [options[i] for i in order])
    if position is None:
        return Pick(None, None, failure=NO_LETTER)
    return Pick(order[position], tuple(float(i == order[position]) for i in range(len(options))))


def is_no_reply(text: str) -> bool:
    """Return whether a text stands where an endpoint gave no reply."""
    return text.startswith(f"[{NO_REPLY}: ")


def _from_loglikelihoods(values: Sequence[Any], ask: Mapping[str, Any]) -> Pick:
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError):
        numbers = []
    order = ask["order"]
    if len(numbers) != len(order) or any(math.isnan(n) for n in numbers) or max(numbers) == -math.inf:
        return Pick(None, None, missing="no loglikelihood")
    top = max(numbers)
    weights = [math.exp(n - top) for n in numbers]
    shares = [0.0] * len(order)
    for place, weight in zip(order, weights, strict=True):
        shares[place] = weight / sum(weights)
    return Pick(order[numbers.index(top)], tuple(shares))


def results(doc: Mapping[str, Any], responses: Sequence[Any]) -> list[dict[str, Any]]:
    """Return one result a prompt, in the form in which judged samples have theirs (``runs.read``)."""
    found = []
    for ask, pick in zip(doc["asks"], picks(doc, responses), strict=True):
        place = None if pick.choice is None else ask["order"].index(pick.choice)
        right = ask["right"] if ask["right"] >= 0 else None
        found.append(
            {
                "variant": ask["name"],
                "dropped": list(ask["dropped"]),
                "answer": None if place is None else f"{letters(place + 1)[-1]}. {doc['options'][pick.choice]}",
                "answer_failure": pick.failure,
                "verdict": None,
                "missing": pick.missing,
                "value": pick.value(right),
                "choice": pick.choice,
                "shares": pick.shares,
            }
        )
    return found


def content_of(*parts: object) -> str:
    """Return 12 hex digits that name what the parts' representations say."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(repr(part).encode())
    return digest.hexdigest()[:12]


def is_judgefree(doc: Mapping[str, Any]) -> bool:
    """Return whether a sample's document is one of these."""
    return isinstance(doc.get("asks"), list) and isinstance(doc.get("options"), list)


def ordered(ids: Iterable[Any], seed: int, salt: str) -> list[Any]:
    """Return the ids in an order that depends on seed and salt alone: the same on every machine and Python."""
    start = f"{seed}/{salt}/"
    return sorted(ids, key=lambda i: hashlib.sha256(f"{start}{i}".encode()).digest())


MOST_PEOPLE = 2_000
"""Personas that documents are made of, the more where ``n`` is: each item looks for those that fit it among all."""


def some_of(personas: Sequence[Persona], n: int, seed: int) -> tuple[Persona, ...]:
    """Return all personas, or of a large file ``MOST_PEOPLE`` (or ``n``), chosen by the seed, in their order."""
    most = max(MOST_PEOPLE, n)
    if len(personas) <= most:
        return tuple(personas)
    return tuple(personas[i] for i in sorted(ordered(range(len(personas)), seed, "people")[:most]))


def number_of(seed: int, salt: str) -> int:
    """Return a number of 64 bits that depends on seed and salt alone."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{salt}".encode()).digest()[:8], "big")


class Judgefree(Evaluation):
    """An evaluation that a critic has no part in; it makes its documents itself."""

    needs_critic = False
    template: ClassVar[str]
    """The prompt's template in ``templates/choosing``."""
    form: str
    edition: ClassVar[int | None] = None
    """The edition of the embedded personas that the items were made for; None takes the one that is set."""

    @property
    @abstractmethod
    def reads(self) -> tuple[str, ...]:
        """Return the attributes that decide which items a persona is asked, or what its answer is held against."""

    @property
    @abstractmethod
    def items_hash(self) -> str:
        """Return 12 hex digits that name the content of the items."""

    @property
    def generate_task(self) -> str:
        """Return the task that asks for a letter in place of loglikelihoods."""
        return f"{self.task}_generate"

    @abstractmethod
    def documents(self) -> list[Document]:
        """Return the documents, the same for the same settings and personas."""

    @abstractmethod
    def values(self, document: Document) -> Mapping[str, Any]:
        """Return what the template is filled in with beside the persona and the options."""

    @abstractmethod
    def score(self, doc: Mapping[str, Any], found: Sequence[Pick]) -> dict[str, Row]:
        """Return one document's value of each row; a row that a missing reply leaves unknown is left out."""

    def variants(self, persona: Persona) -> tuple[Variant, ...]:  # noqa: ARG002
        """Return nothing: documents bring their own prompts."""
        return ()

    def metrics(self, persona: Persona, outcomes: Sequence[Outcome]) -> dict[str, Row]:  # noqa: ARG002
        """Return nothing: ``score`` makes the rows."""
        return {}
