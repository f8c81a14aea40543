"""The lines of ``persona-metrics prompts`` as a model is asked them, one at a time. Knows no network and no lm-eval."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import PersonaError, shorten
from ..files import open_read, scrubbed, unreadable

_NUMBERS = ("max_gen_toks", "max_tokens", "temperature", "top_p", "top_k", "seed")


@dataclass(frozen=True)
class Question:
    """One prompt: its id, the chat's messages, and lm-eval's sampling (``generation_kwargs``)."""

    id: str
    messages: list[dict[str, str]]
    sampling: Mapping[str, Any]


def mark(name: str) -> int:
    """Return a number below 2**63 that stands for an id: millions of them fit into memory."""
    return int.from_bytes(hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=8).digest(), "big") >> 1


def question(line: str | bytes, where: str) -> Question:
    """Return the prompt of one line: ``id``, and ``messages`` or ``prompt``; ``generation_kwargs`` if there are any.

    Raises ``PersonaError`` for a line that is none, before anything is asked.
    """
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise PersonaError(f"{where}: not JSON (a line that was cut?): {shorten(error)}") from None
    row = scrubbed(row)
    name = row.get("id") if isinstance(row, dict) else None
    if not isinstance(name, str) or not name:
        raise PersonaError(f'{where}: no "id": give the file that `persona-metrics prompts` wrote')
    messages, prompt = row.get("messages"), row.get("prompt")
    if messages is None and isinstance(prompt, str):
        messages = [{"role": "user", "content": prompt}]
    if not _chat(messages):
        raise PersonaError(f'{where}: neither "messages" (of role and content, the last one the user\'s) nor "prompt"')
    sampling = row.get("generation_kwargs") or {}
    if not isinstance(sampling, dict):
        raise PersonaError(f"{where}: generation_kwargs must be an object, this one is a {type(sampling).__name__}")
    for key in _NUMBERS:
        value = sampling.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise PersonaError(f"{where}: generation_kwargs.{key} must be a number, not {shorten(value, 40)!r}")
    if not isinstance(sampling.get("until"), (str, list, type(None))):
        raise PersonaError(f"{where}: generation_kwargs.until must be a text or a list of texts")
    return Question(name, messages, sampling)


def _chat(messages: Any) -> bool:
    if not isinstance(messages, list) or not messages or not all(isinstance(one, dict) for one in messages):
        return False
    plain = all(isinstance(one.get("role"), str) and isinstance(one.get("content"), str) for one in messages)
    return plain and messages[-1]["role"] != "system"


def read(path: Path) -> Iterator[Question]:
    """Yield the prompts of a JSONL file (``.gz`` unpacked), line by line; raise ``PersonaError`` as ``question`` does."""
    with open_read(path) as file:
        lines = enumerate(file, 1)
        while True:
            try:
                number, line = next(lines)
            except StopIteration:
                return
            except Exception as error:  # gzip and zlib have four ways to say that a file is cut
                raise unreadable(path, error) from None
            if line.strip():
                yield question(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line, f"{path}:{number}")


def marks(path: Path) -> set[int]:
    """Return the marks of all ids, having looked at every line; raise ``PersonaError`` for one that stands twice."""
    found: set[int] = set()
    for number, one in enumerate(read(path), 1):
        found.add(mark(one.id))
        if len(found) < number:
            raise PersonaError(f"{path}: the id {shorten(one.id, 60)!r} stands twice")
    if not found:
        raise PersonaError(f"{path}: the file has no lines")
    return found
