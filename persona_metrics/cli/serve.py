"""``persona-metrics serve``: the embedded model, or the critic's reward (``--verify``), as an endpoint on loopback."""

from __future__ import annotations

import argparse
import signal
import socket
import threading
from typing import Any

from .. import settings
from ..consoles import say
from ..embedded_model.model import LocalServer, model_path
from ..errors import PersonaError
from .metadata import METADATA, parse_metadata


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``serve``."""
    parser.add_argument("--port", type=int, default=8080, help="port on 127.0.0.1; 0 picks a free one (default 8080)")
    parser.add_argument("--verify", action="store_true", help="serve rewards at /verify, as NeMo Gym asks for them")
    parser.add_argument("--metadata", nargs="+", default=[], metavar="KEY=VALUE", help=f"--verify: {METADATA}")


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
    overrides = parse_metadata(arguments.metadata)
    if arguments.verify:
        return _verify(arguments.port, overrides)
    if overrides:
        raise PersonaError("--metadata: only with --verify; leave it out")
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    with LocalServer(model_path(settings.load().local_model), arguments.port) as server:
        print(server.base_url, flush=True)
        stop.wait()
    return 0


def _verify(port: int, overrides: dict[str, Any]) -> int:
    from ..critic import check_once
    from ..rewards import endpoint

    chosen = settings.load(overrides, where="--metadata")
    if chosen.critic_model:
        check_once(chosen)
    else:
        say("no critic is configured: only choices can be verified")
    endpoint.serve(port, lambda address: print(address, flush=True), overrides)
    return 0
