"""What a wheel declares, and what that declares in turn, as links to what is installed here. Installs nothing."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import zipfile
from collections import Counter
from importlib.metadata import Distribution
from pathlib import Path

from packaging.requirements import Requirement

from tests.warm import is_benchmark


def closure(wheel: Path, without: frozenset[str]) -> dict[str, Distribution]:
    """Return by name what is installed here of all that the wheel needs, extras of others among it, but for ``without``."""
    with zipfile.ZipFile(wheel) as archive:
        (about,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        declared = importlib.metadata.PathDistribution(zipfile.Path(wheel, about.removesuffix("METADATA"))).requires
    found: dict[str, Distribution] = {}
    asked: set[tuple[str, str]] = set()
    wanted = [(Requirement(text), "") for text in declared or ()]
    while wanted:
        requirement, extra = wanted.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        try:
            one = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # pip says so
        if name not in without:
            found[name] = one
        for more in {"", *requirement.extras}:
            if (name, more) not in asked:
                asked.add((name, more))
                wanted += [(Requirement(text), more) for text in one.requires or ()]
    return found


def link(distributions: dict[str, Distribution], folder: Path) -> None:
    """Link every file of the distributions into ``folder``: whole folders where nothing else has a file in them."""
    everybody = Counter(top for one in importlib.metadata.distributions() for top in {_top(p) for p in one.files or ()})
    folder.mkdir(parents=True)
    for one in distributions.values():
        for path in one.files or ():
            top = _top(path)
            if top in ("..", "__pycache__"):
                continue  # commands and what is compiled
            place = folder / (top if everybody[top] == 1 else path)
            if not place.is_symlink():
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(str(one.locate_file(top if everybody[top] == 1 else path)))


def _top(path: importlib.metadata.PackagePath) -> str:
    return path.parts[0]


def see(site: Path, folder: Path) -> None:
    """Let a venv see a folder behind its own packages, where its pip finds them but takes nothing away."""
    (site / "behind.pth").write_text(f"{folder}\n", encoding="utf-8")


def put_lm_eval(site: Path, place: Path) -> None:
    """Put the lm-eval that ``site`` holds into the site-packages ``place``, but for its library of benchmarks."""
    for path in (site / "lm_eval", *site.glob("lm_eval-*.dist-info")):
        shutil.copytree(path, place / path.name, copy_function=_linked, ignore=_benchmarks)


def _benchmarks(folder: str, names: list[str]) -> list[str]:
    inside = Path(folder)
    return [name for name in names if inside.name == "tasks" and is_benchmark(inside / name)]


def _linked(source: str, place: str) -> None:
    try:
        os.link(source, place)
    except OSError:  # another disk
        shutil.copy2(source, place)
