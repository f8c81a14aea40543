"""Counts what is judged and what is missing, by reason, and says when going on makes no sense. Knows no network."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ..errors import shorten
from .missing import Missing, Reason
from .protocol import Judged
from .verdict import Verdict

_TIE = Missing(Reason.TIE).kind
_EVEN = "as many votes for as against: an odd number of them (critics × PERSONA_CRITIC_VOTES) always decides"

_SAID_ALREADY = ("the certificate", "the proxy", "no TLS there", "TLS is spoken", "TLS failed", "no such host")
"""Reasons that name by themselves what to change."""

FIRST = 20
"""Where so many judgements, the first to be asked for, all fail for one reason, the run stops."""


@dataclass
class Tally:
    """What came of the judgements so far. ``total`` is None where nobody knows how many there will be."""

    total: int | None
    allowed: float
    """Share of missing verdicts, ties among them, that stops the run (``critic_max_failures``)."""
    repeats: bool = False
    """Whether the votes are repeats that are counted apart later (an exam's), so that a tie of them all says nothing."""
    judged: int = 0
    counted: int = 0
    """Judgements with the outcome that their protocol counts."""
    counts: str = "personalized"
    """What that outcome is called."""
    asked: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, tuple[Missing, str]] = field(default_factory=dict)
    """By reason its first occurrence, and the question it was met at."""
    lost_votes: Counter[str] = field(default_factory=Counter)
    """Votes that are missing where others gave a verdict, by critic and reason."""

    @property
    def done(self) -> int:
        """Return how many judgements are judged or missing."""
        return self.judged + self.reasons.total()

    @property
    def failed(self) -> int:
        """Return how many verdicts are missing because of a failure: a tie is an outcome, not a failure."""
        return self.reasons.total() - self.tied

    @property
    def tied(self) -> int:
        """Return how many verdicts are missing because their votes cancel each other out."""
        return self.reasons[_TIE]

    def add(self, judgement: Judged, verdict: Verdict, times: int = 1) -> str | None:
        """Count a verdict that ``times`` judgements share; return the reason to stop, or None to go on."""
        self.asked += not all(vote.stored for vote in verdict.votes)
        if verdict.missing is None:
            self.judged += times
            self.counts, outcome = judgement.protocol.counted
            self.counted += times * (verdict.outcome == outcome)
            for vote in verdict.votes:
                if vote.missing is not None:
                    self.lost_votes[f"{vote.critic} at {vote.endpoint}: {vote.missing.kind}"] += 1
            return None
        reason = verdict.missing.kind
        self.reasons[reason] += times
        self.examples.setdefault(reason, (verdict.missing, shorten(judgement.question, 60)))
        return self.stop(self.total)

    def stop(self, total: int | None) -> str | None:
        """Return why the run should stop, if it should."""
        only = next(iter(self.reasons), _TIE)
        if self.asked == FIRST and self.judged == 0 and len(self.reasons) == 1 and only != _TIE:
            return f"the first {FIRST} judgements all failed: {advice(self._worst())}"
        if total is not None and self.reasons.total() > self.allowed * total:
            tied = f" ({self.tied} of them tied)" if self.tied and self.failed else ""
            return (
                f"{self.reasons.total()} of {total} verdicts are missing{tied}, more than"
                f" PERSONA_CRITIC_MAX_FAILURES={self.allowed:g} allows; mostly: {advice(self._worst())}"
            )
        return None

    def _worst(self) -> Missing:
        return self.examples[self.reasons.most_common(1)[0][0]][0]

    def _example(self, reason: str) -> str:
        missing, question = self.examples[reason]
        return f"{missing.detail}, question {question!r}" if missing.detail else f"question {question!r}"

    def lines(self) -> list[str]:
        """Return one line a reason, with its count and an example, the most frequent first."""
        of = f"of {self.total or self.done}"
        missing = [
            f"{count} {of} verdicts {'tied, and missing' if reason == _TIE else f'missing: {reason}'}"
            f" (for example: {self._example(reason)})"
            for reason, count in self.reasons.most_common()
            if not (reason == _TIE and self.repeats)
        ]
        lost = [f"{count} votes missing beside a verdict: {what}" for what, count in self.lost_votes.most_common()]
        return missing + lost


_ADVICE = {
    Reason.TIE: _EVEN,
    Reason.QUOTA: "this account has nothing left to spend",
    Reason.CONNECTION: "nothing answers there: change PERSONA_CRITIC_BASE_URL",
    Reason.SLOW: "raise PERSONA_CRITIC_TIMEOUT, or change PERSONA_CRITIC_BASE_URL",
    Reason.CUT: "raise PERSONA_CRITIC_MAX_TOKENS",
    Reason.UNFIT: "the model cannot hold the critic's format: change PERSONA_CRITIC_MODEL",
    Reason.EMPTY: "the model says nothing: change PERSONA_CRITIC_MODEL, or raise PERSONA_CRITIC_MAX_TOKENS",
}
_LIMITED = "lower PERSONA_CRITIC_CONCURRENCY, or set PERSONA_CRITIC_RPM or PERSONA_CRITIC_TPM"
_BY_CODE = {
    "401": "set PERSONA_CRITIC_API_KEY (or OPENAI_API_KEY) to a key it accepts",
    "403": "this key may not use it: change PERSONA_CRITIC_API_KEY or PERSONA_CRITIC_MODEL",
    "404": "no such model or address: change PERSONA_CRITIC_MODEL or PERSONA_CRITIC_BASE_URL",
    "407": "give user and password in HTTP_PROXY or HTTPS_PROXY",
    "429": _LIMITED,
}


def advice(missing: Missing) -> str:
    """Return the reason and the setting to change."""
    if missing.startswith(_SAID_ALREADY):
        return str(missing)
    found = _ADVICE.get(missing.reason) or _BY_CODE.get(missing.code)
    return f"{missing}; {found or 'change PERSONA_CRITIC_MODEL or PERSONA_CRITIC_BASE_URL'}"
