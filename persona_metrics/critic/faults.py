"""What a broken connection was: certificate, proxy, name, or nobody there. Knows exceptions, and no network."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ..errors import PersonaError, shorten

_CLOSED = "closed without a reply"
_LASTING = ("the certificate", "the proxy wants", "the proxy refused (HTTP 403)", "no TLS there", "TLS is spoken there")


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it was raised from, the outermost first."""
    current: BaseException | None = error
    for _ in range(12):
        if current is None:
            return
        yield current
        # What merely happened before is no cause: libraries look for an event loop that is not there.
        inner = getattr(current, "os_error", None) or getattr(current, "certificate_error", None)
        current = current.__cause__ or (inner if isinstance(inner, BaseException) else None)


def described(error: BaseException, *, clear: bool = False) -> str:
    """Return one line: what kind of failure, what the transport said, and what to change where that is known.

    ``clear`` says that the request went without TLS, which the errors of some transports do not tell.
    """
    errors = list(chain(error))
    text = " ".join(str(one) for one in errors)
    for found in (_certificate(errors, text), _proxy(errors), _not_tls(errors, text), _name(errors, text)):
        if found:
            return found
    return f"connection failed: {shorten(_said(errors, clear), 80)}"


def _certificate(errors: list[BaseException], text: str) -> str | None:
    failed = next((e for e in errors if isinstance(e, ssl.SSLCertVerificationError)), None)
    said = getattr(failed, "verify_message", "") or text
    if failed is None and "certificate verify failed" not in text.lower():
        return None
    lower = said.lower()
    if "expired" in lower:
        return "the certificate has expired: renew the server's, or set this machine's clock"
    if "not yet valid" in lower:
        return "the certificate is not valid yet: set this machine's clock"
    if "mismatch" in lower or "doesn't match" in lower or "not valid for" in lower:
        return f"the certificate is for another host: {shorten(_reason(said), 80)}; change PERSONA_CRITIC_BASE_URL"
    return f"the certificate is not trusted: {shorten(_reason(said), 60)}; name its authority's file with SSL_CERT_FILE"


def _reason(text: str) -> str:
    found = re.search(r"certificate verify failed: ([^(\]]+)", text)
    return (found.group(1) if found else text).strip()


def _proxy(errors: list[BaseException]) -> str | None:
    kinds = {kind.__name__ for e in errors for kind in type(e).__mro__}
    if not kinds & {"ProxyError", "ClientProxyConnectionError", "ClientHttpProxyError"}:
        return None
    status = next((s for e in errors if isinstance(s := getattr(e, "status", None), int)), None)
    if status is None and (found := re.match(r"\s*(\d{3})\b", str(errors[-1]))):
        status = int(found.group(1))
    where = "HTTPS_PROXY, HTTP_PROXY or ALL_PROXY (NO_PROXY spares a host)"
    if status == 407:
        return f"the proxy wants a login (HTTP 407): give user and password in {where}"
    if status is not None:
        return f"the proxy refused (HTTP {status}): change {where}"
    return f"the proxy does not answer: {shorten(_said(errors), 80)}; change {where}"


def _not_tls(errors: list[BaseException], text: str) -> str | None:
    upper = text.upper()
    if any(
        mark in upper for mark in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE")
    ):
        return "no TLS there: write http:// instead of https://, or change the port"
    if any(isinstance(e, ssl.SSLError) for e in errors):
        return f"TLS failed: {shorten(_said(errors), 80)}"
    return None


def _name(errors: list[BaseException], text: str) -> str | None:
    if any(isinstance(e, socket.gaierror) for e in errors) or "name or service not known" in text.lower():
        host = next((h for e in errors if isinstance(h := getattr(e, "host", None), str)), "its name")
        return (
            f"no such host: {shorten(host, 60)} is not known here; change PERSONA_CRITIC_BASE_URL, or see the network"
        )
    return None


def _said(errors: list[BaseException], clear: bool = False) -> str:
    if any(isinstance(e, ConnectionRefusedError) or getattr(e, "errno", 0) == errno.ECONNREFUSED for e in errors):
        return "refused"
    if any(isinstance(e, ConnectionResetError) or type(e).__name__ == "ServerDisconnectedError" for e in errors):
        # An error of httpx or openai knows its request.
        clear = clear or any(str(getattr(e.__dict__.get("request"), "url", "")).startswith("http://") for e in errors)
        return f"{_CLOSED}; where TLS is spoken, write https://" if clear else _CLOSED
    return next((str(e) for e in reversed(errors) if str(e).strip()), type(errors[-1]).__name__)


def lasting(reason: str) -> bool:
    """Return whether what ``described`` said cannot pass by itself, so that asking again is in vain."""
    return reason.startswith(_LASTING)


def wants_tls(status: int, content: bytes) -> str:
    """Return what to change where a server says, in clear, that it speaks TLS alone; else nothing."""
    text = content[:1000].lower()
    said = (b"https port", b"request to an https server", b"ssl-enabled server port")
    return (
        "TLS is spoken there: write https:// instead of http://" if status == 400 and any(map(text.count, said)) else ""
    )


@contextmanager
def building(shell: Mapping[str, str]) -> Iterator[None]:
    """Turn what a client raises when it is made (a proxy's address, a file of certificates) into a ``PersonaError``."""
    try:
        yield
    except (OSError, ValueError, ImportError) as error:
        for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
            if isinstance(error, OSError) and (path := shell.get(name)):
                why = (
                    "no certificate in it" if isinstance(error, ssl.SSLError) else error.strerror or shorten(error, 80)
                )
                raise PersonaError(f"{name}={shorten(path, 80)}: {why}") from None
        raise PersonaError(
            f"no connection can be made: {shorten(error, 120)}; see HTTPS_PROXY, HTTP_PROXY and ALL_PROXY"
        ) from None


__all__ = ["building", "chain", "described", "lasting", "wants_tls"]
