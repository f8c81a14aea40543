"""Other projects' tools in virtual environments of their own, since some cannot be installed beside lm-eval."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from filelock import FileLock
from platformdirs import user_cache_path


def tool_python(*requirements: str, no_deps: tuple[str, ...] = (), with_ours: bool = False) -> Path:
    """Return the Python of a cached environment with ``requirements``; ``with_ours`` also sees this environment's packages.

    ``no_deps`` are installed as they are, even where they ask for a newer Python than this one.
    """
    key = hashlib.sha256("\n".join((sys.version, *requirements, "--", *no_deps)).encode()).hexdigest()[:16]
    place = user_cache_path("persona-metrics-tests", ensure_exists=True) / key
    python = place / "bin" / "python"
    # Several workers may want it at once.
    with FileLock(place.with_suffix(".lock")):
        complete = place / "complete"
        if not complete.exists():
            venv.create(place, clear=True)
        (inside,) = place.glob("lib/python*/site-packages")
        if with_ours:
            # Behind its own packages, so that what was asked for wins; with what lies behind ours in its turn.
            behind = f"import site; site.addsitedir({sysconfig.get_paths()['purelib']!r})\n"
            (inside / "ours.pth").write_text(behind, encoding="utf-8")
        if not complete.exists():
            # Of what it needs, pip installs what ours does not have.
            pip = [sys.executable, "-m", "pip", "--python", str(python), "--quiet", "--disable-pip-version-check"]
            if requirements:
                _install([*pip, "install", *requirements])
            if no_deps:
                _install([*pip, "install", "--no-deps", "--ignore-requires-python", *no_deps])
            complete.touch()
    return python


def _install(command: list[str]) -> None:
    """Install; skip the test where a tool is made for other versions of Python than this one, alone."""
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=600, check=False)
    if done.returncode and "require a different python version" in done.stderr and sys.version_info < (3, 11):
        pytest.skip(f"{command[-1]} cannot be had for Python {sys.version_info[0]}.{sys.version_info[1]}")
    assert done.returncode == 0, done.stderr[-2000:]


def tool_node(package: str, command: str, *natives: tuple[str, str]) -> Path:
    """Return the command of an npm package in a cached folder; skip the test where there is no npm, or it brings nothing.

    Optional parts are left out, and nothing of the package runs at its installation. ``natives`` name of a package that
    chooses among binaries the one for this machine.
    """
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip(f"{package} is opened by its own tool only where node and npm are installed")
    place = (
        user_cache_path("persona-metrics-tests", ensure_exists=True) / hashlib.sha256(package.encode()).hexdigest()[:16]
    )
    install = [npm, "install", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    with FileLock(place.with_suffix(".lock")):
        if not (place / "complete").exists():
            place.mkdir(exist_ok=True)
            (place / "package.json").write_text('{"private": true}\n', encoding="utf-8")
            done = subprocess.run([*install, package], cwd=place, timeout=600, check=False)
            for owner, native in natives if done.returncode == 0 else ():
                about = json.loads((place / "node_modules" / owner / "package.json").read_text(encoding="utf-8"))
                version = about["optionalDependencies"][native]
                done = subprocess.run([*install, f"{native}@{version}"], cwd=place, timeout=600, check=False)
            if done.returncode != 0:
                pytest.skip(f"npm could not install {package}")
            (place / "complete").touch()
    return place / "node_modules" / ".bin" / command
