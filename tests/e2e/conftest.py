"""The installs that end-to-end tests run on: this checkout, the wheel in empty venvs, one a version of lm-eval, and beside
an lm-eval installed from a source folder."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e import declared
from tests.e2e.command import CHECKOUT, HERE, Install
from tests.e2e.tools import tool_python

VERSIONS = ("0.4.13", "0.5.0.dev1")
"""The versions of lm-eval that the pack is made for; the second is a pre-release."""

INSTALLS = [
    pytest.param("checkout"),
    *(pytest.param(version, id=f"wheel-on-lm-eval-{version}", marks=pytest.mark.slow) for version in VERSIONS),
]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pack's wheel, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(CHECKOUT))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Callable[[str], Install]:
    """Give the install of that name; a venv is made the first time it is asked for and kept for the session.

    Nothing is in it but the wheel and what that declares, by pip's account. What of that is installed here is not installed
    again, and lm-eval comes without its benchmarks: at every start they take seconds to read.
    """
    made = {"checkout": HERE}

    def get(name: str) -> Install:
        if name not in made:
            built: Path = request.getfixturevalue("wheel")
            folder = tmp_path_factory.mktemp(f"venv-{name}")
            behind = folder / "declared" / "site-packages"  # by that name dill knows packages from the user's code
            declared.link(declared.closure(built, frozenset({"lm-eval"})), behind)
            python, site = made_venv(folder / "venv")
            here = importlib.metadata.version("lm-eval") == name
            other = Path(sys.executable) if here else tool_python(no_deps=(f"lm-eval=={name}",), with_ours=True)
            declared.put_lm_eval(site_packages(other), site)
            declared.see(site, behind)
            pip(python, "install", "--no-compile", str(built), f"lm-eval[api]=={name}")
            pip(python, "check")
            # What plain `lm_eval` needs; `persona-metrics run` has a test of its own.
            _run(python, "-m", "persona_metrics", "tasks", "--link")
            made[name] = Install(name, python, include=False, waits=True, hf_home=folder / "hf")
        return made[name]

    return get


@dataclass(frozen=True)
class FromSource:
    """An install whose lm-eval is a source folder, as lm-eval's README has it, and what hid it until it was taken away."""

    install: Install
    folder: Path
    doctor: str
    unlinked: str


@pytest.fixture(scope="session")
def from_source(tmp_path_factory: pytest.TempPathFactory, installed: Callable[[str], Install]) -> FromSource:
    """Swap lm-eval's wheel for ``pip install -e``, with the link to our tasks still where the wheel was."""
    version = VERSIONS[0]
    place = tmp_path_factory.mktemp("from-source")
    python, site = made_venv(place / "venv")
    shutil.copytree(site_packages(Path(installed(version).python)), site, dirs_exist_ok=True)
    # Once, where pip would fetch it for each of the next two.
    pip(python, "install", "setuptools", "wheel")
    sdist = ("--no-deps", "--no-binary", "lm-eval", "--no-build-isolation")
    # pip unpacks all of it, only to read its name; in memory that is a fifth of the work.
    with tempfile.TemporaryDirectory(dir=_memory()) as unpacked:
        pip(python, "download", *sdist, "--dest", str(place), f"lm-eval=={version}", TMPDIR=unpacked)
    (packed,) = place.glob("*.tar.gz")
    with tarfile.open(packed) as archive:
        archive.extractall(place, [one for one in archive if not _of_benchmark(one)], filter="data")
    (folder,) = (path for path in place.iterdir() if path.is_dir() and path.name != "venv")
    pip(python, "uninstall", "--yes", "lm-eval")
    pip(python, "install", "--no-deps", "--no-build-isolation", "--editable", str(folder))
    command = [python, "-m", "persona_metrics"]
    doctor = subprocess.run([*command, "doctor"], capture_output=True, text=True, check=False, cwd=place)
    unlink = subprocess.run([*command, "tasks", "--unlink"], capture_output=True, text=True, check=False, cwd=place)
    return FromSource(Install("source", python, include=False), folder, doctor.stdout, unlink.stdout)


@pytest.fixture(scope="module", params=INSTALLS)
def install(request: pytest.FixtureRequest, installed: Callable[[str], Install]) -> Install:
    """Each install in turn."""
    return installed(request.param)


def made_venv(folder: Path) -> tuple[str, Path]:
    """Make an empty venv, without pip; return its Python and its site-packages."""
    venv.create(folder, symlinks=os.name == "posix")
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    return str(python), site_packages(python)


def site_packages(python: Path) -> Path:
    """Return where the packages of a venv lie."""
    (own,) = python.parents[1].glob("lib/python*/site-packages")
    return own


def pip(python: str, command: str, *words: str, **environment: str) -> None:
    """Have this Python's pip work on another one's packages."""
    _run(sys.executable, "-m", "pip", "--python", python, "--quiet", command, *words, **environment)


def _memory() -> str | None:
    """Return a folder that lies in memory, if there is one with room."""
    place = Path("/dev/shm")
    return str(place) if os.access(place, os.W_OK) and shutil.disk_usage(place).free > 2**29 else None


def _of_benchmark(member: tarfile.TarInfo) -> bool:
    _, *inside = Path(member.name).parts
    return inside[:2] == ["lm_eval", "tasks"] and len(inside) > 2 + member.isfile() and inside[2] != "gsm8k"


def _run(*command: str, **environment: str) -> None:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
