"""What a broken connection was: certificate, proxy, name, or nobody there. Knows exceptions, and no network."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Iterator

from ..errors import shorten

_REFUSED = "nothing listens there"


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what caused it, the outermost first."""
    current: BaseException | None = error
    for _ in range(12):
        if current is None:
            return
        yield current
        current = current.__cause__ or current.__context__


def described(error: BaseException) -> str:
    """Return one line: what kind of failure, what the transport said, and what to change where that is known."""
    errors = list(chain(error))
    text = " ".join(str(one) for one in errors)
    for find in (_certificate, _proxy, _not_tls, _name):
        if found := find(errors, text):
            return found
    return f"connection failed: {shorten(_said(errors), 80)}"


def _certificate(errors: list[BaseException], text: str) -> str | None:
    failed = next((e for e in errors if isinstance(e, ssl.SSLCertVerificationError)), None)
    said = (failed.verify_message if failed is not None else "") or text
    if failed is None and "certificate verify failed" not in text.lower():
        return None
    lower = said.lower()
    if "expired" in lower:
        return "the certificate has expired: renew the server's, or set this machine's clock"
    if "not yet valid" in lower:
        return "the certificate is not valid yet: set this machine's clock"
    if "mismatch" in lower or "doesn't match" in lower or "not valid for" in lower:
        return f"the certificate is for another host: {shorten(said, 80)}; change PERSONA_CRITIC_BASE_URL"
    return (
        f"the certificate is not trusted: {shorten(_reason(said), 60)}; name its authority's file with SSL_CERT_FILE"
    )


def _reason(text: str) -> str:
    found = re.search(r"certificate verify failed: ([^(\]]+)", text)
    return (found.group(1) if found else text).strip()


def _proxy(errors: list[BaseException], text: str) -> str | None:
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
    if any(mark in upper for mark in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE")):
        return "no TLS there: write http:// instead of https://, or change the port"
    if any(isinstance(e, ssl.SSLError) for e in errors):
        return f"TLS failed: {shorten(_said(errors), 80)}"
    return None


def _name(errors: list[BaseException], text: str) -> str | None:
    if any(isinstance(e, socket.gaierror) for e in errors) or "name or service not known" in text.lower():
        return "no such host: its name is not known here; change PERSONA_CRITIC_BASE_URL, or check the network"
    return None


def _said(errors: list[BaseException]) -> str:
    if any(isinstance(e, ConnectionRefusedError) or getattr(e, "errno", 0) == errno.ECONNREFUSED for e in errors):
        return _REFUSED
    return next((str(e) for e in reversed(errors) if str(e).strip()), type(errors[-1]).__name__)


def looks_like_tls(content: bytes, status: int) -> bool:
    """Return whether a server said, in clear, that it speaks TLS alone."""
    text = content[:400].lower()
    return status == 400 and b"http" in text and b"https port" in text


__all__ = ["chain", "described", "looks_like_tls"]
