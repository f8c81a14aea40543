"""Before the first paid call: does every critic answer as it should? And what results say of the critic."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from typing import Any

from .. import embedded_model
from ..errors import PersonaError
from ..settings import Settings
from . import debate
from .client import Endpoint
from .debate import Judgement, Vote
from .loop import in_own_loop
from .request import Critic, panel
from .store import OFF, Store
from .tally import advice

_PROBE = Judgement("What should I cook tonight?", {"age": "40", "lifestyle": "vegetarian"}, "A lentil curry.")


def check(settings: Settings, *, remembered: bool = False) -> None:
    """Hold one dry debate with every critic; raise ``PersonaError`` that names the setting to change.

    ``remembered`` spares the debate, which may cost money, where the store holds the one of an earlier check with the
    same critic and key, and the endpoint still lists its models for that key. A broken store is found here too.
    """
    quick = settings.model_copy(update={"critic_attempts": min(2, settings.critic_attempts)})
    critics = [located(critic, settings) for critic in panel(settings)]
    messages = debate.messages(_PROBE)

    async def one(critic: Critic, store: Store) -> Vote:
        endpoint = Endpoint(critic, quick, backoff=0.2)
        try:
            # Another key is another check: it may be wrong, or not allowed to use this model.
            name = _slow_hash(critic.secret(settings) or "", endpoint.key(messages, 0))
            if remembered and (found := store.get(name)) is not None and await endpoint.lists_models():
                return found
            with Store(OFF) as nowhere:
                vote = await endpoint.vote(messages, 0, nowhere)
            store.put(name, vote)
            return vote
        finally:
            await endpoint.close()

    async def every() -> list[Vote]:
        with Store(settings.critic_store) as store:
            return await asyncio.gather(*(one(critic, store) for critic in critics))

    for critic, vote in zip(critics, in_own_loop(every()), strict=True):
        if vote.missing is not None:
            raise PersonaError(f"the critic {critic.model} at {critic.host} does not work: {advice(vote.missing)}")


_checked: set[str] = set()
_SALT = secrets.token_hex(16)


def check_once(settings: Settings) -> None:
    """Check as ``check`` does, once a process for the same critics and keys; another key is another check."""
    chosen = settings.model_dump_json(include={f for f in type(settings).model_fields if f.startswith("critic")})
    secret = "\n".join(critic.secret(settings) or "" for critic in panel(settings)) if settings.critic_model else ""
    name = hashlib.sha256(f"{_SALT}\n{chosen}\n{secret}".encode()).hexdigest()
    if name not in _checked:
        check(settings, remembered=True)
        _checked.add(name)


def _slow_hash(secret: str, salt: str) -> str:
    # It lies on disk for good: whoever reads it should not be able to try keys out by the million.
    return hashlib.pbkdf2_hmac("sha256", secret.encode(), salt.encode(), 200_000).hex()


def critic_card(settings: Settings) -> dict[str, Any]:
    """Return what results_*.json says of the critic: flat, and without a key or a path of an address."""
    if not settings.critic_model:
        return {"critic_model": None}
    critics = panel(settings)
    return {
        "critic_model": ",".join(c.model for c in critics),
        "critic_endpoint": ",".join(c.host for c in critics),
        "critic_template": debate.prompt_hash(),
        "critic_temperature": settings.critic_temperature,
        "critic_max_tokens": settings.critic_max_tokens,
        "critic_votes": settings.critic_votes,
    }


def located(critic: Critic, settings: Settings) -> Critic:
    """Give the embedded critic the address of the model in this process, unless one is given."""
    if critic.model != "embedded" or critic.own_address or settings.critic_base_url is not None:
        return critic
    path = embedded_model.model_path(settings.local_model)
    # Its port changes from run to run; its verdicts depend on the file.
    identity = f"embedded/{path.name}/{path.stat().st_size}"
    return Critic(critic.model, embedded_model.shared_server(path).base_url, identity=identity)
