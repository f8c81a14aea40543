"""A front on loopback for a server that trusts whoever asks: only pages and programs of this machine get through.

A page of any site may send requests to 127.0.0.1, and with a name that it lets point there it may read the answers. Here
the Host must be a loopback name with this port, an Origin must be the same, and no header allows another one.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import urlsplit

NAMES = ("127.0.0.1", "localhost", "[::1]")
LARGEST = 64 << 20
"""Bytes of a request; a prompt is some kilobytes."""
_OWN = ("connection", "transfer-encoding", "content-length", "keep-alive", "server", "date")


class Front:
    """Listens on 127.0.0.1 and hands requests on to ``inner`` (a port of this machine) below a secret ``prefix``.

    Raises ``OSError`` where the port cannot be had. ``answered`` counts the completions that went out.
    """

    def __init__(self, inner: str, prefix: str, port: int = 0) -> None:
        self.answered = 0
        front, where = self, urlsplit(inner)

        class Handler(_Handler):
            target = (str(where.hostname), int(where.port or 80), prefix)

            def done(self) -> None:
                front.answered += 1

        self._server = _Server(("127.0.0.1", port), Handler)
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def allowed(request: BaseHTTPRequestHandler) -> bool:
    """Return whether a request came from a page or program of this machine that meant this very port."""
    port = int(request.connection.getsockname()[1])
    here = {f"{name}:{port}" for name in NAMES} | (set(NAMES) if port == 80 else set())
    hosts, origins = request.headers.get_all("Host", []), request.headers.get_all("Origin", [])
    return (
        len(hosts) == 1
        and hosts[0].strip().lower() in here
        and all(origin.strip().lower() in {f"http://{host}" for host in here} for origin in origins)
        # A full address in the request line would stand for the Host.
        and request.path.startswith("/")
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing where a client went away."""


class _Handler(BaseHTTPRequestHandler):
    target: ClassVar[tuple[str, int, str]]
    protocol_version = "HTTP/1.1"
    timeout = 3600

    def done(self) -> None:
        """Count a completion."""

    def _handle(self) -> None:
        if not allowed(self):
            self._refuse(403, "only programs and pages of this machine are answered: use http://127.0.0.1 and the port")
            return
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal() or int(length) > LARGEST:
            self._refuse(413 if length.isdecimal() else 411, f"send a Content-Length of at most {LARGEST} bytes")
            return
        host, port, prefix = self.target
        body = self.rfile.read(int(length))
        inner = http.client.HTTPConnection(host, port, timeout=3600)
        try:
            kept = {k: v for k, v in self.headers.items() if k.lower() in ("content-type", "accept", "authorization")}
            inner.request(self.command, prefix + self.path, body, kept)
            answer = inner.getresponse()
            self._send(answer)
        except (OSError, http.client.HTTPException):
            self.close_connection = True
        finally:
            inner.close()

    def _send(self, answer: http.client.HTTPResponse) -> None:
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _OWN and not name.lower().startswith("access-control-"):
                self.send_header(name, value)
        length = answer.getheader("Content-Length")
        if length is not None:
            self.send_header("Content-Length", length)
        else:
            # A stream: it ends with the connection.
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command == "POST" and answer.status == 200:
            self.done()
        for block in _blocks(answer):
            self.wfile.write(block)
            self.wfile.flush()

    def _refuse(self, status: int, message: str) -> None:
        data = json.dumps({"error": {"message": message, "code": status}}).encode()
        self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_OPTIONS = do_HEAD = do_PUT = do_DELETE = do_PATCH = _handle

    def setup(self) -> None:
        """Answer small replies at once."""
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def version_string(self) -> str:
        """Name the pack alone."""
        return "persona-metrics"

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def _blocks(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    while block := answer.read1(1 << 16):
        yield block
