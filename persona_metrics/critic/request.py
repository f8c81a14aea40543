"""Who is asked and what is sent, as plain data: names, addresses, keys, bodies. Knows no network and no disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from ..errors import PersonaError, shorten
from ..settings import Settings
from ..settings.environment import DOTENV, addresses
from . import keys
from .address import tidy
from .dialect import FORMATS, THINKING, Dialect
from .protocol import Prompt, Protocol

OPENAI = "https://api.openai.com/v1"
INSIDE = "vllm:"
"""Begins what stands for an address where the model runs inside a cluster; the model's source follows."""
_THINKING_TIMEOUT = 600.0
"""Seconds, where nobody set a limit: thoughts take their time."""


@dataclass(frozen=True)
class Critic:
    """A critic's name, its address, and whether that address is its own or the one for all critics."""

    model: str
    base_url: str
    own_address: bool = False
    identity: str | None = None
    """What stands for the address in the store's key, where the address changes from run to run (embedded)."""
    others: tuple[str, ...] = ()
    """Addresses of a fleet beside the first, which serve the same model: the first alone stands in the store's key."""

    @property
    def members(self) -> tuple[Critic, ...]:
        """Return each endpoint of a fleet as a critic of its own, this one alone where there is none."""
        if not self.others:
            return (self,)
        return tuple(replace(self, base_url=url, others=()) for url in (self.base_url, *self.others))

    @property
    def inside(self) -> bool:
        """Whether it is no endpoint, but runs inside a cluster."""
        return self.base_url.startswith(INSIDE)

    @property
    def host(self) -> str:
        """Return the host and port alone: what results may say of an address."""
        if self.model == "embedded":
            return "embedded"
        if self.inside:
            return INSIDE.rstrip(":")  # the model's source may be a folder of this machine
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


def votes_each(settings: Settings) -> int:
    """Return how many verdicts each answer gets."""
    return settings.critic_votes * len((settings.critic_model or "").split(","))


def panel(settings: Settings) -> tuple[Critic, ...]:
    """Return the critics of ``critic_model``: one name, or several with commas, each with ``@base_url`` if it has its own.

    ``critic_base_url`` may be a fleet, several addresses with ``,`` or ``+``: whoever has no address of its own is served by
    all.
    Raises ``PersonaError`` where no critic is configured, a name is blank or given twice, or an address is none.
    """
    if not settings.critic_model:
        raise PersonaError(
            "no critic is configured: set PERSONA_CRITIC_MODEL=gpt-4o-mini (with OPENAI_API_KEY), or"
            " PERSONA_CRITIC_MODEL=<name> with PERSONA_CRITIC_BASE_URL=http://…/v1, or PERSONA_CRITIC_MODEL=embedded"
            " (a toy); with lm_eval also --metadata critic_model=…"
        )
    if (settings.critic_base_url or "").startswith(INSIDE):
        return (_inside(settings),)
    critics = []
    for part in settings.critic_model.split(","):
        name, _, url = part.strip().partition("@http")
        if not name:
            raise PersonaError(f"critic_model={shorten(settings.critic_model, 60)!r}: a critic's name is blank")
        shared = addresses(settings.critic_base_url or OPENAI)
        first, *others = dict.fromkeys(map(tidy, [f"http{url}"] if url else shared or [","]))
        critics.append(Critic(name.strip(), first, bool(url), others=tuple(others)))
    for critic in (member for one in critics for member in one.members):
        if keys.origin(critic.base_url) is None:
            raise PersonaError(f"critic_base_url={shorten(critic.base_url, 60)!r}: must begin with http:// or https://")
    if len({(c.model, c.address) for c in critics}) < len(critics):
        raise PersonaError(
            f"critic_model={shorten(settings.critic_model, 60)!r}: a critic stands twice; PERSONA_CRITIC_VOTES asks one"
            " critic several times"
        )
    return tuple(critics)


def _inside(settings: Settings) -> Critic:
    name, place = str(settings.critic_model), str(settings.critic_base_url)
    if "," in name or "@http" in name or name == "embedded":
        raise PersonaError(f"critic_model={shorten(name, 60)!r}: inside a cluster there is one critic, by a plain name")
    return Critic(name, place, identity=place)


_OPENAI_HOST = urlsplit(OPENAI).hostname
_ENCODER = json.JSONEncoder(sort_keys=True)


def key(critic: Critic, settings: Settings, prompt: Prompt, number: int) -> str:
    """Return the store's key of a vote: the hash of everything that decides it."""
    decisive = {
        "model": critic.model,
        "endpoint": critic.address,
        "temperature": settings.critic_temperature,
        "max_tokens": settings.critic_max_tokens,
        "messages": prompt.messages,
        "schema": schema(critic, prompt.protocol),
        "number": number,
    }
    if settings.critic_reasoning_effort is not None:
        # Only where it is set: verdicts of before it could be set keep their keys.
        decisive["reasoning_effort"] = settings.critic_reasoning_effort
    # Escaped, since a text may hold what UTF-8 cannot.
    return hashlib.sha256(_ENCODER.encode(decisive).encode()).hexdigest()


def schema(critic: Critic, protocol: Protocol) -> Mapping[str, Any]:
    """Return the JSON Schema asked of this critic."""
    if critic.model != "embedded":
        return protocol.schema
    # A 135M model does not know when to stop; the grammar stops it. OpenAI's strict mode would reject maxLength.
    properties = {
        name: {**kind, "maxLength": 160} if kind.get("type") == "string" and "enum" not in kind else kind
        for name, kind in protocol.schema["properties"].items()
    }
    return {**protocol.schema, "properties": properties}


def body(
    critic: Critic, settings: Settings, prompt: Prompt, number: int, dialect: Dialect, *, limit: int | None = None
) -> dict[str, Any]:
    """Return the body of the chat completion that asks for vote ``number``, with a reply of at most ``limit`` tokens."""
    made: dict[str, Any] = {"model": critic.model, "messages": dialect.addressed(prompt.messages)}
    if dialect.max_tokens:
        made[dialect.max_tokens] = dialect.limit(longest(settings, dialect)) if limit is None else limit
    if dialect.effort and settings.critic_reasoning_effort is not None:
        made["reasoning_effort"] = settings.critic_reasoning_effort
    if dialect.temperature:
        made["temperature"] = settings.critic_temperature
    if dialect.seed:
        made["seed"] = number
    kind = FORMATS[dialect.format]
    if kind == "json_schema":
        made["response_format"] = {
            "type": kind,
            "json_schema": {
                "name": prompt.protocol.name,
                "strict": True,
                "schema": schema(critic, prompt.protocol),
            },
        }
    elif kind == "json_object":
        made["response_format"] = {"type": kind}
    return made


def beginning(critic: Critic, settings: Settings) -> Dialect:
    """Return the dialect of the first request to a critic, before anything is learned of it."""
    effort = settings.critic_reasoning_effort
    return Dialect(
        # There it takes the place of max_tokens for every model, and those that reason take nothing else.
        max_tokens="max_completion_tokens" if urlsplit(critic.base_url).hostname == _OPENAI_HOST else "max_tokens",
        thinks=THINKING if effort not in (None, "none") else 0,
    )


def dialect_name(critic: Critic, settings: Settings) -> str:
    """Return under which name a critic's dialect is kept: what a model takes depends on how much it is to reason."""
    effort = settings.critic_reasoning_effort
    return critic.model if effort is None else f"{critic.model} with reasoning_effort={effort}"


def effort_note(critic: Critic, settings: Settings) -> str:
    """Return the line that says that a ``reasoning_effort`` is set which the endpoint does not take."""
    return (
        f"{critic.model} at {critic.host} does not take reasoning_effort={settings.critic_reasoning_effort}: asked without"
        " it (PERSONA_CRITIC_REASONING_EFFORT)"
    )


def longest(settings: Settings, dialect: Dialect, *, above: int = 0) -> int:
    """Return the longest reply in tokens; more for a critic that thinks, where nobody set a limit.

    ``above`` is the limit at which a reply was cut: the next may be twice as long.
    """
    wanted = settings.critic_max_tokens
    if "critic_max_tokens" not in settings.model_fields_set:
        wanted = max(wanted, dialect.thinks)
    return max(wanted, 2 * above)


def patience(settings: Settings, dialect: Dialect) -> float:
    """Return the longest wait for one reply in seconds; more for a critic that thinks, where nobody set one."""
    own = "critic_timeout" in settings.model_fields_set or not dialect.thinks
    return settings.critic_timeout if own else max(settings.critic_timeout, _THINKING_TIMEOUT)
