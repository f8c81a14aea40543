"""A run with a planted critic, and people who know what fits: small enough to check by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from persona_metrics.labels.items import Item, answers_at
from persona_metrics.labels.read import FORMAT
from tests.fakes.runs import Planted, write_run
from tests.fakes.server import draw

Truth = Callable[[Item], float]


def run(folder: Path, tasks: tuple[str, ...] = ("persona_main",), rate: float = 0.6, **given: Any) -> Path:
    """Write a run of 120 pairs whose critic passes 60%."""
    write_run(folder, tasks, planted=Planted(lambda pair, variant: rate), **{"n": 120, **given})  # noqa: ARG005
    return folder


def right(share: float = 0.9) -> Truth:
    """Return people with whom the critic agrees on this share of answers."""
    return lambda item: item.fits if draw("human", item.key) < share else 1 - item.fits


def label(key: str, said: str, rater: str = "anna", **more: Any) -> dict[str, Any]:
    """Return one line of a label file."""
    return {
        "format": FORMAT,
        "key": key,
        "label": said,
        "note": "",
        "rater": rater,
        "blind": True,
        "seconds": 3.0,
        "time": "2026-03-02T10:00:00.000Z",
        "sheet": "",
        **more,
    }


def write(path: Path, lines: Iterable[dict[str, Any]]) -> Path:
    """Write label lines."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def data_of(page: Path) -> dict[str, Any]:
    """Return the data in a sheet's page."""
    found = re.search(r'id="data">(.*?)</script>', page.read_text(encoding="utf-8"), re.S)
    assert found is not None
    return dict(json.loads(found[1]))


def items(folder: Path) -> dict[str, Item]:
    """Return the run's answers by key."""
    return {item.key: item for one in answers_at(folder)[0] for item in one.items}


def answered(page: Path, folder: Path, truth: Truth, rater: str = "anna") -> list[dict[str, Any]]:
    """Return the lines of one rater who labelled the whole sheet and knows the truth."""
    known, data = items(folder), data_of(page)
    return [
        label(one["key"], "no" if truth(known[one["key"]]) else "yes", rater, sheet=data["sheet"])
        for one in data["items"]
    ]
