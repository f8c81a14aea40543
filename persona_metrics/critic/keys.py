"""Which key goes to which host, and why none does. A key belongs to a host; knows no network, no disk and no environment."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yarl

from ..errors import PersonaError, shorten
from ..masking import is_placeholder
from ..settings.environment import ARGUMENT, DEFAULT, DOTENV, ENVIRONMENT, addresses
from ..settings.keyring import CRITIC, CRITICS, Key, pairs

if TYPE_CHECKING:
    import openai

OPENAI_HOSTS = frozenset(
    f"{region}api.openai.com" for region in ("", "us.", "eu.", "ae.", "au.", "in.", "jp.", "ca.", "gb.", "kr.", "sg.")
)
"""OpenAI's own hosts (developers.openai.com, "Data controls": the regions' domains). Other names below are others'."""

_TRUST = {DEFAULT: 0, DOTENV: 1, ENVIRONMENT: 2, ARGUMENT: 3}
# Who names a host in the call itself has a key for it in mind, wherever that is kept.
_ASKED = {**_TRUST, ARGUMENT: 0}


@dataclass(frozen=True)
class Origin:
    """Where a request goes: what decides who reads its headers."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        """Return host and port as people write them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _port(self.scheme) else f"{host}:{self.port}"

    def same(self, other: Origin | None) -> bool:
        """Return whether ``other`` is this host and port, and a key for it is not sent on in clear here."""
        if other is None or (self.host, self.port) != (other.host, other.port):
            return False
        return self.scheme == "https" or other.scheme == "http"


@dataclass(frozen=True)
class Choice:
    """The key of a host, or None, and then one line that says why, if there is one that does not go there."""

    secret: str | None
    name: str = ""
    why_none: str = ""


def origin(url: str | None) -> Origin | None:
    """Return where a request to ``url`` goes, read as the transport reads it, or None where that is no address."""
    try:
        parts = yarl.URL((url or "").strip())
        host, port = (parts.raw_host or "").lower().rstrip("."), parts.port
    except (UnicodeError, ValueError, TypeError):
        return None
    if not host or parts.scheme not in ("http", "https"):
        return None
    with contextlib.suppress(ValueError):  # a name, not a number
        host = str(ipaddress.ip_address(host.strip("[]")))
    return Origin(parts.scheme, host, port or _port(parts.scheme))


def choose(url: str, keys: tuple[Key, ...], *, named_by: str = ARGUMENT, panel_address: str | None = None) -> Choice:
    """Return the key that goes to the critic at ``url``, which the source ``named_by`` named.

    ``…_KEYS`` goes to the host that it names. ``PERSONA_CRITIC_API_KEY`` goes to the critic's address (``panel_address``
    where a member of a panel has its own), if its source names no other and is at least as trusted as the one that
    named this. ``OPENAI_API_KEY`` goes to OpenAI's hosts, and to the one of ``OPENAI_BASE_URL`` from the same source.
    Raises ``PersonaError`` for a key that cannot be one.
    """
    here = origin(url)
    if here is None:
        return Choice(None)
    refused: list[str] = []
    for key in keys:
        if key.variable == CRITICS:
            secret = _of_list(key, here)
        else:
            reason = _reason(key, here, named_by, panel_address)
            secret = None if reason else key.secret
            if reason and not is_placeholder(key.secret):
                refused.append(f"{key.name} {reason}")
        if secret:
            return Choice(checked(secret, key.name), key.name)
    return Choice(None, "", _explained(here, refused, named_by))


def _of_list(key: Key, here: Origin) -> str | None:
    for host, secret in pairs(key):
        if not host or not secret:
            raise PersonaError("PERSONA_CRITIC_API_KEYS: give host=key, several with commas")
        named = origin(f"{here.scheme}://{host}")
        if named is not None and (named.host, named.port) == (here.host, here.port):
            return secret
    return None


def _reason(key: Key, here: Origin, named_by: str, panel_address: str | None) -> str:
    """Return why this key does not go here, or nothing where it does."""
    own = origin(key.url)
    if key.variable != CRITIC:
        if here.same(own):
            return ""
        if own is not None and key.source == ARGUMENT:
            return f"is for {own}"
        return "" if is_openai(here) else f"is for OpenAI{f' and {own}' if own and not is_openai(own) else ''}"
    if panel_address is not None and not here.same(origin(panel_address)):
        return f"is for {origin(panel_address)}"
    if own is not None:
        # A fleet's addresses are named together, and so is the key for them.
        fleet = map(origin, addresses(key.url))
        return "" if any(here.same(one) for one in fleet) else f"is for {own}"
    if _TRUST[key.source] < _ASKED[named_by]:
        return f"is less trusted than the {named_by} that names the host"
    return ""


def _explained(here: Origin, refused: list[str], named_by: str) -> str:
    if not refused:
        return ""
    named = f", which {'.env' if named_by == DOTENV else f'the {named_by}'} names" if named_by != DEFAULT else ""
    return (
        f"no key is sent to {here}{named}: {'; '.join(refused)}. Where it wants one, set"
        f" PERSONA_CRITIC_API_KEYS={here}=…"
    )


def is_openai(here: Origin | None) -> bool:
    """Return whether this is OpenAI itself: one of its hosts, encrypted, at the usual port."""
    return here is not None and here.host in OPENAI_HOSTS and (here.scheme, here.port) == ("https", 443)


def checked(secret: str, name: str, *, strip: bool = True) -> str:
    """Return the key without blanks around it; raise ``PersonaError`` where it holds a character that no key has.

    Without ``strip`` those around it count, too: who reads the key elsewhere would send them.
    """
    text = secret.strip() if strip else secret
    if "${" in text:
        raise PersonaError(f"{name} holds ${{…}}, which is not filled in: write the key itself")
    for character in text:
        if not "!" <= character <= "~" or character in "\"'`":
            raise PersonaError(
                f"{name}: the key holds a character that no key has (U+{ord(character):04X}): copy it again"
            )
    return text


def left_out(shell: Mapping[str, str]) -> dict[str, str | openai.Omit]:
    """Return what keeps the client from sending what it takes from the shell by itself, to whatever host.

    It adds ``OPENAI_ORG_ID``, ``OPENAI_PROJECT_ID`` and ``OPENAI_CUSTOM_HEADERS``, takes names in another case for others,
    and insists on a key: the one here stands in for that which the request is signed with.
    """
    import openai  # half a second, for those alone who hand in batches: live judgements do without

    names = [*_NAMED.values(), *(name for name, _ in _lines(shell))]
    return {**{name: openai.Omit() for name in names if name != "Authorization"}, "Authorization": "Bearer none"}


def own_headers(url: str, shell: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of ``OPENAI_ORG_ID``, ``…_PROJECT_ID`` and ``…_CUSTOM_HEADERS`` for the host that they are for.

    Of names that differ in case alone the last counts, and those of the list over the other two, as the client has it.
    Raises ``PersonaError`` for what is no header, and for one that belongs to the connection.
    """
    here = origin(url)
    if here is None or not (is_openai(here) or here.same(origin(shell.get("OPENAI_BASE_URL")))):
        return {}
    found = {name.lower(): (variable, name, shell.get(variable, "").strip()) for variable, name in _NAMED.items()}
    optional = frozenset(found)
    found |= {name.lower(): ("OPENAI_CUSTOM_HEADERS", name, value) for name, value in _lines(shell)}
    # The key is chosen elsewhere.
    return dict(
        _checked(*one) for name, one in found.items() if name != "authorization" and (one[2] or name not in optional)
    )


_NAMED = {"OPENAI_ORG_ID": "OpenAI-Organization", "OPENAI_PROJECT_ID": "OpenAI-Project"}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OF_THE_CONNECTION = frozenset(
    {
        "host",
        "content-length",
        "content-type",
        "content-encoding",
        "accept-encoding",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "proxy-authorization",
        "proxy-connection",
    }
)


def _lines(shell: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return names and values of ``OPENAI_CUSTOM_HEADERS`` as the client reads them: one a line, others passed over."""
    lines = (line.partition(":") for line in (shell.get("OPENAI_CUSTOM_HEADERS") or "").split("\n"))
    return [(name.strip(), value.strip()) for name, colon, value in lines if colon]


def _checked(variable: str, name: str, value: str) -> tuple[str, str]:
    if not _TOKEN.fullmatch(name):
        raise PersonaError(f"{variable}: {shorten(name, 40)!r} is no header's name: give Name: value, one a line")
    if name.lower() in _OF_THE_CONNECTION:
        raise PersonaError(f"{variable}: the header {name} is the connection's own: take it out")
    for character in value:
        if not " " <= character <= "~" and character != "\t":
            raise PersonaError(
                f"{variable}: the value of {shorten(name, 40)} holds a character that no header has"
                f" (U+{ord(character):04X}): copy it again"
            )
    return name, value


def _port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


__all__ = ["OPENAI_HOSTS", "Choice", "Origin", "checked", "choose", "is_openai", "left_out", "origin", "own_headers"]
