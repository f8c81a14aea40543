"""From the rows of any table to personas: which columns are attributes, what is missing, and what looks wrong.

Knows no file; where rows lie is for messages alone.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import PersonaError, shorten
from ..personas import ATTRIBUTES, Persona, attribute_name, in_order, is_missing, known, number
from .adapters import Adapter, detected, stated_names
from .questions import QUESTION_COLUMNS
from .rows import Row, Unread
from .values import scalar, text_of

LONGEST = 2_000
"""Characters of a text that is still an attribute, where it is none of the 33 and no prose about the person."""
OLDEST, ADULT = 120, 18

_IDS = frozenset(
    {"id", "uuid", "guid", "index", "idx", "row", "key", "hash", "rowid", "level 0", "index level 0", "persona id"}
)
_IS_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{16,64}", re.I)
_NUMBERS = re.compile(r"\s*\[\s*-?\d[\d.e+-]*(?:[,\s]+-?\d[\d.e+-]*){3,}[,\s]*\]\s*", re.I)
_WHOLE = re.compile(r"\s*(-?\d+)(?:\.0+)?\s*")
_EXPONENT = re.compile(r"\s*-?\d+(?:\.\d+)?e[+-]?\d{1,2}\s*", re.I)


@dataclass(frozen=True)
class People:
    """Personas, their attributes in the file's order, and what a user should know of the reading, a line each."""

    personas: tuple[Persona, ...]
    columns: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    adapter: Adapter | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Column → why it is no attribute."""


def read_people(
    listed: Sequence[Row], origin: str, columns: Sequence[str] = (), adapter: Adapter | None = None
) -> People:
    """Return the personas of a table with one column an attribute, or with all of them in the column ``persona``.

    That holds an object, the same as JSON text, lines of ``attribute: value`` (a line that begins with no attribute's name,
    or with one that was there before, belongs to the value above it), or prose. ``columns`` chooses columns by name;
    without it those that are no attribute are left out: ids, embeddings, texts over ``LONGEST`` characters, questions.
    Raises ``PersonaError`` where nothing is left, and for a column that is not there or stands twice.
    """
    flat = [(where, _flat(row, where)) for where, row in listed]
    names = in_order(row for _, row in flat)
    adapter = adapter or detected(names)
    given = names
    if adapter:
        flat = [(where, _adapted(row, adapter)) for where, row in flat]
        names = in_order(row for _, row in flat)
    ids = next((n for n in ("id", "uuid", "persona id") if n in names), None)
    kept, left_out = _chosen(names, flat, columns, adapter)
    if not kept:
        said = f"; left out: {_listed(left_out)}; columns=… chooses" if left_out else ""
        raise PersonaError(f"personas={shorten(origin)}: no column is an attribute{said}")
    numeric = {name for name in kept if name not in ATTRIBUTES and _is_numeric(row.get(name) for _, row in flat)}
    counts: Counter[str] = Counter()
    personas = []
    seen: set[int] = set()
    for index, (where, row) in enumerate(flat):
        own = _attributes(row, kept, numeric, adapter, where, counts)
        if not own:
            raise PersonaError(f"{where}: this persona has no attribute at all")
        content = hash(tuple(sorted(own.items())))
        if content in seen:
            counts["the same as another persona"] += 1
            if adapter and adapter.once:
                continue
        seen.add(content)
        name = text_of(row.get(ids), where) if ids else None
        personas.append(Persona(name or f"p{index:05d}", own))
    stated = {name for p in personas for name in p.attributes}
    found = tuple(name for name in kept if name in stated)
    return People(
        tuple(personas), found, tuple(_remarks(origin, counts, left_out, columns, adapter, given)), adapter, left_out
    )


def parse_personas(listed: Sequence[Row], origin: str) -> tuple[Persona, ...]:
    """Return the personas alone (see ``read_people``)."""
    return read_people(listed, origin).personas


def read_person(given: Mapping[str, Any], where: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return what an object states of one person, and of each column that is no attribute why it is none."""
    named = {attribute_name(k): v for k, v in given.items()}
    left_out = {k: why for k, v in named.items() if (why := no_attribute(k, [] if v is None else [v]))}
    return known({k: scalar(v, k, where) for k, v in named.items() if k not in left_out}), left_out


# -- columns -------------------------------------------------------------------------------------------------------


def _flat(row: Mapping[str, Any], where: str) -> dict[str, Any]:
    inner = _inner(row.get("persona"))
    outer = {k: v for k, v in row.items() if not (inner and k == "persona")}
    found: dict[str, Any] = {}
    for key, value in outer.items():
        name = attribute_name(key)
        if name in found:
            raise PersonaError(f"{where}: two columns are called {shorten(name, 40)!r}; rename or remove one")
        found[name] = value
    return {**found, **{attribute_name(k): v for k, v in inner.items()}}


def _inner(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, str):
        return {}
    if value.lstrip().startswith("{"):
        try:
            loaded = json.loads(value)
        except (ValueError, RecursionError):
            return {}
        return loaded if isinstance(loaded, dict) else {}
    return _lines(value)


def _lines(text: str) -> dict[str, str]:
    """Return the attributes of a text of ``attribute: value`` lines.

    The 33 names alone begin a value, each once: quirks that run over lines and say "age: just a number" leave the age.
    """
    found: dict[str, list[str]] = {}
    current: str | None = None
    # Not splitlines(): U+2028 or a vertical tab in a value would begin another attribute.
    for line in text.replace("\r\n", "\n").split("\n"):
        name, colon, value = line.partition(":")
        begins = attribute_name(name) if colon else ""
        if begins not in found and (begins in ATTRIBUTES or (begins == "id" and current is None)):
            found[begins], current = [value.strip()], begins
        elif current is not None and current != "id":
            found[current].append(line.rstrip())
        elif current is None and line.strip():
            return {}  # prose in which a name comes later
    return {name: "\n".join(lines).strip() for name, lines in found.items()}


def _adapted(row: Mapping[str, Any], adapter: Adapter) -> dict[str, Any]:
    """Return the row with columns called as ours are; a name that stands there already is not taken."""
    return {
        (new if (new := adapter.renamed.get(name, name)) == name or new not in row else name): value
        for name, value in row.items()
    }


def _chosen(
    names: Sequence[str], flat: Sequence[tuple[str, Mapping[str, Any]]], columns: Sequence[str], adapter: Adapter | None
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the columns that are attributes, in the file's order, and why each other one is none."""
    if columns:
        wanted = stated_names(map(attribute_name, columns), "columns", names)
        return tuple(name for name in names if name in wanted), {}
    left_out: dict[str, str] = {}
    if all(name in ATTRIBUTES or name == "id" for name in names):
        return tuple(name for name in names if name != "id"), left_out
    for name in names:
        values = [row[name] for _, row in flat if row.get(name) is not None]
        if adapter and name in adapter.left_out:
            left_out[name] = "not of the person, or twice"
        elif why := no_attribute(name, values):
            left_out[name] = why
    left = {n: why for n, why in left_out.items() if n not in ("id", "uuid") or n == "uuid"}
    return tuple(name for name in names if name not in left_out), left


def no_attribute(name: str, values: Sequence[Any]) -> str | None:
    """Return why a column of these values is no attribute of a person, None where it is one."""
    if name in ATTRIBUTES:
        return None
    if not name:
        return "no name"
    if name in _IDS or name.endswith((" id", " uuid")) or name.startswith("unnamed:"):
        return "id"
    if name in map(attribute_name, QUESTION_COLUMNS):
        return "question"
    for value in values:
        if isinstance(value, Unread):
            return value.what
        if isinstance(value, (bytes, bytearray, memoryview)):
            return "bytes"
    some = values[:50]
    if some and all(_is_numbers(v) for v in some):
        return "numbers"
    if some and all(isinstance(v, str) and _IS_ID.fullmatch(v.strip()) for v in some):
        return "id"
    if name != "persona" and any(isinstance(v, str) and len(v) > LONGEST for v in values):
        return f"text over {LONGEST:,} characters"
    return None


def _is_numbers(value: Any) -> bool:
    if isinstance(value, str):
        return bool(_NUMBERS.fullmatch(value))
    value = value.tolist() if hasattr(value, "tolist") else value
    return (
        isinstance(value, (list, tuple))
        and len(value) > 3
        and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in value)
    )


# -- values --------------------------------------------------------------------------------------------------------


def _is_numeric(values: Iterable[Any]) -> bool:
    """Return whether a column holds numbers, so that ``None`` in it is no category."""
    texts = [str(v).strip() for v in values if v is not None]
    told = [t for t in texts if t.lower() != "none" and not is_missing("", t)]
    return bool(told) and all(re.fullmatch(r"[-+]?[$€£]?\s?[\d,.]+(?:e[+-]?\d+)?[k%]?", t, re.I) for t in told)


def _attributes(
    row: Mapping[str, Any],
    kept: Sequence[str],
    numeric: set[str],
    adapter: Adapter | None,
    where: str,
    counts: Counter[str],
) -> dict[str, str]:
    own: dict[str, str] = {}
    for name in kept:
        text = scalar(row.get(name), name, where)
        if text is None or is_missing(name, text) or (name in numeric and text.strip().lower() == "none"):
            continue
        if adapter:
            text = adapter.value(name, text)
        if name == "age":
            text = _age(text, counts)
        elif name == "income" and _EXPONENT.fullmatch(text):
            text = f"{float(text):.0f}"
        if text is not None:
            own[name] = text
    return own


def _age(text: str, counts: Counter[str]) -> str | None:
    years = number(text)
    if years is None:
        counts["ages without a number"] += 1
        return text
    if not 0 <= years <= OLDEST:
        counts[f"ages outside 0 to {OLDEST}, taken as not stated"] += 1
        return None
    counts["minors"] += years < ADULT
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


# -- what to say ---------------------------------------------------------------------------------------------------


def _listed(left_out: Mapping[str, str]) -> str:
    by_reason: dict[str, list[str]] = {}
    for name, why in left_out.items():
        by_reason.setdefault(why, []).append(shorten(name, 40))
    return shorten(", ".join(f"{' and '.join(names)} ({why})" for why, names in by_reason.items()), 300)


def _remarks(
    origin: str,
    counts: Mapping[str, int],
    left_out: Mapping[str, str],
    columns: Sequence[str],
    adapter: Adapter | None,
    given: Sequence[str],
) -> Iterable[str]:
    shown = f"personas={shorten(origin, 60)}"
    renamed = {theirs: ours for theirs, ours in (adapter.renamed if adapter else {}).items() if theirs in given}
    if adapter and renamed:
        pairs = ", ".join(f"{theirs} as {ours}" for theirs, ours in renamed.items())
        yield f"{shown}: read as {adapter.name}: {pairs}"
    if left_out and not columns:
        yield f"{shown}: not shown: {_listed(left_out)}; columns=… chooses"
    found = [f"{what} ({count:,})" for what, count in counts.items() if count]
    if found:
        once = ", who is meant once" if adapter and adapter.once else ""
        yield f"{shown}: {'; '.join(found)}{once}"
