"""Asks one critic endpoint for one vote: request, fallbacks, retries. Knows nothing of batches or of majorities."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import httpx2
import openai
from openai import AsyncOpenAI, DefaultAioHttpClient, RequestOptions

from .. import embedded_model
from ..errors import shorten
from ..settings import Settings
from . import request
from .limits import Gate, retry_after
from .missing import Missing, Reason
from .protocol import Prompt
from .request import Critic, Dialect, Reply
from .store import Store
from .verdict import Vote

_RETRIED = frozenset({408, 409, 425, 429, *range(500, 600)})
_NAMES = {400: "bad request", 401: "key rejected", 403: "access refused", 404: "not found"}
_REFUSED = ("content_filter", "refusal")
_SPARED = 50
"""So many refusals for lack of allowance cost no attempt, as long as others get through in the meantime."""

_UNLIMITED = 1 << 16

dialects: dict[tuple[str, str], Dialect] = {}
"""What this process has learned of each model at each address."""


@dataclass(eq=False)
class _Failure(Exception):
    """Why one attempt came to nothing, and whether another one may go better."""

    missing: Missing
    again: bool = True
    throttled: bool = False
    cut: bool = False
    refused: bool = False


class Endpoint:
    """One critic's connections, its dialect and its gate."""

    def __init__(self, critic: Critic, settings: Settings, *, share: int = 1, backoff: float = 0.5) -> None:
        self.critic, self._settings, self._backoff = critic, settings, backoff
        self.dialect = dialects.setdefault((critic.model, critic.base_url), Dialect())
        caps = (None if cap is None else max(1, cap // share) for cap in (settings.critic_rpm, settings.critic_tpm))
        flight = max(1, settings.critic_concurrency // share)
        if critic.identity is not None:
            flight = min(flight, 2 * embedded_model.SLOTS)  # more would wait inside the model until they time out
        self.gate = Gate(flight, *caps)
        self._secret = critic.secret(settings)
        # Without a key no header of one: "none" is not what an endpoint should log.
        self._options: RequestOptions = {} if self._secret else {"headers": {"Authorization": openai.Omit()}}
        self._client = AsyncOpenAI(
            api_key=self._secret or "none",
            base_url=critic.base_url,
            max_retries=0,  # retries are ours: all requests in flight must back off together
            http_client=DefaultAioHttpClient(
                timeout=settings.critic_timeout,
                # The gate is the limit; aiohttp's own of 100 connections would be another.
                limits=httpx2.Limits(max_connections=_UNLIMITED, max_keepalive_connections=_UNLIMITED),
                # A redirect would turn the request into a GET, or carry the key elsewhere.
                follow_redirects=False,
            ),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def lists_models(self) -> bool:
        """Return whether the endpoint is there and accepts the key, by asking for its models, which costs nothing."""
        try:
            options: RequestOptions = {**self._options, "timeout": min(10.0, self._settings.critic_timeout)}
            return (await self._client.get("/models", cast_to=httpx2.Response, options=options)).is_success
        except openai.OpenAIError:
            return False

    def key(self, prompt: Prompt, number: int) -> str:
        """Return the store's key of a vote: everything that decides it."""
        return request.key(self.critic, self._settings, prompt, number)

    async def vote(self, prompt: Prompt, number: int, store: Store) -> Vote:
        """Return the stored vote, or ask for it, retrying what may pass; the reason stands in ``missing`` otherwise."""
        name = self.key(prompt, number)
        if (found := store.get(name, prompt.protocol)) is not None:
            return found
        blank = Vote(self.critic.model, self.critic.host, number, None)
        asked = counted = 0
        larger = False
        while True:
            asked += 1
            before = self.gate.successes
            started = time.monotonic()
            try:
                reply = await self._ask(prompt, number, larger)
                parsed = prompt.protocol.parse(reply.text)
                if parsed is None:
                    raise self._unusable(reply, larger)
            except _Failure as failure:
                if failure.cut and failure.again:
                    larger = True
                    continue
                # Where others get through, a request that found no allowance was only unlucky in the queue.
                spared = failure.throttled and self.gate.successes > before and asked - counted < _SPARED
                counted += not spared
                if not failure.again or counted >= self._settings.critic_attempts:
                    return replace(blank, missing=failure.missing, attempts=asked)
                await asyncio.sleep(self._backoff * min(2 ** max(0, counted - 1), 32) * random.uniform(0.5, 1.5))
                continue
            cast = replace(
                blank,
                opinion=parsed,
                attempts=asked,
                prompt_tokens=reply.prompt_tokens,
                completion_tokens=reply.completion_tokens,
                latency=round(time.monotonic() - started, 3),
                served_model=reply.served_model,
            )
            store.put(name, cast, reply.text)
            return cast

    def _unusable(self, reply: Reply, larger: bool) -> _Failure:
        if reply.refusal or reply.finish in _REFUSED:
            return _Failure(self._missing(Reason.REFUSED, reply.refusal or reply.finish or ""), again=False)
        if reply.finish == "length":
            limit = request.limit(self._settings, larger=larger)
            return _Failure(Missing(Reason.CUT, f"{limit} tokens"), again=not larger, cut=True)
        if not reply.text.strip():
            return _Failure(Missing(Reason.EMPTY))
        return _Failure(Missing(Reason.UNFIT))

    async def _ask(self, prompt: Prompt, number: int, larger: bool) -> Reply:
        """Send one request, stepping down to what the endpoint understands; raise ``_Failure`` without a reply."""
        size = sum(len(m["content"]) for m in prompt.messages) // 4
        while True:
            counted = await self.gate.enter(size, request.limit(self._settings, larger=larger))
            tried = replace(self.dialect)
            asked = request.body(self.critic, self._settings, prompt, number, tried, larger=larger)
            try:
                status, headers, content = await self._post(asked)
            finally:
                self.gate.leave()
            try:
                data = json.loads(content)
            except (ValueError, RecursionError):
                data = None
            if status == 200:
                if data is None:
                    raise _Failure(Missing(Reason.UNREADABLE, "no JSON"))
                self.dialect.proven = True
                reply = request.read(data)
                used = None
                if reply.completion_tokens is not None:
                    self.gate.replied(reply.completion_tokens)
                    used = (reply.prompt_tokens or size) + reply.completion_tokens
                self.gate.succeeded(headers, counted, used)
                return reply
            message, code = request.error_message(
                data if data is not None else content[:400].decode("utf-8", "replace")
            )
            failure = self._rejected(status, message, code, headers)
            if status in (400, 422) and not failure.refused and self._stepped_down(tried, message):
                continue
            raise failure

    async def _post(self, asked: Mapping[str, Any]) -> tuple[int, Mapping[str, str], bytes]:
        try:
            # The bare response: building the typed one would cost more than all the rest of a call.
            response = await self._client.post(
                "/chat/completions", body=asked, cast_to=httpx2.Response, options=self._options
            )
        except openai.APIStatusError as error:
            response = error.response
        except openai.APIConnectionError as error:
            cause = _innermost(error)
            # The transport calls every broken connection a timeout; what aiohttp itself raised tells them apart.
            if isinstance(cause, asyncio.TimeoutError):
                self.gate.throttled()
                raise _Failure(Missing(Reason.SLOW, f"within {self._settings.critic_timeout:g} s")) from None
            raise _Failure(self._missing(Reason.CONNECTION, shorten(cause, 80))) from None
        except (openai.OpenAIError, ValueError) as error:
            raise _Failure(self._missing(Reason.UNREADABLE, shorten(error, 80))) from None
        return response.status_code, response.headers, response.content

    def _stepped_down(self, tried: Dialect, message: str) -> bool:
        if replace(self.dialect, proven=tried.proven) != tried:
            return True  # another request in flight has already changed it
        return self.dialect.step_down(message)

    def _rejected(self, status: int, message: str, code: str, headers: Mapping[str, str]) -> _Failure:
        about = f"{code} {message}".lower()
        if status in (429, 503) and "insufficient_quota" not in about:
            self.gate.throttled(retry_after(headers))
        if status == 400 and any(word in about for word in ("content_filter", "content management")):
            return _Failure(self._missing(Reason.REFUSED, message), again=False, refused=True)
        name = _NAMES.get(status)
        detail = ", ".join(part for part in (name, message) if part) or "no reason given"
        spent = "insufficient_quota" in about
        missing = self._missing(Reason.QUOTA if spent else Reason.HTTP, detail, str(status))
        return _Failure(missing, again=status in _RETRIED and not spent, throttled=status in (429, 503))

    def _missing(self, reason: Reason, detail: str, code: str = "") -> Missing:
        # Some servers repeat the key they reject.
        return Missing(reason, detail.replace(self._secret, "***") if self._secret else detail, code)


def _innermost(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error
