from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from persona_metrics.loopback import Front


class _Careless(BaseHTTPRequestHandler):
    """Answers whoever asks, as llama.cpp does."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200 if self.path.startswith("/secret/") else 404)
        self.send_header("Access-Control-Allow-Origin", self.headers.get("Origin", "*"))
        self.send_header("Access-Control-Allow-Credentials", "true")
        if "stream" in self.path:
            self.end_headers()
            self.wfile.write(b"data: 1\n\n")
            self.close_connection = True
            return
        text = f"{self.command} {self.path} {body.decode()}".encode()
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_OPTIONS = _answer

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def front() -> Iterator[Front]:
    inner = ThreadingHTTPServer(("127.0.0.1", 0), _Careless)
    threading.Thread(target=inner.serve_forever, daemon=True).start()
    made = Front(f"http://127.0.0.1:{inner.server_address[1]}", "/secret")
    yield made
    made.close()
    inner.shutdown()


def ask(
    front: Front, method: str = "GET", path: str = "/v1/models", body: str = "", **headers: str
) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=10)
    connection.request(method, path, body or None, headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode(), str(answer.headers)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_loopback_names_with_the_port_are_answered(name: str, front: Front) -> None:
    host = f"{name}:{front.port}"
    assert ask(front, Host=host)[:2] == (200, "GET /secret/v1/models ")
    status, text, headers = ask(front, "POST", "/v1/x", "body", Host=host, Origin=f"http://{host}")
    assert (status, text) == (200, "POST /secret/v1/x body")
    assert "access-control" not in headers.lower()
    assert front.answered == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:{port}"},
        {"Host": "127.0.0.1.evil.example:{port}"},
        {"Host": "localhost"},
        {"Host": "127.0.0.1:1"},
        {"Host": ""},
        {"Host": "0.0.0.0:{port}"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Origin": "https://127.0.0.1:{port}"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_other_hosts_and_origins_are_refused(method: str, headers: dict[str, str], front: Front) -> None:
    status, text, shown = ask(front, method, **{k: v.format(port=front.port) for k, v in headers.items()})
    assert status == 403
    assert "/secret" not in text
    assert "access-control" not in shown.lower()


@pytest.mark.parametrize(
    "request_text",
    [
        "GET /v1/models HTTP/1.1\r\n\r\n",
        "GET /v1/models HTTP/1.0\r\n\r\n",
        "GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: evil.example\r\n\r\n",
        "GET http://evil.example/v1/models HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n",
        "POST /v1/x HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /v1/x HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 99999999999\r\n\r\n",
    ],
)
def test_request_that_does_not_say_plainly_where_it_goes_is_refused(request_text: str, front: Front) -> None:
    with socket.create_connection(("127.0.0.1", front.port), timeout=10) as connection:
        connection.sendall(request_text.format(port=front.port).encode())
        assert connection.makefile("rb").readline().split()[1] in (b"403", b"411", b"413")


def test_way_around_the_front_is_not_known(front: Front) -> None:
    assert ask(front, path="/../v1/models")[1].startswith("GET /secret/")


def test_stream_is_handed_on(front: Front) -> None:
    assert ask(front, path="/v1/stream")[1] == "data: 1\n\n"


def test_port_in_use_is_an_error_of_the_system(front: Front) -> None:
    with pytest.raises(OSError, match="in use"):
        Front(front.url, "/secret", front.port)
