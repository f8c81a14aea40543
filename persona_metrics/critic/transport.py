"""HTTP to one endpoint: whole replies within a limit of time and size, or one of two errors. Knows no critic.

It keeps no cookie, follows no redirect, and reads no login from a file: each call stands for itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import certifi
import yarl

from .. import __version__
from . import address, keys

LARGEST_REPLY = 32 << 20
"""Bytes; a reply of the critic has a few thousand."""
LONGEST_HEADER = 1 << 16
"""Bytes; gateways send policies of ten thousand."""


class Unreachable(Exception):
    """No connection, or one that broke; ``__cause__`` is what the transport raised."""


class Unreadable(Exception):
    """What came back is no HTTP, or more than anybody can read; ``__cause__`` is what the transport raised, if it did."""


@dataclass(frozen=True)
class Response:
    """A whole response. The headers' names are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Transport:
    """Connections to one address; to be made and used within one event loop. ``timeout`` is for a whole reply, seconds.

    Made within ``faults.building``: proxy, certificates and the shell's own headers are looked at here.
    """

    def __init__(self, base_url: str, secret: str | None, timeout: float) -> None:
        self._base_url, self._timeout = base_url, timeout
        # Names in another case are the same header.
        self._headers = {"User-Agent": f"persona-metrics/{__version__}", "Accept": "application/json"}
        for more in (keys.own_headers(base_url, os.environ), address.credentials(base_url, secret)):
            again = {name.lower() for name in more}
            self._headers = {name: value for name, value in self._headers.items() if name.lower() not in again} | more
        self._proxy = _proxy(base_url)
        self._trusted = _trusted() if urlsplit(base_url).scheme == "https" else True
        self._session: aiohttp.ClientSession | None = None

    async def post(self, path: str, body: Mapping[str, Any], timeout: float | None = None) -> Response:
        """Send ``body`` as JSON; raise ``TimeoutError``, ``Unreachable`` or ``Unreadable``."""
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        return await self._ask("POST", path, timeout or self._timeout, content)

    async def get(self, path: str, timeout: float) -> Response:
        """Ask for ``path``; raises as ``post`` does."""
        return await self._ask("GET", path, timeout)

    async def _ask(self, method: str, path: str, timeout: float, content: bytes | None = None) -> Response:
        headers = {"Content-Type": "application/json"} if content is not None else {}
        try:
            async with self._open().request(
                method,
                address.joined(self._base_url, path),
                data=content,
                headers=headers,
                proxy=self._proxy,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout),
            ) as response:
                got = await _whole(response)
                if response.status < 200:
                    raise Unreadable(f"HTTP {response.status} instead of a reply")
                # Names and values are bytes in truth; whatever they hold must not end the run.
                named = {k.lower(): v.encode("utf-8", "replace").decode() for k, v in response.headers.items()}
                return Response(response.status, named, got)
        except asyncio.TimeoutError as error:
            raise TimeoutError from error
        except (aiohttp.ClientConnectionError, aiohttp.ClientHttpProxyError, ssl.SSLError, OSError) as error:
            raise Unreachable(str(error)) from error
        except Unreadable:
            raise
        except Exception as error:
            # A server can break a reply in more ways than the transport has names for.
            raise Unreadable(str(error) or type(error).__name__) from error

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=0,  # the gate is the limit; the connector's own of 100 would be another
                ssl=self._trusted,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                headers=self._headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                max_line_size=LONGEST_HEADER,
                max_field_size=LONGEST_HEADER,
            )
        return self._session

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > LARGEST_REPLY:
            raise Unreadable(f"longer than {LARGEST_REPLY >> 20} MB")
    return b"".join(parts)


def _proxy(base_url: str) -> str | None:
    """Return the proxy that the environment names for this address (``HTTPS_PROXY`` …, less ``NO_PROXY``)."""
    parts = urlsplit(base_url)
    proxies = getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    if not found or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    url = yarl.URL(found if "://" in found else f"http://{found}")
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"no http proxy: {url.scheme}://…")
    return str(url)


def _trusted() -> ssl.SSLContext:
    # Named, the file has to be one; by itself OpenSSL would pass over one that is not there.
    context = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or None)
    context.set_default_verify_paths()  # heeds SSL_CERT_DIR
    if not context.cert_store_stats()["x509_ca"]:
        context.load_verify_locations(certifi.where())
    return context
