"""Leave-one-out: what knowing an attribute is worth. The paper's idea, with an arm that keeps the whole persona."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from typing_extensions import Self

from ..dataset.adapters import THEIR_NAMES
from ..dataset.questions import Question
from ..errors import PersonaError, shorten, suggest
from ..personas import ATTRIBUTE_GROUPS, ATTRIBUTES, Persona, attribute_name, columns_of
from ..settings import Settings
from ..settings.spellings import read_json, split_names
from .base import WHOLE, Evaluation, Outcome, Row, Variant, breakdown, shares
from .facts import PERSONALIZED, Fact

DEFAULT = (
    "age",
    "sex",
    "race",
    "education",
    "detailed job description",
    "income",
    "marital status",
    "lifestyle",
    "ideology",
    "religion",
)
NONE_LISTED = "none of the listed"
ALL_LISTED = "all listed"
WHERE_IT_BEARS = "importance_where_it_bears"
PLACEBO = "placebo"
"""The whole persona asked once more: what its importance shows is noise of sampling and critic."""


@dataclass(frozen=True)
class LeaveOneOut(Evaluation):
    """Per pair: the whole persona, the persona without each listed item, and the persona without all of them.

    ``importance[A]`` of a pair is whole − without A, in −1, 0, 1, so its mean is a mean of paired differences and
    lm-eval's standard error is the paired one. An item is an attribute or a named group of attributes.
    """

    name = "leave_one_out"
    title = "Leave-one-out"
    task = "persona_loo"
    aliases = ("loo",)
    terms = ("attributes", "yardstick")
    compared = ("with the whole persona", "share of answers judged personalised, with the whole persona")
    rows = (
        PERSONALIZED,
        Fact(
            "importance",
            "rate with the whole persona minus rate without the attribute, over the same pairs (no better or worse)",
            least=-1.0,
        ),
        Fact(
            WHERE_IT_BEARS,
            "the same over the questions on which the attribute bears alone (no better or worse)",
            least=-1.0,
        ),
    )
    items: tuple[str, ...] = DEFAULT
    yardstick: str = WHOLE
    placebo: int | None = None
    """The seed of the placebo arm; None where there is none."""
    groups_meant: bool = True
    """Whether a name that is both (``disability``) means the group; with ``attributes=all`` each attribute goes alone."""
    columns: tuple[str, ...] = ATTRIBUTES
    """The personas' attributes, in their order."""

    @classmethod
    def build(cls, settings: Settings, personas: Sequence[Persona]) -> Self:
        """Take the list from ``loo_json`` or ``attributes``; raise ``PersonaError`` for an item no persona has."""
        if settings.loo_json and settings.attributes:
            raise PersonaError("loo_json and attributes both name what to leave out; give one of them")
        if settings.loo_json:
            where, listed = "loo_json", _from_json(settings.loo_json)
        elif settings.attributes:
            where, listed = "attributes", split_names(settings.attributes)
        else:
            where, listed = "attributes", DEFAULT
        there = columns_of(personas)
        every = listed == ("all",)
        if listed == DEFAULT:
            # Of a file with other columns what it has of them, else all it has.
            listed = tuple(name for name in DEFAULT if name in there) or there
        items = there if every else tuple(dict.fromkeys(_named(item, there) for item in listed))
        for item in items:
            if item not in there and item not in ATTRIBUTES and item not in ATTRIBUTE_GROUPS:
                known = (*there, *ATTRIBUTE_GROUPS, "all")
                raise PersonaError(f"{where}: {shorten(item, 40)!r} is no attribute or group{suggest(item, known)}")
            if not any(name in there for name in members(item, groups=not every)):
                raise PersonaError(f"{where}: no persona states {item!r}, so leaving it out changes nothing")
        placebo = settings.seed * 10_000 + 9_999 if settings.placebo else None
        return cls(items, settings.yardstick, placebo, not every, there)

    @classmethod
    def restore(cls, recorded: Mapping[str, Any], settings: Settings, personas: Sequence[Persona], where: str) -> Self:
        """Take the items from ``attributes``; raise ``PersonaError`` where it does not list any."""
        items = recorded.get("attributes")
        names = split_names(items) if isinstance(items, (list, str)) else ()
        there = columns_of(personas)
        if not names or not all(n in ATTRIBUTES or n in ATTRIBUTE_GROUPS or n in there for n in names):
            raise PersonaError(f"{where}: metadata.attributes does not list the attributes that were left out")
        # attributes=all is recorded as all the names, of which each goes alone.
        alone = names == tuple(ATTRIBUTES) or recorded.get("each_alone") is True
        return cls(names, settings.yardstick, 9_999 if recorded.get("placebo") else None, not alone, there)

    def dropped_by(self, item: str) -> tuple[str, ...]:
        """Return the attributes that leaving ``item`` out drops."""
        return members(item, groups=self.groups_meant)

    @property
    def listed(self) -> tuple[str, ...]:
        """Every attribute that some item drops, in the personas' order."""
        dropped = dict.fromkeys(name for item in self.items for name in self.dropped_by(item))
        return (*(name for name in self.columns if name in dropped), *(n for n in dropped if n not in self.columns))

    def variants(self, persona: Persona) -> tuple[Variant, ...]:
        """Return whole, without each item, and without all of them (2 + A prompts), and the placebo where it is asked for."""
        without = []
        for item in self.items:
            dropped = self.dropped_by(item)
            without.append(Variant(f"without {item}", persona.without(*dropped), dropped))
        return (
            Variant(WHOLE, persona),
            *without,
            Variant(NONE_LISTED, persona.without(*self.listed), self.listed),
            *([] if self.placebo is None else [Variant(PLACEBO, persona, seed=self.placebo)]),
        )

    def metrics(self, persona: Persona, outcomes: Sequence[Outcome]) -> dict[str, Row]:
        """Return the whole persona's rate and the paired differences whose two verdicts are both there."""
        whole, *without = outcomes
        rows = breakdown(whole.personalized, persona, ())
        extra = () if self.placebo is None else (PLACEBO,)
        for item, outcome in zip((*self.items, ALL_LISTED, *extra), without, strict=True):
            if whole.personalized is not None and outcome.personalized is not None:
                rows[f"importance[{item}]"] = whole.personalized - outcome.personalized
        return {**rows, **shares(outcomes)}

    def of_question(self, rows: Mapping[str, Row], question: Question) -> dict[str, Row]:
        """Return the importance of each item that bears on the question, where the source says what does."""
        bears = frozenset() if question.bears is None else question.bears.names
        return {
            f"{WHERE_IT_BEARS}[{item}]": rows[f"importance[{item}]"]
            for item in self.items
            if f"importance[{item}]" in rows and not bears.isdisjoint(self.dropped_by(item))
        }

    def record(self) -> dict[str, Any]:
        """Return the items and the yardstick."""
        made: dict[str, Any] = {"attributes": list(self.items), "yardstick": self.yardstick}
        if not self.groups_meant:
            made["each_alone"] = True
        return made if self.placebo is None else {**made, "placebo": True}


def members(item: str, *, groups: bool = True) -> tuple[str, ...]:
    """Return the attributes that an item drops: those of a group, or the attribute itself.

    ``disability`` is both the name of a group and an attribute; the group is meant, since its members repeat it,
    unless ``groups`` is False.
    """
    return ATTRIBUTE_GROUPS.get(item, (item,)) if groups else (item,)


def _named(item: str, there: Sequence[str]) -> str:
    return item if item in there or item in ATTRIBUTE_GROUPS else THEIR_NAMES.get(item, item)


def _from_json(text: str) -> tuple[str, ...]:
    data = read_json(text, "loo_json")
    listed = data.get("attributes") if isinstance(data, Mapping) else data
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise PersonaError('loo_json: expected {"attributes": ["age", …]}, a list of attribute names')
    if not listed:
        raise PersonaError("loo_json: the list of attributes is empty")
    names = [attribute_name(name) for name in listed]
    for name in names:
        if names.count(name) > 1:
            raise PersonaError(f"loo_json: {shorten(name, 40)!r} stands twice")
    return tuple(names)
