"""Who asks for a vote says so first: other processes on the same store wait for it instead of paying for it again.

A lease is its process's, and a process's word is good for ``SECONDS``: one that is killed loses all its leases. Where
the file cannot be locked there are no leases, and at worst a vote is paid for twice.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

SECONDS = 30.0
"""So long after its last sign of life a process's leases are free."""
LONGEST_LOOK = 1.0
"""Seconds between two looks for another process's vote, at most."""
_FORGOTTEN = 86400.0

TABLES = (
    "CREATE TABLE IF NOT EXISTS holders (holder TEXT PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL) WITHOUT ROWID",
)
_HELD = "SELECT 1 FROM leases JOIN holders USING (holder) WHERE name = ?1 AND leases.holder <> ?2 AND until > ?3"
_CLAIM = (
    "INSERT INTO leases VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET holder = ?2 WHERE leases.holder = ?2 OR NOT"
    " EXISTS (SELECT 1 FROM holders WHERE holders.holder = leases.holder AND until > ?3)"
)
_SIGN = "INSERT INTO holders VALUES (?1, ?2) ON CONFLICT (holder) DO UPDATE SET until = ?2"

Execute = Callable[[str, tuple[object, ...]], sqlite3.Cursor]


class Leases:
    """This process's leases in one store; ``shared`` is False where no other process can see the store."""

    def __init__(self, execute: Execute, *, shared: bool) -> None:
        self._execute, self._shared = execute, shared
        self._me = uuid.uuid4().hex
        self._signed = 0.0

    def claim(self, name: str) -> bool:
        """Take the lease of ``name``; return False where another living process has it."""
        if not self._shared:
            return True
        try:
            self._sign()
            now = time.time()
            if self._execute(_HELD, (name, self._me, now)).fetchone() is not None:
                return False
            return self._execute(_CLAIM, (name, self._me, now)).rowcount == 1
        except sqlite3.Error as error:
            self._give_up(error)
            return True

    def release(self, name: str) -> None:
        """Let go of ``name``, which came to nothing; a vote that is in the store needs no release."""
        if self._shared:
            with suppress(sqlite3.Error):
                self._execute("DELETE FROM leases WHERE name = ? AND holder = ?", (name, self._me))

    def close(self) -> None:
        """Let go of everything, and of what processes left that are long gone."""
        if not self._shared or not self._signed:
            return
        with suppress(sqlite3.Error):
            self._execute("DELETE FROM holders WHERE holder = ? OR until < ?", (self._me, time.time() - _FORGOTTEN))
            self._execute("DELETE FROM leases WHERE holder NOT IN (SELECT holder FROM holders)", ())

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Give signs of life as long as this lasts."""
        signs = asyncio.ensure_future(self._signs())
        try:
            yield
        finally:
            signs.cancel()
            await asyncio.gather(signs, return_exceptions=True)

    async def _signs(self) -> None:
        while self._shared:
            await asyncio.sleep(SECONDS / 4)
            try:
                self._sign()
            except sqlite3.Error as error:
                self._give_up(error)

    def _sign(self) -> None:
        now = time.monotonic()
        if now - self._signed > SECONDS / 5:
            self._execute(_SIGN, (self._me, time.time() + SECONDS))
            self._signed = now

    def _give_up(self, error: sqlite3.Error) -> None:
        self._shared = False
        print(
            f"persona-metrics: the verdict store cannot be locked here ({error}): other processes may ask the same again",
            file=sys.stderr,
            flush=True,
        )


async def wait(pause: float) -> float:
    """Wait before the next look for another process's vote; return the wait before the one behind it."""
    await asyncio.sleep(pause * random.uniform(0.5, 1.5))
    return min(2 * pause, LONGEST_LOOK)
