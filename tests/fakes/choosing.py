"""Models that pick options by a planted rule, over HTTP as a letter or in this process as loglikelihoods."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lm_eval.api.model import LM

from persona_metrics.dataset.choice_items import load_items
from persona_metrics.dataset.opinion_groups import group_of
from persona_metrics.dataset.opinion_tables import opinion_tables
from persona_metrics.personas import ATTRIBUTES
from tests.fakes.server import draw

_ATTRIBUTE = re.compile(r"^- ([a-z ]+): (.*)$", re.M)
_OPTION = re.compile(r"^([A-Z])\. (.*)$", re.M)
ITEMS = {item.question: item for item in load_items()}
SURVEYED = {item.question: item for item in opinion_tables().items.values()}


@dataclass(frozen=True)
class Asked:
    """A prompt taken apart: who is shown, what is asked, and the options by letter."""

    persona: dict[str, str]
    question: str
    options: tuple[str, ...]


Shares = Callable[[Asked], Sequence[float]]
"""A planted model: the chance of each option as it is shown."""


def read(prompt: str) -> Asked:
    """Take a prompt apart."""
    shown = {name: value for name, value in _ATTRIBUTE.findall(prompt) if name in ATTRIBUTES}
    known = [line for line in prompt.splitlines() if line in ITEMS or line in SURVEYED]
    return Asked(shown, known[0], tuple(text for _, text in _OPTION.findall(prompt)))


def sure(options: Sequence[str], picked: str) -> list[float]:
    """Return shares that are all on one option."""
    return [float(text == picked) for text in options]


def ignores(asked: Asked) -> Sequence[float]:
    """Pick an option by the question alone, wherever it stands."""
    return sure(asked.options, sorted(asked.options)[int(draw(asked.question) * len(asked.options))])


def knows(asked: Asked) -> Sequence[float]:
    """Pick what the item's rules say; without a persona as ``ignores``."""
    item = ITEMS[asked.question]
    right = item.right(asked.persona) if asked.persona else None
    return ignores(asked) if right is None else sure(asked.options, item.options[right])


def stereotypes(asked: Asked) -> Sequence[float]:
    """Pick by race alone."""
    ordered = sorted(asked.options)
    return sure(asked.options, ordered[0] if asked.persona.get("race") == "White alone" else ordered[-1])


def table(steer: float, grouping: str = "ideology") -> Shares:
    """Answer as everybody, with ``steer`` times what the persona's group differs from all groups together."""

    def shares(asked: Asked) -> Sequence[float]:
        tables, item = opinion_tables(), SURVEYED[asked.question]
        cells = tables.groups(item.id, grouping)
        weight = sum(cell.n_effective for cell in cells)
        mean = [sum(c.shares[i] * c.n_effective for c in cells) / weight for i in range(len(item.options))]
        own = next((c.shares for c in cells if c.group == group_of(asked.persona, grouping)), tuple(mean))
        base = own if steer == 1 else tables.everybody(item.id).shares if steer == 0 else mean
        moved = [b + (steer - (steer == 1)) * (o - m) for b, o, m in zip(base, own, mean, strict=True)]
        kept = [max(share, 1e-9) for share in moved]
        return [kept[item.options.index(text)] / sum(kept) for text in asked.options]

    return shares


def letter(shares: Shares) -> Callable[[str, int], str]:
    """Return a server's reply function: a letter drawn by the shares, by prompt and seed."""

    def reply(prompt: str, seed: int) -> str:
        asked = read(prompt)
        chances = shares(asked)
        rng = random.Random(draw(prompt, seed))
        return "ABCDEFGHIJ"[rng.choices(range(len(chances)), chances)[0]]

    return reply


class Likely(LM):  # type: ignore[misc]
    """An lm-eval model in this process whose loglikelihoods of the letters are the planted shares."""

    tokenizer_name = "none"

    def __init__(self, shares: Shares) -> None:
        super().__init__()
        self.shares = shares
        self.asked = 0

    def loglikelihood(self, requests: Sequence[Any], **_: Any) -> list[tuple[float, bool]]:
        """Return the logarithm of each letter's share."""
        found = []
        for request in requests:
            context, continuation = request.args
            share = self.shares(read(context))["ABCDEFGHIJ".index(continuation.strip())]
            found.append((math.log(share) if share else -1e9, False))
        self.asked += len(requests)
        return found

    def loglikelihood_rolling(self, requests: Sequence[Any], **_: Any) -> list[float]:
        """Never asked."""
        raise NotImplementedError

    def generate_until(self, requests: Sequence[Any], **_: Any) -> list[str]:
        """Return the likeliest letter."""
        made = []
        for request in requests:
            chances = list(self.shares(read(request.args[0])))
            made.append("ABCDEFGHIJ"[chances.index(max(chances))])
        return made


class Writes(Likely):
    """The same, whose letters are drawn by the shares."""

    def __init__(self, shares: Shares, seed: int) -> None:
        super().__init__(shares)
        self.rng = random.Random(seed)

    def generate_until(self, requests: Sequence[Any], **_: Any) -> list[str]:
        """Return a letter each."""
        made = []
        for request in requests:
            chances = list(self.shares(read(request.args[0])))
            made.append("ABCDEFGHIJ"[self.rng.choices(range(len(chances)), chances)[0]])
        return made
