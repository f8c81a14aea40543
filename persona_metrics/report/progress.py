"""A bar on stderr that says which stage a report is in; knows nothing of what the stages do."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

from ..errors import shorten

Stage = Callable[[str, int], None]
"""Called at the start of each step with its name and how many of its kind there are (0: it is the only one)."""

STEPS = ("reading", "counting", "comparing", "drawing", "saving", "writing")


@contextmanager
def stages(shown: bool) -> Iterator[Stage]:
    """Yield what is called with each step; the bar goes through ``STEPS`` and, within each, as far as its parts are done."""
    with tqdm(
        total=float(len(STEPS)), file=sys.stderr, disable=not shown, bar_format="{l_bar}{bar}| {elapsed}{postfix}"
    ) as bar:
        done: dict[str, int] = {}

        def step(name: str, parts: int) -> None:
            kind = name.partition(" ")[0]
            bar.n = STEPS.index(kind) + (done.get(kind, 0) / parts if parts else 0.0)
            done[kind] = done.get(kind, 0) + 1
            bar.set_description_str(shorten(name, 60), refresh=True)

        yield step
        bar.n = float(len(STEPS))
        bar.set_description_str("report written", refresh=True)
