"""Votes and what they amount to, by whatever protocol they were cast. Knows no network and no disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import combinations
from typing import Any

from . import protocol as protocols
from .missing import Missing, Reason, missing_from
from .protocol import FIRST, Opinion, Outcome, Protocol


@dataclass(frozen=True, slots=True)
class Vote:
    """What one critic's reply to one judgement was made into, or the reason why there is none."""

    critic: str
    endpoint: str
    number: int
    opinion: Opinion | None
    missing: Missing | None = None
    attempts: int = 0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency: float | None = None
    served_model: str | None = None
    stored: bool = False


_VOTE = tuple(field.name for field in fields(Vote))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the votes amount to: the protocol's outcome, or None with the reason why it is missing."""

    outcome: Outcome | None
    missing: Missing | None
    agreement: float | None
    votes: tuple[Vote, ...]
    protocol: str = FIRST
    """The name of the way it was judged."""

    @property
    def personalized(self) -> bool | None:
        """The outcome where it is a yes or no."""
        return self.outcome if isinstance(self.outcome, bool) else None

    @property
    def opinion(self) -> Opinion | None:
        """The first opinion that ended as the majority did, or None where the verdict is missing."""
        held = (vote.opinion for vote in self.votes if vote.opinion is not None)
        return next((o for o in held if o.outcome == self.outcome), None) if self.missing is None else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for a samples file; an opinion stands under its protocol's name."""
        way = protocols.named(self.protocol)
        data: dict[str, Any] = {} if self.protocol == FIRST else {"protocol": self.protocol}
        return {
            **data,
            way.outcome_field: self.outcome,
            "missing": _text(self.missing),
            "agreement": self.agreement,
            "votes": [_vote_to_dict(vote, self.protocol) for vote in self.votes],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Verdict:
        """Return the verdict of ``to_dict``."""
        name = str(data.get("protocol", FIRST))
        way = protocols.named(name)
        votes = tuple(_vote_from_dict(vote, way) for vote in data.get("votes", ()))
        missing = missing_from(data.get("missing"))
        return cls(data.get(way.outcome_field), missing, data.get("agreement"), votes, name)


def _vote_to_dict(vote: Vote, name: str) -> dict[str, Any]:
    data = {(name if field == "opinion" else field): getattr(vote, field) for field in _VOTE}
    if vote.opinion is not None:
        data[name] = {f.name: getattr(vote.opinion, f.name) for f in fields(vote.opinion)}  # type: ignore[arg-type]
    return {**data, "missing": _text(vote.missing)}


def _vote_from_dict(data: Mapping[str, Any], way: Protocol) -> Vote:
    known = {field: data[field] for field in _VOTE if field in data}
    held = data.get(way.name)
    known |= {"opinion": way.restore(**held) if held else None, "missing": missing_from(data.get("missing"))}
    return Vote(**known)


def _text(missing: Missing | None) -> str | None:
    return None if missing is None else str.__str__(missing)


def decide(votes: Sequence[Vote], protocol: str = FIRST) -> Verdict:
    """Return the majority of the votes that could be had; a tie, or no vote at all, is missing.

    More than half of the votes cast have to agree. ``agreement`` is the share of agreeing pairs among the votes (1.0
    for a single vote), None without a vote.
    """
    cast = [vote.opinion.outcome for vote in votes if vote.opinion is not None]
    if not cast:
        reasons = Counter(vote.missing or Missing(Reason.UNKNOWN) for vote in votes)
        why = reasons.most_common(1)[0][0] if reasons else Missing(Reason.UNKNOWN)
        return Verdict(None, why, None, tuple(votes), protocol)
    pairs = list(combinations(cast, 2))
    agreement = sum(a == b for a, b in pairs) / len(pairs) if pairs else 1.0
    outcome, count = Counter(cast).most_common(1)[0]
    if 2 * count <= len(cast):
        return Verdict(None, Missing(Reason.TIE), agreement, tuple(votes), protocol)
    return Verdict(outcome, None, agreement, tuple(votes), protocol)
