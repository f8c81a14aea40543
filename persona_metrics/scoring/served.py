"""Where the model that answers is served, as plain data that travels to other machines, and the fleet that is made of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass

from .. import settings as settings_of
from ..critic.address import tidy
from ..critic.answering import Answering
from ..critic.check import located
from ..critic.fleet import Down, Fleet
from ..critic.loop import in_own_loop
from ..critic.request import OPENAI, Critic
from ..errors import PersonaError, shorten
from ..settings import Settings
from ..settings.environment import addresses as split_addresses

EMBEDDED = "embedded"


@dataclass(frozen=True)
class Served:
    """A model and the addresses that serve it, without any key. ``concurrency`` is an endpoint's, all processes together.

    ``timeout`` is for one reply, ``patience`` for endpoints of which none answers; both in seconds. ``attempts`` are a
    prompt's.
    """

    model: str
    urls: tuple[str, ...]
    concurrency: int = 32
    timeout: float = 600.0
    attempts: int = 5
    patience: float = 60.0

    def settings(self) -> Settings:
        """Return the settings under which the client asks: keys go to their own hosts, and no limit of judging counts."""
        named = EMBEDDED if self.model == EMBEDDED else ",".join(f"{self.model}@{url}" for url in self.urls)
        given = {
            "critic_model": named,
            **({"critic_base_url": ""} if self.model == EMBEDDED else {}),
            "critic_concurrency": self.concurrency,
            "critic_timeout": self.timeout,
            "critic_attempts": 1,
            "critic_store": "off",
        }
        made = settings_of.load(given, where="generate")
        off = ("critic_max_cost", "max_tokens_total", "critic_rpm", "critic_tpm")
        return made.model_copy(update=dict.fromkeys(off))

    def critics(self, chosen: Settings) -> list[Critic]:
        """Return each endpoint as the client knows it."""
        if self.model == EMBEDDED:
            return [located(Critic(self.model, OPENAI), chosen)]
        return [Critic(self.model, url, own_address=True) for url in self.urls]

    def fleet(self, *, share: int = 1, backoff: float = 0.5, say: Callable[[str], None] | None = None) -> Fleet:
        """Return the endpoints, to be used within one event loop; ``share`` processes divide ``concurrency`` among them."""
        chosen = self.settings()
        endpoints = [Answering(critic, chosen, share=share, backoff=backoff) for critic in self.critics(chosen)]
        made = Fleet(endpoints, attempts=self.attempts, backoff=backoff, patience=self.patience)
        if say is not None:
            made.tell(say)
        return made


def addresses(given: str | None) -> tuple[str, ...]:
    """Return the addresses of ``--base_url A,B,C``, each once; without any OpenAI's, or what OPENAI_BASE_URL names.

    Raises ``PersonaError`` where one is no address.
    """
    option = "--base_url" if given else "OPENAI_BASE_URL"
    parts = split_addresses(given or os.environ.get("OPENAI_BASE_URL") or OPENAI)
    try:
        found = list(dict.fromkeys(map(tidy, parts)))
    except PersonaError as error:
        raise PersonaError(str(error).replace("critic_base_url", option, 1)) from None
    if not found:
        raise PersonaError(f"{option} is blank: give http://host:port/v1, several with commas")
    return tuple(found)


def named(model: str | None, urls: tuple[str, ...]) -> str:
    """Return the model's name: the given one, else the one that the endpoints serve.

    Raises ``PersonaError`` where they list several or none, or a name cannot be one.
    """
    if model is not None:
        if not model.strip() or "," in model or "@http" in model:
            raise PersonaError(f"--model {shorten(model, 60)!r}: one name; addresses go into --base_url A,B,C")
        return model.strip()
    listed = in_own_loop(_listed(urls))
    if len(listed) != 1:
        what = (
            f"the endpoints list {len(listed)} models ({shorten(', '.join(listed), 120)})" if listed else "none listed"
        )
        raise PersonaError(f"--model is missing, and {what}: name the one to ask")
    return listed[0]


async def _listed(urls: tuple[str, ...]) -> list[str]:
    served = Served("unnamed", urls)
    fleet = served.fleet()
    try:
        await fleet.look()
        found = await asyncio.gather(*(Answering.models(m.endpoint) for m in fleet.members if m.last is None))  # type: ignore[arg-type]
    except Down as down:
        raise PersonaError(unreachable(str(down))) from None
    finally:
        await fleet.close()
    return list(dict.fromkeys(name for names in found for name in names))


_HINTS = {
    "HTTP 401": "a key goes to its own host: PERSONA_CRITIC_API_KEYS=host=key,…",
    "HTTP 403": "may this key use the model?",
    "HTTP 404": "is --model its name there, and does --base_url end in /v1?",
    "connection failed": "is the server up, and is --base_url its address?",
    "no reply in time": "raise --timeout, or lower --concurrency",
}


def unreachable(said: str) -> str:
    """Return the one line about endpoints of which none answers, with what may help."""
    hint = next((text for mark, text in _HINTS.items() if mark in said), "see --base_url and --model")
    # The client's own words are about a critic.
    return f"no endpoint answers: {said.replace('PERSONA_CRITIC_BASE_URL', '--base_url')}; {hint}"


__all__ = ["EMBEDDED", "Served", "addresses", "named", "unreachable"]
