"""A critic's address as people paste it, made into the one that requests go to. Knows no network."""

from __future__ import annotations

import base64
import re
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from ..errors import PersonaError, shorten

_PASTED = re.compile(r"/(?:chat/completions|completions|responses|models)/*$")
"""Ends of an address that documentation shows and that the client adds by itself."""


def tidy(url: str) -> str:
    """Return an address without blanks, a pasted ``/chat/completions``, slashes at its end and a fragment.

    Login and query stay. Raises ``PersonaError`` where it is no http address.
    """
    text = url.strip().strip("\"'<>").strip()
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise _no_address(text) from None
    if parts.scheme not in ("http", "https") or not host or re.search(r"\s", text):
        raise _no_address(text)
    path = _PASTED.sub("", parts.path).rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def _no_address(text: str) -> PersonaError:
    shown = re.sub(r"//[^/@]*@", "//***@", text)
    return PersonaError(f"critic_base_url={shorten(shown, 60)!r}: must begin with http:// or https:// and name a host")


def joined(base_url: str, path: str) -> str:
    """Return where ``path`` is asked for: behind the address's own path, before its query, without its login."""
    parts = urlsplit(base_url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path.rstrip("/") + path, parts.query, ""))


def login(base_url: str) -> tuple[str, str] | None:
    """Return user and password of ``https://user:password@host``, None without."""
    before, at, _ = urlsplit(base_url).netloc.rpartition("@")
    user, _, password = before.partition(":")
    return (unquote(user), unquote(password)) if at else None


def query(base_url: str) -> dict[str, str]:
    """Return the address's query, such as Azure's ``api-version``."""
    return dict(parse_qsl(urlsplit(base_url).query, keep_blank_values=True))


def credentials(base_url: str, secret: str | None) -> dict[str, str]:
    """Return the header that says who asks: the address's own login, or the key, or none.

    A login in the address was given for this very host; both cannot go into one header. Azure's dated API takes keys in
    another header than everybody else.
    """
    if (named := login(base_url)) is not None:
        return {"Authorization": f"Basic {base64.b64encode(':'.join(named).encode()).decode()}"}
    if not secret:
        return {}
    if "api-version" in query(base_url):
        return {"api-key": secret}
    return {"Authorization": f"Bearer {secret}"}
