"""Asks one critic endpoint for one vote: request, fallbacks, retries. Knows nothing of batches or of majorities."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import openai
from openai import AsyncOpenAI, DefaultAioHttpClient

from ..errors import PersonaError, shorten
from ..settings import Settings
from . import debate
from .debate import Judgement, Vote
from .limits import Gate, duration
from .store import Store, key

FORMATS = ("json_schema", "json_object", "text")
_RETRY_STATUS = frozenset({408, 409, 429, *range(500, 600)})
_FINAL_STATUS = {400: "bad request", 401: "key rejected", 403: "access refused", 404: "not found"}


@dataclass(frozen=True)
class Critic:
    """A critic's name and address, as the settings give them."""

    model: str
    base_url: str | None

    @property
    def host(self) -> str:
        """Return the host and port alone: what results may say of an address."""
        if self.base_url is None:
            return "api.openai.com"
        parts = urlsplit(self.base_url)
        return parts.netloc.rpartition("@")[2] or self.base_url


def panel(settings: Settings) -> tuple[Critic, ...]:
    """Return the critics of ``critic_model``: one name, or several with commas, each with ``@base_url`` if it has its own.

    Raises ``PersonaError`` where no critic is configured or a name is blank.
    """
    if not settings.critic_model:
        raise PersonaError(
            "no critic is configured: set PERSONA_CRITIC_MODEL=gpt-4o-mini (with OPENAI_API_KEY), or"
            " PERSONA_CRITIC_MODEL=<name> with PERSONA_CRITIC_BASE_URL=http://…/v1, or PERSONA_CRITIC_MODEL=embedded"
            " (a toy); with lm_eval also --metadata critic_model=…"
        )
    critics = []
    for part in settings.critic_model.split(","):
        name, _, url = part.strip().partition("@http")
        if not name:
            raise PersonaError(f"critic_model={shorten(settings.critic_model, 60)!r}: a critic's name is blank")
        critics.append(Critic(name, f"http{url}" if url else settings.critic_base_url))
    for critic in critics:
        if critic.base_url is not None and not critic.base_url.startswith(("http://", "https://")):
            raise PersonaError(f"critic_base_url={shorten(critic.base_url, 60)!r}: must begin with http:// or https://")
    return tuple(critics)


class Dialect:
    """What an endpoint turned out to understand; learned once, then used for every request."""

    def __init__(self) -> None:
        self.format = 0
        self.max_tokens = "max_tokens"
        self.temperature = True
        self.seed = True


class Endpoint:
    """One critic's client, its dialect and its gate."""

    def __init__(self, critic: Critic, settings: Settings, *, share: int = 1, backoff: float = 0.5) -> None:
        self.critic, self._settings, self._backoff = critic, settings, backoff
        self.dialect = Dialect()
        concurrency = max(1, settings.critic_concurrency // share)
        cap = None if settings.critic_rpm is None else max(1, settings.critic_rpm // share)
        tokens = None if settings.critic_tpm is None else max(1, settings.critic_tpm // share)
        self.gate = Gate(concurrency, cap, tokens)
        secret = settings.critic_api_key.get_secret_value() if settings.critic_api_key else "none"
        self._client = AsyncOpenAI(
            api_key=secret,
            base_url=critic.base_url,
            timeout=settings.critic_timeout,
            max_retries=0,  # retries are ours: all requests in flight must back off together
            http_client=DefaultAioHttpClient(timeout=settings.critic_timeout),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def key(self, judgement: Judgement, number: int) -> str:
        """Return the store's key of a vote: everything that decides it."""
        chosen = self._settings
        return key(
            {
                "model": self.critic.model,
                "endpoint": self.critic.base_url,
                "temperature": chosen.critic_temperature,
                "max_tokens": chosen.critic_max_tokens,
                "messages": debate.messages(judgement),
                "schema": debate.SCHEMA,
                "number": number,
            }
        )

    async def vote(self, judgement: Judgement, number: int, store: Store) -> Vote:
        """Return the stored vote, or ask for it, retrying what may pass; the reason stands in ``missing`` otherwise."""
        name = self.key(judgement, number)
        if (found := store.get(name)) is not None:
            return found
        prompt = debate.messages(judgement)
        reason, larger, asked = "unknown", False, 0
        blank = Vote(self.critic.model, self.critic.host, number, None)
        while asked < self._settings.critic_attempts:
            asked += 1
            started = time.monotonic()
            try:
                reply, tokens, served, finish = await self._ask(prompt, number, larger)
            except openai.APIStatusError as error:
                reason = f"HTTP {error.status_code}: {_FINAL_STATUS.get(error.status_code, _message(error))}"
                if error.status_code not in _RETRY_STATUS:
                    break
                if error.status_code in (429, 503):
                    self.gate.throttled(retry_after(error.response.headers))
            except openai.APITimeoutError:
                reason = f"no reply within {self._settings.critic_timeout:g} s"
            except openai.APIConnectionError as error:
                reason = f"connection failed: {shorten(error.__cause__ or error, 80)}"
            except (openai.OpenAIError, ValueError) as error:
                reason = f"unreadable reply: {shorten(type(error).__name__, 60)}"
            else:
                if finish in ("content_filter", "refusal"):
                    reason = "the critic refused"
                    break
                parsed = debate.parse(reply)
                if parsed is not None:
                    cast = replace(
                        blank,
                        debate=parsed,
                        attempts=asked,
                        prompt_tokens=tokens[0],
                        completion_tokens=tokens[1],
                        latency=round(time.monotonic() - started, 3),
                        served_model=served,
                    )
                    store.put(name, cast, reply)
                    return cast
                if finish == "length":
                    reason = f"the reply was cut at {self._limit(larger)} tokens (PERSONA_CRITIC_MAX_TOKENS)"
                    if larger:
                        break
                    larger = True
                else:
                    reason = "empty reply" if not reply.strip() else "the reply is not one object of the schema"
            if asked < self._settings.critic_attempts:
                await asyncio.sleep(self._backoff * min(2 ** (asked - 1), 32) * random.uniform(0.5, 1.5))
        return replace(blank, missing=reason, attempts=asked)

    def _limit(self, larger: bool) -> int:
        return self._settings.critic_max_tokens * (2 if larger else 1)

    async def _ask(
        self, prompt: list[dict[str, str]], number: int, larger: bool
    ) -> tuple[str, tuple[int | None, int | None], str | None, str | None]:
        """Send one request, stepping down to what the endpoint understands; return reply, tokens, model, finish."""
        while True:
            options = self._options(number, larger)
            size = sum(len(m["content"]) for m in prompt) // 4 + self._limit(larger)
            tried = self.dialect.format
            try:
                async with self.gate.slot(size):
                    raw = await self._client.chat.completions.with_raw_response.create(
                        model=self.critic.model,
                        messages=prompt,  # type: ignore[arg-type]
                        **options,
                    )
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                if not self._step_down(error, tried):
                    raise
                continue
            self.gate.succeeded(raw.headers)
            answer = raw.parse()
            choice = answer.choices[0] if answer.choices else None
            if choice is None:
                return "", (None, None), answer.model, None
            finish = "refusal" if getattr(choice.message, "refusal", None) else choice.finish_reason
            usage = answer.usage
            tokens = (usage.prompt_tokens, usage.completion_tokens) if usage else (None, None)
            return choice.message.content or "", tokens, answer.model, finish

    def _options(self, number: int, larger: bool) -> dict[str, Any]:
        options: dict[str, Any] = {self.dialect.max_tokens: self._limit(larger)}
        if self.dialect.temperature:
            options["temperature"] = self._settings.critic_temperature
        if self.dialect.seed:
            options["seed"] = number
        kind = FORMATS[self.dialect.format]
        if kind == "json_schema":
            schema = {"name": "debate", "strict": True, "schema": self._schema()}
            options["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif kind == "json_object":
            options["response_format"] = {"type": "json_object"}
        return options

    def _schema(self) -> dict[str, Any]:
        if self.critic.model != "embedded":
            return debate.SCHEMA
        # A 135M model does not know when to stop; the grammar stops it. OpenAI's strict mode would reject maxLength.
        texts = {name: {"type": "string", "maxLength": 160} for name in debate.TEXTS}
        return {**debate.SCHEMA, "properties": {**texts, "needs_revision": {"type": "boolean"}}}

    def _step_down(self, error: openai.APIStatusError, tried: int) -> bool:
        """Change the dialect after a rejected request; return False where there is nothing left to change."""
        if self.dialect.format != tried:
            return True  # another request in flight has already stepped down
        text = _message(error).lower()
        if "max_completion_tokens" in text and self.dialect.max_tokens == "max_tokens":
            self.dialect.max_tokens = "max_completion_tokens"
        elif "temperature" in text and self.dialect.temperature:
            self.dialect.temperature = False
        elif "seed" in text and self.dialect.seed:
            self.dialect.seed = False
        elif self.dialect.format + 1 < len(FORMATS) and not any(w in text for w in ("context", "too long", "exceed")):
            self.dialect.format += 1
        else:
            return False
        return True


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds an endpoint asks to wait, from Retry-After or the x-ratelimit-reset-* headers."""
    if (ms := headers.get("retry-after-ms")) and (found := duration(ms)) is not None:
        return found / 1000
    for name in ("retry-after", "x-ratelimit-reset-requests", "x-ratelimit-reset-tokens"):
        if (found := duration(headers.get(name))) is not None:
            return found
    return None


def _message(error: openai.APIStatusError) -> str:
    body = error.body
    if isinstance(body, Mapping):
        inner = body.get("error", body)
        body = inner.get("message", inner) if isinstance(inner, Mapping) else inner
    return shorten(body or error.message, 160)
