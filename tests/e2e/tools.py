"""Other projects' tools in virtual environments of their own, since some cannot be installed beside lm-eval."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from platformdirs import user_cache_path


def tool_python(*requirements: str, no_deps: tuple[str, ...] = (), with_ours: bool = False) -> Path:
    """Return the Python of a cached environment with ``requirements``; ``with_ours`` also sees this environment's packages.

    ``no_deps`` are installed as they are, even where they ask for a newer Python than this one.
    """
    parts = (sys.version, sys.prefix if with_ours else "", *requirements, "--", *no_deps)
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    place = user_cache_path("persona-metrics-tests") / key
    python = place / "bin" / "python"
    done = place / "complete"
    if not done.exists():
        venv.create(place, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if requirements:
            subprocess.run([*install, *requirements], check=True, timeout=600)
        if no_deps:
            subprocess.run([*install, "--no-deps", "--ignore-requires-python", *no_deps], check=True, timeout=300)
        if with_ours:
            # Behind its own packages, so that what was asked for wins.
            inside = subprocess.run(
                [str(python), "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"],
                check=True,
                capture_output=True,
                text=True,
            ).stdout.strip()
            Path(inside, "ours.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")
        done.touch()
    return python
