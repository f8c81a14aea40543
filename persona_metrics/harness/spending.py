"""What a task's calls took, model's and critic's: for its results file, and for the next plan. Knows no lm-eval."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ..costs import prices
from ..costs.prices import Price
from ..costs.usage import Usage
from ..critic.budget import Ledger, ledger
from ..critic.past import MODEL
from ..critic.store import Store
from ..errors import PersonaError
from ..settings import Settings


@dataclass
class Spending:
    """One task's calls, those of this process or of several together."""

    model: Usage = field(default_factory=Usage)
    critics: Ledger = field(default_factory=Ledger)

    def plus(self, other: Spending) -> Spending:
        """Return both together; the clock of the slower counts."""
        judged = Ledger(
            {**self.critics.critics},
            self.critics.judged + other.critics.judged,
            self.critics.missing + other.critics.missing,
            max(self.critics.seconds, other.critics.seconds),
        )
        for place, spent in other.critics.critics.items():
            if (mine := judged.critics.get(place)) is None:
                judged.critics[place] = spent
            else:
                both = type(spent)(mine.price or spent.price, mine.usage.plus(spent.usage), mine.stored + spent.stored)
                judged.critics[place] = both
        return Spending(self.model.plus(other.model), judged)

    def to_dict(self, name: str | None, address: str | None, file: str | None) -> dict[str, Any]:
        """Return what the results say: ``model`` where an endpoint was asked, ``critic`` where there was judging."""
        made: dict[str, Any] = {}
        if self.model.calls and name and address:
            made["model"] = self.model.to_dict(prices.find(name, address, file))
        if self.critics.critics:
            sources = dict.fromkeys(one.price.source for one in self.critics.critics.values() if one.price)
            cost = self.critics.cost
            made["critic"] = {
                **self.critics.usage.to_dict(None),
                "price": None if cost is None else round(cost, 8),
                "price_source": ", ".join(sources) or None,
                "from_store": self.critics.stored,
                "seconds": round(self.critics.seconds, 3),
            }
        return made

    def enter(
        self, metadata: dict[str, Any], name: str | None, model: Any, kept: Settings | None, file: str | None
    ) -> Price | None:
        """Write it into a task's metadata, and with ``kept`` the model's calls into that store; return the model's price."""
        address = str(getattr(model, "base_url", None) or "")
        if made := self.to_dict(name, address, file):
            metadata["usage"] = {**(metadata.get("usage") or {}), **made}
        if kept is not None:
            keep(self.model, name, address, kept)
        return prices.find(name, address, file) if name and self.model.calls else None


@contextmanager
def entered(book: Ledger) -> Iterator[None]:
    """Add to ``book`` what judging takes meanwhile."""
    before = ledger.snapshot()
    try:
        yield
    finally:
        since = Spending(critics=book).plus(Spending(critics=ledger.since(before))).critics
        book.critics, book.judged, book.missing, book.seconds = (
            since.critics,
            since.judged,
            since.missing,
            since.seconds,
        )


def gathered(mine: Spending, model: Any, world: int) -> Spending | None:
    """Return what all ranks' calls came to, on rank 0; None on the others."""
    parts = model.gather_object(mine, dst=0) if world > 1 else [mine]
    return None if parts is None else together(parts)


def together(parts: Sequence[Spending]) -> Spending:
    """Return what all processes' parts of a task come to."""
    total = Spending()
    for part in parts:
        total = total.plus(part)
    return total


def keep(usage: Usage, name: str | None, address: str, settings: Settings) -> None:
    """Add the tested model's calls to those in the verdict store, from which a plan foretells."""
    if not usage.calls or not name:
        return
    try:
        with Store(settings.critic_store) as store:
            store.past.add(MODEL, name, host(address), usage)
    except (PersonaError, OSError):
        return  # the run does not hang on it


def host(address: str) -> str:
    """Return an address's host and port."""
    return urlsplit(address).netloc.rpartition("@")[2] or address


def letters(context: str) -> int:
    """Return the letters of a prompt as lm-eval sends it: of its messages' contents, where it is a chat's JSON."""
    if context[:2] == "[{":
        try:
            messages = json.loads(context)
            return sum(len(m["content"]) for m in messages if isinstance(m.get("content"), str))
        except (ValueError, TypeError, AttributeError, RecursionError):
            pass
    return len(context)


def told(body: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Return the prompt's and the completion's tokens that a completion tells of, each None where it tells none."""
    usage = body.get("usage")
    usage = usage if isinstance(usage, Mapping) else {}
    found = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")]
    prompt, completion = (v if type(v) is int and 0 <= v < 10_000_000 else None for v in found)
    return prompt, completion
