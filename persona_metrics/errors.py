"""The one error a user sees: a single line that says what is wrong, where, and what to change. No key is in it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from .masking import mask


class PersonaError(Exception):
    """Something the user can put right.

    The message is one line. The command line prints it on stderr and exits with 2; inside ``lm_eval`` it ends the run
    the same way; in Python it is an ordinary exception.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(mask(str(message)))


def suggest(wrong: str, known: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the nearest known name, or ``""`` where nothing is near."""
    near = difflib.get_close_matches(wrong.lower(), list(known), n=1, cutoff=0.55)
    return f" (did you mean {near[0]!r}?)" if near else ""


def shorten(text: object, limit: int = 120) -> str:
    """Return ``text`` on one line, cut to ``limit`` characters, so that an error about a file stays one line.

    Keys are masked before the cut, which would else leave a part of one that nobody recognises any more.
    """
    line = " ".join(mask(str(text)).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
