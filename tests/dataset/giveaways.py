"""What can be told about the right option without reading the question against the persona. Knows no model."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from persona_metrics.dataset.choice_items import ChoiceItem
from persona_metrics.personas import Persona

PERSONAS_AN_ITEM = 20
SPLITS = 20
_COMMON = (
    "a an and are as at be but by for from had has have in into is it its no not of off on one or out so that the their"
    " them then there this to up was what where which who will with you your"
)
COMMON = frozenset(_COMMON.split())
"""Words that say nothing of what a text is about."""


@dataclass(frozen=True)
class Row:
    """One way of guessing: its accuracy and the accuracy of chance, both from 0 to 1."""

    name: str
    accuracy: float
    chance: float

    @property
    def gain(self) -> float:
        """Points above chance."""
        return 100 * (self.accuracy - self.chance)


def words(text: str) -> frozenset[str]:
    """Return the words of a text that say what it is about."""
    return frozenset(re.findall(r"[^\W_]+(?:['’][^\W_]+)?", text.lower())) - COMMON


def share(scores: Sequence[float], right: int) -> float:
    """Return how often the highest score hits: 1, 0, or a part where several are highest and one is picked blindly."""
    best = max(scores)
    return (scores[right] == best) / list(scores).count(best)


def shown(item: ChoiceItem, persona: Persona, seed: int = 0) -> tuple[int, ...]:
    """Return the order in which the options stand for this persona: shuffled by seed, the same on both sides."""
    order = list(range(len(item.options)))
    random.Random(f"{seed}:{item.id}:{persona.id}").shuffle(order)
    return tuple(order)


def drawn(item: ChoiceItem, personas: Sequence[Persona], k: int = PERSONAS_AN_ITEM) -> list[Persona]:
    """Return up to ``k`` personas that the item fits, by seed."""
    fit = [p for p in personas if item.fits(p.attributes)]
    return random.Random(item.id).sample(fit, min(k, len(fit)))


def sides(item: ChoiceItem, persona: Persona) -> list[tuple[int, Mapping[str, str]]]:
    """Return for each option the attributes for which it is right: the persona's own, or changed ones."""
    own = item.right(persona.attributes)
    return [
        (i, persona.attributes if i == own else item.changed(persona.attributes, i)) for i in range(len(item.options))
    ]


def over_both_sides(items: Sequence[ChoiceItem], personas: Sequence[Persona]) -> list[Row]:
    """Return every guess over all items, each counted alike and for all sides of its counterfactual."""
    chance = float(np.mean([1 / len(item.options) for item in items]))
    found: dict[str, list[float]] = {}
    for item in items:
        hits: dict[str, list[float]] = {}
        asked = words(item.question)
        lengths = [len(o) for o in item.options]
        with_question = [len(words(o) & asked) for o in item.options]
        for persona in drawn(item, personas):
            order = shown(item, persona)
            for right, attributes in sides(item, persona):
                told = words(" ".join(f"{name} {value}" for name, value in attributes.items()))
                value = words(attributes[item.attribute])
                for name, scores in (
                    ("longest option", lengths),
                    ("first option as shown", [-order.index(i) for i in range(len(lengths))]),
                    ("most words shared with the persona", [len(words(o) & told) for o in item.options]),
                    ("most words shared with the deciding value", [len(words(o) & value) for o in item.options]),
                    ("most words shared with the question", with_question),
                ):
                    hits.setdefault(name, []).append(share(scores, right))
        for name, values in hits.items():
            found.setdefault(name, []).append(float(np.mean(values)))
    rows = [Row(name, float(np.mean(values)), chance) for name, values in found.items()]
    both = [(item, i) for item in items for i in range(len(item.options))]
    return [*rows, Row("bag of words, trained on half", bag_of_words(both), chance)]


def for_the_rarer_side(items: Sequence[ChoiceItem], personas: Sequence[Persona]) -> list[Row]:
    """Return what the options give away about which of them is for the fewer personas of the pool."""
    rare = [(item, rarer(item, personas)) for item in items]
    chance = float(np.mean([1 / len(item.options) for item in items]))

    def row(name: str, scores: Iterable[Sequence[float]]) -> Row:
        return Row(name, float(np.mean([share(s, r) for s, (_, r) in zip(scores, rare, strict=True)])), chance)

    return [
        row("longest option", ([len(o) for o in item.options] for item in items)),
        row("first option as stored", ([-i for i in range(len(item.options))] for item in items)),
        row(
            "most words shared with the question",
            ([len(words(o) & words(item.question)) for o in item.options] for item in items),
        ),
        Row("bag of words, trained on half", bag_of_words(rare), chance),
    ]


def rarer(item: ChoiceItem, personas: Sequence[Persona]) -> int:
    """Return the option that is right for the fewest personas whom the item fits."""
    counts = [0] * len(item.options)
    for persona in personas:
        if item.fits(persona.attributes):
            counts[item.right(persona.attributes) or 0] += 1
    return counts.index(min(counts))


def bag_of_words(cases: Sequence[tuple[ChoiceItem, int]], splits: int = SPLITS) -> float:
    """Return the mean accuracy on the other half of a logistic model trained on a random half of the items.

    Its features are an option's words less the mean of its item's options; its choice is the option it likes best.
    """
    ids = sorted({item.id for item, _ in cases})
    known = {word: i for i, word in enumerate(sorted({w for item, _ in cases for o in item.options for w in bag(o)}))}
    features = {item.id: _features(item, known) for item, _ in cases}
    found = []
    for seed in range(splits):
        order = list(ids)
        random.Random(seed).shuffle(order)
        half = set(order[: len(order) // 2])
        weights = _fit([(features[i.id], r) for i, r in cases if i.id in half], len(known))
        found += [share(np.round(features[i.id] @ weights, 6).tolist(), r) for i, r in cases if i.id not in half]
    return float(np.mean(found))


def bag(text: str) -> list[str]:
    """Return every word of a text, in lower case, the common ones too."""
    return re.findall(r"[^\W_]+(?:['’][^\W_]+)?", text.lower())


def _features(item: ChoiceItem, known: Mapping[str, int]) -> NDArray[np.float64]:
    counts = np.zeros((len(item.options), len(known)))
    for i, option in enumerate(item.options):
        for word in bag(option):
            counts[i, known[word]] += 1
    return np.asarray(counts - counts.mean(axis=0))


def _fit(cases: Sequence[tuple[NDArray[np.float64], int]], size: int, ridge: float = 1.0) -> NDArray[np.float64]:
    most = max(len(x) for x, _ in cases)
    every = np.zeros((len(cases), most, size))
    absent = np.ones((len(cases), most), dtype=bool)
    right = np.array([r for _, r in cases])
    for n, (x, _) in enumerate(cases):
        every[n, : len(x)], absent[n, : len(x)] = x, False
    flat, rows = every.reshape(-1, size), np.arange(len(cases))

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = (flat @ weights).reshape(len(cases), most)
        z[absent] = -np.inf
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        total = ridge * float(weights @ weights) / 2 - float(np.log(p[rows, right]).sum())
        p[rows, right] -= 1
        return total, ridge * weights + p.reshape(-1) @ flat

    result: Any = minimize(loss, np.zeros(size), jac=True, method="L-BFGS-B", options={"maxiter": 60})
    return np.asarray(result.x)


def table(title: str, rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table, in points."""
    lines = [f"| {title} | right | chance | gain |", "| --- | ---: | ---: | ---: |"]
    lines += [f"| {r.name} | {100 * r.accuracy:.1f} | {100 * r.chance:.1f} | {r.gain:+.1f} |" for r in rows]
    return "\n".join(lines)
