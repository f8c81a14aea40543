"""Before the first paid call: does every critic answer as it should? And what results say of the critic."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from functools import lru_cache
from typing import Any

from ..embedded_model.model import model_path, shared_server
from ..errors import PersonaError
from ..settings import Settings
from . import request
from .budget import require_prices
from .debate import edition
from .fleet import endpoint_of
from .loop import in_own_loop
from .protocol import FIRST, Prompt, Protocol, named
from .request import Critic, panel, votes_each
from .store import OFF, Store
from .tally import advice
from .verdict import Vote


def check(settings: Settings, *, remembered: bool = False, protocol: Protocol | None = None) -> None:
    """Ask for one dry judgement of every critic, by ``protocol``, or else the one that the settings name.

    Raises ``PersonaError`` that names the setting to change.

    ``remembered`` spares the judgement, which may cost money, where the store holds the one of an earlier check with the
    same critic and key, and the endpoint still lists its models for that key. A broken store is found here too.
    """
    quick = settings.model_copy(update={"critic_attempts": min(3, settings.critic_attempts)})
    require_prices(settings, panel(settings))
    critics = [located(critic, settings) for critic in panel(settings)]
    prompt = Prompt.of((protocol or way(settings)).probe())

    async def one(critic: Critic, store: Store) -> Vote:
        endpoint = endpoint_of(critic, quick, backoff=0.2, patience=60.0)
        # Another key is another check: it may be wrong, or not allowed to use this model.
        name = _slow_hash(_secrets(critic, settings), endpoint.key(prompt, 0))
        try:
            found = await store.awaited(name, prompt.protocol) if remembered else None
            if found is not None and await endpoint.lists_models():
                return found
            endpoint.recall(store)
            with Store(OFF) as nowhere:
                vote = await endpoint.vote(prompt, 0, nowhere)
            store.put(name, vote)
            endpoint.keep(store)
            return vote
        finally:
            store.leases.release(name)
            await endpoint.close()

    async def every() -> list[Vote]:
        with Store(settings.critic_store) as store:
            async with store.leases.kept():
                return await asyncio.gather(*(one(critic, store) for critic in critics))

    for critic, vote in zip(critics, in_own_loop(every()), strict=True):
        if vote.missing is not None:
            raise PersonaError(f"the critic {critic.model} at {critic.host} does not work: {advice(vote.missing)}")


def unchecked(settings: Settings, store: Store) -> int:
    """Return how many critics the check before a run would ask, since ``store`` holds no earlier one with the same key."""
    prompt = Prompt.of(way(settings).probe())
    critics = [critic for critic in panel(settings) if critic.model != "embedded"]
    names = (_slow_hash(_secrets(c, settings), request.key(c, settings, prompt, 0)) for c in critics)
    return sum(store.get(name, prompt.protocol) is None for name in names)


_checked: set[str] = set()
_SALT = secrets.token_hex(16)


def _decisive(settings: Settings) -> set[str]:
    return {f for f in type(settings).model_fields if f.startswith("critic") or f in ("protocol", "template")}


def check_once(settings: Settings) -> None:
    """Check as ``check`` does, once a process for the same critics and keys; another key is another check."""
    chosen = settings.model_dump_json(include=_decisive(settings))
    secret = "\n".join(_secrets(critic, settings) for critic in panel(settings)) if settings.critic_model else ""
    name = hashlib.sha256(f"{_SALT}\n{chosen}\n{secret}".encode()).hexdigest()
    if name not in _checked:
        check(settings, remembered=True)
        _checked.add(name)


def _secrets(critic: Critic, settings: Settings) -> str:
    return "\n".join(member.secret(settings) or "" for member in critic.members)


@lru_cache(64)
def _slow_hash(secret: str, salt: str) -> str:
    # It lies on disk for good: whoever reads it should not be able to try keys out by the million.
    return hashlib.pbkdf2_hmac("sha256", secret.encode(), salt.encode(), 200_000).hex()


def critic_card(settings: Settings) -> dict[str, Any]:
    """Return what results_*.json says of the critic: flat, and without a key or a path of an address."""
    if not settings.critic_model:
        return {"critic_model": None}
    critics = panel(settings)
    protocol, effort = way(settings), settings.critic_reasoning_effort
    return {
        **({} if protocol.name == FIRST else {"protocol": protocol.name}),
        "critic_model": ",".join(c.model for c in critics),
        "critic_endpoint": ",".join(c.host for c in critics),
        "critic_template": protocol.prompt_hash(),
        "critic_temperature": settings.critic_temperature,
        "critic_max_tokens": settings.critic_max_tokens,
        "critic_votes": settings.critic_votes,
        **({} if effort is None else {"critic_reasoning_effort": effort}),
    }


def ties(settings: Settings) -> list[str]:
    """Return the line that says, before a run, that a panel can tie; nothing for an odd number of votes."""
    cast = votes_each(settings)
    if cast % 2:
        return []
    return [
        f"{cast} votes an answer can tie, and a tied verdict is missing (row critic_ties, counted by critic_max_failures):"
        " an odd number of critics × critic_votes always decides"
    ]


def way(settings: Settings, protocol: str | None = None) -> Protocol:
    """Return the way of judging of this name, by the template that the settings name; of theirs where none is given."""
    name = settings.protocol if protocol is None else protocol
    return edition(settings.template) if name == FIRST else named(name)


def located(critic: Critic, settings: Settings) -> Critic:
    """Give the embedded critic the address of the model in this process, unless one is given."""
    if critic.model != "embedded" or critic.own_address or settings.critic_base_url is not None:
        return critic
    path = model_path(settings.local_model)
    # Its port changes from run to run; its verdicts depend on the file.
    identity = f"embedded/{path.name}/{path.stat().st_size}"
    return Critic(critic.model, shared_server(path).base_url, identity=identity)
