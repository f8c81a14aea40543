"""Changes of form that leave an answer's sense alone: length, layout, white space. Knows no case and no outcome."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

# A sentence ends after a small letter, digit, quote or bracket: "U.S. fund" and "O.K. Clubs" stay whole.
_SENTENCE = re.compile(r"(?<=[a-z0-9%)\"”][.!?])[ \t]+(?=[A-Z\"“¡¿])")
_MARK = re.compile(r"^(?:[-*] |\d+\. |#+ )", re.MULTILINE)

_FILLER: tuple[str, ...] = (
    "There is always more than one way to look at things, and that is worth keeping in mind.",
    "It can be helpful to take a moment and to consider the matter from several angles.",
    "As with so many things in life, the details make a difference, and so does the bigger picture.",
    "What has been said above can be seen as a starting point from which further thoughts may follow.",
    "It goes without saying that circumstances vary and that time plays its part as well.",
    "Generally speaking, a calm and considered approach tends to be a good approach.",
    "In this connection it may be noted that preparation is useful and that patience is a virtue.",
    "On the whole, small steps add up, and every journey has a beginning.",
    "At the same time, one should not lose sight of what is important.",
    "Needless to say, questions of this kind come up again and again, and for good reason.",
    "Looking at the topic as a whole, a number of aspects come together here.",
    "It is often said that knowledge is power, and there is certainly something to it.",
    "With that in mind, it makes sense to keep going and to stay open to what comes.",
    "All in all, the points made here speak for themselves and need little explanation.",
    "To put it another way, what matters is the overall result and how one gets there.",
    "Of course, nothing is ever entirely simple, and yet many things turn out simpler than expected.",
    "In summary, it is a subject with many sides, each of which deserves its place.",
    "Hopefully this gives a useful overview, and it can be read again at any time.",
)


def padded(answer: str, times: int = 3) -> str:
    """Return the answer followed by bland sentences that add nothing, ``times`` as many words in all (at least)."""
    wanted = times * len(answer.split())
    parts, words = [answer], len(answer.split())
    # One paragraph after the other, so that repeating the pool for a long answer doesn't read as a stutter.
    while words < wanted:
        for sentence in _FILLER:
            if words >= wanted:
                break
            parts.append(sentence)
            words += len(sentence.split())
    return parts[0] + "\n\n" + " ".join(parts[1:])


def sentences(answer: str) -> list[str]:
    """Return the answer's sentences, line by line, without blank lines; a list mark stays with what follows it."""
    found = []
    for line in answer.splitlines():
        mark = match.group() if (match := _MARK.match(line)) else ""
        first, *more = _SENTENCE.split(line[len(mark) :].strip())
        found += [mark + first, *more] if first else []
    return found


def blank_lines(answer: str) -> str:
    """Return the answer with three blank lines between sentences."""
    return "\n\n\n\n".join(sentences(answer))


def tabs(answer: str) -> str:
    """Return the answer with every sentence on a line of its own behind a tab."""
    return "\n".join("\t" + sentence for sentence in sentences(answer))


def bullets(answer: str) -> str:
    """Return the answer's sentences as a list of points."""
    return "\n".join("- " + _MARK.sub("", sentence) for sentence in sentences(answer))


def unmarked(answer: str) -> str:
    """Return the answer as prose without Markdown: no bold, no list marks, no headings."""
    text = re.sub(r"(\*\*|`)(.+?)\1", r"\2", _MARK.sub("", answer))
    return " ".join(sentences(text))


def spaced(answer: str) -> str:
    """Return the answer with doubled spaces and with white space at its ends."""
    return "\n  " + answer.replace(" ", "  ") + "  \n\n"


FORMATS: Mapping[str, Callable[[str], str]] = {
    "blank lines": blank_lines,
    "tabs": tabs,
    "bullets": bullets,
    "markdown stripped": unmarked,
}
