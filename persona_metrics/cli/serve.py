"""``persona-metrics serve``: the embedded model as an endpoint on loopback, for trying things out."""

from __future__ import annotations

import argparse
import signal
import socket
import threading

from .. import embedded_model, settings
from ..errors import PersonaError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``serve``."""
    parser.add_argument("--port", type=int, default=8080, help="port on 127.0.0.1; 0 picks a free one (default 8080)")


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted; the address is the first line on stdout."""
    if not 0 <= arguments.port <= 65535:
        raise PersonaError(f"--port {arguments.port}: must be between 0 and 65535")
    if arguments.port:
        # llama.cpp would say only that it could not start.
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", arguments.port))
            except OSError as error:
                raise PersonaError(f"--port {arguments.port}: {error.strerror}; take another, or 0") from None
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    with embedded_model.LocalServer(embedded_model.model_path(settings.load().local_model), arguments.port) as server:
        print(server.base_url, flush=True)
        stop.wait()
    return 0
