"""The lines of ``persona-metrics prompts`` as a model is asked them, one at a time. Knows no network and no lm-eval."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import PersonaError, shorten
from ..files import json_object, open_read, unreadable

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


class Ids:
    """Many ids by their marks, eight bytes each; ``marks`` in any order, and each at most once."""

    def __init__(self, marks: npt.NDArray[np.int64]) -> None:
        self.marks = np.sort(marks)

    def __len__(self) -> int:
        return len(self.marks)

    def place(self, name: int) -> int:
        """Return where a mark stands in ``marks``, -1 where it is none of them."""
        at = int(np.searchsorted(self.marks, name))
        return at if at < len(self.marks) and self.marks[at] == name else -1

    def __contains__(self, name: int) -> bool:
        return self.place(name) >= 0


def question(row: Mapping[str, Any], where: str) -> Question:
    """Return the prompt of a line: ``id``, and ``messages`` or ``prompt``; ``generation_kwargs`` if there are any.

    Raises ``PersonaError`` for a line that is none, before anything is asked.
    """
    name = row.get("id")
    if not isinstance(name, str) or not name:
        raise PersonaError(f'{where}: no "id": give the file that `persona-metrics prompts` wrote')
    messages, prompt = row.get("messages"), row.get("prompt")
    if messages is None and isinstance(prompt, str):
        messages = [{"role": "user", "content": prompt}]
    if messages is None or not _chat(messages):
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
                where = f"{path}:{number}"
                yield question(json_object(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line, where), where)


def ids(path: Path) -> Ids:
    """Return all ids, having looked at every line; raise ``PersonaError`` for one that stands twice."""
    marks = np.fromiter((mark(one.id) for one in read(path)), np.int64)
    if not len(marks):
        raise PersonaError(f"{path}: the file has no lines")
    return unique(marks, str(path), lambda: (one.id for one in read(path)))


def unique(marks: npt.NDArray[np.int64], path: str, names: Callable[[], Iterable[str]]) -> Ids:
    """Return the ids of ``marks``; raise ``PersonaError`` where one stands twice, which is looked for in ``names``."""
    found = Ids(marks)
    twice = found.marks[1:][found.marks[1:] == found.marks[:-1]]
    if len(twice):
        name = next(name for name in names() if mark(name) == twice[0])
        raise PersonaError(f"{path}: the id {shorten(name, 60)!r} stands twice")
    return found
