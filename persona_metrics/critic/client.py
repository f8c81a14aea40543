"""Asks one critic endpoint for one vote: request, fallbacks, retries. Knows nothing of batches or of majorities."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..consoles import say_once
from ..embedded_model.model import SLOTS
from ..errors import shorten
from ..masking import mask
from ..settings import Settings
from . import faults, rejection, reply, request
from .budget import OverBudget, OwnPurse, Purse, ledger
from .dialect import Dialect, from_text, room
from .limits import Gate
from .missing import Missing, Reason
from .protocol import Opinion, Prompt
from .rejection import Rejection
from .reply import Reply
from .request import Critic
from .store import Store
from .transport import Response, Transport, Unreachable, Unreadable
from .verdict import Vote

_NAMES = {
    400: "bad request",
    401: "key rejected",
    403: "access refused",
    404: "not found",
    407: "the proxy wants a login",
}
_SPARED = 50
"""So many refusals for lack of allowance cost no attempt, as long as others get through in the meantime."""
_SILENT = 20.0
"""Seconds without anything passing before a line says so."""
_LONGEST = 160
"""Characters of a detail."""

dialects: dict[tuple[str, str], Dialect] = {}
"""What this process has learned of each model (``request.dialect_name``) at each address."""


@dataclass(eq=False)
class _Failure(Exception):
    """Why one attempt came to nothing, and whether another one may go better."""

    missing: Missing
    again: bool = True
    throttled: bool = False
    cut: int = 0
    """The token limit at which the reply ended."""
    softer: bool = False
    """Whether a looser format may be the cure."""


@dataclass(frozen=True)
class _Got:
    """A reply that the protocol understands."""

    opinion: Opinion
    text: str
    reply: Reply


class Endpoint:
    """One critic's connections, its dialect and its gate.

    ``backoff`` is the first wait before a retry, ``patience`` how long an endpoint may push everybody back before its
    refusals count, both in seconds.
    """

    def __init__(
        self,
        critic: Critic,
        settings: Settings,
        *,
        share: int = 1,
        backoff: float = 0.5,
        patience: float | None = None,
        purse: Purse | None = None,
    ) -> None:
        self.critic, self._settings, self._backoff = critic, settings, backoff
        self._purse = purse or OwnPurse(settings, share)
        self.spent = ledger.of(critic, settings)
        self._name, self._effort = request.dialect_name(critic, settings), settings.critic_reasoning_effort is not None
        self.dialect = dialects.setdefault((self._name, critic.base_url), request.beginning(critic, settings))
        self._say_effort()
        caps = (None if cap is None else max(1, cap // share) for cap in (settings.critic_rpm, settings.critic_tpm))
        flight = max(1, settings.critic_concurrency // share)
        if critic.identity is not None:
            flight = min(flight, 2 * SLOTS)  # more would wait inside the model until they time out
        self.gate = Gate(flight, *caps, base=backoff, patience=1200 * backoff if patience is None else patience)
        announce(critic.notes(settings))
        with faults.building(os.environ):
            self._transport = Transport(critic.base_url, critic.secret(settings), settings.critic_timeout)
        self._kept = ""
        self._lucky = 0
        self._told = False

    @property
    def places(self) -> int:
        """Return how many requests are in flight at most."""
        return self.gate.start

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def lists_models(self) -> bool:
        """Return whether the endpoint is there and accepts the key, by asking for its models, which costs nothing."""
        try:
            response = await self._transport.get("/models", min(10.0, self._settings.critic_timeout))
        except (TimeoutError, Unreachable, Unreadable):
            return False
        return 200 <= response.status < 300

    async def reachable(self) -> Missing | None:
        """Return why nothing can be asked here, None where something can; costs nothing.

        Many have no such page, and keys may be made for chat alone: only a broken connection and a refused key count.
        """
        try:
            response = await self._transport.get("/models", min(10.0, self._settings.critic_timeout))
        except (TimeoutError, Unreachable) as error:
            return self._broken(error, min(10.0, self._settings.critic_timeout)).missing
        except Unreadable:
            return None
        if response.status != 401 or re.search(rb"scope|permission", response.content[:2000], re.I):
            return None
        return self._failure(rejection.read(response.status, response.headers, response.content)).missing

    def recall(self, store: Store) -> None:
        """Begin with the dialect that the store keeps of this critic, where this process knows nothing better."""
        unlearned = self.dialect == request.beginning(self.critic, self._settings)
        if unlearned and (text := store.dialect(self._name, self.critic.address)) is not None:
            self._kept = text
            if (found := from_text(text)) is not None:
                self.dialect.take(found)
                self._say_effort()

    def keep(self, store: Store) -> None:
        """Keep the dialect once it is proven, so that the next run need not learn it."""
        if self.dialect.proven and (text := self.dialect.to_text()) != self._kept:
            store.keep_dialect(self._name, self.critic.address, text)
            self._kept = text

    def key(self, prompt: Prompt, number: int) -> str:
        """Return the store's key of a vote: everything that decides it."""
        return request.key(self.critic, self._settings, prompt, number)

    async def vote(self, prompt: Prompt, number: int, store: Store) -> Vote:
        """Return the stored vote, or ask for it, retrying what may pass; the reason stands in ``missing`` otherwise."""
        name = self.key(prompt, number)
        if (found := await store.awaited(name, prompt.protocol)) is not None:
            self.spent.stored += 1
            return found
        text = None
        try:
            cast, text = await self.ask(prompt, number)
            if text is not None:
                store.put(name, cast, text)
                self.keep(store)
            return cast
        finally:
            if text is None:
                store.leases.release(name)

    async def ask(self, prompt: Prompt, number: int) -> tuple[Vote, str | None]:
        """Return the vote and the text it was read from, past any store; None with the reason in ``missing`` without one."""
        blank = Vote(self.critic.model, self.critic.host, number, None)
        asked = counted = trouble = above = 0
        while True:
            asked += 1
            started = time.monotonic()
            try:
                got = await self._ask(prompt, number, above, max(0, trouble - 1))
            except _Failure as failure:
                if failure.cut and failure.again:
                    above = failure.cut
                    continue
                trouble += failure.softer
                # One that finds no allowance was only unlucky in the queue, as long as others get through.
                spared = failure.throttled and self.gate.patient() and asked - counted < _SPARED
                counted += not spared
                hopeless = failure.throttled and not self.gate.patient()
                if not failure.again or hopeless or counted >= self._settings.critic_attempts:
                    return replace(blank, missing=failure.missing, attempts=asked), None
                await asyncio.sleep(self._backoff * min(2 ** max(0, counted - 1), 32) * random.uniform(0.5, 1.5))
                continue
            cast = replace(
                blank,
                opinion=got.opinion,
                attempts=asked,
                prompt_tokens=got.reply.prompt_tokens,
                completion_tokens=got.reply.completion_tokens,
                latency=round(time.monotonic() - started, 3),
                served_model=got.reply.served_model,
            )
            return cast, got.text

    async def _ask(self, prompt: Prompt, number: int, above: int, softer: int) -> _Got:
        """Ask until the endpoint understands the request; raise ``_Failure`` without a reply that can be read.

        ``above`` is the token limit at which an earlier reply was cut.
        """
        cap: int | None = None
        own: Dialect | None = None
        while True:
            longest = self.dialect.limit(self._longest(prompt, self.dialect, above), cap)
            counted = await self.gate.enter(_size(prompt), longest)
            if (reached := await self._purse.reached()) is not None:
                self.gate.leave()
                raise OverBudget(reached)
            started = time.monotonic()
            base = replace(self.dialect)
            tried = own or base.lower(softer)
            # Others may have learned meanwhile that thoughts need room.
            limit = tried.limit(self._longest(prompt, base, above), cap)
            data, response = await self._send(prompt, number, tried, limit)
            if (refused := _rejected(data, response)) is None:
                found = reply.read(data)
                self._passed(response.headers, found, prompt, counted, limit)
                self._count(found, prompt, limit, time.monotonic() - started)
                if (got := self._opinion(data, found, prompt)) is not None:
                    self._learn(base, tried, softer > 0)
                if found.thinks:
                    self.dialect.saw_thoughts()
                if got is not None:
                    return _Got(*got, found)
                room_above = tried.limit(self._longest(prompt, self.dialect, limit), cap) > limit
                more = room_above and above < self._longest(prompt, self.dialect, 0)
                raise self._unusable(found, limit, more)
            if wants := faults.wants_tls(response.status, response.content):
                raise _Failure(Missing.read(wants), again=False)
            if cap is None and (cap := room(refused, limit)) is not None:
                if limit > self._settings.critic_max_tokens:
                    # The next prompt is about as long: what thinking was given beyond the setting does not fit here.
                    self.dialect.thinks = min(self.dialect.thinks, cap // 2)
                continue
            if own is None and replace(self.dialect, proven=base.proven) != base:
                continue  # another in flight has learned it
            if tried == base and self.dialect.step_down(refused, limit, effort=self._effort):
                self._say_effort()
                continue
            own = replace(tried)
            if own.step_down(refused, limit, effort=self._effort):
                continue
            if not tried.may_try_lower(refused):
                raise self._failure(refused)
            own = tried.lower()

    # What is asked and how it is read: an endpoint that is asked for something else than votes says so here.

    def _longest(self, prompt: Prompt, dialect: Dialect, above: int) -> int:  # noqa: ARG002
        return request.longest(self._settings, dialect, above=above)

    def _body(self, prompt: Prompt, number: int, dialect: Dialect, limit: int) -> dict[str, Any]:
        return request.body(self.critic, self._settings, prompt, number, dialect, limit=limit)

    def _opinion(self, data: Any, found: Reply, prompt: Prompt) -> tuple[Opinion, str] | None:  # noqa: ARG002
        return found.opinion(prompt.protocol)

    async def _send(self, prompt: Prompt, number: int, dialect: Dialect, limit: int) -> tuple[Any, Response]:
        """Return the reply's data (None where it is no JSON) and the response, and give the place at the gate back."""
        body = self._body(prompt, number, dialect, limit)
        patience = request.patience(self._settings, dialect)
        try:
            response = await self._transport.post("/chat/completions", body, patience)
        except (TimeoutError, Unreachable) as error:
            if isinstance(error, TimeoutError):
                self.gate.slowed()
            raise self._broken(error, patience) from None
        except Unreadable as error:
            raise _Failure(self._missing(Reason.UNREADABLE, str(error), 80)) from None
        finally:
            self.gate.leave()
        return _data(response.content), response

    def _broken(self, error: BaseException, patience: float) -> _Failure:
        if isinstance(error, TimeoutError):
            return _Failure(Missing(Reason.SLOW, f"within {patience:g} s"))
        said = faults.described(error, clear=self.critic.base_url.startswith("http://"))
        return _Failure(Missing.read(mask(said)), again=not faults.lasting(said))

    def _passed(self, headers: Mapping[str, str], found: Reply, prompt: Prompt, counted: float, limit: int) -> None:
        """Tell the gate of a success; of the tokens it claims no more than the request can have cost."""
        used = None
        if found.completion_tokens is not None:
            given = min(found.completion_tokens, 4 * limit)
            taken = min(found.prompt_tokens or _size(prompt), 1000 + 4 * _size(prompt))
            self.gate.replied(given)
            used = taken + given
        self.gate.succeeded(headers, counted, used)

    def _count(self, found: Reply, prompt: Prompt, limit: int, seconds: float) -> None:
        """Enter a reply into the ledger, readable or not: it was paid for. No claim counts beyond what can be true."""
        letters = _letters(prompt)
        taken = None if found.prompt_tokens is None else min(found.prompt_tokens, 1000 + letters)
        given = None if found.completion_tokens is None else min(found.completion_tokens, 4 * limit)
        self.spent.usage.add(letters, taken, given, len(found.texts[0]) if found.texts else 0, seconds)

    def _learn(self, base: Dialect, tried: Dialect, lucky: bool) -> None:
        """Note that a request in ``tried`` was answered. A looser format that a retry found has to win twice."""
        if tried == self.dialect or replace(tried, proven=self.dialect.proven) == self.dialect:
            self.dialect.proven = True
        elif not self.dialect.proven and replace(self.dialect, proven=base.proven) == base:
            self._lucky += lucky
            if not lucky or self._lucky > 1:
                self.dialect.take(replace(tried, proven=True))

    def _unusable(self, found: Reply, limit: int, more: bool) -> _Failure:
        missing = found.why_not(limit)
        cleaned = self._missing(missing.reason, missing.detail)
        if missing.reason is Reason.CUT:
            return _Failure(cleaned, again=more, cut=limit)
        return _Failure(cleaned, again=missing.reason is not Reason.REFUSED)

    def _failure(self, refused: Rejection) -> _Failure:
        if refused.busy:
            self.gate.throttled(refused.wait)
            self._tell(refused)
        if refused.refused:
            return _Failure(self._missing(Reason.REFUSED, refused.message or refused.code), again=False)
        # Nobody waits for an allowance that comes back tomorrow.
        tomorrow = refused.busy and refused.wait is not None and refused.wait > self.gate.patience_for
        if refused.status == 0:
            missing = self._missing(Reason.QUOTA if refused.spent else Reason.ERROR, refused.message, code=refused.code)
        else:
            detail = ", ".join(part for part in (_NAMES.get(refused.status), refused.message) if part)
            reason = Reason.QUOTA if refused.spent else Reason.HTTP
            missing = self._missing(reason, detail or "no reason given", code=str(refused.status))
        softer = refused.broken_json or (refused.status >= 500 and not refused.busy)
        again = refused.passing and not tomorrow
        return _Failure(missing, again=again, throttled=refused.busy and not tomorrow, softer=softer)

    def _say_effort(self) -> None:
        if self._effort and not self.dialect.effort:
            announce([request.effort_note(self.critic, self._settings)])

    def _tell(self, refused: Rejection) -> None:
        """Say once that the run stands still because the endpoint lets nothing pass, and until when it is waited for."""
        if self._told or self.gate.pushed_for() < _SILENT:
            return
        self._told = True
        said = self._missing(Reason.HTTP, refused.message, 80, str(refused.status or refused.code))
        print(
            f"\npersona-metrics: {self.critic.host} lets nothing pass ({said}); trying for"
            f" {self.gate.patience_for / 60:.0f} minutes",
            file=sys.stderr,
            flush=True,
        )

    def _missing(self, reason: Reason, detail: str, longest: int = _LONGEST, code: str = "") -> Missing:
        # Some servers repeat the key they reject.
        clean = mask(detail)
        return Missing(reason, shorten(clean, longest), shorten(mask(code), 40))


def announce(notes: Sequence[str]) -> None:
    """Say each line on stderr, once a process, and of several processes that share a run only in the first."""
    if os.environ.get("LOCAL_RANK") in (None, "", "0"):
        say_once(notes)


def _rejected(data: Any, response: Response) -> Rejection | None:
    if 200 <= response.status < 300:
        if data is None:
            raise _Failure(Missing(Reason.UNREADABLE, "no JSON"))
        return rejection.in_reply(data)
    return rejection.read(response.status, response.headers, response.content)


def _data(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _letters(prompt: Prompt) -> int:
    return sum(len(message["content"]) for message in prompt.messages)


def _size(prompt: Prompt) -> int:
    return _letters(prompt) // 4
