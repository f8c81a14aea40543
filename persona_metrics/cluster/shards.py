"""Shards of the verdict store: one file a writer, read by all who come after it. Knows no Ray and no network."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ..costs.usage import Usage
from ..critic.budget import Ledger, Spent, ledger
from ..critic.past import CRITIC
from ..critic.protocol import Protocol
from ..critic.request import panel
from ..critic.store import OFF, Store
from ..critic.verdict import Vote
from ..errors import PersonaError, shorten
from ..settings import Settings

FOLDER = "store"
"""Where shards lie, below ``--out``."""


def found(out: Path, run: str = "") -> list[Path]:
    """Return the shards that there are, those of dead writers among them; with ``run`` those of that run alone."""
    return sorted((out / FOLDER).glob(f"verdicts-{run}-*.sqlite" if run else "*.sqlite"))


def own_path(out: Path, run: str = "") -> Path:
    """Return the path of a shard that nobody else writes into."""
    return out / FOLDER / f"verdicts-{f'{run}-' if run else ''}{uuid.uuid4().hex[:12]}.sqlite"


def kept(out: Path) -> str:
    """Return what to say of a run that stopped."""
    return f"the verdicts are kept in {shorten(out / FOLDER)}; run the same command again to go on from there"


class Shards:
    """Stores that are only read, those of them that are there. For use in ``with``."""

    def __init__(self, names: Sequence[str]) -> None:
        there = [name for name in names if name != OFF and Path(name).is_file()]
        self._stores = [Store(name, create=False) for name in there]

    def get(self, name: str, protocol: Protocol) -> Vote | None:
        """Return the stored vote under this key, wherever it stands, or None."""
        return next((found for store in self._stores if (found := store.get(name, protocol)) is not None), None)

    def __enter__(self) -> Shards:
        return self

    def __exit__(self, *exc: object) -> None:
        for store in self._stores:
            store.close()


class Shard(Store):
    """A writer's own store, that also finds what stands in others. The others are only read.

    Beside the votes it keeps what this process's ``ledger`` says that they took, call by call: whoever is killed has told
    nobody else. A vote that another writer of the same ``run`` has asked for is not marked ``stored``: it is this run's.
    """

    def __init__(self, path: Path, others: Sequence[str], run: str = "") -> None:
        super().__init__(str(path), alone=True)
        there = [Path(name) for name in others if name != OFF and Path(name).is_file()]
        self._others = [
            (Store(str(name), create=False), bool(run) and name.name.startswith(f"verdicts-{run}-")) for name in there
        ]
        self._noted: dict[tuple[str, str], Usage] = {}

    def get(self, name: str, protocol: Protocol) -> Vote | None:
        """Return the stored vote under this key, wherever it stands, or None."""
        found = super().get(name, protocol)
        for store, ours in self._others if found is None else ():
            if (found := store.get(name, protocol)) is not None:
                return replace(found, stored=False) if ours else found
        return found

    def put(self, name: str, vote: Vote, reply: str | None = None) -> None:
        """Write a vote as ``Store`` does, and what was taken until now."""
        super().put(name, vote, reply)
        self.note()

    def note(self) -> None:
        """Write what this process has taken since the last time."""
        for place, spent in ledger.critics.items():
            before = self._noted.get(place, Usage())
            if spent.usage.calls != before.calls:
                with self._in_one_line():
                    self.past.add(CRITIC, *place, spent.usage.less(before))
                self._noted[place] = replace(spent.usage)

    def close(self) -> None:
        """Close all files."""
        for store, _ in self._others:
            store.close()
        super().close()


def taken(out: Path, run: str, settings: Settings) -> Iterator[tuple[str, Ledger]]:
    """Yield each writer of a run by its shard's name, with what it has paid for, whether it lives or not.

    A shard that cannot be read says nothing.
    """
    for path in found(out, run):
        book = Ledger()
        with suppress(PersonaError), Store(str(path), create=False, alone=True) as store:
            for row in store.past.by_month(CRITIC):
                usage = Usage(**{name: row[name] for name in vars(Usage())})
                spent = book.critics.setdefault((row["model"], row["endpoint"]), Spent(None))
                spent.usage = spent.usage.plus(usage)
            for critic in (member for one in panel(settings) for member in one.members):
                book.of(critic, settings)  # finds the price
            yield path.stem, book
