"""Serves a report on loopback while its runs go on, and writes it anew whenever there are more samples.

lm-eval writes a task's samples when the task is done; until then the verdict store says how far the critic is.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from ..critic.store import Store
from ..errors import PersonaError
from ..loopback import allowed
from .write import Written, write_report

EVERY = 2.0
"""Seconds between two looks at the runs."""
_WAITING = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>No results so far</title>
<style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}}</style>
</head><body><main><h1>No results so far</h1><p>{said}</p></main>
<script>setTimeout(() => location.reload(), 2000)</script></body></html>"""


class Site:
    """The page as it is now, served on 127.0.0.1 to pages and programs of this machine alone.

    Raises ``OSError`` where the port cannot be had.
    """

    def __init__(self, port: int = 0) -> None:
        self.page: Path | None = None
        self.version = 0
        self.said = "Nothing was looked at yet."
        site = self

        class Handler(_Handler):
            held = site

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    held: ClassVar[Site]

    def do_GET(self) -> None:
        """Answer with the page, or with its version."""
        if not allowed(self):
            self._send(403, b"only pages and programs of this machine are answered", "text/plain")
        elif self.path.partition("?")[0] == "/state":
            state = {"version": self.held.version, "said": self.held.said}
            self._send(200, json.dumps(state).encode(), "application/json")
        elif self.path.partition("?")[0] != "/":
            self._send(404, b"there is one page here: /", "text/plain")
        elif self.held.page is None:
            text = _WAITING.format(said=self.held.said.replace("&", "&amp;").replace("<", "&lt;"))
            self._send(200, text.encode("utf-8", "replace"), "text/html")
        else:
            self._send(200, self.held.page.read_bytes(), "text/html")

    def _send(self, status: int, data: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.end_headers()
        self.wfile.write(data)

    def version_string(self) -> str:
        """Name the pack alone."""
        return "persona-metrics"

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def watch(
    paths: Sequence[Path],
    out: Path,
    stop: threading.Event,
    site: Site,
    *,
    store: str | None = None,
    told: Callable[[Written], None] = lambda _: None,
    **given: Any,
) -> None:
    """Write the report into ``out`` whenever the runs change, until ``stop`` is set; ``given`` are ``write_report``'s.

    ``told`` gets every report. A path that holds no run yet is waited for; raises ``PersonaError`` where ``out`` cannot be
    written.
    """
    before: Any = None
    began = _votes(store)
    while True:
        now = fingerprint(paths)
        if now != before:
            before = now
            try:
                written = write_report(paths, out, live=site.version + 1, **given)
            except PersonaError as error:
                missing = site.page is None and not now
                site.said = f"Waiting for the first results. {_judged(store, began)}" if missing else f"So far: {error}"
            else:
                site.page, site.version = out / "report.html", site.version + 1
                told(written)
        if site.page is not None:
            tasks = len(now) // 2 or 1
            site.said = f"So far: {tasks} {'file' if tasks == 1 else 'files'} of results. {_judged(store, began)}"
        elif not now:
            site.said = f"Waiting for the first results. {_judged(store, began)}"
        if stop.wait(EVERY):
            return


def fingerprint(paths: Sequence[Path]) -> tuple[tuple[str, int, int], ...]:
    """Return name, size and time of every results and samples file at or below ``paths``."""
    found = []
    for path in paths or [Path()]:
        folders = os.walk(path) if path.is_dir() else [(str(path.parent), [], [p.name for p in path.parent.glob("*")])]
        for folder, _, names in folders:
            for name in names:
                if not name.startswith(("results_", "samples_")):
                    continue
                try:
                    stat = Path(folder, name).stat()
                except OSError:
                    continue
                found.append((str(Path(folder, name)), stat.st_size, stat.st_mtime_ns))
    return tuple(sorted(found))


def _votes(store: str | None) -> int | None:
    try:
        with Store(store, create=False) as held:
            return sum(int(row["verdicts"]) for row in held.stats())
    except PersonaError:
        return None


def _judged(store: str | None, began: int | None) -> str:
    now = _votes(store)
    if now is None:
        return "There are no verdicts in the store."
    return f"The verdict store holds {now:,} votes, {now - (began or 0):,} more than when this began."
