"""Counts tokens with a model's own tokenizer: its files where they are at hand, or its server's where it may be asked.

Files are looked for in the folder that is named and in the hub's cache; none is fetched.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..critic import faults
from ..critic.loop import in_own_loop
from ..critic.transport import Transport, Unreachable, Unreadable

ENDPOINT = "endpoint"
"""What ``--tokenizer`` says where servers may be asked."""
_ASKED = 20
"""Prompts that a server counts; their mean stands for all."""
_TIMEOUT = 30.0
_WITH_TEMPLATE, _TEXT_ALONE = 0.02, 0.05
"""How far the mean of a sample is off, where the chat's template is counted in, and where it is not."""


@dataclass(frozen=True)
class Counted:
    """Tokens a letter, the share by which they may be off, and who counted."""

    each: float
    band: float
    by: str


Count = Callable[[str, str, Sequence[str]], Counted | None]
"""Takes a model's name, its address and prompts; None where nobody can count them."""


def by_files(model: str, address: str, sample: Sequence[str]) -> Counted | None:  # noqa: ARG001  # a Count
    """Count by ``tokenizers`` or ``transformers``, where one is installed and the tokenizer's files are on this machine."""
    return None if not model or (found := _encoder(model)) is None else _of(found, sample, "the tokenizer's files")


def named(name: str) -> Count:
    """Return what counts every model's tokens by one tokenizer, a folder's or one in the hub's cache."""
    return lambda model, address, sample: by_files(name, address, sample)  # noqa: ARG005


class ByEndpoint:
    """Asks servers that offer ``/tokenize`` (vLLM, SGLang, llama.cpp, TGI), and counts by files where they do not.

    ``secret`` gives the key for an address, or None. ``silent`` are the addresses that offer none.
    """

    def __init__(self, secret: Callable[[str], str | None], spared: Sequence[str] = ()) -> None:
        self._secret, self._spared = secret, frozenset(spared)
        self.silent: list[str] = []

    def __call__(self, model: str, address: str, sample: Sequence[str]) -> Counted | None:
        """Return the mean over some of ``sample``; see ``Count``."""
        if address not in self._spared and address not in self.silent:
            if (found := in_own_loop(self._asked(model, address, sample[:_ASKED]))) is not None:
                return found
            self.silent.append(address)
        return by_files(model, address, sample)

    async def _asked(self, model: str, address: str, sample: Sequence[str]) -> Counted | None:
        letters = sum(map(len, sample))
        root = address.rstrip("/").removesuffix("/v1")
        with faults.building(os.environ):
            transport = Transport(root, self._secret(address), _TIMEOUT)
        try:
            for form in (_as_chat, _as_prompt, _as_content, _as_inputs):
                counts = [await _count(transport, form(model, sample[0]))] if letters else [None]
                if not counts[0]:
                    continue
                counts += await asyncio.gather(*(_count(transport, form(model, text)) for text in sample[1:]))
                if all(counts):
                    band = _WITH_TEMPLATE if form is _as_chat else _TEXT_ALONE
                    return Counted(sum(map(int, filter(None, counts))) / letters, band, "the endpoint's tokenizer")
        finally:
            await transport.close()
        return None


def _as_chat(model: str, text: str) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], "add_generation_prompt": True}


def _as_prompt(model: str, text: str) -> dict[str, Any]:
    return {"model": model, "prompt": text}


def _as_content(model: str, text: str) -> dict[str, Any]:  # noqa: ARG001
    return {"content": text, "add_special": True}


def _as_inputs(model: str, text: str) -> dict[str, Any]:  # noqa: ARG001
    return {"inputs": text}


async def _count(transport: Transport, body: dict[str, Any]) -> int | None:
    """Return how many tokens a server says there are; None for anything but a number above 0, or a list of tokens."""
    try:
        response = await transport.post("/tokenize", body)
        data = json.loads(response.content) if response.status == 200 else None
    except (TimeoutError, Unreachable, Unreadable, ValueError, RecursionError):
        return None
    told = data.get("count", data.get("tokens")) if isinstance(data, dict) else data
    number = len(told) if isinstance(told, list) else told
    return number if type(number) is int and 0 < number < 10_000_000 else None


def _encoder(name: str) -> Callable[[str], int] | None:
    """Return what counts a text's tokens by the files of ``name``."""
    if (folder := _folder(name)) is None:
        return None
    try:
        if (folder / "tokenizer.json").is_file():
            from tokenizers import Tokenizer

            fast = Tokenizer.from_file(str(folder / "tokenizer.json"))
            return lambda text: len(fast.encode(text).ids)
        from transformers import AutoTokenizer

        slow = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        return lambda text: len(slow(text)["input_ids"])
    except Exception:  # not installed, or a file that is not what it is called: letters will do
        return None


def _folder(name: str) -> Path | None:
    """Return the folder with a tokenizer's files, of this name or in the hub's cache."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    if Path(name).expanduser().is_dir():
        return Path(name).expanduser()
    for file in ("tokenizer.json", "tokenizer_config.json"):
        try:
            found = try_to_load_from_cache(name, file)
        except (HFValidationError, OSError):
            return None
        if isinstance(found, str):
            return Path(found).parent
    return None


def _of(count: Callable[[str], int], sample: Sequence[str], by: str) -> Counted | None:
    letters = sum(map(len, sample))
    try:
        return Counted(sum(map(count, sample)) / letters, _TEXT_ALONE, by) if letters else None
    except Exception:
        return None
