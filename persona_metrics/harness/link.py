"""Makes plain ``lm_eval --tasks persona_main`` find the tasks, and takes that back: one small file a task that includes ours.

lm-eval looks only at files below its own ``tasks`` folder, does not follow a linked folder, and takes one name a file.
A file that holds nothing but ``include: …`` cannot go stale in what it says; what can is which files there are.
"""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from ..errors import PersonaError, shorten
from .task_files import LINK, lm_eval_folder, tasks_folder

MARK = "# Made by `persona-metrics tasks --link`; `persona-metrics tasks --unlink` removes it."


@dataclass(frozen=True)
class Link:
    """What stands in ``lm_eval/tasks/persona_bench``: files of ``--link``, and a copy that a wheel of 0.1 left."""

    folder: Path
    made: tuple[Path, ...]
    left: tuple[Path, ...]
    missing: tuple[str, ...]
    astray: tuple[Path, ...]

    @property
    def current(self) -> bool:
        """Whether lm-eval finds through it just the tasks that ``tasks_folder`` holds."""
        return bool(self.made) and not (self.left or self.missing or self.astray)

    def describe(self) -> str:
        """Return its state in words; where it is not current, with what to do."""
        if self.left:
            return (
                f"{self.folder} holds the tasks of an older persona-metrics; lm_eval finds those:"
                " run `persona-metrics tasks --unlink` (or --link)"
            )
        if not self.made:
            return "not linked: `persona-metrics run …` finds them, or `persona-metrics tasks --link` for plain lm_eval"
        if self.astray:
            where = _target(self.astray[0]) or "files that are gone"
            return f"the link in {self.folder} leads elsewhere, to {where}: run `persona-metrics tasks --link` again"
        if self.missing:
            return (
                f"the link in {self.folder} lacks {', '.join(self.missing)}: run `persona-metrics tasks --link` again"
            )
        return f"linked in {self.folder}"


def inspect(lm_eval: Path) -> Link:
    """Return what the link folder of an ``lm_eval`` holds."""
    folder = lm_eval / "tasks" / LINK
    listed = sorted(folder.glob("*.yaml")) if folder.is_dir() else []
    made = tuple(path for path in listed if _is_made(path))
    wanted = {path.name: path.resolve() for path in _tasks()}
    astray = tuple(path for path in made if (target := _target(path)) is None or target != wanted.get(path.name))
    missing = tuple(sorted(wanted.keys() - {path.name for path in made}))
    return Link(folder, made, _left(folder), tuple(Path(name).stem for name in missing), astray)


def link() -> Link:
    """Put one file a task beside the lm_eval that is imported; replace what an older link or wheel left.

    Raises ``PersonaError`` where lm_eval cannot be found or its folder cannot be written.
    """
    lm_eval = lm_eval_folder()
    before = inspect(lm_eval)
    folder = before.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in (*before.astray, *before.left):
            path.unlink()
        for task in _tasks():
            target = folder / task.name
            if target.exists() and not _is_made(target):
                raise PersonaError(f"{target} is not of our making: move it away, then link")
            text = f"{MARK}\ninclude: {yaml.safe_dump(_include(task, folder), width=10**6).splitlines()[0]}\n"
            target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise PersonaError(
            f"{shorten(folder)} cannot be written ({error.strerror or error}): use `persona-metrics run …`, or"
            f" lm_eval with --include_path {tasks_folder()}"
        ) from None
    return inspect(lm_eval)


def unlink() -> list[Path]:
    """Remove what ``link`` made, and what a wheel of 0.1 left, wherever this Python looks; return what is gone.

    Folders that are empty after that go, too, up to ``lm_eval`` itself where it holds nothing else: an empty folder of
    that name hides an lm-eval that is installed from source. Raises ``PersonaError`` where something cannot be removed.
    """
    gone: list[Path] = []
    for lm_eval in _places():
        found = inspect(lm_eval)
        for path in (*found.made, *found.left):
            _remove(path, gone)
        hides = not (lm_eval / "__init__.py").exists()
        # pip leaves the empty folders of an lm-eval that it uninstalls; they hide another one as well as ours do.
        for folder in _deepest_first(lm_eval) if hides else filter(Path.is_dir, [found.folder]):
            if not any(entry.name != "__pycache__" for entry in folder.iterdir()):
                _remove(folder, gone)
    return [path for path in gone if not _gone_with(path, gone)]


def _gone_with(path: Path, gone: list[Path]) -> bool:
    """Return whether a folder around ``path`` went as well, which then stands for it."""
    return any(parent in gone for parent in path.parents)


def _deepest_first(folder: Path) -> list[Path]:
    inside = [path for path in folder.rglob("*") if path.is_dir() and path.name != "__pycache__"]
    return [*sorted(inside, key=lambda path: -len(path.parts)), *([folder] if folder.is_dir() else [])]


def _remove(path: Path, gone: list[Path]) -> None:
    try:
        if path.is_dir():
            for cached in (path / "__pycache__").glob("*.pyc"):
                cached.unlink()
            if (path / "__pycache__").is_dir():
                (path / "__pycache__").rmdir()
            path.rmdir()
        else:
            path.unlink()
    except OSError as error:
        raise PersonaError(f"{shorten(path)} cannot be removed: {error.strerror or error}") from None
    gone.append(path)


def _places() -> list[Path]:
    # The one that is imported, and any folder of the name, with code or without: a hidden one is not imported.
    places = [Path(entry or os.curdir) / "lm_eval" for entry in sys.path]
    with contextlib.suppress(PersonaError):
        places.insert(0, lm_eval_folder())
    return list({place.resolve(): place for place in places if place.is_dir()})


def _tasks() -> list[Path]:
    return [path for path in sorted(tasks_folder().glob("*.yaml")) if not path.name.startswith("_")]


def _include(task: Path, folder: Path) -> str:
    # Relative where both lie in one site-packages: such an environment may be moved or copied.
    task, folder = task.resolve(), folder.resolve()
    together = task.parents[2] == folder.parents[2]
    return Path(os.path.relpath(task, folder)).as_posix() if together else str(task)


def _is_made(path: Path) -> bool:
    try:
        return path.read_text(encoding="utf-8").startswith(MARK)
    except (OSError, UnicodeDecodeError):
        return False


def _target(path: Path) -> Path | None:
    """Return the file that a link's file includes, or None where it is gone or cannot be read."""
    try:
        included = yaml.safe_load(path.read_text(encoding="utf-8"))["include"]
        target = (path.resolve().parent / included).resolve()
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError):
        return None
    return target if target.is_file() else None


def _left(folder: Path) -> tuple[Path, ...]:
    """Return the files that a wheel of 0.1 put there: a copy of our tasks, by the class that they name."""
    try:
        if "!function persona_metrics." not in (folder / "_persona.yaml").read_text(encoding="utf-8"):
            return ()
    except (OSError, UnicodeDecodeError):
        return ()
    names = {path.name for path in tasks_folder().iterdir()}
    known = (path for path in sorted(folder.iterdir()) if path.name in names or path.name.startswith("persona_"))
    return tuple(path for path in known if path.is_file() and not _is_made(path))
