"""Measures how long a million personas take until pairs are drawn, and how much memory: a file like Nemotron-Personas.

    python bench/nemotron.py [--rows 1000000]

The file has the 22 columns of that set's card with texts of about the same lengths, made here from a seed. The draw runs in a
process of its own, so that what made the file is not in its memory. The result also goes to ``bench/results/nemotron.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet

ROOT = Path(__file__).resolve().parent.parent
TEXTS = {
    "professional_persona": 420,
    "sports_persona": 400,
    "arts_persona": 390,
    "travel_persona": 400,
    "culinary_persona": 400,
    "persona": 200,
    "cultural_background": 420,
    "skills_and_expertise": 420,
    "skills_and_expertise_list": 260,
    "hobbies_and_interests": 430,
    "hobbies_and_interests_list": 240,
    "career_goals_and_ambitions": 420,
}
"""Column → characters of its texts."""
CHOICES = {
    "sex": ("Female", "Male"),
    "marital_status": ("never_married", "married_present", "divorced", "widowed", "separated"),
    "education_level": ("high_school", "some_college", "associates", "bachelors", "graduate", "less_than_9th"),
    "bachelors_field": ("no_degree", "stem", "business", "education", "arts_humanities"),
    "occupation": ("not_in_workforce", "registered_nurse", "software_developer", "cashier", "truck_driver"),
    "city": ("Springfield", "Franklin", "Clinton", "Madison", "Salem"),
    "state": ("CA", "TX", "NY", "OH", "WA"),
    "zipcode": ("01001", "30301", "60601", "94103"),
    "country": ("USA",),
}
WORDS = ("keeps", "the", "old", "garden", "by", "morning", "calls", "her", "brother", "mends", "radios", "and", "reads")
COUNT = """
import sys, time
from bench.peak import megabytes
start = time.perf_counter()
from persona_metrics import settings
from persona_metrics.dataset.sources import draw, load_pool
chosen = settings.load({"personas": sys.argv[1], "n": int(sys.argv[2])})
pairs = draw(load_pool(chosen), chosen.n, chosen.seed)
print(time.perf_counter() - start, megabytes(), len(pairs), len({p.persona.id for p in pairs}))
"""


def write(path: Path, rows: int, seed: int = 0) -> None:
    """Write a file like Nemotron-Personas in groups of 10,000 rows."""
    rng = np.random.Generator(np.random.PCG64(seed))
    writer: Any = None
    for start in range(0, rows, 10_000):
        n = min(10_000, rows - start)
        columns: dict[str, Any] = {"uuid": [uuid.UUID(int=(seed << 64) + start + i).hex for i in range(n)]}
        for name, length in TEXTS.items():
            some = [" ".join(rng.choice(WORDS, length // 5)) for _ in range(50)]
            columns[name] = [f"{some[k]} {start + i}." for i, k in enumerate(rng.integers(0, 50, n))]
        columns["sex"] = rng.choice(CHOICES["sex"], n)
        columns["age"] = rng.integers(18, 100, n)
        columns |= {name: rng.choice(values, n) for name, values in CHOICES.items() if name != "sex"}
        table = pyarrow.table(columns)
        writer = writer or pyarrow.parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
    writer.close()


def main() -> None:
    """Print and write the measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--n", type=int, default=300)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "nemotron.parquet"
        write(path, given.rows)
        size = path.stat().st_size / 1e6
        command = [sys.executable, "-c", COUNT, str(path), str(given.n)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    seconds, peak, pairs, people = map(float, done.stdout.split())
    result = {
        "rows": given.rows,
        "file_mb": round(size),
        "pairs": int(pairs),
        "different_people": int(people),
        "seconds": round(seconds, 2),
        "peak_mb": round(peak),
        "limits": {"seconds": 10, "peak_mb": 500},
        "processors": len(os.sched_getaffinity(0)),
    }
    print(json.dumps(result, indent=1))
    out = ROOT / "bench" / "results"
    out.mkdir(exist_ok=True)
    (out / "nemotron.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
