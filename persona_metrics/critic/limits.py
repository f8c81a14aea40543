"""How many judgements are in flight: fewer for all at once where the endpoint pushes back, more again where it does not."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Mapping

from .waits import exhausted

LONGEST_WAIT = 120.0
"""An endpoint that asks for an hour is not obeyed for an hour: the deadline is the user's."""

LONGEST_OWN = 60.0
"""The longest wait that nobody asked for, seconds."""


class Pace:
    """Spaces out what is limited a minute: never more than ``per_minute`` in a minute, and no burst of them at its start."""

    def __init__(self, per_minute: int) -> None:
        self._seconds_each = 60.0 / per_minute
        self._next: float | None = None

    def wait(self, now: float) -> float:
        """Return the seconds until the next may go."""
        return 0.0 if self._next is None else self._next - now

    def take(self, amount: float, now: float) -> None:
        """Count ``amount``; a negative one gives back what was counted too much."""
        # Up to 50 ms late still counts as on time: an event loop does not wake up to the millisecond.
        due = now if self._next is None else max(self._next, now - 0.05)
        self._next = due + amount * self._seconds_each


class Gate:
    """First come, first served, at most ``limit`` at once; shared by all requests to one endpoint.

    ``limit`` begins at ``start``, halves when the endpoint is overloaded and grows back by one for every ``limit``
    successes. ``rpm`` and ``tpm`` cap requests and tokens a minute. After ``throttled`` nobody enters until the wait
    the endpoint asked for is over, or one of its own that begins at ``base`` seconds and doubles as long as nothing
    passes; then they enter one after the other until one passes. Nothing passing for ``patience`` seconds is too long.
    """

    def __init__(
        self, start: int, rpm: int | None = None, tpm: int | None = None, *, base: float = 0.5, patience: float = 600.0
    ) -> None:
        self.base, self.patience_for = base, patience
        self.start = max(1, start)
        self.limit = float(self.start)
        self.inflight = 0
        self.successes = 0
        self._requests = Pace(rpm) if rpm else None
        self._tokens = Pace(tpm) if tpm else None
        self._reply_tokens: float | None = None
        self._closed_until = 0.0
        self._shrunk_at = 0.0
        self._pushed_since: float | None = None
        self._rounds = 0
        self._round_until = 0.0
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()
        self._alarm: asyncio.TimerHandle | None = None

    async def enter(self, tokens: int, longest_reply: int = 0) -> float:
        """Wait for a place for a request of about ``tokens`` tokens and its reply; return the tokens counted for it."""
        size = tokens if self._tokens is None else tokens + round(self._reply_tokens or longest_reply / 2)
        if not self._waiting and self._wait() == 0.0:
            self._admit(size)
            return size
        place = asyncio.get_running_loop().create_future()
        self._waiting.append((place, size))
        self._let_in()
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.leave()  # was let in at the very moment it gave up
            raise
        return size

    def leave(self) -> None:
        """Give the place back."""
        self.inflight -= 1
        self._let_in()

    def _wait(self) -> float:
        """Return the seconds until the next may enter by the clock, infinity where somebody has to leave first."""
        if self.inflight >= int(self.limit):
            return float("inf")
        now = time.monotonic()
        wait = self._closed_until - now
        for pace in (self._requests, self._tokens):
            if pace is not None:
                wait = max(wait, pace.wait(now))
        return max(0.0, wait)

    def _admit(self, size: int) -> None:
        self.inflight += 1
        now = time.monotonic()
        if self._pushed_since is not None:
            self._closed_until = max(self._closed_until, now + min(1.0, self._own() / 8))
        if self._requests is not None:
            self._requests.take(1, now)
        if self._tokens is not None:
            self._tokens.take(size, now)

    def _let_in(self) -> None:
        while self._waiting:
            if self._waiting[0][0].done():
                self._waiting.popleft()
                continue
            if (wait := self._wait()) > 0:
                if wait != float("inf"):
                    self._wake_in(wait)
                return
            place, size = self._waiting.popleft()
            self._admit(size)
            place.set_result(None)

    def _wake_in(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = loop.call_later(seconds, self._let_in)

    def succeeded(self, headers: Mapping[str, str], counted: float = 0, used: int | None = None) -> None:
        """Grow back a little, correct the tokens ``counted`` to those ``used``, and heed an allowance that is used up."""
        self.successes += 1
        self._pushed_since, self._rounds = None, 0
        self.limit = min(float(self.start), self.limit + 1.0 / self.limit)
        if self._tokens is not None and used is not None:
            self._tokens.take(used - counted, time.monotonic())
        if (wait := exhausted(headers)) is not None:
            self._close(wait)

    def replied(self, tokens: int) -> None:
        """Learn how long replies are, for the next request's count of tokens."""
        before = self._reply_tokens
        self._reply_tokens = tokens if before is None else 0.9 * before + 0.1 * tokens

    def slowed(self) -> None:
        """Halve the limit, once for all that were in flight together."""
        now = time.monotonic()
        if now - self._shrunk_at > 1.0:
            self.limit = max(1.0, self.limit / 2)
            self._shrunk_at = now

    def throttled(self, wait: float | None = None) -> None:
        """Halve the limit, and keep everybody out for ``wait`` seconds, or as long as seems right."""
        self.slowed()
        now = time.monotonic()
        if self._pushed_since is None:
            self._pushed_since = now
        # Those that were in flight together are refused together, and count once.
        began = now >= self._round_until
        self._rounds += began
        if not self.patient():
            return
        if wait is None:
            wait = self._own() * random.uniform(0.75, 1.25)
        elif self._rounds > 3:
            wait = max(wait, self._own() / 4)  # what was asked for does not help
        if began:
            self._round_until = now + min(wait, LONGEST_WAIT)
        self._close(wait)

    def _own(self) -> float:
        return min(LONGEST_OWN, self.patience_for / 10, self.base * 2.0 ** min(30, max(0, self._rounds - 1)))

    def pushed_for(self) -> float:
        """Return for how many seconds nothing has passed."""
        return 0.0 if self._pushed_since is None else time.monotonic() - self._pushed_since

    def patient(self) -> bool:
        """Return whether waiting still makes sense: something passed, or not so long ago nothing had been refused."""
        return self.pushed_for() < self.patience_for

    def _close(self, seconds: float) -> None:
        self._closed_until = max(self._closed_until, time.monotonic() + min(seconds, LONGEST_WAIT))
