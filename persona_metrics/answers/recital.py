"""Does an answer recite the persona? A check in code: attributes named with their value, or quoted. Knows no model."""

from __future__ import annotations

import re
from collections.abc import Mapping

RUN = 4
"""So many words of a value in a row are a quotation."""
LONG = 5
"""Letters of a word that says something; a quotation has two of them."""
_WORD = re.compile(r"\w+(?:[-'’]\w+)*")
_NEAR = 24
"""Characters within which a value that follows its attribute's name counts as named with it."""
_LETTERS = frozenset({"yes", "no", "none"})


def recited(answer: str, persona: Mapping[str, str], question: str = "") -> tuple[str, ...]:
    """Return the attributes that the answer recites, in the persona's order.

    An attribute is recited where its name stands with its value behind it ("age: 43", "your income of 52000"), where the
    age is given as such ("43-year-old", "at 43", "aged 43"), or where four words in a row of its value (all of a value of
    three), two of them long, stand in the answer; words that the question itself has do not count. Naming a thing that
    bears on the question ("your night shifts") is no recital.
    """
    text, asked = _plain(answer), _plain(question)
    return tuple(name for name, value in persona.items() if _recites(text, asked, name, value))


def _recites(text: str, asked: str, name: str, value: str) -> bool:
    words = _plain(value)
    if not words:
        return False
    named = re.compile(rf"\b{re.escape(_plain(name))}\b.{{0,{_NEAR}}}?\b{re.escape(words[:60])}\b")
    if len(words) < 60 and words not in _LETTERS and named.search(text) and not named.search(asked):
        return True
    if name == "age" and words.isdigit():
        aged = re.compile(rf"\b{words} ?-?(?:year ?-?old|years old|years of age)|\b(?:aged?|at) {words}\b")
        return aged.search(text) is not None and aged.search(asked) is None
    split = words.split()
    length = min(RUN, len(split))
    if length < 3:
        return False
    padded, question = f" {text} ", f" {asked} "
    parts = (split[i : i + length] for i in range(len(split) - length + 1))
    # "in the middle of" is nobody's own.
    runs = (f" {' '.join(part)} " for part in parts if sum(len(word) >= LONG for word in part) > 1)
    return any(run in padded and run not in question for run in runs)


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))
