"""What judging took so far in this process, by critic, and when it has taken as much as it may. Knows no network.

A run is a process: the tasks of one command share what ``critic_max_cost`` and ``max_tokens_total`` allow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Protocol

from ..costs import prices
from ..costs.prices import Price
from ..costs.usage import Usage
from ..errors import PersonaError
from ..settings import Settings
from .request import Critic


class OverBudget(PersonaError):
    """The run has taken what it may; nothing more is sent, and what is in flight is waited for and kept."""


@dataclass
class Spent:
    """One critic's calls, the votes that the store spared it, and its price (None: not known)."""

    price: Price | None
    usage: Usage = field(default_factory=Usage)
    stored: int = 0


def over(settings: Settings, tokens: int, cost: float | None, share: int = 1) -> str | None:
    """Return which limit so much has reached, in words, or None."""
    most, longest = settings.critic_max_cost, settings.max_tokens_total
    if most is not None and cost is not None and cost >= most / share:
        return f"judging took {prices.dollars(cost)}: PERSONA_CRITIC_MAX_COST={most:g} is reached"
    if longest is not None and tokens >= longest / share:
        return f"judging took {tokens:,} tokens: PERSONA_MAX_TOKENS_TOTAL={longest} is reached"
    return None


class Purse(Protocol):
    """Who says, before each request, whether it may be paid for."""

    async def reached(self) -> str | None:
        """Return which limit is reached, in words, or None."""


@dataclass(frozen=True)
class OwnPurse:
    """This process's ledger; ``share`` processes divide each limit among them."""

    settings: Settings
    share: int = 1

    async def reached(self) -> str | None:
        """Return which limit is reached, in words, or None."""
        return ledger.over(self.settings, self.share)


@dataclass
class Ledger:
    """Everything that this process's judging took. ``seconds`` are those of the clock, over all batches."""

    critics: dict[tuple[str, str], Spent] = field(default_factory=dict)
    judged: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def of(self, critic: Critic, settings: Settings, *, batch: bool = False) -> Spent:
        """Return this critic's entry, a new one where it has none; batch files have an entry and a price of their own."""
        place = (critic.model, f"{critic.host}, batch" if batch else critic.host)
        if place not in self.critics:
            self.critics[place] = Spent(None)
        found = self.critics[place]
        found.price = prices.find(critic.model, critic.base_url, settings.prices, batch=batch) or found.price
        return found

    @property
    def tokens(self) -> int:
        """Return all tokens, in and out."""
        return sum(one.usage.tokens for one in self.critics.values())

    @property
    def cost(self) -> float | None:
        """Return US dollars; None where a critic that was asked has no known price."""
        asked = [one for one in self.critics.values() if one.usage.calls]
        known = [one.price.of(one.usage.prompt_tokens, one.usage.completion_tokens) for one in asked if one.price]
        return sum(known) if len(known) == len(asked) else None

    @property
    def usage(self) -> Usage:
        """Return the calls of all critics together."""
        total = Usage()
        for one in self.critics.values():
            total = total.plus(one.usage)
        return total

    @property
    def stored(self) -> int:
        """Return how many votes came from the store."""
        return sum(one.stored for one in self.critics.values())

    def snapshot(self) -> Ledger:
        """Return the state as it is now."""
        held = {name: Spent(one.price, copy(one.usage), one.stored) for name, one in self.critics.items()}
        return Ledger(held, self.judged, Counter(self.missing), self.seconds)

    def since(self, before: Ledger) -> Ledger:
        """Return what came since ``before`` was the state."""
        made = Ledger({}, self.judged - before.judged, self.missing - before.missing, self.seconds - before.seconds)
        for name, one in self.critics.items():
            old = before.critics.get(name, Spent(one.price))
            made.critics[name] = Spent(one.price, one.usage.less(old.usage), one.stored - old.stored)
        return made

    def over(self, settings: Settings, share: int = 1) -> str | None:
        """Return which limit is reached, in words, or None; ``share`` processes divide each limit among them."""
        return over(settings, self.tokens, self.cost, share)

    def reset(self) -> None:
        """Begin a new run."""
        self.critics.clear()
        self.missing.clear()
        self.judged, self.seconds = 0, 0.0


ledger = Ledger()
"""This process's."""


def require_prices(settings: Settings, critics: Sequence[Critic]) -> None:
    """Raise ``PersonaError`` where ``critic_max_cost`` is set and a critic has no known price: before the first call."""
    if settings.critic_max_cost is None:
        return
    for critic in (member for one in critics for member in one.members):
        if prices.find(critic.model, critic.base_url, settings.prices) is None:
            raise PersonaError(
                f"PERSONA_CRITIC_MAX_COST={settings.critic_max_cost:g}: {prices.UNKNOWN} of {critic.model} at {critic.host},"
                f" so that nothing could stop it; {prices.HOW}, or set PERSONA_MAX_TOKENS_TOTAL instead"
            )
