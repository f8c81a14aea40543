"""One purse for all actors, and one place that says stop: what each has spent, how many verdicts are missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..critic.budget import over
from ..settings import Settings


@dataclass
class Till:
    """Keeps what every actor says of itself; one of them that dies has spent what it said last.

    ``total`` is how many verdicts are wanted; beyond ``critic_max_failures`` of them missing, nobody begins another.
    """

    settings: Settings
    total: int
    spent: dict[str, tuple[int, float | None]] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    stop: str | None = None

    def reached(self, who: str, tokens: int, cost: float | None) -> str | None:
        """Take what an actor has spent until now; return the limit that all together have reached, in words, or None."""
        self.spent[who] = (tokens, cost)
        known = [cost for _, cost in self.spent.values() if cost is not None]
        self.stop = self.stop or over(self.settings, sum(t for t, _ in self.spent.values()), sum(known))
        return self.stop

    def lost(self, reasons: Mapping[str, int]) -> str | None:
        """Count missing verdicts; return why everybody should stop, or None."""
        self.reasons.update(reasons)
        missing = self.reasons.total()
        if missing > self.settings.critic_max_failures * self.total:
            often = "; ".join(f"{n} × {why}" for why, n in self.reasons.most_common(2))
            self.stop = self.stop or (
                f"{missing} of {self.total} verdicts are missing, more than"
                f" PERSONA_CRITIC_MAX_FAILURES={self.settings.critic_max_failures:g} allows; mostly: {often}"
            )
        return self.stop

    def end(self, why: str) -> None:
        """Stop everybody."""
        self.stop = self.stop or why

    def counted(self) -> dict[str, int]:
        """Return the missing verdicts by reason."""
        return dict(self.reasons)

    def stopped(self) -> str | None:
        """Return why everybody should stop, or None."""
        return self.stop
