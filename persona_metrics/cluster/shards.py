"""Shards of the verdict store: one file a writer, read by all who come after it. Knows no Ray and no network."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path

from ..critic.protocol import Protocol
from ..critic.store import OFF, Store
from ..critic.verdict import Vote

FOLDER = "store"
"""Where shards lie, below ``--out``."""


def found(out: Path) -> list[Path]:
    """Return the shards that there are, those of dead writers among them."""
    return sorted((out / FOLDER).glob("*.sqlite"))


def own_path(out: Path) -> Path:
    """Return the path of a shard that nobody else writes into."""
    return out / FOLDER / f"verdicts-{uuid.uuid4().hex[:12]}.sqlite"


class Shard(Store):
    """A writer's own store, that also finds what stands in others. The others are only read."""

    def __init__(self, path: Path, others: Sequence[str]) -> None:
        super().__init__(str(path), alone=True)
        self._others = [Store(name, create=False) for name in others if name != OFF and Path(name).is_file()]

    def get(self, name: str, protocol: Protocol) -> Vote | None:
        """Return the stored vote under this key, wherever it stands, or None."""
        found = super().get(name, protocol)
        for store in self._others if found is None else ():
            if (found := store.get(name, protocol)) is not None:
                break
        return found

    def close(self) -> None:
        """Close all files."""
        for store in self._others:
            store.close()
        super().close()
