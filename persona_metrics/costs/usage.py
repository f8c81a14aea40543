"""What calls to one endpoint took: how many, tokens in and out, seconds. Plain sums; knows no network and no price list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from typing_extensions import Self

from .prices import Price

LETTERS_A_TOKEN = 4
"""By which tokens are counted where an endpoint does not say how many there were."""
VERDICT_TOKENS = 300
"""A verdict's length in tokens, about: debates of strong models have 250 to 400."""


@dataclass
class Usage:
    """Sums over calls. ``untold`` are those whose endpoint said nothing of tokens: theirs are letters divided by four.

    ``ratio`` and ``ratio2`` are the sums of tokens a letter of the prompts and of its square, ``out2`` that of squared
    completion tokens, all over the calls that were told: from them the next run's tokens are foretold. ``latency`` is the
    sum of seconds a call.
    """

    calls: int = 0
    untold: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    latency: float = 0.0
    ratio: float = 0.0
    ratio2: float = 0.0
    out2: float = 0.0

    def add(
        self, letters: int, prompt_tokens: int | None, completion_tokens: int | None, said: int, latency: float = 0.0
    ) -> None:
        """Count one call: the prompt's letters, the tokens that the endpoint told of, and the reply's letters."""
        self.calls += 1
        self.latency += latency
        if prompt_tokens is None or completion_tokens is None:
            self.untold += 1
        elif letters:
            each = prompt_tokens / letters
            self.ratio, self.ratio2 = self.ratio + each, self.ratio2 + each * each
            self.out2 += completion_tokens**2
        self.prompt_tokens += -(-letters // LETTERS_A_TOKEN) if prompt_tokens is None else prompt_tokens
        self.completion_tokens += -(-said // LETTERS_A_TOKEN) if completion_tokens is None else completion_tokens

    def plus(self, other: Self) -> Self:
        """Return the sums of both."""
        return type(self)(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})

    def less(self, other: Self) -> Self:
        """Return what came since ``other`` was the state."""
        return type(self)(**{f.name: getattr(self, f.name) - getattr(other, f.name) for f in fields(self)})

    @property
    def tokens(self) -> int:
        """Return the tokens in and out."""
        return self.prompt_tokens + self.completion_tokens

    def to_dict(self, price: Price | None) -> dict[str, Any]:
        """Return what results say of it; ``price`` in US dollars is None where none is known."""
        return {
            "calls": self.calls,
            "calls_without_usage": self.untold,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "price": None if price is None else round(price.of(self.prompt_tokens, self.completion_tokens), 8),
            "price_source": None if price is None else price.source,
            "call_seconds": round(self.latency, 3),
        }


def told(recorded: Any, role: str) -> Mapping[str, Any]:
    """Return what a results file's metadata says of a role's (``critic``, ``model``) calls; empty where it says nothing."""
    usage = recorded.get("usage") if isinstance(recorded, Mapping) else None
    found = usage.get(role) if isinstance(usage, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def price_of(recorded: Any, role: str) -> float | None:
    """Return the US dollars that a results file's metadata tells of a role's calls, None where it tells none."""
    value = told(recorded, role).get("price")
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0 else None


@dataclass(frozen=True)
class Took:
    """What calls took all together: tokens in and out, US dollars, seconds of the clock; None where it is not known."""

    tokens: int | None = None
    price: float | None = None
    seconds: float | None = None


def took(recorded: Iterable[tuple[Any, float | None]]) -> Took:
    """Return what several tasks took, from each one's metadata and the seconds of its run (the longest counts).

    The price is known only where each side that was asked has one.
    """
    tokens: list[int] = []
    costs: list[float | None] = []
    seconds = [0.0]
    for metadata, time in recorded:
        for role in ("critic", "model"):
            found = told(metadata, role)
            both: list[Any] = [found.get(name) for name in ("prompt_tokens", "completion_tokens")]
            counts = [int(count) for count in both if type(count) is int and count >= 0]
            if len(counts) == 2 and any(counts):
                tokens.append(counts[0] + counts[1])
                costs.append(price_of(metadata, role))
        seconds.append(time or 0.0)
    known = [cost for cost in costs if cost is not None]
    return Took(
        sum(tokens) if tokens else None,
        sum(known) if costs and len(known) == len(costs) else None,
        max(seconds) or None,
    )
