"""How untrusted texts are put before a critic, and how its reply is read: fences, and exactly one object.

Knows no protocol, no network and no disk.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Any

from ..prompts import render
from .protocol import Messages


def fenced(template: str, values: Mapping[str, Any]) -> Messages:
    """Return the system and the user message of a template, with the values as JSON between its fences.

    The fence's token is a hash over all that stands between the fences: nobody can write a text that contains its own
    hash, and the same values give the same prompt, so that a stored verdict is found again.
    """
    texts = {name: _json(value) for name, value in values.items()}
    fence = hashlib.sha256("\x00".join(texts.values()).encode()).hexdigest()[:20]
    texts["fence"] = fence
    names = tuple(texts)
    return [{"role": part, "content": _filled(template, part, names, texts)} for part in ("system", "user")]


def _filled(template: str, part: str, names: tuple[str, ...], texts: Mapping[str, str]) -> str:
    return "".join(texts[piece] if is_name else piece for piece, is_name in _pieces(template, part, names))


@cache
def _pieces(template: str, part: str, names: tuple[str, ...]) -> tuple[tuple[str, bool], ...]:
    """Render a part of a template once, with a mark for each value; return texts and names of values in turn.

    Reading thousands of stored verdicts back would otherwise be Jinja's work for the most part. The template puts the
    values in as they are and does nothing else with them.
    """
    marked = {name: f"\0{name}\0" for name in names}
    pieces = render(template, part=part, **marked).split("\0")
    return tuple((piece, bool(i % 2)) for i, piece in enumerate(pieces))


_ENCODER = json.JSONEncoder(ensure_ascii=False)  # json.dumps would make a new one a text


def _json(value: Any) -> str:
    return whole(_ENCODER.encode(value))


def whole(text: str) -> str:
    """Return a text without halves of surrogate pairs: a model can send one, and no file or HTTP body can carry it."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def schema(texts: Iterable[str], **last: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of a reply, strict as structured outputs want it: texts, then what ``last`` describes."""
    properties = {**{name: {"type": "string"} for name in texts}, **last}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def one_object(reply: str, keys: Collection[str]) -> dict[str, Any] | None:
    """Return the object when ``reply`` is exactly one with these keys (white space and one code fence aside)."""
    text = reply.strip()
    if text.startswith("```") and text.endswith("```"):
        text = text[3:-3].removeprefix("json").strip()
    try:
        data = json.loads(text, object_pairs_hook=_no_repeats)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) and set(data) == set(keys) else None


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # {"needs_revision": true, "needs_revision": false} has no meaning; JSON readers would take the last one.
    data = dict(pairs)
    if len(data) != len(pairs):
        raise ValueError("a key stands twice")
    return data
