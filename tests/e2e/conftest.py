"""The installs that end-to-end tests run on: this checkout, the wheel in empty venvs, one a version of lm-eval, and beside
an lm-eval installed from a source folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.command import CHECKOUT, HERE, Install
from tests.warm import is_benchmark

REMOVED = "import shutil, sys; shutil.rmtree(sys.argv[1], ignore_errors=True)"
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
    """Give the install of that name; a venv is made the first time it is asked for and kept for the session."""
    made = {"checkout": HERE}

    def get(name: str) -> Install:
        if name not in made:
            folder = tmp_path_factory.mktemp(f"venv-{name}")
            built = str(request.getfixturevalue("wheel"))
            # The first is empty, so that what the wheel declares is all there is. The others need only their lm-eval.
            empty = name == VERSIONS[0]
            python = made_venv(folder, None if empty else Path(sysconfig.get_path("purelib")))
            pip = (python, "-m", "pip", "install", "--quiet", "--no-compile")
            if not empty:
                _run(*pip, "--force-reinstall", "--no-deps", built)
            _run(*pip, built, f"lm-eval[api]=={name}")
            _run(python, "-m", "pip", "check")
            # Its library of benchmarks takes seconds to read at every start; the one from source keeps it.
            (tasks,) = folder.rglob("lm_eval/tasks")
            for benchmark in filter(is_benchmark, tasks.iterdir()):
                shutil.rmtree(benchmark)
            # What plain `lm_eval` needs; `persona-metrics run` has a test of its own.
            _run(python, "-m", "persona_metrics", "tasks", "--link")
            made[name] = Install(name, python, include=False, waits=True)
            # In its own time: there are 20,000 files.
            request.addfinalizer(lambda: subprocess.Popen([sys.executable, "-c", REMOVED, str(folder)]))
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
    # What is installed there already is not installed again.
    (site,) = Path(installed(version).python).parents[1].glob("lib/python*/site-packages")
    python = made_venv(place / "venv", site)
    pip = (python, "-m", "pip")
    # Once, where pip would fetch it for each of the next two.
    _run(*pip, "install", "--quiet", "setuptools", "wheel")
    download = ("download", "--quiet", "--no-deps", "--no-binary", "lm-eval", "--no-build-isolation")
    _run(*pip, *download, "--dest", str(place), f"lm-eval=={version}")
    (packed,) = place.glob("*.tar.gz")
    with tarfile.open(packed) as archive:
        archive.extractall(place, filter="data")
    (folder,) = (path for path in place.iterdir() if path.is_dir() and path.name != "venv")
    _run(*pip, "uninstall", "--quiet", "--yes", "lm-eval")
    _run(*pip, "install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", str(folder))
    command = [python, "-m", "persona_metrics"]
    doctor = subprocess.run([*command, "doctor"], capture_output=True, text=True, check=False, cwd=place)
    unlink = subprocess.run([*command, "tasks", "--unlink"], capture_output=True, text=True, check=False, cwd=place)
    return FromSource(Install("source", python, include=False), folder, doctor.stdout, unlink.stdout)


@pytest.fixture(scope="module", params=INSTALLS)
def install(request: pytest.FixtureRequest, installed: Callable[[str], Install]) -> Install:
    """Each install in turn."""
    return installed(request.param)


def made_venv(folder: Path, site: Path | None) -> str:
    """Make a venv, with what ``site`` holds already in it or empty but for pip; return its Python."""
    venv.create(folder, with_pip=site is None, symlinks=os.name == "posix")
    if site is not None:
        (own,) = folder.glob("lib/python*/site-packages")
        shutil.copytree(site, own, copy_function=_linked, dirs_exist_ok=True)
    return str(folder / ("Scripts" if os.name == "nt" else "bin") / "python")


def _linked(source: str, place: str) -> None:
    try:
        os.link(source, place)
    except OSError:  # another disk
        shutil.copy2(source, place)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
