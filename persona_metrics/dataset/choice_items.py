"""The items of persona_choice: a question, its options, and which is right for whom. Knows no model and no prompt."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from ..errors import PersonaError, shorten
from ..personas import require_attributes
from .conditions import Condition, holds, named_attributes, parse

NEEDS: tuple[str, ...] = (
    "circumstances",
    "means",
    "health",
    "family",
    "work",
    "law",
    "belief",
    "temperament",
)
"""What in a person's life an item turns on."""

SPLITS: Mapping[str, str] = MappingProxyType({"main": "choice.jsonl", "holdout": "choice_holdout.jsonl"})
"""The file of each split, in the folder ``embedded``."""

LENGTH_TOLERANCE = 0.9
"""The shortest option has at least this share of the longest one's characters."""


@dataclass(frozen=True)
class Rule:
    """For whom an option is right: ``right`` is its position in the item's options, from 0."""

    when: Condition
    right: int


@dataclass(frozen=True)
class Change:
    """The values that turn any eligible persona into one for whom the option ``right`` is right."""

    to: Mapping[str, str]
    right: int


@dataclass(frozen=True)
class ChoiceItem:
    """One question with the options in their stored order; ``attribute`` is the one that decides.

    ``invariant`` names attributes that must not change the choice; ``reason`` says why the rule follows from what the
    persona states.
    """

    id: str
    attribute: str
    question: str
    topic: str
    need: str
    options: tuple[str, ...]
    rules: tuple[Rule, ...]
    reason: str
    changes: tuple[Change, ...]
    eligible: Condition
    invariant: tuple[str, ...]

    def right(self, attributes: Mapping[str, str]) -> int | None:
        """Return the position of the right option, or None where the rules do not decide for this persona."""
        found = [holds(rule.when, attributes) for rule in self.rules]
        if found.count(True) != 1 or None in found:
            return None
        return self.rules[found.index(True)].right

    def fits(self, attributes: Mapping[str, str]) -> bool:
        """Return whether the item makes sense for this persona (unknown counts as possible) and its rules decide."""
        return self.right(attributes) is not None and holds(self.eligible, attributes) is not False

    def changed(self, attributes: Mapping[str, str], right: int) -> dict[str, str]:
        """Return the attributes as they are for a like person for whom ``right`` is the right option.

        Raises ``PersonaError`` where the item has no change to that option.
        """
        for change in self.changes:
            if change.right == right:
                return {**attributes, **change.to}
        raise PersonaError(f"{self.id}: no change leads to option {right}; there are {len(self.changes)}")


_FIELDS = frozenset(field.name for field in fields(ChoiceItem))


def load_items(split: str = "all") -> tuple[ChoiceItem, ...]:
    """Return the items of ``"main"`` (four fifths), of ``"holdout"`` (one fifth), or of both (``"all"``).

    Raises ``PersonaError`` for another split.
    """
    if split == "all":
        return tuple(item for name in SPLITS for item in _load(name))
    if split not in SPLITS:
        raise PersonaError(f"split={shorten(split, 40)}: choose main, holdout or all")
    return _load(split)


@cache
def _load(split: str) -> tuple[ChoiceItem, ...]:
    name = SPLITS[split]
    text = (files(__package__) / "embedded" / name).read_text(encoding="utf-8")
    return parse_items(text.splitlines(), name)


def parse_items(lines: Iterable[str], name: str) -> tuple[ChoiceItem, ...]:
    """Return the items of a JSON Lines file; ``name`` stands before the line number in errors.

    Raises ``PersonaError`` for the first line that is no item, and for an id that stands twice.
    """
    items = []
    seen: set[str] = set()
    for place, line in enumerate(lines, start=1):
        where = f"{name}:{place}"
        try:
            data = json.loads(line)
        except ValueError:
            raise PersonaError(f"{where}: not JSON") from None
        item = parse_item(data, where)
        if item.id in seen:
            raise PersonaError(f"{where}: the id {item.id!r} stands twice")
        seen.add(item.id)
        items.append(item)
    return tuple(items)


def parse_item(data: Any, where: str) -> ChoiceItem:
    """Return the item that ``data`` (parsed JSON) describes; raise ``PersonaError`` for what is missing or at odds."""
    if not isinstance(data, Mapping) or frozenset(data) != _FIELDS:
        odd = _FIELDS.symmetric_difference(data) if isinstance(data, Mapping) else _FIELDS
        raise PersonaError(f"{where}: missing or unknown fields: {', '.join(sorted(map(str, odd)))}")
    texts = {k: _text(data[k], f"{where}: {k}") for k in ("id", "attribute", "question", "topic", "need", "reason")}
    require_attributes((texts["attribute"],), where)
    if texts["need"] not in NEEDS:
        raise PersonaError(f"{where}: need is one of {', '.join(NEEDS)}")
    options = tuple(_text(o, f"{where}: options") for o in _list(data["options"], f"{where}: options"))
    _check_options(options, where)
    rules = tuple(
        Rule(parse(_field(r, "when", f"{where}: rules[{i}]"), f"{where}: rules[{i}]"), _right(r, options, where))
        for i, r in enumerate(_list(data["rules"], f"{where}: rules"))
    )
    changes = tuple(
        Change(_change(_field(c, "to", f"{where}: changes[{i}]"), f"{where}: changes[{i}]"), _right(c, options, where))
        for i, c in enumerate(_list(data["changes"], f"{where}: changes"))
    )
    for kind, found in (("rules", [r.right for r in rules]), ("changes", [c.right for c in changes])):
        if set(found) != set(range(len(options))):
            raise PersonaError(f"{where}: {kind} must make every option right for somebody")
    invariant = require_attributes((_text(a, f"{where}: invariant") for a in data["invariant"]), where)
    item = ChoiceItem(
        **texts,
        options=options,
        rules=rules,
        changes=changes,
        eligible=parse(data["eligible"], f"{where}: eligible"),
        invariant=invariant,
    )
    _check_attributes(item, where)
    return item


def _check_options(options: tuple[str, ...], where: str) -> None:
    if len(options) < 2 or len(set(options)) < len(options):
        raise PersonaError(f"{where}: needs two options or more, all different")
    lengths = sorted(map(len, options))
    if lengths[0] < LENGTH_TOLERANCE * lengths[-1]:
        raise PersonaError(f"{where}: the options' lengths differ by more than a tenth ({lengths[0]}, {lengths[-1]})")


def _check_attributes(item: ChoiceItem, where: str) -> None:
    deciding = frozenset().union(*(named_attributes(rule.when) for rule in item.rules))
    if item.attribute not in deciding:
        raise PersonaError(f"{where}: no rule looks at {item.attribute}")
    if both := deciding.intersection(item.invariant):
        raise PersonaError(f"{where}: {sorted(both)[0]} decides and is called invariant")
    for change in item.changes:
        if item.attribute not in change.to:
            raise PersonaError(f"{where}: a change leaves {item.attribute} as it is")


def _change(data: Any, where: str) -> Mapping[str, str]:
    if not isinstance(data, Mapping) or not data:
        raise PersonaError(f'{where}: "to" needs attributes with their values')
    require_attributes(data, where)
    return MappingProxyType({k: _text(v, where) for k, v in data.items()})


def _field(data: Any, key: str, where: str) -> Any:
    if not isinstance(data, Mapping) or frozenset(data) != {key, "right"}:
        raise PersonaError(f'{where}: expected "{key}" and "right"')
    return data[key]


def _right(data: Mapping[str, Any], options: tuple[str, ...], where: str) -> int:
    right = data["right"]
    if not isinstance(right, int) or isinstance(right, bool) or not 0 <= right < len(options):
        raise PersonaError(f'{where}: "right" is the position of an option, from 0')
    return right


def _list(data: Any, where: str) -> list[Any]:
    if not isinstance(data, list) or not data:
        raise PersonaError(f"{where}: expected a list that is not empty")
    return data


def _text(data: Any, where: str) -> str:
    if not isinstance(data, str) or not data.strip():
        raise PersonaError(f"{where}: expected a text that is not empty")
    return data
