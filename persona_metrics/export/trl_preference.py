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


def _matched(pair: Pair, left: Counter[str], match_length: bool) -> list[tuple[Taught, Taught]]:
    good = [one for one in pair.answers if one.fits and not one.marks and one.origin != WITHOUT]
    left["marked revisions (longer than 1.5 times the original, or reciting the persona) not chosen"] += sum(
        one.fits and bool(one.marks) for one in pair.answers
    )
    shown = [one for one in pair.answers if not one.fits and one.origin != WITHOUT]
    without = [one for one in pair.answers if not one.fits and one.origin == WITHOUT]
    own = [(a, b) for a in good for b in shown if a.origin == REVISION and b.origin == ORIGINAL and a.chain == b.chain]
    # A revision goes over its own original alone.
    free = [one for one in good if one.origin != REVISION]
    found: list[tuple[Taught, Taught]] = []
    for candidates in (own, _by_length(free, shown, match_length), _by_length(free, without, match_length)):
        used = {id(one) for both in found for one in both}
        for chosen, rejected in candidates:
            if id(chosen) in used or id(rejected) in used:
                continue
            if match_length and abs(_log_ratio(chosen, rejected)) > math.log(MATCHED):
                left["pairings of answers that differ in length by more than a tenth not made"] += 1
                continue
            used |= {id(chosen), id(rejected)}
            found.append((chosen, rejected))
    return found


def _by_length(first: Sequence[Taught], second: Sequence[Taught], nearest: bool) -> list[tuple[Taught, Taught]]:
    """Return every pairing, those that are nearest in length first, or in the order in which they came."""
    pairings = [(a, b) for a in first for b in second]
    return sorted(pairings, key=lambda both: abs(_log_ratio(*both))) if nearest else pairings


def _log_ratio(one: Taught, two: Taught) -> float:
    return math.log(max(1, len(one.text)) / max(1, len(two.text)))


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
