"""How many judgements are in flight: grows while the endpoint keeps up, shrinks for all at once where it does not."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress


class Gate:
    """An additive-increase, multiplicative-decrease gate shared by all requests to one endpoint.

    ``rpm`` and ``tpm`` cap requests and tokens a minute over a sliding window. After ``throttled`` nobody enters until
    the wait the endpoint asked for is over.
    """

    def __init__(self, start: int, rpm: int | None = None, tpm: int | None = None) -> None:
        self.limit = float(max(1, start))
        self.ceiling = float(max(1, start)) * 8
        self.inflight = 0
        self._rpm, self._tpm = rpm, tpm
        self._sent: deque[tuple[float, int]] = deque()
        self._closed_until = 0.0
        self._shrunk_at = 0.0
        self._slow_start = True
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def slot(self, tokens: int = 0) -> AsyncIterator[None]:
        """Wait for a place, hold it for one request of about ``tokens`` tokens, give it back."""
        while (wait := self._wait(tokens)) > 0:
            self._changed.clear()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._changed.wait(), None if wait == float("inf") else wait)
        self.inflight += 1
        if self._rpm or self._tpm:
            self._sent.append((time.monotonic(), tokens))
        try:
            yield
        finally:
            self.inflight -= 1
            self._changed.set()

    def _wait(self, tokens: int) -> float:
        now = time.monotonic()
        if now < self._closed_until:
            return self._closed_until - now
        while self._sent and self._sent[0][0] < now - 60:
            self._sent.popleft()
        requests_full = self._rpm and len(self._sent) >= self._rpm
        tokens_full = self._tpm and self._sent and sum(t for _, t in self._sent) + tokens > self._tpm
        if requests_full or tokens_full:
            return max(0.01, self._sent[0][0] + 60 - now)
        return float("inf") if self.inflight >= int(self.limit) else 0.0

    def succeeded(self, headers: Mapping[str, str]) -> None:
        """Grow a little; hold everybody back where the endpoint says that its allowance is used up."""
        if self.inflight >= int(self.limit) - 1:
            self.limit = min(self.ceiling, self.limit + (0 if self._slow_start else 1.0 / self.limit))
        if headers.get("x-ratelimit-remaining-requests") == "0" or headers.get("x-ratelimit-remaining-tokens") == "0":
            reset = headers.get("x-ratelimit-reset-requests") or headers.get("x-ratelimit-reset-tokens")
            self._close(duration(reset) or 0.0)
        self._changed.set()

    def throttled(self, retry_after: float | None) -> None:
        """Halve the limit, once for all that were in flight together, and keep everybody out for ``retry_after`` s."""
        now = time.monotonic()
        if now - self._shrunk_at > 1.0:
            self.limit = max(1.0, self.limit / 2)
            self._shrunk_at = now
            self._slow_start = False
        self._close(retry_after or 0.0)

    def _close(self, seconds: float) -> None:
        # An endpoint that asks for an hour is not obeyed for an hour: the deadline is the user's.
        self._closed_until = max(self._closed_until, time.monotonic() + min(seconds, 120.0))


def duration(text: str | None) -> float | None:
    """Return seconds from a header like ``"1.5"``, ``"6m0s"`` or ``"250ms"``; None where it is neither."""
    if not text:
        return None
    total, digits, unit = 0.0, "", ""
    scale = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "": 1.0}
    for char in [*text.strip().lower(), "0"]:
        if char.isdigit() or char == ".":
            if unit:
                if unit not in scale or not digits:
                    return None
                total, digits, unit = total + float(digits) * scale[unit], "", ""
            digits += char
        else:
            unit += char
    rest = digits[:-1]
    try:
        return total + (float(rest) if rest else 0.0)
    except ValueError:
        return None
