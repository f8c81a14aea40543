"""TRL's preference rows, ``prompt``, ``chosen`` and ``rejected``, conversational. Knows no file."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from .training import ATTEMPT, ORIGINAL, REVISION, WITHOUT, Pair, Taught, mean_ratio

MATCHED = 1.1
"""Length-matched: neither text has more than so many times the other's characters."""


def rows(pairs: Sequence[Pair], left: Counter[str], match_length: bool = False) -> Iterator[dict[str, Any]]:
    """Yield a row for every answer that fits against one that does not, to the same prompt; each answer stands in one row.

    Within a pair a revision goes with its original, answers and attempts with each other, and what is left of those that
    fit with the answer written without the persona where that does not fit: the paper's own way. Revisions that are
    marked (longer, reciting) are not chosen. ``match_length`` keeps what differs in length by a tenth at most.
    """
    for pair in pairs:
        for chosen, rejected in _matched(pair, left, match_length):
            yield {
                "prompt": list(pair.prompt),
                "chosen": [{"role": "assistant", "content": chosen.text}],
                "rejected": [{"role": "assistant", "content": rejected.text}],
                **pair.columns,
                "source": "attempts" if rejected.origin == ATTEMPT else rejected.origin,
                **chosen.about,
                "chosen_length": len(chosen.text),
                "rejected_length": len(rejected.text),
            }


def _matched(pair: Pair, left: Counter[str], match_length: bool) -> Iterator[tuple[Taught, Taught]]:
    good = [one for one in pair.answers if one.fits and not one.marks and one.origin != WITHOUT]
    left["marked revisions (longer than 1.5 times the original, or reciting the persona) not chosen"] += sum(
        one.fits and bool(one.marks) for one in pair.answers
    )
    bad = [one for one in pair.answers if not one.fits]
    revised = [one for one in good if one.origin == REVISION]
    others = [one for one in good if one.origin != REVISION]
    shown = [one for one in bad if one.origin not in (WITHOUT, ORIGINAL, REVISION)]
    for first, second in (
        (revised, [one for one in bad if one.origin == ORIGINAL]),
        (others, shown),
        (others, [one for one in bad if one.origin == WITHOUT]),
    ):
        candidates = _nearest(first, second) if match_length else _in_turn(first, second)
        used: tuple[set[int], set[int]] = set(), set()
        for apart, i, j in candidates:
            if i not in used[0] and j not in used[1]:
                used[0].add(i)
                used[1].add(j)
                if apart <= math.log(MATCHED):
                    yield first[i], second[j]
                else:
                    left["pairs of answers that differ in length by more than a tenth left out"] += 1
        if first is others:
            others = [one for i, one in enumerate(others) if i not in used[0]]


def _in_turn(first: Sequence[Taught], second: Sequence[Taught]) -> list[tuple[float, int, int]]:
    return [(0.0, i, i) for i in range(min(len(first), len(second)))]


def _nearest(first: Sequence[Taught], second: Sequence[Taught]) -> list[tuple[float, int, int]]:
    """Return the log ratio of two texts' lengths and their places, the nearest first."""
    logs = [[math.log(max(1, len(one.text))) for one in texts] for texts in (first, second)]
    return sorted((abs(a - b), i, j) for i, a in enumerate(logs[0]) for j, b in enumerate(logs[1]))


def notes(made: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield how much longer chosen is than rejected, and where the rows are from."""
    ratio = mean_ratio((row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in made)
    if ratio is not None:
        longer = sum(row["chosen_length"] > row["rejected_length"] for row in made)
        yield (
            f"chosen has {abs(ratio - 1):.1%} {'more' if ratio >= 1 else 'fewer'} characters than rejected"
            f" (longer in {longer} of {len(made)} rows){'' if abs(ratio - 1) < 0.05 else '; --match-length evens it out'}"
        )
    sources = Counter(row["source"] for row in made)
    yield "rejected are: " + ", ".join(f"{count} {name}" for name, count in sources.most_common())


def why_none(pairs: Sequence[Pair]) -> str:
    """Return why there is no row, and what would give some."""
    attempts = any(one.origin == ATTEMPT for pair in pairs for one in pair.answers)
    if attempts:
        return "no pair has both an attempt that fits and one that does not; raise k or the temperature"
    return (
        "no pair has an answer that fits and one that does not; give a run of persona_pass_at_k or persona_contrast, a"
        " revised run, or the runs with and without the persona together (--also)"
    )
