"""Opinion: do modelled answers to survey items know how groups differ, without making caricatures of them?"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from typing_extensions import Self

from ..dataset.opinion_groups import attributes_of, group_of, groups_of
from ..dataset.opinion_tables import Item, opinion_tables, when
from ..dataset.sources import Question
from ..dataset.support import fill
from ..errors import PersonaError, shorten
from ..personas import ATTRIBUTES, Persona, columns_of
from ..settings import Settings
from ..statistics.opinion import Bootstrap, GroupAnswer, score
from .base import Row, row_of
from .facts import Fact
from .judgefree import GENERATE, LOGLIKELIHOOD, Ask, Document, Judgefree, Pick, content_of, ordered, some_of

GROUPINGS = ("party", "ideology", "religion", "marital", "sex", "age", "education", "race")
"""The groupings where ``by`` names none: one attribute each, nothing crossed."""
PER_ITEM = 20
"""Personas an item is asked, at the least."""
SAMPLES = 2
"""Replies a persona where letters are generated and ``k`` is not given: one in each order of the options."""
FAR = 50.0
"""No skill or steer lies beyond: a distance is at most 1, and no grouping here differs from everybody by less than .02."""
TOPIC = "topic="
MEASURES = ("skill", "steer")
"""The rows that also stand by topic and by grouping."""

Shares = Mapping[tuple[str, str], Sequence[float]]
"""Item and persona's id → shares of the item's options."""


@dataclass(frozen=True)
class Opinion(Judgefree):
    """A document is an item and a persona that answers it: each order of the options once, or ``k`` replies.

    The rows are ratios over all documents at once (``statistics.opinion``): a document hands on the key of its answer,
    and the task keeps the answers. A persona's attributes that the item itself asks about are not shown. Replies without
    an option are missing, as a survey's abstentions are.
    """

    name = "opinion"
    title = "Opinion"
    task = "persona_opinion"
    headline = "skill"
    template = "choosing/opinion.jinja"
    terms: ClassVar[tuple[str, ...]] = ("groupings", "items_hash", "k")
    unanswered = "are left out"
    rows = (
        Fact(
            "skill",
            "how much nearer to the group's answers than the survey's average person is: 0 the average person, 1 the"
            " group's own table, below 0 farther off",
            least=-FAR,
            unit="ratio",
            judged=False,
            column="skill",
        ),
        Fact(
            "steer",
            "slope of the modelled differences between groups on the true ones: 1 right, above 1 exaggerated, 0 none",
            least=-FAR,
            most=FAR,
            unit="ratio",
            judged=False,
            column="steer",
        ),
        Fact(
            "steer_corrected",
            "the same slope with the survey's sampling noise taken out of it",
            least=-FAR,
            most=FAR,
            unit="ratio",
            judged=False,
        ),
        Fact(
            "ceiling", "the skill that the survey's own sampling noise allows", least=-FAR, unit="ratio", judged=False
        ),
        Fact(
            "skill_ordinal",
            "skill over items with ordered options, by how far along the scale answers would have to move (Wasserstein)",
            least=-FAR,
            unit="ratio",
            judged=False,
        ),
    )
    form: str = LOGLIKELIHOOD
    n: int = 300
    seed: int = 0
    groupings: tuple[str, ...] = GROUPINGS
    k: int = SAMPLES
    pool: Sequence[Persona] = field(default=(), repr=False, compare=False)
    answered: dict[tuple[str, str], tuple[float, ...]] = field(default_factory=dict, repr=False, compare=False)
    made: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def build(cls, settings: Settings, personas: Sequence[Persona]) -> Self:
        """Take ``n``, the seed, ``k`` and the groupings that read nothing but the attributes in ``by``, where they are given.

        Where those are columns of one's own, which no survey knows, the groupings are those without ``by``.
        Raises ``PersonaError`` where the surveys group by none of them, or no persona falls into any group.
        """
        groupings: tuple[str, ...] = GROUPINGS
        if "by" in settings.model_fields_set:
            groupings = tuple(g for g in scored_groupings() if set(attributes_of(g)) <= set(settings.by))
            if not groupings and not set(settings.by) <= set(ATTRIBUTES):
                groupings = GROUPINGS  # columns of one's own, for the tasks beside this one
            if not groupings:
                known = dict.fromkeys(a for g in scored_groupings() for a in attributes_of(g))
                raise PersonaError(
                    f"by={','.join(settings.by)}: the surveys have no groups by that; choose of {', '.join(known)}"
                )
        people = some_of(personas, settings.n, settings.seed)
        if not any(group_of(p.attributes, g) for g in groupings for p in people):
            needed = dict.fromkeys(a for g in groupings for a in attributes_of(g))
            raise PersonaError(
                f"no persona falls into a group of the surveys, which go by {', '.join(needed)};"
                f" the personas have {shorten(', '.join(columns_of(people)), 160)}"
            )
        k = settings.k if "k" in settings.model_fields_set else SAMPLES
        return cls(LOGLIKELIHOOD, settings.n, settings.seed, groupings, k, people)

    @property
    def reads(self) -> tuple[str, ...]:
        """Return the attributes that the surveys group by."""
        return tuple(dict.fromkeys(a for g in self.groupings for a in attributes_of(g)))

    @property
    def items_hash(self) -> str:
        """Return 12 hex digits that name the items and the surveys' tables."""
        tables = opinion_tables()
        wordings = [(i.id, i.question, i.options, i.about, tuple(i.signal)) for i in tables.items.values()]
        return content_of(wordings, tables.scored())

    @property
    def temperature(self) -> float | None:  # type: ignore[override]
        """Replies are sampled: at temperature 0 they would be one."""
        return 1.0 if self.form == GENERATE else None

    def documents(self) -> list[Document]:
        """Return ``n`` documents: item after item in a drawn order, each with personas that fill its groups evenly.

        Raises ``PersonaError`` where there are fewer items and personas than that.
        """
        tables = opinion_tables()
        items = [i for i in tables.items.values() if self._of(i)]
        each = max(PER_ITEM, math.ceil(self.n / len(items)))
        groups = {g: self._members(g) for g in self.groupings}
        made: list[Document] = []
        for name in ordered([item.id for item in items], self.seed, "item"):
            item = tables.items[name]
            order = ordered(range(len(self.pool)), self.seed, f"persona/{name}")
            filled = fill(order, each, [m for g in self._of(item) for m in groups[g]], each)
            for place in filled[: self.n - len(made)]:
                made.append(self._document(len(made), item, self.pool[place]))
            if len(made) == self.n:
                return made
        raise PersonaError(
            f"n={self.n}: {len(items)} items and {len(self.pool)} personas make {len(made)} pairs; lower n"
        )

    def _of(self, item: Item) -> list[str]:
        return [g for g in self.groupings if g in item.signal]

    def _members(self, grouping: str) -> list[frozenset[int]]:
        found: dict[str, set[int]] = {group: set() for group in groups_of(grouping)}
        for i, persona in enumerate(self.pool):
            if group := group_of(persona.attributes, grouping):
                found[group].add(i)
        return [frozenset(places) for places in found.values() if places]

    def _document(self, number: int, item: Item, persona: Persona) -> Document:
        plain = tuple(range(len(item.options)))
        orders = (plain, plain[::-1])
        shown = persona.without(*item.about)
        if self.form == GENERATE:
            asks = [
                Ask(f"reply {i + 1}", shown, orders[(number + i) % 2], None, self.seed * 10_000 + i + 1, item.about)
                for i in range(self.k)
            ]
        else:
            asks = [Ask(f"order {i + 1}", shown, order, None, None, item.about) for i, order in enumerate(orders)]
        return Document(
            f"{number:05d}", persona, Question(item.id, item.question, item.topic), item.options, tuple(asks)
        )

    def values(self, document: Document) -> Mapping[str, Any]:
        """Return the item's wording and when it was asked."""
        item = opinion_tables().items[document.question.id]
        return {"question": item.question, "when": when(item)}

    def score(self, doc: Mapping[str, Any], found: Sequence[Pick]) -> dict[str, Row]:
        """Keep the persona's answer, and return its key under every row that it counts in."""
        rows: dict[str, Row] = {"answer_failures": sum(pick.failure is not None for pick in found) / len(found)}
        shares = mean_shares([pick.shares for pick in found])
        if shares is None:
            return rows
        item, persona = opinion_tables().items[doc["question_id"]], doc["persona_id"]
        self.answered[item.id, persona] = shares
        key = json.dumps([item.id, persona])
        own = {k: v for k, v in doc["persona"].items() if v is not None}
        parts = ["", row_of(TOPIC + item.topic, "")]
        parts += [row_of(g, "") for g in self._of(item) if group_of(own, g)]
        rows |= {f"{measure}{part}": key for measure in MEASURES for part in parts}
        rows |= dict.fromkeys(("steer_corrected", "ceiling"), key)
        return rows | ({"skill_ordinal": key} if item.ordinal else {})

    def aggregates(self) -> Mapping[str, Callable[[Iterable[Any]], float]]:
        """Return every row that is a ratio over all documents, with what makes it of their keys."""
        topics = dict.fromkeys(item.topic for item in opinion_tables().items.values())
        parts: dict[str, Callable[[GroupAnswer], bool]] = {"": _is_any}
        parts |= {row_of(TOPIC + t, ""): partial(_is_topic, t) for t in topics}
        parts |= {row_of(g, ""): partial(_is_grouping, g) for g in self.groupings}
        found = {m + part: partial(self._total, m, chosen) for m in MEASURES for part, chosen in parts.items()}
        plain = ("steer_corrected", "ceiling", "skill_ordinal")
        return {**found, **{m: partial(self._total, m, parts[""]) for m in plain}}

    def _total(self, measure: str, chosen: Callable[[GroupAnswer], bool], keys: Iterable[Any]) -> float:
        wanted = frozenset((str(i), str(p)) for i, p in map(json.loads, keys))
        known = self._cells if chosen is not _is_any or len(wanted) == len(self.answered) else self._cells_of(wanted)
        answers = [a for a in known.answers if chosen(a)]
        # The table's value alone: intervals stand in the report.
        value = getattr(score(answers, Bootstrap(resamples=2, model_n=known.model_n(self.form, self.k))), measure)
        return float(getattr(value, "value", value))

    def _cells_of(self, wanted: Collection[tuple[str, str]]) -> Cells:
        people = {p.id: p.attributes for p in self.pool}
        return cells({key: self.answered[key] for key in wanted if key in self.answered}, people, self.groupings)

    @property
    def _cells(self) -> Cells:
        # Forty rows are made of the same cells.
        if self.made.get("of") != len(self.answered):
            self.made.update({"of": len(self.answered), "cells": self._cells_of(self.answered)})
        return self.made["cells"]  # type: ignore[no-any-return]

    def record(self) -> dict[str, Any]:
        """Return the groupings, and how often a persona was asked."""
        return {"groupings": list(self.groupings), "k": self.k if self.form == GENERATE else 1}


def _is_any(answer: GroupAnswer) -> bool:  # noqa: ARG001
    return True


def _is_topic(topic: str, answer: GroupAnswer) -> bool:
    return answer.topic == topic


def _is_grouping(grouping: str, answer: GroupAnswer) -> bool:
    return answer.grouping == grouping


def scored_groupings() -> tuple[str, ...]:
    """Return every grouping by which some item's answers differ."""
    return tuple(dict.fromkeys(g for item in opinion_tables().items.values() for g in item.signal))


def mean_shares(found: Iterable[Sequence[float] | None]) -> tuple[float, ...] | None:
    """Return the mean of the shares that are there, None where none is."""
    there = [shares for shares in found if shares is not None]
    return tuple(sum(option) / len(there) for option in zip(*there, strict=True)) if there else None


@dataclass(frozen=True)
class Cells:
    """The cells of the items that were asked; ``behind`` is the mean number of personas behind a modelled one."""

    answers: list[GroupAnswer]
    behind: float

    def model_n(self, form: object, k: int) -> int | None:
        """Return how many sampled replies stand behind a modelled cell on average; None where they are not sampled."""
        return max(1, round(self.behind * k)) if form == GENERATE else None


def cells(shares: Shares, people: Mapping[str, Mapping[str, Any]], groupings: Collection[str]) -> Cells:
    """Return the cells of the items that were asked, each group's modelled answer the mean of its personas' shares.

    ``people`` gives the attributes by the persona's id. A group none of whose personas answered is missing: its ``model``
    is empty.
    """
    tables = opinion_tables()
    stated = {persona: _stated(people[persona]) for persona in {p for _, p in shares}}
    groups = {(p, g): group_of(attributes, g) for p, attributes in stated.items() for g in groupings}
    members: dict[tuple[str, str, str], list[Sequence[float]]] = {}
    for (item, persona), answer in shares.items():
        for grouping in groupings:
            if grouping in tables.items[item].signal and (group := groups[persona, grouping]):
                members.setdefault((item, grouping, group), []).append(answer)
    answers = []
    for name in dict.fromkeys(sorted(item for item, _ in shares)):
        asked = tables.items[name]
        for grouping in groupings:
            for cell in tables.groups(name, grouping) if grouping in asked.signal else ():
                answers.append(
                    GroupAnswer(
                        item=name,
                        topic=asked.topic,
                        grouping=grouping,
                        group=cell.group,
                        ordinal=asked.ordinal,
                        survey=cell.shares,
                        everybody=tables.everybody(name).shares,
                        model=mean_shares(members.get((name, grouping, cell.group), ())) or (),
                        n_effective=cell.n_effective,
                    )
                )
    counts = [len(found) for found in members.values()]
    return Cells(answers, sum(counts) / len(counts) if counts else 0.0)


def _stated(attributes: Mapping[str, Any]) -> dict[str, str]:
    return {k: str(v) for k, v in attributes.items() if v is not None}
