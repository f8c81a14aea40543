"""Writes the embedded personas, the same bytes each time.

python -m persona_metrics.synthesis.build persona_metrics/dataset/embedded
"""

from __future__ import annotations

import sys
from pathlib import Path

from .generate import generate, lines

N, SEED = 1000, 2407


def main(folder: Path) -> None:
    """Write ``personas_v2.jsonl`` into the folder; ``personas.jsonl`` is of an earlier model and stays as it is."""
    with (folder / "personas_v2.jsonl").open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(lines(generate(N, SEED)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
