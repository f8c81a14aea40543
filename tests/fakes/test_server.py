"""What the stand-in for paid endpoints says of itself: other tests count by it."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

import pytest

from tests.fakes.server import Server


@pytest.mark.parametrize("letters", [10, 50_000])
def test_requests_that_nobody_waited_for_are_counted(letters: int) -> None:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * letters}]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    for _ in range(10):
        with Server() as server:
            there = ("127.0.0.1", urlsplit(server.base_url).port)
            for _ in range(4):
                with socket.create_connection(there) as connection:
                    connection.sendall(head + body)
            assert server.counts["model"] == len(server.log) == 4
