"""Stands in for the hub's copy of GSM8K: lm-eval's own task ``gsm8k`` then runs as it is, without network."""

from __future__ import annotations

import re
from pathlib import Path

import datasets
from datasets.arrow_writer import ArrowWriter

QUESTIONS = 6
_ASKED = re.compile(r"Ann has (\d+) apples and buys (\d+) more")


def fill_cache(hf_home: Path) -> None:
    """Put sums of our own where ``datasets`` keeps what it fetched of openai/gsm8k, unless they are there."""
    folder = hf_home / "datasets" / "openai___gsm8k" / "main" / "0.0.0" / "local"
    if folder.exists():
        return
    folder.mkdir(parents=True)
    infos = {}
    for split, first in (("train", 50), ("test", 10)):
        rows = [
            {"question": f"Ann has {n} apples and buys {n + 1} more. How many now?", "answer": f"#### {2 * n + 1}"}
            for n in range(first, first + QUESTIONS)
        ]
        features = datasets.Dataset.from_list(rows).features
        with ArrowWriter(path=str(folder / f"gsm8k-{split}.arrow"), features=features) as writer:
            for row in rows:
                writer.write(row)
            count, size = writer.finalize()
        infos[split] = datasets.SplitInfo(name=split, num_bytes=size, num_examples=count, dataset_name="gsm8k")
    datasets.DatasetInfo(
        features=features,
        splits=datasets.SplitDict.from_split_dict(infos, dataset_name="gsm8k"),
        builder_name="parquet",
        dataset_name="gsm8k",
        config_name="main",
        version="0.0.0",
    ).write_to_directory(str(folder))


def solve(prompt: str) -> str | None:
    """Return a reply to the last sum in ``prompt``, right where its first number is even; None where there is none."""
    sums = _ASKED.findall(prompt)
    if not sums:
        return None
    first, second = map(int, sums[-1])
    return f"So it is\n#### {first + second if first % 2 == 0 else 0}"
