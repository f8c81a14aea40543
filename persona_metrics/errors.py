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
    names = list(known)
    # A whole word of a name is nearer than any name with the same letters: votes is critic_votes, not others.
    near = [name for name in names if len(wrong) > 2 and wrong.lower() in name.split("_")][:1]
    near = near or difflib.get_close_matches(wrong.lower(), names, n=1, cutoff=0.55)
    return f" (did you mean {near[0]!r}?)" if near else ""


def shorten(text: object, limit: int = 120) -> str:
    """Return ``text`` on one line, cut to ``limit`` characters, so that an error about a file stays one line.

    Keys are masked before the cut, which would else leave a part of one that nobody recognises any more.
    """
    line = " ".join(mask(str(text)).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
