"""The page's own words, each explained once and linked from the place where it first stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from ..analysis.words import unbroken


@dataclass(frozen=True)
class Term:
    """A word of the page, what it means, and the pattern by which a text uses it."""

    name: str
    meaning: str
    pattern: str

    @property
    def anchor(self) -> str:
        """The id of its entry."""
        return f"word-{self.name.replace(' ', '-').replace('@', '-')}"


TERMS = (
    Term(
        "personalised",
        "the critic found no need to revise the answer for this person: it fits them. Tables call the row personalized.",
        r"(?:judged )?personali[sz]ed",
    ),
    Term("pair", "one person and one question put to the model; n counts pairs.", r"pairs?"),
    Term(
        "critic",
        "the model that reads an answer beside the whole description of a person, argues for and against it, and gives a"
        " verdict.",
        r"critics?",
    ),
    Term(
        "verdict missing",
        "the critic was asked and gave no usable verdict. Such a pair is left out and counted; it is never a 0.",
        r"(?:no verdict|verdicts? missing|missing verdicts?|without a verdict|without verdict)",
    ),
    Term(
        "contrast",
        "how many more answers fit their own person than fit another one, the same answers; 0 where they would suit anybody.",
        r"contrast",
    ),
    Term(
        "lift",
        "how many more answers fit when the model was told about the person than when it was told nothing.",
        r"lift",
    ),
    Term(
        "pooled",
        "a group's rate drawn towards the rate of all groups, the more the fewer pairs it has: small groups look less"
        " extreme than luck alone would make them.",
        r"pooled",
    ),
    Term(
        "survives",
        "still stands after allowing for how many things were tested at once: fewer than 1 in 20 such reports would name"
        " anything by chance alone.",
        r"surviv(?:es|e|ing)",
    ),
    Term(
        "bounds",
        "where the number would lie if every missing verdict had come out one way, and where if the other. A difference"
        " itself is of the pairs that have both verdicts, and so can lie outside.",
        r"bounds?",
    ),
    Term(
        "told apart",
        "shown to differ beyond chance over the same pairs; what cannot be told apart may still differ.",
        r"told apart",
    ),
)


@dataclass
class Linker:
    """Links each term where it first stands; a text given later keeps its words plain."""

    terms: Sequence[Term] = TERMS
    linked: set[str] = field(default_factory=set)

    def __call__(self, text: str) -> Markup:
        """Return the text escaped, with a link at each term that was not linked before."""
        text = unbroken(text)
        found: list[tuple[int, int, Term]] = []
        for term in self.terms:
            if term.name in self.linked:
                continue
            hit = re.search(rf"(?<![\w-])(?:{term.pattern})\b(?![@\[-])", text, re.IGNORECASE)
            if hit and not any(hit.start() < end and start < hit.end() for start, end, _ in found):
                found.append((hit.start(), hit.end(), term))
                self.linked.add(term.name)
        made, at = Markup(""), 0
        for start, end, term in sorted(found, key=lambda one: one[0]):
            made += _code(text[at:start]) + Markup('<a class="term" href="#{}">{}</a>').format(
                term.anchor, text[start:end]
            )
            at = end
        return made + _code(text[at:])

    def columns(self, headings: Iterable[str]) -> Markup:
        """Return a line of the terms that first stand as headings of a table, each linked; empty where there are none."""
        known = {term.name: term for term in self.terms}
        new = dict.fromkeys(name for heading in headings if (name := _plain(heading)) in known)
        found = [name for name in new if name not in self.linked]
        return Markup(" · ").join(map(self, found))


def _plain(heading: str) -> str:
    return heading.removesuffix(", points").removesuffix(" interval")


def _code(text: str) -> Markup:
    """Return the text escaped, with what stands between two backticks as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if i % 2 else escape(part) for i, part in enumerate(parts)
    )
