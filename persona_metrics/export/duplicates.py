"""Which texts say the same: equal but for case, white space and punctuation, or with nearly all runs of words in common."""

from __future__ import annotations

import re

ALIKE = 0.8
"""From this Jaccard similarity of word triples on two texts are one (Broder 1997, "On the resemblance…", shingles)."""
_WORD = re.compile(r"\w+")


class Clusters:
    """Groups texts as they come; a text belongs to the first group whose first text it is like."""

    def __init__(self) -> None:
        self._seen: list[frozenset[tuple[str, ...]]] = []

    def of(self, text: str) -> int:
        """Return the number of the text's group, a new one where it is like none."""
        own = shingles(text)
        for number, other in enumerate(self._seen):
            if similarity(own, other) >= ALIKE:
                return number
        self._seen.append(own)
        return len(self._seen) - 1


def shingles(text: str) -> frozenset[tuple[str, ...]]:
    """Return the text's runs of three words (all of it where it is shorter), without case and punctuation."""
    words = _WORD.findall(text.casefold()) or [text.strip()]
    return frozenset(tuple(words[i : i + 3]) for i in range(max(1, len(words) - 2)))


def similarity(one: frozenset[tuple[str, ...]], two: frozenset[tuple[str, ...]]) -> float:
    """Return Jaccard's similarity of two sets, in 0…1."""
    return len(one & two) / len(one | two)
