"""The installs that end-to-end tests run on: this checkout, and the wheel in empty venvs, one a version of lm-eval."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.command import CHECKOUT, HERE, Install

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
            venv.create(folder, with_pip=True, symlinks=os.name == "posix")
            python = str(folder / ("Scripts" if os.name == "nt" else "bin") / "python")
            built = request.getfixturevalue("wheel")
            _run(python, "-m", "pip", "install", "--quiet", "--no-compile", str(built), f"lm-eval[api]=={name}")
            made[name] = Install(name, python, include=False)
            request.addfinalizer(lambda: shutil.rmtree(folder, ignore_errors=True))
        return made[name]

    return get


@pytest.fixture(scope="module", params=INSTALLS)
def install(request: pytest.FixtureRequest, installed: Callable[[str], Install]) -> Install:
    """Each install in turn."""
    return installed(request.param)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
