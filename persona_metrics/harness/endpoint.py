"""Why an endpoint gave no reply, in words, and what may help; and a look at it before anything is paid for. Knows no task."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from .. import masking
from ..critic import keys
from ..errors import PersonaError, shorten

_BUSY = re.compile(
    r"rate.?limit|too many requests|quota|overload|capacity|try again|temporarily|throttl|resource_exhausted", re.I
)
_WAIT = re.compile(
    r"(?:retry_?-?delay|retry_?-?after|try again in|retry in)\D{0,6}(\d+(?:\.\d+)?)\s*(ms|m(?![a-z])|s)?", re.I
)
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_SAID = re.compile(r"(?:Response text|error message): (.*)\. Retrying\.\.\.\Z", re.S)
_SECRET = re.compile(r"(?i)(bearer\s+|sk-|key[=:]\s*)[\w\-.]{6,}")


class ServedError(Exception):
    """An error that a server sent as a reply."""

    def __init__(self, code: Any, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Failure:
    """Why a request failed. ``busy`` and ``passing`` may be asked again; ``fatal`` fails every request of the kind."""

    reason: str
    status: int | None = None
    busy: bool = False
    passing: bool = False
    fatal: bool = False
    wait: float | None = None


def failure_of(error: Exception, heard: Iterable[str] = ()) -> Failure:
    """Return what an exception of lm-eval's clients (aiohttp, requests) means; ``heard`` is what was logged of it."""
    said = next((found[1] for line in heard if (found := _SAID.search(line))), "")
    if isinstance(error, ServedError):
        status = _number(error.code)
        return _of_status(status, f"{error.code or 'an error'} in the reply", str(error) + f" {error.code}", str(error))
    name = type(error).__name__
    status = _number(getattr(error, "status", None) or getattr(getattr(error, "response", None), "status_code", None))
    if name == "ContentTypeError" or "JSONDecodeError" in name:
        return Failure("what answers there does not speak JSON (a web page?)", status, passing=True, fatal=True)
    if status is not None:
        headers = getattr(error, "headers", None) or getattr(getattr(error, "response", None), "headers", None) or {}
        refused = _of_status(status, f"HTTP {status}", said, said)
        after = _number(headers.get("Retry-After"), float)
        return refused if after is None or not after >= 0 else replace(refused, wait=after)
    if "imeout" in name:
        return Failure("no reply in time", passing=True)
    if any(kind in name for kind in ("Certificate", "SSL")):
        return Failure(f"the connection is not trusted: {_shown(error)}", fatal=True)
    if "Connect" in name and "Disconnect" not in name and "Reset" not in name:
        return Failure(f"nothing answers there ({_shown(error)})", passing=True, fatal=True)
    return Failure(f"{name}: {_shown(error)}" if str(error) else name, passing=True)


def _of_status(status: int | None, title: str, text: str, said: str) -> Failure:
    busy = status in (429, 503, 529) or bool(_BUSY.search(text) and status not in (400, 401, 403, 404))
    passing = busy or status is None or status in (408, 409, 425) or status >= 500
    wait = _WAIT.search(text)
    scale = {"ms": 0.001, "m": 60.0}.get((wait[2] or "s").lower(), 1.0) if wait else 0.0
    return Failure(
        f"{title}{': ' if said else ''}{_shown(said)}",
        status,
        busy=busy,
        passing=passing,
        fatal=status in (401, 403, 404, 405, 410),
        wait=float(wait[1]) * scale if wait else None,
    )


def _shown(text: object) -> str:
    plain = re.sub(r"<[^>]{1,200}>", " ", str(text)[:2000])
    clean = "".join(c if c.isprintable() else " " for c in _SECRET.sub(r"\1…", plain))
    return shorten(clean, 100)


def _number(value: Any, kind: Any = int) -> Any:
    try:
        return kind(value)
    except (TypeError, ValueError, OverflowError):
        return None


def address(url: str) -> str:
    """Return an address without a login, a query or a fragment: where keys hide."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def hint(failure: Failure, model: Any) -> str:
    """Return what may help, for the end of the line."""
    if failure.status in (401, 403):
        return "; set OPENAI_API_KEY to a key that this endpoint takes"
    if failure.status in (404, 405, 410):
        return f"; is the model called {shorten(model.model, 60)!r} there, and does base_url end in /chat/completions?"
    if failure.fatal:
        return "; is the server up, and is base_url its address?"
    return ""


_looked: set[str] = set()


def look(model: Any) -> None:
    """See that something listens at the model's address and does not refuse the key; nothing is generated.

    Raises ``PersonaError`` for what no later request could pass. What a server says of ``/models`` decides only where
    it is 401: many have no such page.
    """
    url = str(model.base_url)
    if url in _looked:
        return
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise PersonaError(
            f"base_url={shorten(address(url), 80)!r}: must begin with http:// or https:// and name a host"
        )
    if not any(os.environ.get(name) or os.environ.get(name.lower()) for name in _PROXIES):
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
            socket.create_connection((parts.hostname, port), timeout=20).close()
        except (OSError, ValueError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or error
            raise PersonaError(
                f"the model's endpoint {address(url)}: nothing answers there ({shorten(why, 60)});"
                " is the server up, and is base_url its address?"
            ) from None
        _ask_for_models(url, model)
    _looked.add(url)


def _ask_for_models(url: str, model: Any) -> None:
    import requests

    base = re.sub(r"/(chat/)?completions/?\Z", "", url.partition("?")[0])
    try:
        # A redirect would carry the key on.
        answer = requests.get(
            f"{base}/models", headers=model.header, timeout=10, allow_redirects=False, verify=model.verify_certificate
        )
    except (requests.RequestException, ValueError, AttributeError):
        return
    # A key may be made for chat alone ("missing scopes"); that is no refusal.
    if answer.status_code == 401 and not re.search("scope|permission", answer.text[:2000], re.I):
        failure = Failure(f"HTTP 401: {_shown(answer.text)}", 401)
        raise PersonaError(f"the model's endpoint {address(url)}: {failure.reason}{hint(failure, model)}")


def check_key(running: Any) -> None:
    """Raise ``PersonaError`` for a key of lm-eval's model that cannot be one; lm-eval would fail at each request."""
    try:
        key = getattr(running, "api_key", None)
    except Exception:  # lm-eval says itself which one is missing
        return
    if isinstance(key, str) and key:
        masking.remember(key)
        keys.checked(key, "the key of the model under test", strip=False)


__all__ = ["Failure", "ServedError", "address", "check_key", "failure_of", "hint", "look"]
