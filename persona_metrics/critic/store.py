"""Verdicts on disk: what was paid for once is never paid for again. Knows no network."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import platformdirs
from typing_extensions import Self

from ..errors import PersonaError
from .debate import Debate, Vote

_TABLE = """
CREATE TABLE IF NOT EXISTS votes (
    key TEXT PRIMARY KEY, critic TEXT NOT NULL, endpoint TEXT NOT NULL, vote TEXT NOT NULL, reply TEXT NOT NULL,
    created REAL NOT NULL
)
"""


def key(decisive: dict[str, Any]) -> str:
    """Return the hash of everything that decides a vote."""
    return hashlib.sha256(json.dumps(decisive, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def default_path() -> Path:
    """Return the store's place in the user's cache folder."""
    return Path(platformdirs.user_cache_dir("persona-metrics")) / "verdicts.sqlite"


class Store:
    """A table of votes in SQLite (WAL): several processes may use it, and a kill at any moment loses nothing written.

    ``path`` is a file, None for the user's cache folder, or ``"off"`` for a store that keeps nothing.
    Raises ``PersonaError`` where the file cannot be opened or is no database.
    """

    def __init__(self, path: str | None = None) -> None:
        self.path = None if path == "off" else Path(path).expanduser() if path else default_path()
        self._db: sqlite3.Connection | None = None
        if self.path is None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=60, isolation_level=None, check_same_thread=False)
            if os.name == "posix":
                # Verdicts quote personas and answers; they are nobody else's business.
                self.path.chmod(0o600)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute(_TABLE)
        except (OSError, sqlite3.Error) as error:
            raise PersonaError(
                f"verdict store {self.path}: {error}; set PERSONA_CRITIC_STORE to another file, or to off"
            ) from None

    def get(self, name: str) -> Vote | None:
        """Return the stored vote under this key, marked ``stored``, or None."""
        if self._db is None:
            return None
        row = self._db.execute("SELECT vote FROM votes WHERE key = ?", (name,)).fetchone()
        return _vote(row[0]) if row else None

    def put(self, name: str, vote: Vote, reply: str) -> None:
        """Write a vote the moment it arrives; a missing one is not kept, so that the next run asks again."""
        if self._db is None or vote.debate is None:
            return
        row = (name, vote.critic, vote.endpoint, json.dumps(asdict(vote)), reply, time.time())
        self._db.execute("INSERT OR REPLACE INTO votes VALUES (?, ?, ?, ?, ?, ?)", row)

    def stats(self) -> list[dict[str, Any]]:
        """Return one row a critic and endpoint: verdicts, tokens, first and last time (seconds since 1970)."""
        if self._db is None:
            return []
        columns = ("critic", "endpoint", "verdicts", "prompt_tokens", "completion_tokens", "first", "last")
        rows = self._db.execute(
            "SELECT critic, endpoint, COUNT(*), SUM(json_extract(vote, '$.prompt_tokens')),"
            " SUM(json_extract(vote, '$.completion_tokens')), MIN(created), MAX(created)"
            " FROM votes GROUP BY critic, endpoint ORDER BY critic, endpoint"
        )
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def prune(self, *, older_than: float | None = None, critic: str | None = None) -> int:
        """Delete votes older than so many days, or of one critic, or both; return how many."""
        if self._db is None:
            return 0
        before = time.time() - older_than * 86400 if older_than is not None else None
        cursor = self._db.execute(
            "DELETE FROM votes WHERE (?1 IS NULL OR created < ?1) AND (?2 IS NULL OR critic = ?2)", (before, critic)
        )
        self._db.execute("VACUUM")
        return cursor.rowcount

    def export(self) -> Iterator[dict[str, Any]]:
        """Yield every vote with its key, raw reply and time."""
        if self._db is None:
            return
        for name, vote, reply, created in self._db.execute(
            "SELECT key, vote, reply, created FROM votes ORDER BY created"
        ):
            yield {"key": name, **json.loads(vote), "reply": reply, "created": created}

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _vote(text: str) -> Vote:
    data = json.loads(text)
    debate = data.pop("debate")
    return replace(Vote(**data, debate=Debate(**debate) if debate else None), stored=True)
