"""What every actor is told, whichever engine asks. Knows no engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..scoring.pieces import Piece, Terms, of_pair, piece
from .groups import pairs_of
from .spans import Span, rows_of


@dataclass(frozen=True)
class Orders:
    """What every actor is told: the terms, where to write, what to read, and how many share the endpoint."""

    terms: Terms
    out: Path
    stores: tuple[str, ...]
    """Stores and shards that were there when the run began."""
    share: int
    only: str | None = None
    """Answers of this model alone."""
    run: str = ""
    """What tells this run's shards from those of others."""
    missing: Mapping[str, str] | None = None
    """Where nobody is asked any more: why votes that the stores lack are missing, by their keys."""
    starts: tuple[int, ...] | None = None
    """Each span's first pair, where a pair has several rows."""

    def lines(self, span: Span) -> Iterator[Any]:
        """Yield what ``make`` makes the span's pieces of."""
        if self.starts is not None:
            pairs = pairs_of(span, self.terms.evaluation.name, self.only)
            return ((number, *said) for number, said in enumerate(pairs, self.starts[span.number]))
        return (row for row in rows_of(span) if self.only is None or row[2].get("model") == self.only)

    @property
    def make(self) -> Callable[..., Piece]:
        """What makes a piece, with the terms."""
        return piece if self.starts is None else of_pair
