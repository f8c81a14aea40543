"""Rows for supervised fine-tuning, ``messages``: the prompt and an answer that fits. Knows no file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from .training import WITHOUT, Pair


def rows(pairs: Sequence[Pair], left: Counter[str]) -> Iterator[dict[str, Any]]:
    """Yield a row for every answer that fits; none for marked revisions, nor for answers written without the persona."""
    for pair in pairs:
        for one in pair.answers:
            if not one.fits or one.origin == WITHOUT:
                continue
            if one.marks:
                left["marked revisions left out"] += 1
                continue
            yield {
                "messages": [*pair.prompt, {"role": "assistant", "content": one.text}],
                **pair.columns,
                "source": one.origin,
                **one.about,
                "length": len(one.text),
            }


def notes(made: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield over how many pairs the rows are."""
    yield f"{len(made)} answers that fit, to {len({row['pair'] for row in made})} pairs"


def why_none(pairs: Sequence[Pair]) -> str:
    """Return why there is no row."""
    del pairs
    return "no answer in the run fits its person, so there is nothing to imitate"
