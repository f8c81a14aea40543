"""``persona-metrics report``: tables, figures and one page from a run, or from several."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``report``."""
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="results_*.json, samples_*.jsonl or a folder; several are compared (default: the newest run below here)",
    )
    parser.add_argument("--out", default="persona-report", help="folder to write to (default persona-report)")
    parser.add_argument(
        "--labels", nargs="+", type=Path, metavar="FILE", help="people's labels (default: the run's setting labels)"
    )
    parser.add_argument("--no_html", action="store_true", help="tables, figures and report.json only")
    parser.add_argument("--no_figures", action="store_true", help="no figures")
    parser.add_argument(
        "--watch",
        action="store_true",
        help="serve the page on this machine while a run goes on; it follows what is new",
    )
    parser.add_argument("--port", type=int, default=0, help="--watch: port on 127.0.0.1 (default 0, a free one)")
    parser.add_argument("--progress", action="store_true", help="show the stages even where stderr is no terminal")
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of report.json and stop")


def run(arguments: argparse.Namespace) -> int:
    """Write the report and say what it found and where it lies."""
    # seaborn and scipy take seconds to import; `persona-metrics --help` should not.
    from ..report import write_report
    from ..report.schema import Report

    if arguments.schema:
        print(json.dumps(Report.model_json_schema(), indent=1))
        return 0
    if arguments.watch:
        return _watch(arguments)
    written = write_report(
        [Path(p) for p in arguments.paths],
        Path(arguments.out),
        html=not arguments.no_html,
        figures=not arguments.no_figures,
        labels=arguments.labels,
        progress=sys.stderr.isatty() or arguments.progress,
    )
    for note in written.notes:
        print(f"note: {note}")
    for warning in written.report.warnings:
        print(f"warning: {warning.text} [{warning.about}]")
    for task in written.report.tasks:
        print(f"{task.task} of {task.model}: {' '.join(filter(None, (task.headline, task.finding, task.people)))}")
    print(f"{written.folder}: report.json, tables/, {len(written.figures)} files in figures/")
    page = written.folder / "report.html"
    if not arguments.no_html:
        print(f"open {page} ({size(page.stat().st_size)})")
    return 0


def _watch(arguments: argparse.Namespace) -> int:
    """Serve until interrupted; the address is the first line on stdout."""
    import signal
    import threading

    from .. import settings
    from ..errors import PersonaError
    from ..report.watch import Site, watch

    if arguments.no_html:
        raise PersonaError("--watch serves the page: leave --no_html out")
    if not 0 <= arguments.port <= 65535:
        raise PersonaError(f"--port {arguments.port}: must be between 0 and 65535")
    paths = [Path(p) for p in arguments.paths] or [Path()]
    try:
        site = Site(arguments.port)
    except OSError as error:
        raise PersonaError(f"--port {arguments.port}: {error.strerror}; take another, or 0") from None
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    print(site.url, flush=True)
    try:
        watch(
            paths,
            Path(arguments.out),
            stop,
            site,
            store=settings.load().critic_store or None,
            told=lambda written: print(f"{written.folder}: {len(written.report.tasks)} tasks so far", flush=True),
            figures=not arguments.no_figures,
            labels=arguments.labels,
        )
    finally:
        site.close()
    return 0


def size(count: int) -> str:
    """Return a number of bytes as a reader wants it."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(1, round(count / 1e3))} KB"
