"""What past calls took, by role, model, endpoint and month: from it the next run is foretold. A table beside the votes.

Sums alone, of the critic's calls and of the tested model's: no text of either is in it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import astuple, fields
from typing import Any

from ..costs.usage import Usage

CRITIC, MODEL = "critic", "model"
"""The roles."""
_SUMS = tuple(field.name for field in fields(Usage))
_KINDS = ", ".join(f"{name} {'INTEGER' if type(getattr(Usage(), name)) is int else 'REAL'} NOT NULL" for name in _SUMS)
TABLE = f"""
CREATE TABLE IF NOT EXISTS calls (
    role TEXT NOT NULL, model TEXT NOT NULL, endpoint TEXT NOT NULL, month TEXT NOT NULL, {_KINDS},
    PRIMARY KEY (role, model, endpoint, month)
) WITHOUT ROWID
"""


class Past:
    """Reads and adds to the table; ``execute`` is the store's. A store of an earlier version that is read alone has none."""

    def __init__(self, execute: Callable[..., sqlite3.Cursor], writable: bool) -> None:
        self._execute, self._writable = execute, writable

    def add(self, role: str, model: str, endpoint: str, usage: Usage) -> None:
        """Add the sums of a run's calls to those of this month."""
        if not self._writable or not usage.calls:
            return
        marks = ", ".join("?" * (4 + len(_SUMS)))
        sums = ", ".join(f"{name} = {name} + excluded.{name}" for name in _SUMS)
        self._execute(
            f"INSERT INTO calls VALUES ({marks}) ON CONFLICT (role, model, endpoint, month) DO UPDATE SET {sums}",
            (role, model, endpoint, time.strftime("%Y-%m"), *astuple(usage)),
        )

    def of(self, role: str, model: str, endpoint: str) -> Usage | None:
        """Return the sums of all that was asked of a model at an endpoint, None where nothing was."""
        sums = ", ".join(f"SUM({name})" for name in _SUMS)
        where = "role = ? AND model = ? AND endpoint = ?"
        rows = self._rows(f"SELECT {sums} FROM calls WHERE {where}", (role, model, endpoint))
        return Usage(*rows[0]) if rows and rows[0][0] else None

    def by_month(self, role: str) -> list[dict[str, Any]]:
        """Return one row a model, endpoint and month of a role, with the sums."""
        names = ("model", "endpoint", "month", *_SUMS)
        rows = self._rows(
            f"SELECT {', '.join(names)} FROM calls WHERE role = ? ORDER BY model, endpoint, month", (role,)
        )
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _rows(self, statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        try:
            return self._execute(statement, values).fetchall()
        except sqlite3.OperationalError:
            return []
