"""Makes the shards of a draw of personas on a cluster: each is its own file, whole or not at all. Knows no attribute."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import PersonaError
from ..synthesis import output
from ..synthesis.shards import Shard
from . import engine


def write(shards: Sequence[Shard], out: Path, *, address: str | None = None, num_cpus: int | None = None) -> None:
    """Write each shard to ``out/NAME.parquet``, a folder that every machine sees.

    Raises ``PersonaError`` where one could not be written; those that are written stay.
    """
    if not shards:
        return
    folder = str(out.absolute())

    def make(row: Mapping[str, Any]) -> dict[str, str]:
        shard = Shard(**json.loads(str(row["shard"])))
        try:
            output.write(shard.frame(), Path(folder) / f"{shard.name}.parquet")
        except PersonaError as error:
            return {"error": str(error)}
        return {"error": ""}

    with engine.started(address, num_cpus) as ray:
        rows = [{"shard": json.dumps(asdict(shard))} for shard in shards]
        for done in ray.data.from_items(rows, override_num_blocks=len(rows)).map(make).iter_rows():
            if done["error"]:
                raise PersonaError(done["error"])
