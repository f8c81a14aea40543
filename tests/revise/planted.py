"""A writer and a critic with a planted truth: every revision says how often its answer was revised, and by whom it fits."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.fakes.server import Server, draw

RATES = (0.4, 0.5, 0.7)
"""The chance that an answer fits at first, after one revision of those that did not, and after two."""
_DATA = re.compile(r"=== begin (\w+) (\w+) ===\n(.*?)\n=== end \1 \2 ===", re.S)
_COUNT = re.compile(r"Revised (\d+) times?, ")


def asked(prompt: str) -> dict[str, Any] | None:
    """Return the data of a writer's prompt, None where it is none."""
    found = {name: json.loads(text) for name, _, text in _DATA.findall(prompt)}
    return found if set(found) == {"person", "question", "answer", "objections"} else None


def times(answer: str) -> int:
    """Return how often an answer was revised."""
    found = _COUNT.match(answer)
    return int(found[1]) if found else 0


def root(answer: str) -> str:
    """Return the answer as it was at first."""
    return _COUNT.sub("", answer)


def write(prompt: str, seed: int) -> str:
    """Revise: count one up, and leave the rest as it is."""
    del seed
    data = asked(prompt)
    if data is None:
        return "An answer."
    return json.dumps({"answer": f"Revised {times(data['answer']) + 1} times, {root(data['answer'])}"})


def fits(question: str, answer: str) -> bool:
    """Return the planted verdict: drawn anew for each revision."""
    n = min(times(answer), len(RATES) - 1)
    return draw("fits", question, root(answer), n) < RATES[n]


def verdict(question: str, persona: dict[str, str], answer: str) -> bool:
    """Return whether the answer needs a revision."""
    del persona
    return not fits(question, answer)


def server(**more: Any) -> Server:
    """Return a server that plays both."""
    return Server(reply=write, verdict=verdict, **more)
