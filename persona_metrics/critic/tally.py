"""Counts what is judged and what is missing, by reason, and says when going on makes no sense. Knows no network."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ..errors import shorten
from .debate import TIE, Judgement, Verdict

_SAID_ALREADY = ("the certificate", "the proxy", "no TLS there", "TLS is spoken", "TLS failed", "no such host")
"""Reasons that name by themselves what to change."""

FIRST = 20
"""Where so many judgements, the first to be asked for, all fail for one reason, the run stops."""


@dataclass
class Tally:
    """What came of the judgements so far. ``total`` is None where nobody knows how many there will be."""

    total: int | None
    allowed: float
    """Share of missing verdicts that stops the run (``critic_max_failures``)."""
    judged: int = 0
    personalized: int = 0
    asked: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    lost_votes: Counter[str] = field(default_factory=Counter)
    """Votes that are missing where others gave a verdict, by critic and reason."""

    @property
    def done(self) -> int:
        """Return how many judgements are judged or missing."""
        return self.judged + self.reasons.total()

    @property
    def failed(self) -> int:
        """Return how many verdicts are missing because of a failure: a tie is an outcome, not a failure."""
        return self.reasons.total() - self.reasons[TIE]

    def add(self, judgement: Judgement, verdict: Verdict, times: int = 1) -> str | None:
        """Count a verdict that ``times`` judgements share; return the reason to stop, or None to go on."""
        self.asked += not all(vote.stored for vote in verdict.votes)
        if verdict.missing is None:
            self.judged += times
            self.personalized += times * bool(verdict.personalized)
            for vote in verdict.votes:
                if vote.missing is not None:
                    self.lost_votes[f"{vote.critic} at {vote.endpoint}: {kind(vote.missing)}"] += 1
            return None
        reason = kind(verdict.missing)
        self.reasons[reason] += times
        if reason not in self.examples:
            detail = verdict.missing.removeprefix(reason).lstrip(": ")
            question = f"question {shorten(judgement.question, 60)!r}"
            self.examples[reason] = f"{detail}, {question}" if detail else question
        return self.stop(self.total)

    def stop(self, total: int | None) -> str | None:
        """Return why the run should stop, if it should."""
        only = next(iter(self.reasons), TIE)
        if self.asked == FIRST and self.judged == 0 and len(self.reasons) == 1 and only != TIE:
            return f"the first {FIRST} judgements all failed: {advice(self._worst())}"
        if total is not None and self.failed > self.allowed * total:
            return (
                f"{self.failed} of {total} verdicts are missing, more than PERSONA_CRITIC_MAX_FAILURES={self.allowed:g}"
                f" allows; mostly: {advice(self._worst())}"
            )
        return None

    def _worst(self) -> str:
        reason = next(reason for reason, _ in self.reasons.most_common() if reason != TIE)
        detail = self.examples[reason].rpartition(", question ")[0]
        return f"{reason}: {detail}" if detail else reason

    def lines(self) -> list[str]:
        """Return one line a reason, with its count and an example, the most frequent first."""
        of = f"of {self.total or self.done}"
        missing = [
            f"{count} {of} verdicts missing: {reason} (for example: {self.examples[reason]})"
            for reason, count in self.reasons.most_common()
        ]
        lost = [f"{count} votes missing beside a verdict: {what}" for what, count in self.lost_votes.most_common()]
        return missing + lost


def kind(reason: str) -> str:
    """Return the part of a reason that many judgements can share: ``HTTP 500``, ``connection failed``, ``empty reply``."""
    return reason.partition(":")[0]


def advice(reason: str) -> str:
    """Return the reason and the setting to change."""
    if reason.startswith(_SAID_ALREADY):
        return reason
    for mark, what in (
        ("insufficient_quota", "this account has nothing left to spend"),
        ("HTTP 401", "set PERSONA_CRITIC_API_KEY (or OPENAI_API_KEY) to a key it accepts"),
        ("HTTP 403", "this key may not use it: change PERSONA_CRITIC_API_KEY or PERSONA_CRITIC_MODEL"),
        ("HTTP 404", "no such model or address: change PERSONA_CRITIC_MODEL or PERSONA_CRITIC_BASE_URL"),
        ("HTTP 407", "give user and password in HTTP_PROXY or HTTPS_PROXY"),
        ("HTTP 429", "lower PERSONA_CRITIC_CONCURRENCY, or set PERSONA_CRITIC_RPM or PERSONA_CRITIC_TPM"),
        ("connection failed", "nothing answers there: change PERSONA_CRITIC_BASE_URL"),
        ("no reply in time", "raise PERSONA_CRITIC_TIMEOUT, or change PERSONA_CRITIC_BASE_URL"),
        ("cut at the token limit", "raise PERSONA_CRITIC_MAX_TOKENS"),
        ("not one object", "the model cannot hold the debate's format: change PERSONA_CRITIC_MODEL"),
        ("empty reply", "the model says nothing: change PERSONA_CRITIC_MODEL, or raise PERSONA_CRITIC_MAX_TOKENS"),
    ):
        if mark in reason:
            return f"{reason}; {what}"
    return f"{reason}; change PERSONA_CRITIC_MODEL or PERSONA_CRITIC_BASE_URL"
