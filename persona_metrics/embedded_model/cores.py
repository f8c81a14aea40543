"""How many cores this process may use: its affinity, and the share that a container gives it."""

from __future__ import annotations

import math
import os
from pathlib import Path

MOST = 4
"""Threads of the embedded model at most: beyond that a model of this size gains nothing."""


def usable(root: Path = Path("/")) -> int:
    """Return the usable cores, at least one; ``root`` is where ``proc`` and ``sys`` lie."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        cores = os.cpu_count() or 1
    quota = _quota(root)
    return max(1, cores if quota is None else min(cores, math.floor(quota + 0.01)))


def threads(root: Path = Path("/")) -> int:
    """Return the threads for llama.cpp: the usable cores less one, at least one, at most four.

    Its threads spin and wait for each other: as soon as anything else wants a core, all wait for the one that lost it.
    """
    return max(1, min(MOST, usable(root) - 1))


def _quota(root: Path) -> float | None:
    """Return the least quota in cores of this process's cgroups and those around them (v1 and v2), or None."""
    found = []
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers == "":
            base = root / "sys/fs/cgroup"
        elif "cpu" in controllers.split(","):
            base = next(
                (p for p in (root / f"sys/fs/cgroup/{controllers}", root / "sys/fs/cgroup/cpu") if p.is_dir()), root
            )
        else:
            continue
        inside = [part for part in path.split("/") if part not in ("", "..")]
        for depth in range(len(inside), -1, -1):
            found.append(_quota_of(base.joinpath(*inside[:depth])))
    return min((quota for quota in found if quota is not None), default=None)


def _quota_of(folder: Path) -> float | None:
    words = _read(folder / "cpu.max").split() or [
        *_read(folder / "cpu.cfs_quota_us").split(),
        *_read(folder / "cpu.cfs_period_us").split(),
    ]
    try:
        quota, period = float(words[0]), float(words[1])
    except (IndexError, ValueError):  # "max", or no such group here
        return None
    return quota / period if quota > 0 and period > 0 else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
