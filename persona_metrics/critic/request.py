"""What is sent to a critic and what comes back, as plain data: names, bodies, keys, replies. Knows no network and no disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ..environment import DOTENV
from ..errors import PersonaError, shorten
from ..masking import conceal, mask
from ..settings import Settings
from . import debate, keys

OPENAI = "https://api.openai.com/v1"
FORMATS = ("json_schema", "json_object", "text")
Messages = list[dict[str, str]]


@dataclass(frozen=True)
class Critic:
    """A critic's name, its address, and whether that address is its own or the one for all critics."""

    model: str
    base_url: str
    own_address: bool = False
    identity: str | None = None
    """What stands for the address in the store's key, where the address changes from run to run (embedded)."""

    @property
    def host(self) -> str:
        """Return the host and port alone: what results may say of an address."""
        if self.model == "embedded":
            return "embedded"
        parts = urlsplit(self.base_url)
        return parts.netloc.rpartition("@")[2] or self.base_url

    @property
    def address(self) -> str:
        """Return what decides who answers: scheme, host, port and path, without login or query."""
        if self.identity is not None:
            return self.identity
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{self.host.lower()}{parts.path.rstrip('/')}"

    def choice(self, settings: Settings) -> keys.Choice:
        """Return the key for this critic, or why there is none; raise ``PersonaError`` for a key that cannot be one."""
        if self.model == "embedded":
            return keys.Choice(None)  # it runs on this machine, and asks for none
        shared = settings.critic_base_url or OPENAI
        return keys.choose(
            self.base_url,
            settings.keys,
            named_by=self.named_by(settings),
            panel_address=shared if self.own_address else None,
        )

    def secret(self, settings: Settings) -> str | None:
        """Return the key for this critic, or None."""
        return self.choice(settings).secret

    def named_by(self, settings: Settings) -> str:
        """Return the source that named this critic's host: ``argument``, ``environment``, ``.env`` or ``default``."""
        here = keys.origin(self.base_url)
        shared = keys.origin(settings.critic_base_url or OPENAI)
        if self.own_address and (here is None or here != shared):
            return settings.set_by("critic_model")
        return settings.set_by("critic_base_url")

    def notes(self, settings: Settings) -> tuple[str, ...]:
        """Return what a user should know before the first call: a host that ``.env`` names, a key that stays here."""
        if self.identity is not None:
            return ()  # its address is ours
        named: tuple[str, ...] = ()
        if self.named_by(settings) == DOTENV:
            named = (f".env names the critic's host: {self.host} ({self.model})",)
        why = self.choice(settings).why_none
        return (*named, *((why,) if why else ()))


def panel(settings: Settings) -> tuple[Critic, ...]:
    """Return the critics of ``critic_model``: one name, or several with commas, each with ``@base_url`` if it has its own.

    Raises ``PersonaError`` where no critic is configured, a name is blank or given twice, or an address is none.
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
        address = f"http{url}" if url else settings.critic_base_url
        critics.append(Critic(name, address or OPENAI, bool(url)))
    for critic in critics:
        if keys.origin(critic.base_url) is None:
            raise PersonaError(f"critic_base_url={shorten(critic.base_url, 60)!r}: must begin with http:// or https://")
    if len({(c.model, c.address) for c in critics}) < len(critics):
        raise PersonaError(
            f"critic_model={shorten(settings.critic_model, 60)!r}: a critic stands twice; PERSONA_CRITIC_VOTES asks one"
            " critic several times"
        )
    return tuple(critics)


@dataclass
class Dialect:
    """What an endpoint turned out to understand; learned once, then used for every request."""

    format: int = 0
    max_tokens: str = "max_tokens"
    temperature: bool = True
    seed: bool = True
    proven: bool = False
    """Whether a request in this dialect has been answered; then a rejected one is to blame itself."""

    def step_down(self, message: str) -> bool:
        """Change after a request was rejected with ``message``; return False where there is nothing left to change."""
        text = message.lower()
        if "max_completion_tokens" in text and self.max_tokens == "max_tokens":
            self.max_tokens = "max_completion_tokens"
        elif "temperature" in text and self.temperature:
            self.temperature = False
        elif "seed" in text and self.seed:
            self.seed = False
        elif self.format + 1 < len(FORMATS) and (not self.proven or _about_format(text)) and not _about_length(text):
            self.format += 1
            self.proven = False
        else:
            return False
        return True


def _about_format(text: str) -> bool:
    return any(word in text for word in ("response_format", "json_schema", "json_object", "grammar", "structured"))


def _about_length(text: str) -> bool:
    return any(word in text for word in ("context", "too long", "exceed"))


_ENCODER = json.JSONEncoder(sort_keys=True)


def key(critic: Critic, settings: Settings, messages: Messages, number: int) -> str:
    """Return the store's key of a vote: the hash of everything that decides it."""
    decisive = {
        "model": critic.model,
        "endpoint": critic.address,
        "temperature": settings.critic_temperature,
        "max_tokens": settings.critic_max_tokens,
        "messages": messages,
        "schema": schema(critic),
        "number": number,
    }
    # Escaped, since a text may hold what UTF-8 cannot.
    return hashlib.sha256(_ENCODER.encode(decisive).encode()).hexdigest()


def schema(critic: Critic) -> dict[str, Any]:
    """Return the JSON Schema asked of this critic."""
    if critic.model != "embedded":
        return debate.SCHEMA
    # A 135M model does not know when to stop; the grammar stops it. OpenAI's strict mode would reject maxLength.
    texts = {name: {"type": "string", "maxLength": 160} for name in debate.TEXTS}
    return {**debate.SCHEMA, "properties": {**texts, "needs_revision": {"type": "boolean"}}}


def body(
    critic: Critic, settings: Settings, messages: Messages, number: int, dialect: Dialect, *, larger: bool = False
) -> dict[str, Any]:
    """Return the body of the chat completion that asks for vote ``number``; ``larger`` doubles the token limit."""
    made: dict[str, Any] = {
        "model": critic.model,
        "messages": messages,
        dialect.max_tokens: limit(settings, larger=larger),
    }
    if dialect.temperature:
        made["temperature"] = settings.critic_temperature
    if dialect.seed:
        made["seed"] = number
    kind = FORMATS[dialect.format]
    if kind == "json_schema":
        made["response_format"] = {
            "type": kind,
            "json_schema": {"name": "debate", "strict": True, "schema": schema(critic)},
        }
    elif kind == "json_object":
        made["response_format"] = {"type": kind}
    return made


def limit(settings: Settings, *, larger: bool) -> int:
    """Return the longest reply in tokens: after a reply that was cut, once more with twice as much."""
    return settings.critic_max_tokens * (2 if larger else 1)


@dataclass(frozen=True)
class Reply:
    """A chat completion, as far as it counts here."""

    text: str
    finish: str | None = None
    refusal: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    served_model: str | None = None


def read(data: Any) -> Reply:
    """Return what a chat completion says; whatever is not there, or of another type, counts as absent."""
    found = data if isinstance(data, Mapping) else {}
    choices = found.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else {}
    message = choice.get("message")
    message = message if isinstance(message, Mapping) else {}
    usage = found.get("usage")
    usage = usage if isinstance(usage, Mapping) else {}
    return Reply(
        _text(message.get("content")) or "",
        _text(choice.get("finish_reason")),
        _text(message.get("refusal")),
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
        _text(found.get("model")),
    )


def _text(value: Any) -> str | None:
    # Some servers repeat the key that they were given.
    return conceal(value, inner=False) if isinstance(value, str) else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**62 else None


def error_message(data: Any) -> tuple[str, str]:
    """Return message and code of an error's body (OpenAI's shape, or a server's own); either may be empty."""
    inner = data.get("error", data) if isinstance(data, Mapping) else data
    if not isinstance(inner, Mapping):
        return shorten(inner or "", 160), ""
    text = inner.get("message") or inner.get("detail") or inner.get("error") or ""
    return shorten(text, 160), mask(str(inner.get("code") or inner.get("type") or ""))
