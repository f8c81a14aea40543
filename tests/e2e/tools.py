"""Other projects' tools in virtual environments of their own, since some cannot be installed beside lm-eval."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

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
        if not (place / "complete").exists():
            venv.create(place, with_pip=True, clear=True)
            install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            if requirements:
                subprocess.run([*install, *requirements], check=True, timeout=600)
            if no_deps:
                subprocess.run([*install, "--no-deps", "--ignore-requires-python", *no_deps], check=True, timeout=300)
            (place / "complete").touch()
        (inside,) = place.glob("lib/python*/site-packages")
        if with_ours:
            # Behind its own packages, so that what was asked for wins.
            (inside / "ours.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")
    return python
