"""Every key that is set somewhere, with who set it and the address named beside it. Which goes where says ``critic.keys``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from ..masking import remember, remember_url
from .environment import ARGUMENT, DOTENV, ENVIRONMENT, addresses

CRITIC, CRITICS, OPENAI = "PERSONA_CRITIC_API_KEY", "PERSONA_CRITIC_API_KEYS", "OPENAI_API_KEY"
_BESIDE = {CRITIC: "PERSONA_CRITIC_BASE_URL", OPENAI: "OPENAI_BASE_URL"}
"""The variable that names the address of a key: where one source sets both, they belong together."""

_SPOKEN = {CRITIC: "critic_api_key", CRITICS: "critic_api_keys", OPENAI: "api_key"}


@dataclass(frozen=True)
class Key:
    """A key (or for ``…_KEYS`` the list ``host=key,…``) as one source sets it, and the address that it names beside it."""

    variable: str
    source: str
    secret: str = field(repr=False)
    url: str | None = None

    @property
    def name(self) -> str:
        """Return what to call it: a keyword for an argument, a variable and its source for the others."""
        return f"{_SPOKEN[self.variable]}=" if self.source == ARGUMENT else f"{self.variable} ({self.source})"


def collect(mine: Mapping[str, Any], found: Mapping[str, Mapping[str, str]]) -> tuple[Key, ...]:
    """Return all keys, those that name the critic first, and of each name the strongest source first.

    ``mine`` are settings that were handed over, ``found`` the variables of each source (``environment.read_all``).
    """
    lent = found[ARGUMENT]
    spoken = {
        **{
            f"PERSONA_{n.upper()}": plain(mine.get(n)) for n in ("critic_api_key", "critic_api_keys", "critic_base_url")
        },
        **{n: lent.get(n, "") for n in ("OPENAI_API_KEY", "OPENAI_BASE_URL")},
    }
    keys = []
    for variable in (CRITICS, CRITIC, OPENAI):
        for source, values in ((ARGUMENT, spoken), (ENVIRONMENT, found[ENVIRONMENT]), (DOTENV, found[DOTENV])):
            # A line's end that was copied along is no part of a key.
            if secret := values.get(variable, "").strip():
                url = values.get(_BESIDE.get(variable, ""), "").strip()
                keys.append(Key(variable, source, secret, url or None))
    return tuple(keys)


def plain(value: Any) -> str:
    """Return the text of a setting that may be a ``SecretStr`` or nothing."""
    return str(value.get_secret_value() if isinstance(value, SecretStr) else value or "")


def keep_secret(keys: tuple[Key, ...], values: Mapping[str, Any], found: Mapping[str, Mapping[str, str]]) -> None:
    """Have every key, and what addresses hold of secrets, masked wherever a text is shown."""
    for key in keys:
        remember(*(secret for _, secret in pairs(key)) if key.variable == CRITICS else (key.secret,))
        for url in addresses(key.url):
            remember_url(url)
    for source in (ENVIRONMENT, DOTENV):
        remember(*(found[source].get(name) for name in ("HF_TOKEN", "OPENAI_ADMIN_KEY")))
    panel = str(values.get("critic_model") or "").split(",")
    fleet = addresses(str(values.get("critic_base_url") or ""))
    for url in (*fleet, *(one.partition("@")[2] for one in panel)):
        remember_url(url)
    for name, value in found[ENVIRONMENT].items():
        if name.endswith("_PROXY"):
            remember_url(value)


def pairs(key: Key) -> list[tuple[str, str]]:
    """Return hosts and keys of ``host=key,host:port=key``; a part without a host has a blank one."""
    parts = [part.strip() for part in key.secret.split(",") if part.strip()]
    split = [part.partition("=") if "=" in part else ("", "=", part) for part in parts]
    return [(host.strip(), secret.strip()) for host, _, secret in split]


__all__ = ["CRITIC", "CRITICS", "OPENAI", "Key", "collect", "keep_secret", "pairs", "plain", "remember"]
