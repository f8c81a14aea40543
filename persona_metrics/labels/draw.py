"""Which answers people are shown: a stratified draw by seed, and the file of weights that stays behind. Knows no page."""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import PersonaError, shorten
from ..files import write_text
from ..personas import band
from .items import Answers, Item

FORMAT = "persona-metrics/label-draw/1"
LEAST = 2
"""Answers drawn from each stratum, where it has so many."""


@dataclass(frozen=True)
class Sheet:
    """The answers drawn, in the order in which they are shown, and the stratum of every answer of the run by key.

    ``name`` stands in every label, so that labels find the weights of their draw.
    """

    name: str
    drawn: tuple[Item, ...]
    strata: Mapping[str, str]
    by: tuple[str, ...]
    seed: int
    task: str


def groups_of(item: Item, by: Sequence[str]) -> str:
    """Return the item's groups of these attributes, as ``sex=Female, age=65+``."""
    return ", ".join(f"{name}={band(name, item.persona.get(name))}" for name in by)


def stratum_of(item: Item, by: Sequence[str]) -> str:
    """Return verdict, kind and groups as one name; those of a verdict sort side by side."""
    return " · ".join(filter(None, (item.kind, "fits" if item.fits else "needs revision", groups_of(item, by))))


def draw(answers: Answers, n: int, seed: int = 0, by: Sequence[str] = ()) -> Sheet:
    """Draw ``n`` different answers, stratified by kind, verdict and the groups of ``by``; the same ones on every machine.

    Each stratum gets a share by the square root of its size (Bankier 1988, The American Statistician 42), at least two: a
    verdict or group that is rare is seen often enough to say something of it, at little cost to the whole rate. All orders
    of showing them are alike likely, so that those who stop early leave a random part. Raises ``PersonaError`` where there
    are fewer answers.
    """
    once: dict[str, Item] = {}
    for item in answers.items:
        once.setdefault(item.key, item)
    if not 0 < n <= len(once):
        raise PersonaError(
            f"--n {n}: {answers.name} has {len(once)} different judged answers; ask for 1 to {len(once)} of them"
        )
    strata = {key: stratum_of(item, by) for key, item in once.items()}
    shares = _allocated(Counter(strata.values()), n)
    rng = random.Random(f"label/{seed}")
    drawn: list[Item] = []
    for name in sorted(shares):
        drawn += rng.sample(
            sorted((i for k, i in once.items() if strata[k] == name), key=lambda i: i.key), shares[name]
        )
    rng.shuffle(drawn)
    digest = hashlib.blake2b(json.dumps([seed, sorted(by), [i.key for i in drawn]]).encode(), digest_size=6).hexdigest()
    return Sheet(digest, tuple(drawn), strata, tuple(by), seed, answers.task.name)


def _allocated(sizes: Mapping[str, int], n: int) -> dict[str, int]:
    given = dict.fromkeys(sorted(sizes), 0)
    for _ in range(n):
        # One at a time to the stratum that is furthest below its share; first everybody's least.
        name = max(
            (name for name in given if given[name] < sizes[name]),
            key=lambda name: (given[name] < LEAST, sizes[name] ** 0.5 / (given[name] + 0.5), name),
        )
        given[name] += 1
    return given


def weights_path(out: Path) -> Path:
    """Return where the weights of a sheet lie: beside it, under its name."""
    return out.with_name(out.name.removesuffix(out.suffix) + ".weights.json")


def write_weights(path: Path, sheet: Sheet, answers: Answers) -> None:
    """Write what ``agree`` needs and raters must not see: the stratum, and so the verdict, of every answer.

    Raises ``PersonaError`` where another sheet's weights lie there: they cannot be made again without its seed.
    """
    if path.is_file() and read_weights(path).sheet != sheet.name:
        raise PersonaError(
            f"{shorten(path)}: the weights of another sheet, which its labels need; choose another --out"
        )
    names = sorted(set(sheet.strata.values()))
    every, drawn = Counter(sheet.strata.values()), Counter(sheet.strata[item.key] for item in sheet.drawn)
    data = {
        "format": FORMAT,
        "sheet": sheet.name,
        "task": sheet.task,
        "results": answers.run.path.name,
        "seed": sheet.seed,
        "by": list(sheet.by),
        "strata": [{"name": name, "answers": every[name], "drawn": drawn[name]} for name in names],
        "of": {key: names.index(name) for key, name in sheet.strata.items()},
    }
    write_text(path, json.dumps(data, indent=1, ensure_ascii=False) + "\n")


@dataclass(frozen=True)
class Weights:
    """A sheet's draw, read back: the stratum of every answer by key."""

    sheet: str
    by: tuple[str, ...]
    strata: Mapping[str, str]


def read_weights(path: Path) -> Weights:
    """Read a file of ``write_weights``; raise ``PersonaError`` where it is none."""
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise PersonaError(f"{shorten(path)}: no weights of `persona-metrics label` (format {FORMAT})")
        names = [str(stratum["name"]) for stratum in data["strata"]]
        strata = {str(key): names[int(number)] for key, number in data["of"].items()}
        return Weights(str(data["sheet"]), tuple(map(str, data["by"])), strata)
    except OSError as error:
        raise PersonaError(f"{shorten(path)}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise PersonaError(f"{shorten(path)}: not a file of weights: {shorten(error, 80)}") from None


def weights_near(places: Sequence[Path], sheets: set[str]) -> list[Weights]:
    """Return the weights of these sheets among the ``*.weights.json`` in the places' folders; what is none is passed by."""
    found: dict[str, Weights] = {}
    for folder in dict.fromkeys(place if place.is_dir() else place.parent for place in places):
        for path in sorted(folder.glob("*.weights.json")):
            try:
                one = read_weights(path)
            except PersonaError:
                continue
            if one.sheet in sheets:
                found.setdefault(one.sheet, one)
    return list(found.values())
