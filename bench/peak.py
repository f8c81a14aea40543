"""The peak memory of this process alone, for measurements; knows nothing of what is measured.

Linux counts the peak of the process that started it into a child's ``ru_maxrss``, so that of a child says too much where
its parent is the larger one.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path


def megabytes() -> float:
    """Return the largest resident set since this program began, MB (Linux); elsewhere what ``getrusage`` says of it."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    # Bytes on a Mac, kilobytes elsewhere.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)
