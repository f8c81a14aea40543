"""TRL's unpaired preference rows, ``prompt``, ``completion`` and ``label``, conversational. Knows no file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from .training import Pair, mean_ratio


def rows(pairs: Sequence[Pair], left: Counter[str]) -> Iterator[dict[str, Any]]:
    """Yield a row for every judged answer to the pair's prompt; ``label`` is whether it fits.

    An answer that was written without the persona stands under the prompt that shows it: its verdict is about that
    person. Revisions that fit and are marked (longer, reciting) are left out.
    """
    for pair in pairs:
        for one in pair.answers:
            if one.fits and one.marks:
                left["marked revisions left out"] += 1
                continue
            yield {
                "prompt": list(pair.prompt),
                "completion": [{"role": "assistant", "content": one.text}],
                "label": one.fits,
                **pair.columns,
                "source": one.origin,
                **one.about,
                "length": len(one.text),
            }


def notes(made: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield how many rows have either label, and how much longer the one kind is."""
    good, bad = ([r["completion"][0]["content"] for r in made if r["label"] is label] for label in (True, False))
    yield f"{len(good)} rows fit, {len(bad)} do not" + ("" if good and bad else ": KTO wants both")
    if good and bad:
        means = [(sum(map(len, texts)) / len(texts)) for texts in (good, bad)]
        ratio = mean_ratio([("x" * round(means[0]), "x" * max(1, round(means[1])))]) or 1.0
        yield f"those that fit have {abs(ratio - 1):.1%} {'more' if ratio >= 1 else 'fewer'} characters on average"


def why_none(pairs: Sequence[Pair]) -> str:
    """Return why there is no row."""
    del pairs
    return "no answer in the run has a verdict"
