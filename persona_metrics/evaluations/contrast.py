"""Contrast: what the persona is worth. The same answer for its own person and for another; with the persona and without."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import Self

from ..errors import PersonaError
from ..personas import Persona
from ..settings import Settings
from .base import WHOLE, Evaluation, Outcome, Row, Variant, breakdown, row_of, shares
from .facts import PERSONALIZED, Fact

ANOTHER = "another person"
NOBODY = "no persona"


@dataclass(frozen=True)
class Contrast(Evaluation):
    """Two answers a pair, with the persona and without (mode baseline), and judgements for two people.

    ``contrast`` of a pair is the verdict on its answer for its own person less that for another (the mean over ``others``
    of them); ``lift`` that on its answer less that on the answer written for nobody, both for its own person. A good answer
    for anybody, and a critic that always says the same, give 0 on both. Means of paired differences, so that lm-eval's
    error is the paired one. Without ``baseline`` (answers made elsewhere) there is no ``lift``.
    """

    name = "contrast"
    title = "Contrast"
    task = "persona_contrast"
    headline = "contrast"
    terms = ("others",)
    compared = ("answers for their own person", "share of answers judged personalised for their own person")
    rows = (
        Fact(
            "contrast",
            "fits its own person less fits another, the same answer (0: an answer for anybody)",
            least=-1.0,
            column="contrast",
        ),
        Fact(
            "lift",
            "fits with the persona less fits without it, for the same person (0: the persona changed nothing)",
            least=-1.0,
            column="lift",
        ),
        PERSONALIZED,
    )
    seed: int = 0
    others: int = 1
    baseline: bool = True
    pool: Sequence[Persona] = field(default=(), repr=False, compare=False)

    @classmethod
    def build(cls, settings: Settings, personas: Sequence[Persona]) -> Self:
        """Take ``others`` and the seed; raise ``PersonaError`` where there is nobody else, or no persona is shown."""
        if settings.mode == "baseline":
            raise PersonaError(
                "mode=baseline shows the model no persona, and contrast asks what showing one is worth; leave mode out"
            )
        found = cls(settings.seed, settings.others, True, personas)
        distinct = _different(personas, settings.others + 1)
        if distinct <= settings.others:
            raise PersonaError(
                f"others={settings.others}: among {len(personas)} personas are {distinct} different ones, and another"
                " person has to differ; give more personas, or a smaller others"
            )
        return found

    @classmethod
    def restore(cls, recorded: Mapping[str, Any], settings: Settings, personas: Sequence[Persona], where: str) -> Self:  # noqa: ARG003
        """Take over whether there was an answer written for nobody."""
        made = cls.build(settings, personas)
        return cls(made.seed, made.others, recorded.get("baseline") is not False, made.pool)

    def variants(self, persona: Persona) -> tuple[Variant, ...]:
        """Return the whole persona, and no persona at all."""
        nobody = Variant(NOBODY, Persona(persona.id, {}), tuple(persona.attributes), mode="baseline")
        return (Variant(WHOLE, persona), nobody) if self.baseline else (Variant(WHOLE, persona),)

    def judged(self, variant: Variant, persona: Persona, question_id: str) -> tuple[tuple[str, Persona], ...]:
        """Return for whom an answer is judged: the one with the persona for its own person and for the others."""
        if variant.name != WHOLE:
            return ((variant.name, persona),)
        found = others_than(persona, question_id, self.seed, self.pool, self.others)
        named = [(ANOTHER if not i else f"{ANOTHER} {i + 1}", other) for i, other in enumerate(found)]
        return ((WHOLE, persona), *named)

    def metrics(self, persona: Persona, outcomes: Sequence[Outcome]) -> dict[str, Row]:
        """Return the rates for the three judgements and the paired differences whose two sides are both there."""
        own, others = outcomes[0], outcomes[1 : 1 + self.others]
        nobody = outcomes[1 + self.others] if self.baseline else None
        rows = breakdown(own.personalized, persona, ())
        known = [o.personalized for o in others if o.personalized is not None]
        if known:
            rows[row_of(ANOTHER)] = sum(known) / len(known)
            if own.personalized is not None:
                rows["contrast"] = own.personalized - sum(known) / len(known)
        if nobody is not None and nobody.personalized is not None:
            rows[row_of(NOBODY)] = nobody.personalized
            if own.personalized is not None:
                rows["lift"] = own.personalized - nobody.personalized
        answered = [own] if nobody is None else [own, nobody]
        failed = {"answer_failures": sum(o.answer_failure for o in answered) / len(answered)}
        return {**rows, **shares(outcomes), **failed}

    def record(self) -> dict[str, Any]:
        """Return how many others, and whether there is an answer written for nobody."""
        return {"others": self.others, "baseline": self.baseline}


def _different(personas: Sequence[Persona], enough: int) -> int:
    """Return how many different people there are; counted up to ``enough``, since they may be many."""
    seen: set[tuple[tuple[str, str], ...]] = set()
    for one in personas:
        seen.add(tuple(sorted(one.attributes.items())))
        if len(seen) >= enough:
            break
    return len(seen)


def others_than(persona: Persona, question_id: str, seed: int, pool: Sequence[Persona], count: int) -> list[Persona]:
    """Return ``count`` people of the pool whose attributes differ from the persona's and each other's, by the seed."""
    found: list[Persona] = []
    taken = [dict(persona.attributes)]
    draw = 0
    while len(found) < count:
        digest = hashlib.sha256(f"{seed}/another/{persona.id}/{question_id}/{draw}".encode()).digest()
        other = pool[int.from_bytes(digest[:8], "big") % len(pool)]
        if dict(other.attributes) not in taken:
            found.append(other)
            taken.append(dict(other.attributes))
        draw += 1
    return found
