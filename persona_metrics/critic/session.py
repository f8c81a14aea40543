"""Judges one thing after another for as long as its process lives, within one event loop: what an actor of a cluster holds.

``batch`` knows all judgements and ends with them; here others bring them, and say when to stop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..settings import Settings
from .batch import votes_on, waited_for
from .budget import Purse
from .check import located
from .client import Endpoint
from .fleet import endpoint_of
from .loop import Turns
from .protocol import Judged, Prompt
from .request import panel
from .store import Store
from .verdict import Verdict, decide


@dataclass
class Session:
    """The critics' endpoints with their gates, and a store. ``share`` processes divide concurrency and rates among them."""

    settings: Settings
    store: Store
    share: int = 1
    purse: Purse | None = None
    backoff: float = 0.5
    _endpoints: list[Endpoint] = field(default_factory=list)
    _turns: Turns = field(default_factory=Turns)
    _open: dict[bytes, asyncio.Future[Verdict]] = field(default_factory=dict)

    def endpoints(self) -> Sequence[Endpoint]:
        """Return the endpoints, made at the first call, which has to come from within the loop."""
        if not self._endpoints:
            for critic in panel(self.settings):
                made = endpoint_of(
                    located(critic, self.settings),
                    self.settings,
                    share=self.share,
                    backoff=self.backoff,
                    purse=self.purse,
                )
                made.recall(self.store)
                self._endpoints.append(made)
        return self._endpoints

    @property
    def window(self) -> int:
        """Return how many judgements should wait here, so that a free place never waits for work."""
        return 2 * sum(endpoint.places for endpoint in self.endpoints())

    async def verdict(self, judgement: Judged) -> Verdict:
        """Return a verdict; the same twice in flight is asked once. Raises ``OverBudget`` where no more may be."""
        prompt = Prompt.of(judgement)
        name = prompt.digest()
        if (found := self._open.get(name)) is not None:
            return await asyncio.shield(found)
        self._open[name] = place = asyncio.get_running_loop().create_future()
        try:
            votes = await votes_on(prompt, self.endpoints(), self.settings.critic_votes, self.store)
            verdict = decide(votes, prompt.protocol.name)
            await waited_for(votes, self._turns)
        except BaseException as error:
            place.set_exception(error)
            place.exception()  # nobody may be waiting for it
            raise
        else:
            place.set_result(verdict)
            return verdict
        finally:
            del self._open[name]

    async def close(self) -> None:
        """Close the connections."""
        for endpoint in self._endpoints:
            await endpoint.close()
