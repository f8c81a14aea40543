"""Writes generated personas as JSONL, CSV or Parquet, whole or not at all: one frame, or many one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ..files import writing
from .generate import lines

SUFFIXES = (".jsonl", ".csv", ".parquet")


def write(frame: pd.DataFrame, out: Path) -> None:
    """Write one frame to a file of one of ``SUFFIXES``."""
    write_all([frame], out)


def write_all(frames: Iterable[pd.DataFrame], out: Path) -> int:
    """Write frames of the same columns into one file, holding one of them at a time; return how many rows there were."""
    suffix, rows = out.suffix.lower(), 0
    table: pq.ParquetWriter | None = None
    with writing(out) as file:
        for frame in frames:
            if suffix == ".jsonl":
                file.writelines(line.encode() for line in lines(frame))
            elif suffix == ".csv":
                frame.to_csv(file, mode="wb", encoding="utf-8", index=False, header=not rows, lineterminator="\n")
            else:
                made = pa.Table.from_pandas(frame, preserve_index=False)
                table = table or pq.ParquetWriter(file, made.schema)
                table.write_table(made)
            rows += len(frame)
        if table is not None:
            table.close()
    return rows
