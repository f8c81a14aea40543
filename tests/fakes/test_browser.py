"""What the browser for the pages' tests promises them: a page that it has opened is there to its end."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.fakes.browser import chromium, found

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not found() and not os.environ.get("CI"), reason="chromium and its driver are not installed"),
]


class _Slow(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Send a page in three parts, each late."""
        time.sleep(0.2)
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        for part in range(3):
            self.wfile.write(f"<p>{self.path}, part {part}</p>{' ' * 5_000}".encode())
            self.wfile.flush()
            time.sleep(0.2)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _slow() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Slow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_opened_page_is_there_to_its_end() -> None:
    with _slow() as address, chromium(waits="none") as driver:
        for path in ("/a", "/b", "/b"):  # the first page, another, the same again
            driver.get(address + path)
            shown = driver.execute_script("return [...document.querySelectorAll('p')].map((p) => p.textContent)")
            assert shown == [f"{path}, part {part}" for part in range(3)]
