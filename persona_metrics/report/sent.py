"""The prompts of a report's samples, each without its persona and question, which the page holds already."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..runs.messages import messages

OPEN, CLOSE = "\ue000", "\ue001"
"""Around what is put in again: the number of an attribute, or ``q`` for the question."""
MOST_KEPT = 400_000
"""Characters of prompts in the page's index; beyond it a prompt stands with its sample."""
LONGEST = 16_000


class Sent:
    """Gives each prompt, its own persona and question taken out, and each way of sampling a number.

    ``attributes`` holds the number of each attribute; a persona's own are in it before its prompts are read.
    """

    def __init__(self, attributes: dict[str, int]) -> None:
        self._attributes = attributes
        self.numbers: dict[str, int] = {}
        self._size = 0

    @property
    def texts(self) -> list[str]:
        """What the numbers stand for."""
        return list(self.numbers)

    def of(self, sample: Mapping[str, Any], at: int, results: int) -> list[Any]:
        """Return prompt and sampling of a sample's reply ``at``, a number each or the text; empty where none is recorded.

        The prompt is JSON of ``[role, text]`` pairs; a text that was no chat has the role "".
        """
        given = sample.get("arguments")
        asked = list(given.values()) if isinstance(given, Mapping) else list(given or ())
        each = len(asked) // results if results and len(asked) > results and len(asked) % results == 0 else 1
        if not 0 <= at * each < len(asked):
            return []
        parts = asked[at * each]
        parts = list(parts.values()) if isinstance(parts, Mapping) else parts
        if not isinstance(parts, Sequence) or isinstance(parts, str) or not parts:
            return []
        chat = [[role, _template(text, sample["doc"], self._attributes)] for role, text in messages(parts[0])]
        sampling = parts[1] if len(parts) > 1 and isinstance(parts[1], Mapping) else {}
        return [self._keep(json.dumps(chat, ensure_ascii=False)), self._keep(json.dumps(sampling, ensure_ascii=False))]

    def _keep(self, text: str) -> int | str:
        if text not in self.numbers:
            if self._size + len(text) > MOST_KEPT:
                return text
            self._size += len(text)
        return self.numbers.setdefault(text, len(self.numbers))


def _template(text: str, doc: Mapping[str, Any], attributes: Mapping[str, int]) -> str:
    """Return a prompt with a mark for each line of its persona and for its question; the text itself where that fails."""
    persona, question = doc.get("persona") or {}, str(doc.get("question") or "")
    if OPEN in text or CLOSE in text:
        return text.replace(OPEN, "?").replace(CLOSE, "?")[:LONGEST]
    made = text
    # The question first: one that repeats a line of the persona would be torn otherwise.
    if question and question in made and len(question) <= LONGEST:
        head, _, tail = made.rpartition(question)
        made = f"{head}{OPEN}q{CLOSE}{tail}"
    for name, value in persona.items():
        number = attributes.get(name)
        if number is not None and value is not None and len(str(value)) <= 1000 and str(value):
            made = made.replace(f"{name}: {value}\n", f"{OPEN}{number}{CLOSE}\n", 1)
    return made[:LONGEST]
