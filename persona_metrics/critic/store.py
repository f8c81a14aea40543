"""Verdicts on disk: what was paid for once is never paid for again. Knows no network."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Any

import platformdirs
from typing_extensions import Self

from ..errors import PersonaError, shorten
from . import leases, past
from .leases import Leases
from .past import Past
from .protocol import Protocol
from .verdict import Vote

OFF = "off"
_FORMAT = 1
"""Raised when the table changes; SQLite keeps it as the file's user_version."""
_OURS = 0x50455253
"""SQLite's application_id of a verdict store ("PERS")."""
_BUSY = 60.0
"""Seconds to wait for another process's write."""
_TABLE = """
CREATE TABLE IF NOT EXISTS votes (
    key TEXT PRIMARY KEY, critic TEXT NOT NULL, endpoint TEXT NOT NULL, number INTEGER NOT NULL, reply TEXT NOT NULL,
    prompt_tokens INTEGER, completion_tokens INTEGER, latency REAL, attempts INTEGER NOT NULL, served_model TEXT,
    created REAL NOT NULL
) WITHOUT ROWID
"""
_BESIDE = """
CREATE TABLE IF NOT EXISTS dialects (
    model TEXT NOT NULL, address TEXT NOT NULL, learned TEXT NOT NULL, created REAL NOT NULL, PRIMARY KEY (model, address)
) WITHOUT ROWID
"""
"""Beside the votes, and in the same format: earlier versions read and write such a file as theirs."""
_COLUMNS = (
    "key",
    "critic",
    "endpoint",
    "number",
    "reply",
    "prompt_tokens",
    "completion_tokens",
    "latency",
    "attempts",
    "served_model",
    "created",
)
_SELECT = f"SELECT {', '.join(_COLUMNS[1:-1])} FROM votes WHERE key = ?"


def default_path() -> Path:
    """Return the store's place in the user's cache folder."""
    return Path(platformdirs.user_cache_dir("persona-metrics")) / "verdicts.sqlite"


class Store:
    """A table of votes in SQLite (WAL): several processes may use it, and a kill at any moment loses nothing written.

    ``path`` is a file, None for the user's cache folder, or ``"off"`` for a table that ends with this object. With
    ``create=False`` a file that does not exist is an error; ``alone`` says that no other process writes into it. Every
    method raises ``PersonaError`` where the file cannot be read or written, is damaged, or is no verdict store.
    """

    def __init__(self, path: str | None = None, *, create: bool = True, alone: bool = False) -> None:
        self.path = None if path == OFF else Path(path).expanduser() if path else default_path()
        if not create and self.path is not None and not self.path.is_file():
            raise PersonaError(f"verdict store {self.path}: no such file; nothing has been judged with it yet")
        self._db: sqlite3.Connection | None = None
        self.writable = True
        with self._in_one_line():
            self._db = self._open()
        self.past = Past(self._execute, self.writable)
        self.leases = Leases(self._execute, shared=self.path is not None and self.writable and not alone)

    def _open(self) -> sqlite3.Connection:
        # SQLite keeps a database without a name in a file of its own that goes with the connection: what is judged
        # twice in one run is found there, and memory stays flat.
        name = ""
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Verdicts quote personas and answers; they are nobody else's business.
            try:
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            except OSError as error:
                if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS) or not self.path.is_file():
                    raise
                return self._open_to_read(self.path)
            name = str(self.path)
        db = sqlite3.connect(name, timeout=_BUSY, isolation_level=None, check_same_thread=False)
        deadline = time.monotonic() + _BUSY
        while True:
            try:
                self._prepare(db)
            except sqlite3.OperationalError as error:
                # Two processes that turn a new file to WAL at once: SQLite does not wait for that by itself.
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return db

    def _open_to_read(self, path: Path) -> sqlite3.Connection:
        """Open a file that others own: what is in it is read, and nothing is asked that could not be kept."""
        self.writable = False
        uri = f"{path.resolve().as_uri()}?mode=ro"
        # Without a writer's files beside it SQLite has to be told that nobody writes.
        beside = path.with_name(path.name + "-wal").exists()
        db = sqlite3.connect(
            uri if beside else f"{uri}&immutable=1", uri=True, isolation_level=None, check_same_thread=False
        )
        self._check(db)
        return db

    def _prepare(self, db: sqlite3.Connection) -> None:
        tables = self._check(db)
        db.execute("PRAGMA journal_mode=WAL")
        # In WAL a kill loses no commit; at a power cut the last few may go, the file stays whole.
        db.execute("PRAGMA synchronous=NORMAL")
        if not tables:
            db.execute("BEGIN IMMEDIATE")
            db.execute(_TABLE)
            db.execute(f"PRAGMA application_id={_OURS}")
            db.execute(f"PRAGMA user_version={_FORMAT}")
            db.execute("COMMIT")
        for table in (_BESIDE, past.TABLE, *leases.TABLES):
            db.execute(table)

    def _check(self, db: sqlite3.Connection) -> int:
        """Return the number of tables; raise ``PersonaError`` where they are not ours."""
        # Tables first: another process that is making this very file sets them and its marks at one stroke.
        tables = db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
        mine, version = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
        if tables and mine != _OURS:
            raise PersonaError(
                f"verdict store {self.path}: another program's database; set PERSONA_CRITIC_STORE to another file"
            )
        if tables and version != _FORMAT:
            raise PersonaError(
                f"verdict store {self.path}: written by another version of persona-metrics (format {version}, not"
                f" {_FORMAT}); set PERSONA_CRITIC_STORE to another file"
            )
        return int(tables)

    @contextmanager
    def _in_one_line(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise self._broken(error) from None

    def _broken(self, error: OSError | sqlite3.Error) -> PersonaError:
        what = shorten(getattr(error, "strerror", None) or error)
        return PersonaError(
            f"verdict store {self.path or OFF}: {what}; move the file away, or set PERSONA_CRITIC_STORE to another file"
            " or to off"
        )

    def _execute(self, statement: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        if self._db is None:
            raise PersonaError(f"verdict store {self.path or OFF}: closed")
        return self._db.execute(statement, values)

    def get(self, name: str, protocol: Protocol) -> Vote | None:
        """Return the stored vote under this key, with what ``protocol`` makes of its reply, marked ``stored``, or None."""
        try:
            row = self._execute(_SELECT, (name,)).fetchone()
        except sqlite3.Error as error:
            raise self._broken(error) from None
        if row is None:
            return None
        critic, endpoint, number, reply, prompt_tokens, completion_tokens, latency, attempts, served = row
        if (opinion := protocol.parse(reply)) is None:
            return None  # not what was written; it is asked again, and replaced
        return Vote(
            critic,
            endpoint,
            number,
            opinion,
            None,
            attempts,
            prompt_tokens,
            completion_tokens,
            latency,
            served,
            stored=True,
        )

    async def awaited(self, name: str, protocol: Protocol) -> Vote | None:
        """Return the stored vote, waiting for another process that is asking for it; None makes it this process's to ask.

        Whoever gets None puts the vote, or releases its lease.
        """
        pause = 0.05
        while (found := self.get(name, protocol)) is None:
            if not self.writable:
                raise PersonaError(
                    f"verdict store {self.path}: cannot be written, and does not hold every verdict that is wanted; set"
                    " PERSONA_CRITIC_STORE to a copy of it"
                )
            if self.leases.claim(name):
                # It may have been written between the look and the claim.
                if (found := self.get(name, protocol)) is not None:
                    self.leases.release(name)
                return found
            pause = await leases.wait(pause)
        return found

    def put(self, name: str, vote: Vote, reply: str | None = None) -> None:
        """Write a vote with its raw reply the moment it arrives (without one, its opinion stands for the reply).

        A missing vote is not kept, so that the next run asks again.
        """
        if vote.opinion is None:
            return
        if reply is None:
            held = {f.name: getattr(vote.opinion, f.name) for f in fields(vote.opinion)}  # type: ignore[arg-type]
            # What is not known of an opinion (None) did not stand in a reply.
            reply = json.dumps({name: value for name, value in held.items() if value is not None})
        # A lone half of a surrogate pair, which JSON may hold as an escape, cannot be written as UTF-8.
        text = reply.encode("utf-8", "replace").decode()
        row = (name, vote.critic, vote.endpoint, vote.number, text, vote.prompt_tokens, vote.completion_tokens)
        more = (vote.latency, vote.attempts, vote.served_model, time.time())
        with self._in_one_line():
            self._execute(f"INSERT OR REPLACE INTO votes VALUES ({', '.join('?' * len(_COLUMNS))})", (*row, *more))

    def dialect(self, model: str, address: str) -> str | None:
        """Return what ``keep_dialect`` kept of a critic, None where there is nothing, or nothing of the last 30 days."""
        statement = "SELECT learned FROM dialects WHERE model = ? AND address = ? AND created > ?"
        try:
            row = self._execute(statement, (model, address, time.time() - 30 * 86400)).fetchone()
        except sqlite3.OperationalError:
            return None  # a store of an earlier version that cannot be written
        return None if row is None else str(row[0])

    def keep_dialect(self, model: str, address: str, learned: str) -> None:
        """Keep what a critic's endpoint was found to understand."""
        if not self.writable:
            return
        with self._in_one_line():
            self._execute("INSERT OR REPLACE INTO dialects VALUES (?, ?, ?, ?)", (model, address, learned, time.time()))

    def stats(self) -> list[dict[str, Any]]:
        """Return one row a critic, endpoint and month (local time): verdicts, tokens, first and last time (since 1970).

        ``batch_…`` are those among them that came from batch files, whose replies took no time that is known.
        """
        columns = ("critic", "endpoint", "month", "verdicts", "prompt_tokens", "completion_tokens", "first", "last")
        of_batches = ("batch_verdicts", "batch_prompt_tokens", "batch_completion_tokens")
        statement = (
            "SELECT critic, endpoint, strftime('%Y-%m', created, 'unixepoch', 'localtime') AS month, COUNT(*),"
            " SUM(prompt_tokens), SUM(completion_tokens), MIN(created), MAX(created),"
            " SUM(latency IS NULL), SUM(prompt_tokens * (latency IS NULL)), SUM(completion_tokens * (latency IS NULL))"
            " FROM votes GROUP BY critic, endpoint, month ORDER BY critic, endpoint, month"
        )
        with self._in_one_line():
            return [dict(zip((*columns, *of_batches), row, strict=True)) for row in self._execute(statement)]

    def prune(self, *, older_than: float | None = None, critic: str | None = None) -> int:
        """Delete votes older than so many days, or of one critic, or those that are both; return how many."""
        before = time.time() - older_than * 86400 if older_than is not None else None
        statement = "DELETE FROM votes WHERE (?1 IS NULL OR created < ?1) AND (?2 IS NULL OR critic = ?2)"
        with self._in_one_line():
            deleted = self._execute(statement, (before, critic)).rowcount
            self._execute("VACUUM")
            return deleted

    def take(self, shard: Path) -> int:
        """Take over what another store holds and this one lacks; return how many votes. Doing it again takes none.

        Raises ``PersonaError`` where ``shard`` is no verdict store.
        """
        Store(str(shard), create=False).close()  # says what is wrong with it, and brings in what its log holds
        with self._in_one_line():
            self._execute("ATTACH DATABASE ? AS shard", (str(shard),))
            try:
                names = ", ".join(_COLUMNS)
                taken = self._execute(f"INSERT OR IGNORE INTO votes ({names}) SELECT {names} FROM shard.votes").rowcount
                self._execute("INSERT OR IGNORE INTO dialects SELECT * FROM shard.dialects")
            finally:
                self._execute("DETACH DATABASE shard")
        return taken

    def export(self) -> Iterator[dict[str, Any]]:
        """Yield every vote, the oldest first: key, critic, endpoint, tokens, time and raw reply."""
        statement = f"SELECT {', '.join(_COLUMNS)} FROM votes ORDER BY created, key"
        with self._in_one_line():
            for row in self._execute(statement):
                yield dict(zip(_COLUMNS, row, strict=True))

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            self.leases.close()
            self._db.close()
            self._db = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
