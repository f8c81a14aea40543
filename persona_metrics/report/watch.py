"""Serves a report on loopback while its runs go on, and writes it anew whenever there are more samples.

lm-eval writes samples when all is done; until then a run keeps those judged so far in a folder of its own
(``runs.so_far``), and the verdict store says how far the critic is where it does not.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from ..critic.store import OFF, Store
from ..errors import PersonaError
from ..files import open_read
from ..loopback import allowed
from ..runs import so_far
from ..runs.read import Run
from .load import going
from .write import Written, write_report

EVERY = 2.0
"""Seconds between two looks at the runs."""
SHARE = 4.0
"""So many times as long as a report took to write it is left as it is."""
SILENT = 120.0
"""So many seconds without a sign of life of a run are said."""
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
    seen: Found | None = None
    written: Found | None = None
    began, due, refused = _votes(store), 0.0, ""
    runs: list[Run] = []
    lines = _Lines()
    while True:
        now = fingerprint(paths)
        if now != seen:
            seen, runs = now, going(paths)
        if now != written and (started := time.monotonic()) >= due:
            written = now
            try:
                told(write_report(paths, out, live=site.version + 1, **given))
            except PersonaError as error:
                refused = str(error) if now.results else ""
            else:
                refused, site.page, site.version = "", out / "report.html", site.version + 1
            # A large report takes longer than it stays true: most of the time is the run's.
            due = time.monotonic() + SHARE * (time.monotonic() - started)
        site.said = _said(now, refused, site.page is not None, [*_tasks(runs, lines)], _judged(store, began))
        if stop.wait(EVERY):
            return


def _said(now: Found, refused: str, shown: bool, tasks: Sequence[str], judged: str) -> str:
    """Return the line above the page: what goes on, else what there is."""
    done = sum(Path(name).name.startswith("results_") for name, _, _ in now.results)
    files = f"{done} {'file' if done == 1 else 'files'} of results."
    if tasks:
        parts = [*tasks, files if done else "", judged]
        return " ".join(("So far:" if shown else "Waiting for the first verdicts:", *filter(None, parts)))
    if refused:
        return f"So far: {refused}"
    if done:
        return f"{files} This page follows what comes. {judged}".rstrip()
    if shown:
        return f"The run has ended without results: this page shows what there was so far. {judged}".rstrip()
    return f"Waiting for the first results. {judged}".rstrip()


def _tasks(runs: Sequence[Run], lines: _Lines) -> Iterator[str]:
    """Yield of every task that goes on how many of its pairs are judged, and where nothing was heard of it, since when."""
    for run in runs:
        try:
            silent = time.time() - run.path.stat().st_mtime
        except OSError:  # it has ended in this moment
            continue
        said = f"; nothing was heard of the run for {silent / 60:.0f} minutes" if silent > SILENT else ""
        for task in run.tasks:
            pairs = f"{lines.of(task.samples):,} of {task.counts.effective or 0:,} pairs judged"
            yield f"{task.called} of {run.model}, {pairs}{said}."


class _Lines:
    """Counts the lines of files that grow, reading what is new alone."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[int, int]] = {}

    def of(self, path: Path | None) -> int:
        if path is None:
            return 0
        offset, count = self._known.get(path, (0, 0))
        try:
            with open_read(path) as file:
                file.seek(offset)
                while part := file.read(1 << 20):
                    offset, count = offset + len(part), count + part.count(b"\n")
        except (OSError, PersonaError):
            return count
        self._known[path] = offset, count
        return count


@dataclass(frozen=True)
class Found:
    """Name, size and time of every results and samples file, and name and size of what was judged so far."""

    results: tuple[tuple[str, int, int], ...]
    going: tuple[tuple[str, int], ...]


def fingerprint(paths: Sequence[Path]) -> Found:
    """Return what there is at or below ``paths``."""
    found, going = [], []
    for path in paths or [Path()]:
        folders = os.walk(path) if path.is_dir() else [(str(path.parent), [], [p.name for p in path.parent.glob("*")])]
        for folder, _, names in folders:
            so_far_here = Path(folder).parent.name == so_far.FOLDER
            for name in names:
                if not (so_far_here or name.startswith(("results_", "samples_"))):
                    continue
                try:
                    stat = Path(folder, name).stat()
                except OSError:
                    continue
                if so_far_here:
                    going.append((str(Path(folder, name)), stat.st_size))
                else:
                    found.append((str(Path(folder, name)), stat.st_size, stat.st_mtime_ns))
    return Found(tuple(sorted(found)), tuple(sorted(going)))


def _votes(store: str | None) -> int | None:
    if store == OFF:
        return None
    try:
        with Store(store, create=False) as held:
            return sum(int(row["verdicts"]) for row in held.stats())
    except PersonaError:
        return None


def _judged(store: str | None, began: int | None) -> str:
    if store == OFF:
        return ""
    now = _votes(store)
    if now is None:
        return "There are no verdicts in the store."
    return f"The verdict store holds {now:,} votes, {now - (began or 0):,} more than when this began."
