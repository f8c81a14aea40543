"""One purse for all actors, and one place that says stop: what each has spent, how many verdicts are missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ..critic.budget import over
from ..settings import Settings
from . import shards


def too_many(settings: Settings, reasons: Counter[str], total: int) -> str | None:
    """Return why a run should stop where so many of ``total`` verdicts are missing, or None."""
    missing = reasons.total()
    if missing <= settings.critic_max_failures * total:
        return None
    often = "; ".join(f"{n} × {why}" for why, n in reasons.most_common(2))
    return (
        f"{missing} of {total} verdicts are missing, more than"
        f" PERSONA_CRITIC_MAX_FAILURES={settings.critic_max_failures:g} allows; mostly: {often}"
    )


@dataclass
class Till:
    """Keeps what every actor says of itself; one of them that dies has spent what it said last.

    ``total`` is how many verdicts are wanted; beyond ``critic_max_failures`` of them missing, nobody begins another. One
    that takes a dead one's place begins with what the shards of ``run`` below ``out`` hold.
    """

    settings: Settings
    total: int
    out: Path | None = None
    run: str = ""
    spent: dict[str, tuple[int, float | None]] = field(default_factory=dict)
    missing: dict[int, Mapping[str, int]] = field(default_factory=dict)
    """Of each span: one that is judged again after a kill counts once."""
    stop: str | None = None

    def __post_init__(self) -> None:
        """Look what the run has spent by now."""
        if self.out is not None and self.run:
            for who, book in shards.taken(self.out, self.run, self.settings):
                self.spent[who] = (book.tokens, book.cost)

    def reached(self, who: str, tokens: int, cost: float | None) -> str | None:
        """Take what an actor has spent until now; return the limit that all together have reached, in words, or None."""
        self.spent[who] = (tokens, cost)
        known = [cost for _, cost in self.spent.values() if cost is not None]
        self.stop = self.stop or over(self.settings, sum(t for t, _ in self.spent.values()), sum(known))
        return self.stop

    def lost(self, span: int, reasons: Mapping[str, int]) -> str | None:
        """Take a span's missing verdicts until now, by reason; return why everybody should stop, or None."""
        self.missing[span] = reasons
        every: Counter[str] = Counter()
        for some in self.missing.values():
            every.update(some)
        self.stop = self.stop or too_many(self.settings, every, self.total)
        return self.stop

    def end(self, why: str) -> None:
        """Stop everybody."""
        self.stop = self.stop or why

    def stopped(self) -> str | None:
        """Return why everybody should stop, or None."""
        return self.stop


class Here:
    """A till in the actor's own process, asked as one elsewhere is: for engines that have no actors to share."""

    def __init__(self, till: Till) -> None:
        self._till = till

    def __getattr__(self, name: str) -> SimpleNamespace:
        """Return the method's stand-in, whose ``remote`` can be awaited."""
        if name.startswith("_"):
            raise AttributeError(name)
        method = getattr(self._till, name)

        async def remote(*given: Any) -> Any:
            return method(*given)

        return SimpleNamespace(remote=remote)
