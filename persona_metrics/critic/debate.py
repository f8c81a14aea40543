"""The debate: its prompt, the schema of its reply, and the verdict. Knows no network and no disk."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from itertools import combinations
from typing import Any

from ..prompts import render, template_hash

TEMPLATE = "critic/debate.jinja"
TIE = "tie"
"""Why a verdict is missing although its votes are there."""
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


@dataclass(frozen=True, slots=True)
class Debate:
    """One reply of the critic. The answer is personalised when it needs no revision."""

    chain_of_thought: str
    personalization_critic: str
    helpfulness_critic: str
    conclusion: str
    needs_revision: bool


@dataclass(frozen=True, slots=True)
class Vote:
    """One critic's reply to one judgement, or the reason why there is none."""

    critic: str
    endpoint: str
    number: int
    debate: Debate | None
    missing: str | None = None
    attempts: int = 0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency: float | None = None
    served_model: str | None = None
    stored: bool = False


_VOTE = frozenset(field.name for field in fields(Vote))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the votes amount to: True, False, or None with the reason why it is missing."""

    personalized: bool | None
    missing: str | None
    agreement: float | None
    votes: tuple[Vote, ...]

    @property
    def debate(self) -> Debate | None:
        """Return the first debate that ended as the majority did, or None where the verdict is missing."""
        ended = (v.debate for v in self.votes if v.debate is not None)
        return (
            next((d for d in ended if d.needs_revision is not self.personalized), None)
            if self.missing is None
            else None
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for a samples file."""
        return {
            "personalized": self.personalized,
            "missing": self.missing,
            "agreement": self.agreement,
            "votes": [asdict(vote) for vote in self.votes],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Verdict:
        """Return the verdict of ``to_dict``."""
        votes = []
        for vote in data.get("votes", ()):
            debate = vote.get("debate")
            known = {name: value for name, value in vote.items() if name in _VOTE}
            votes.append(Vote(**{**known, "debate": Debate(**debate) if debate else None}))
        return cls(data.get("personalized"), data.get("missing"), data.get("agreement"), tuple(votes))


def decide(votes: Sequence[Vote]) -> Verdict:
    """Return the majority of the votes that could be had; a tie, or no vote at all, is missing.

    ``agreement`` is the share of agreeing pairs among the votes (1.0 for a single vote), None without a vote.
    """
    cast = [not vote.debate.needs_revision for vote in votes if vote.debate is not None]
    if not cast:
        reasons = Counter(vote.missing or "unknown" for vote in votes)
        return Verdict(None, reasons.most_common(1)[0][0] if reasons else "unknown", None, tuple(votes))
    pairs = list(combinations(cast, 2))
    agreement = sum(a == b for a, b in pairs) / len(pairs) if pairs else 1.0
    good = sum(cast)
    if 2 * good == len(cast):
        return Verdict(None, TIE, agreement, tuple(votes))
    return Verdict(2 * good > len(cast), None, agreement, tuple(votes))


def messages(judgement: Judgement) -> list[dict[str, str]]:
    """Return the system and the user message of the debate.

    The fence's token is a hash over all that stands between the fences: nobody can write a text that contains its own
    hash, and the same judgement gives the same prompt, so that a stored verdict is found again.
    """
    question, persona, answer = (_json(x) for x in (judgement.question, dict(judgement.persona), judgement.answer))
    fence = hashlib.sha256("\x00".join((question, persona, answer)).encode()).hexdigest()[:20]
    values = {"question": question, "persona": persona, "answer": answer, "fence": fence}
    return [{"role": part, "content": _filled(part, values)} for part in ("system", "user")]


def _filled(part: str, values: Mapping[str, str]) -> str:
    return "".join(values[piece] if is_name else piece for piece, is_name in _pieces(part))


@cache
def _pieces(part: str) -> tuple[tuple[str, bool], ...]:
    """Render a part of the template once, with a mark for each value; return texts and names of values in turn.

    Reading thousands of stored verdicts back would otherwise be Jinja's work for the most part. The template puts the
    values in as they are and does nothing else with them.
    """
    marked = {name: f"\0{name}\0" for name in ("question", "persona", "answer", "fence")}
    pieces = render(TEMPLATE, part=part, **marked).split("\0")
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


def prompt_hash() -> str:
    """Return the hash of the debate's template and schema: two runs compare only where it agrees."""
    schema = hashlib.sha256(json.dumps(SCHEMA, sort_keys=True).encode()).hexdigest()[:6]
    return f"{template_hash(TEMPLATE)}-{schema}"
