"""Ray, found or named: the import that says which extra it wants, a quiet start, and a dataset of spans. Knows no critic."""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from ..errors import PersonaError, shorten
from .spans import File, Span, cut, spans_of

EXTRA = "--engine ray needs Ray: pip install 'persona-metrics[ray]'"
BLOCKS = 10_000
"""Ray's scheduler looks after so many blocks without trouble."""
_AT_BOTTOM = re.compile(r"(?:\w+\.)*\w*(?:Error|Exception|Exit|Interrupt): ")
"""How a trace's line begins that names the exception."""
FILES_HERE = 4
"""So many files are cut in this process; more of them by tasks of the cluster."""


def require_ray() -> ModuleType:
    """Return ``ray`` with ``ray.data``; raise ``PersonaError`` naming the extra where it is not installed."""
    # Set before the import: it decides what Ray prints and sends home.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise PersonaError(f"{EXTRA} ({shorten(error, 80)})") from None
    return ray  # type: ignore[no-any-return]


@contextmanager
def started(
    address: str | None = None, num_cpus: int | None = None, object_store_mb: int = 256
) -> Iterator[ModuleType]:
    """Lend Ray, connected to the cluster at ``address`` (``auto``, ``ray://…``), or started here and stopped again.

    Quiet: progress and logs of Ray's stay in its own files. Raises ``PersonaError`` where nothing answers at ``address``.
    """
    ray = require_ray()
    here: dict[str, Any] = {}
    if address is None:
        cpus = num_cpus or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else num_cpus
        here = {"num_cpus": cpus, "object_store_memory": object_store_mb << 20, "include_dashboard": False}
    mine = not ray.is_initialized()
    try:
        if mine:
            quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
            with _unsaid():
                ray.init(address=address or "local", namespace="persona-metrics", **quiet, **here)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        where = f"no Ray cluster at {shorten(address, 60)}" if address else "Ray does not start here"
        raise PersonaError(f"--engine ray: {where}: {shorten(error)}") from None
    _quiet(ray)
    ended = threading.Event()
    if mine and address is None:
        threading.Thread(target=_watch, args=(ray, ended), daemon=True).start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Ray's: fewer spans than actors is no news to a user
            yield ray
    finally:
        ended.set()
        if mine:
            ray.shutdown()


def _watch(ray: ModuleType, ended: threading.Event) -> None:
    """End this process with a line where Ray's own processes were killed: its core would end it without a word."""
    node = getattr(ray._private.worker, "_global_node", None)
    while node is not None and not ended.wait(0.5):
        killed = [name for name, _ in node.dead_processes() if name in ("raylet", "gcs_server")]
        if killed and not ended.is_set():
            line = f"--engine ray: Ray's {killed[0]} ended on this machine (killed, or out of memory?)"
            print(f"persona-metrics: error: {line}; run the same command again", file=sys.stderr, flush=True)
            os._exit(2)


@contextmanager
def _unsaid() -> Iterator[None]:
    """Keep from the console what Ray's core says there, past Python, about its own log level."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _quiet(ray: ModuleType) -> None:
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)


def spans(ray: ModuleType, path: str, rows: int | None = None, cut: Callable[..., list[Span]] = cut) -> list[Span]:
    """Return the spans of the files at ``path``; many files are cut by the cluster. Raises ``PersonaError`` for no rows."""

    def elsewhere(files: list[File]) -> list[list[Span]]:
        if len(files) <= FILES_HERE:
            return [cut(file, *more) for file in files]
        remote = ray.remote(cut)
        try:
            return list(ray.get([remote.remote(file, *more) for file in files]))
        except Exception as error:
            raise cause(error) from None

    more = () if rows is None else (rows,)
    return spans_of(path, each=elsewhere)


def dataset(ray: ModuleType, found: Sequence[Span]) -> Any:
    """Return a Ray dataset with one row a span (its fields), one block each up to ``BLOCKS``: any actor may take any."""
    rows = [dict(vars(span)) for span in found]
    return ray.data.from_items(rows, override_num_blocks=min(len(rows), BLOCKS))


def cause(error: BaseException) -> BaseException:
    """Return the ``PersonaError`` that a task or an actor raised, dug out of what Ray wrapped it in; else ``error``."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, PersonaError):
            return PersonaError(str(seen.args[0]) if seen.args else str(seen))
        inner = getattr(seen, "cause", None)
        seen = inner if isinstance(inner, BaseException) else seen.__cause__
    return error


def said(error: BaseException) -> str:
    """Return on one line what the error of a task or an actor is at bottom: Ray hands it on as a trace, in a text."""
    lines = (line.strip() for line in str(error).splitlines())
    first = next((line for line in lines if _AT_BOTTOM.match(line) and not line.startswith("ray.")), None)
    return shorten(first or error, 300)
