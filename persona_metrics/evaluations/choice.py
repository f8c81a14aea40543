"""Choice: does a model pick what fits the person, change its pick where the person's case changes, and only there?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from typing_extensions import Self

from ..dataset.adapters import named
from ..dataset.choice_items import ChoiceItem, load_items
from ..dataset.conditions import named_attributes
from ..dataset.sources import Question
from ..errors import PersonaError
from ..personas import ATTRIBUTES, NOT_STATED, Persona, band, columns_of, in_order, number
from ..settings import Settings
from .base import WHOLE, Row, groupings, row_of
from .facts import Fact
from .judgefree import LOGLIKELIHOOD, Ask, Document, Judgefree, Pick, content_of, number_of, ordered, some_of

CHANGED = "changed: "
"""Begins the name of the prompt in which the deciding attribute, which follows, is another."""
UNRELATED = "unrelated: "
"""Begins the name of the prompt in which an attribute that must not matter is another."""
NOBODY = "no persona"

COMES_ALONG: Mapping[str, tuple[str, ...]] = {
    "sex": ("fertility",),
    "race": ("ancestry",),
    "place of birth": ("citizenship",),
}
"""What changes with an attribute that must not matter, so that the persona stays possible."""
ALIKE: Mapping[str, tuple[str, ...]] = {
    "sex": ("age", "family presence and age", "veteran status"),
    "age": (
        "sex",
        "employment status",
        "occupation category",
        "family presence and age",
        "veteran status",
        "fertility",
        "health insurance",
    ),
    "ancestry": ("race",),
    "income": ("employment status", "class of worker", "occupation category", "education"),
    "place of birth": ("household language", "race"),
    "political views": ("ideology",),
    "ideology": ("political views",),
    "education": ("occupation category", "age"),
}
"""In what the person whose value is taken over has to be like the persona, by bands where there are some."""


@dataclass(frozen=True)
class Choice(Judgefree):
    """Four prompts a document: the persona, it with the deciding attribute changed so that another option is right, it with
    an attribute changed that must not matter, and nobody.

    ``adapts`` of a document is 1 where both sides of the first change are right, ``stays`` where the second left the pick
    as it was, ``prior`` where the pick for nobody is right for the persona. All options stand in one order within a
    document, so that a habit of picking a place is no adaptation and no staying is bought with it alone.
    """

    name = "choice"
    title = "Choice"
    task = "persona_choice"
    headline = "adapts"
    template = "choosing/choice.jinja"
    edition = 1  # each change was checked against the texts of these people
    terms: ClassVar[tuple[str, ...]] = ("split", "items_hash")
    compared = ("adapts", "share of pairs in which the choice follows the fact that was changed")
    unanswered = "count as wrong picks"
    rows = (
        Fact(
            "adapts",
            "share of pairs right on both sides, as the persona is and with what decides changed"
            " (ignoring the persona gives 0, guessing a quarter)",
            judged=False,
            column="adapts",
        ),
        Fact(
            "stays",
            "share of pairs with the same pick after a change that must not matter"
            " (ignoring the persona gives 1, guessing a half)",
            judged=False,
            column="stays",
        ),
        Fact("acc", "share of right picks over both sides", judged=False, column="acc"),
        Fact("chance", "what guessing gives: one over the number of options", judged=False),
        Fact(
            "prior",
            "share of picks without a persona that are right for the persona as it is: what options and habits give away",
            judged=False,
            column="prior",
        ),
    )
    form: str = LOGLIKELIHOOD
    n: int = 300
    seed: int = 0
    split: str = "main"
    by: tuple[str, ...] = ()
    items: Sequence[ChoiceItem] = field(default=(), repr=False, compare=False)
    pool: Sequence[Persona] = field(default=(), repr=False, compare=False)

    @classmethod
    def build(cls, settings: Settings, personas: Sequence[Persona]) -> Self:
        """Take ``n``, the seed, the split and, where they are given, the attributes in ``by``."""
        by: tuple[str, ...] = ()
        if "by" in settings.model_fields_set:
            there = columns_of(personas)
            if strange := [n for n in settings.by if n != "topic" and n not in ATTRIBUTES and named(n, there) is None]:
                raise PersonaError(f"by={','.join(strange)}: choice is broken down by attributes and by topic")
            by = groupings(settings, personas, ("topic",))
        items = load_items(settings.split)
        people = some_of(personas, settings.n, settings.seed)
        return cls(LOGLIKELIHOOD, settings.n, settings.seed, settings.split, by, items, people)

    @property
    def reads(self) -> tuple[str, ...]:
        """Return the attributes that the items' rules look at."""
        found = set().union(*(named_attributes(rule.when) for item in self.items for rule in item.rules))
        return tuple(name for name in ATTRIBUTES if name in found)

    @property
    def items_hash(self) -> str:
        """Return 12 hex digits that name the items of the split."""
        return content_of(*self.items)

    @cached_property
    def donors(self) -> Donors:
        """Whose values others may take over."""
        return Donors(self.pool)

    def documents(self) -> list[Document]:
        """Return ``n`` documents, each item once before any is used twice, none with the same persona twice.

        Raises ``PersonaError`` where the personas do not fit so many.
        """
        unrelated: Counter[str] = Counter()
        chosen = self._chosen()
        return [self._document(number, item, persona, unrelated) for number, (item, persona) in enumerate(chosen)]

    def _chosen(self) -> list[tuple[ChoiceItem, Persona]]:
        chosen: list[tuple[ChoiceItem, Persona]] = []
        order = ordered(range(len(self.items)), self.seed, "item")
        waiting: dict[int, Iterator[int]] = {}
        while len(chosen) < self.n and order:
            for i in list(order):
                if len(chosen) == self.n:
                    break
                item = self.items[i]
                if i not in waiting:
                    waiting[i] = iter(ordered(range(len(self.pool)), self.seed, f"persona/{item.id}"))
                persona = next((p for p in map(self.pool.__getitem__, waiting[i]) if item.fits(p.attributes)), None)
                if persona is None:
                    order.remove(i)
                else:
                    chosen.append((item, persona))
        if len(chosen) < self.n:
            there = columns_of(self.pool)
            lacking = [name for name in self.reads if name not in there]
            why = f" (the items go by attributes that no persona states: {', '.join(lacking)})" if lacking else ""
            raise PersonaError(
                f"n={self.n}: {len(self.pool)} personas and the {len(self.items)} items of split={self.split} make"
                f" {len(chosen)} pairs at most{why}; lower n, or give more personas"
            )
        return chosen

    def _document(self, number: int, item: ChoiceItem, persona: Persona, unrelated: Counter[str]) -> Document:
        own = persona.attributes
        right = item.right(own)
        assert right is not None
        # The persona's own option stands first, second, … in turn, and the others behind and before it in a drawn order.
        others = ordered(
            (i for i in range(len(item.options)) if i != right), self.seed, f"order/{item.id}/{persona.id}"
        )
        place = number % len(item.options)
        order = (*others[:place], right, *others[place:])
        targets = {change.right for change in item.changes} - {right}
        target = ordered(targets, self.seed, f"target/{item.id}/{persona.id}")[0]
        asks = [
            Ask(WHOLE, persona, order, right),
            Ask(f"{CHANGED}{item.attribute}", _changed(item, persona, target), order, target),
            Ask(NOBODY, None, order, right),
        ]
        if found := self._unrelated(item, persona, unrelated):
            attribute, other = found
            unrelated[attribute] += 1
            asks.insert(2, Ask(f"{UNRELATED}{attribute}", other, order, right))
        return Document(
            f"{number:05d}",
            persona,
            Question(item.id, item.question, item.topic),
            item.options,
            tuple(asks),
            item.attribute,
        )

    def _unrelated(self, item: ChoiceItem, persona: Persona, used: Counter[str]) -> tuple[str, Persona] | None:
        """Return the persona with another value of an attribute that must not matter, the least used ones first."""
        salt = f"unrelated/{item.id}/{persona.id}"
        names = sorted(ordered(item.invariant, self.seed, salt), key=lambda name: used[name])
        for name in names:
            for changed in self.donors.taken_over(persona, name, number_of(self.seed, f"{salt}/{name}")):
                if item.right(changed) == item.right(persona.attributes) and item.fits(changed):
                    return name, _with(persona, changed)
        return None

    def values(self, document: Document) -> Mapping[str, Any]:
        """Return the question."""
        return {"question": document.question.text}

    def score(self, doc: Mapping[str, Any], found: Sequence[Pick]) -> dict[str, Row]:
        """Return the document's rows; the deciding attribute and the one that must not matter have rows of their own."""
        by_name = dict(zip((ask["name"] for ask in doc["asks"]), zip(doc["asks"], found, strict=True), strict=True))
        value = {name: pick.value(ask["right"]) for name, (ask, pick) in by_name.items()}
        rows: dict[str, Row] = {"chance": 1 / len(doc["options"])}
        own, other = value[WHOLE], value[f"{CHANGED}{doc['attribute']}"]
        if own is not None and other is not None:
            rows |= {"acc": (own + other) / 2, "adapts": own * other}
            rows[row_of(doc["attribute"], "adapts")] = own * other
            for name in self.by:
                group = doc["topic"] if name == "topic" else band(name, doc["persona"].get(name))
                rows[row_of(f"{name}={group}", "adapts")] = own * other
        if value[NOBODY] is not None:
            rows["prior"] = value[NOBODY]
        for name, (_, pick) in by_name.items():
            if name.startswith(UNRELATED) and pick.missing is None and by_name[WHOLE][1].missing is None:
                same = float(pick.choice is not None and pick.choice == by_name[WHOLE][1].choice)
                rows |= {"stays": same, row_of(name.removeprefix(UNRELATED), "stays"): same}
        rows["answer_failures"] = sum(pick.failure is not None for pick in found) / len(found)
        return rows

    def record(self) -> dict[str, Any]:
        """Return the split and what broke the rows down."""
        return {"split": self.split, "by": list(self.by)}


class Donors:
    """Whose values a persona may take over, by what the two have to share."""

    def __init__(self, pool: Sequence[Persona]) -> None:
        self._pool = pool
        self._bands: dict[str, list[str]] = {}
        self._found: dict[str, dict[tuple[str, ...], list[int]]] = {}
        self._places = {persona.id: i for i, persona in enumerate(pool)}

    def taken_over(self, persona: Persona, name: str, start: int) -> Iterator[dict[str, str]]:
        """Yield the persona's attributes with ``name``, and what comes along with it, from other people of the pool.

        They are those with another value (in another band) that are like the persona in what the value hangs on
        (``ALIKE``), beginning at the one that ``start`` falls on. An attribute that is not stated is not taken over.
        """
        here = self._places[persona.id]
        if name not in self._found:
            groups: dict[tuple[str, ...], list[int]] = {}
            for i in range(len(self._pool)):
                groups.setdefault(self._key(name, i), []).append(i)
            self._found[name] = groups
        alike, own = self._found[name][self._key(name, here)], self._band(name)
        if own[here] == NOT_STATED:
            return
        for step in range(len(alike)):
            there = alike[(start + step) % len(alike)]
            if own[there] not in (own[here], NOT_STATED):
                other = self._pool[there].attributes
                along = (key for key in COMES_ALONG.get(name, ()) if key in persona.attributes)
                moved = {key: other[key] for key in (name, *along) if key in other}
                yield {**persona.attributes, **moved}

    def _key(self, name: str, place: int) -> tuple[str, ...]:
        key = tuple(self._band(alike)[place] for alike in ALIKE.get(name, ()))
        return (*key, str(_asked_for_births(self._pool[place].attributes))) if name == "sex" else key

    def _band(self, name: str) -> list[str]:
        if name not in self._bands:
            self._bands[name] = [band(name, p.attributes.get(name)) for p in self._pool]
        return self._bands[name]


def _asked_for_births(attributes: Mapping[str, str]) -> bool:
    years = number(attributes.get("age", ""))
    return years is not None and years <= 50


def _changed(item: ChoiceItem, persona: Persona, target: int) -> Persona:
    """Return the persona for whom ``target`` is right; what nobody says of the person is not said then either."""
    whole = item.changed(persona.attributes, target)
    told = {name: value for name, value in whole.items() if name in persona.attributes}
    return _with(persona, told if item.right(told) == target else whole)


def _with(persona: Persona, attributes: Mapping[str, str]) -> Persona:
    return Persona(persona.id, {name: attributes[name] for name in in_order((persona.attributes, attributes))})
