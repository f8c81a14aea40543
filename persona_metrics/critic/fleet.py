"""Several endpoints that serve one model: the least loaded is asked first, and one that fails is passed over for a while.

Keys belong to hosts, as a panel's do. Knows no file, and not what is asked.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import PersonaError
from ..settings import Settings
from . import faults
from .client import Endpoint, announce
from .missing import Missing, Reason
from .protocol import Prompt
from .request import Critic
from .store import Store
from .verdict import Vote

IN_A_ROW = 3
"""So many failures of an endpoint without a reply in between, and it rests."""
LONGEST_REST = 30.0
"""Seconds between two tries of an endpoint that does not answer, at most."""
_OF_THE_PROMPT = (Reason.REFUSED, Reason.CUT)
_OF_THE_MODEL = (Reason.EMPTY, Reason.UNFIT)
"""Another attempt may do better, and no endpoint is to blame."""
_CODES_OF_THE_PROMPT = ("400", "409", "413", "422")
_CLOSED = ("401", "403", "404", "405", "407", "410")
"""Statuses that every request of the kind gets: key, model or address are wrong."""


class Down(Exception):
    """No endpoint answers any more; the text says of each why."""


@dataclass(eq=False)
class Member:
    """One endpoint of a fleet, and how it has been doing."""

    endpoint: Endpoint
    asked: int = 0
    """Requests that wait for it or are in flight."""
    passed: int = 0
    failed: int = 0
    """Failures since the last reply."""
    rests_until: float = 0.0
    last: Missing | None = None
    closed: bool = False
    """Whether it will not answer in this run, whatever one waits."""

    @property
    def load(self) -> float:
        """Return how much of what it takes at once is in use."""
        return self.asked / max(1.0, self.endpoint.gate.limit)

    def free(self, now: float) -> bool:
        """Return whether it may be asked; one that has rested is tried by a single request."""
        if self.closed or now < self.rests_until:
            return False
        return self.failed < IN_A_ROW or self.asked == 0

    def count(self, missing: Missing | None, backoff: float) -> None:
        """Note how a request went: answered, or what the endpoint failed with."""
        if missing is None:
            self.passed, self.failed, self.last = self.passed + 1, 0, None
            return
        self.failed, self.last = self.failed + 1, missing
        self.closed = self.closed or _closes(missing, self.passed)
        if self.failed >= IN_A_ROW:
            rest = min(LONGEST_REST, backoff * 2.0 ** min(20, self.failed - IN_A_ROW))
            self.rests_until = time.monotonic() + rest * random.uniform(0.75, 1.25)

    def said(self) -> str:
        """Return why it does not answer."""
        return f"{self.endpoint.critic.host}: {self.last or 'no reply'}"


class Fleet:
    """Endpoints of one model within one event loop. ``attempts`` are a prompt's, over all endpoints together.

    ``backoff`` is the first wait before another attempt; where nothing has passed for ``patience`` seconds and every
    endpoint rests or is closed, ``Down`` is raised. Each endpoint is to be made with one attempt of its own.
    """

    def __init__(
        self, endpoints: Sequence[Endpoint], *, attempts: int = 5, backoff: float = 0.5, patience: float = 60.0
    ) -> None:
        self.members = [Member(endpoint) for endpoint in endpoints]
        self._attempts, self._backoff, self._patience = attempts, backoff, patience
        self._silent_since: float | None = None
        """Since when nothing has passed, by the first failure; None where something did."""
        self._told: Callable[[str], None] = lambda _: None

    @property
    def places(self) -> int:
        """Return how many requests it takes at once, at most."""
        return sum(member.endpoint.places for member in self.members)

    def tell(self, say: Callable[[str], None]) -> None:
        """Have a line said of each endpoint that drops out."""
        self._told = say

    async def look(self) -> None:
        """Ask every endpoint for its models, which costs nothing; raise ``Down`` where none is there.

        Whoever lists no models may still answer, so that only a broken connection and a refused key count.
        """
        found = await asyncio.gather(*(member.endpoint.reachable() for member in self.members))
        for member, missing in zip(self.members, found, strict=True):
            if missing is not None:
                member.last, member.failed = missing, IN_A_ROW
                member.closed = _closes(missing, 0)
        lost = [member for member in self.members if member.last is not None]
        if len(lost) == len(self.members):
            raise self._down()
        for member in lost:
            self._told(f"{member.said()}; the others go on")

    async def ask(self, prompt: Prompt, number: int = 0) -> tuple[Vote, str | None]:
        """Return what an endpoint made of the prompt, and the text it was read from; the vote counts the attempts of all."""
        tried = spent = 0
        while True:
            member = await self._next()
            member.asked += 1
            try:
                vote, text = await member.endpoint.ask(prompt, number)
            finally:
                member.asked -= 1
            tried += vote.attempts
            if (
                vote.missing is None
                or vote.missing.reason in (*_OF_THE_PROMPT, *_OF_THE_MODEL)
                or _refused(vote.missing)
            ):
                self._silent_since = None
                member.count(None, self._backoff)
                if vote.missing is None or vote.missing.reason not in _OF_THE_MODEL:
                    return replace(vote, attempts=tried), text
            elif self._closing(member, vote.missing):
                continue
            spent += member.failed < IN_A_ROW  # one that rests failed everybody, not this prompt
            if spent >= self._attempts:
                return replace(vote, attempts=tried), text
            await asyncio.sleep(self._backoff * 2.0 ** min(5, max(0, spent - 1)) * random.uniform(0.5, 1.5))

    def _closing(self, member: Member, missing: Missing) -> bool:
        """Note a failure; return whether the endpoint is out of the run for it. Raises ``Down`` where it was the last."""
        before = member.closed
        self._silent_since = self._silent_since or time.monotonic()
        member.count(missing, self._backoff)
        if not member.closed:
            return False
        if all(other.closed for other in self.members):
            raise self._down()
        if not before:
            self._told(f"{member.said()}; it is asked no more")
        return True

    async def _next(self) -> Member:
        """Return the least loaded endpoint that may be asked, and wait for one where all rest."""
        while True:
            now = time.monotonic()
            if free := [member for member in self.members if member.free(now)]:
                return min(free, key=lambda member: member.load)
            rests = [member.rests_until - now for member in self.members if not member.closed]
            if not rests or now - (self._silent_since or now) > self._patience:
                raise self._down()
            await asyncio.sleep(min(0.5, max(0.05, min(rests))))

    def _down(self) -> Down:
        return Down("; ".join(member.said() for member in self.members))

    async def close(self) -> None:
        """Close all connections."""
        for member in self.members:
            await member.endpoint.close()


def _refused(missing: Missing) -> bool:
    """Return whether the endpoint works and takes this prompt for a bad one, as every other of the model would."""
    return missing.reason is Reason.HTTP and missing.code in _CODES_OF_THE_PROMPT


def _closes(missing: Missing, passed: int) -> bool:
    """Return whether an endpoint that said this will say it to everybody: it has to be changed, not waited for."""
    if missing.reason is Reason.QUOTA or faults.lasting(missing):
        return True
    return missing.reason is Reason.HTTP and (missing.code == "401" or (missing.code in _CLOSED and not passed))


class Together(Endpoint):
    """A critic that a fleet serves, as one endpoint: one key in the store, whoever of them is asked."""

    def __init__(self, critic: Critic, settings: Settings, **given: Any) -> None:
        super().__init__(critic, settings, **given)
        # Another attempt may be another endpoint's.
        once = settings.model_copy(update={"critic_attempts": 1})
        served = [Endpoint(member, once, **given) for member in critic.members]
        self._fleet = Fleet(served, attempts=settings.critic_attempts, backoff=given.get("backoff", 0.5))
        self._fleet.tell(lambda line: announce([f"the critic's endpoint {line}"]))

    @property
    def places(self) -> int:
        """Return how many requests are in flight at most, at all endpoints."""
        return self._fleet.places

    async def ask(self, prompt: Prompt, number: int) -> tuple[Vote, str | None]:
        """Return the vote of the endpoint that was asked; where none answers any more, it is missing."""
        try:
            return await self._fleet.ask(prompt, number)
        except Down:
            why = next((m.last for m in self._fleet.members if m.last is not None), Missing(Reason.CONNECTION))
            return Vote(self.critic.model, self.critic.host, number, None, missing=why), None

    async def lists_models(self) -> bool:
        """Return whether one of the endpoints is there and accepts the key."""
        return any(await asyncio.gather(*(member.endpoint.lists_models() for member in self._fleet.members)))

    def recall(self, store: Store) -> None:
        """Begin with what the store keeps of each endpoint."""
        for member in self._fleet.members:
            member.endpoint.recall(store)

    def keep(self, store: Store) -> None:
        """Keep what each endpoint was found to understand."""
        for member in self._fleet.members:
            member.endpoint.keep(store)

    async def close(self) -> None:
        """Close all connections."""
        await super().close()
        await self._fleet.close()


def endpoint_of(critic: Critic, settings: Settings, **given: Any) -> Endpoint:
    """Return what asks a critic: its one endpoint, or its fleet as one. Raises ``PersonaError`` where it is no endpoint."""
    if critic.inside:
        raise PersonaError("critic_base_url=vllm:… is no endpoint: it goes with score --engine ray --vllm MODEL")
    return Together(critic, settings, **given) if critic.others else Endpoint(critic, settings, **given)


__all__ = ["Down", "Fleet", "Member", "Together", "endpoint_of"]
