"""Reads the pack's task YAMLs without importing what they name. Knows no lm-eval."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from .task_files import tasks_folder


class IgnoreFunctions(yaml.SafeLoader):
    """Reads lm-eval's YAML without importing what ``!function`` names."""


IgnoreFunctions.add_constructor("!function", lambda _, node: str(node.value))


def task_names() -> tuple[str, ...]:
    """Return every name that ``--tasks`` takes for ours: tasks, groups and tags."""
    names: dict[str, None] = {}
    for path in sorted(tasks_folder().glob("persona_*.yaml")):
        config = yaml.load(path.read_text(encoding="utf-8"), Loader=IgnoreFunctions)
        tags = config.get("tag") or []
        names.update(dict.fromkeys([path.stem, *([tags] if isinstance(tags, str) else tags)]))
    return tuple(names)


def read_task(name: str) -> dict[str, Any]:
    """Return a task's YAML with what it includes, less class and tags; empty where there is no such task."""
    path = tasks_folder() / f"{name}.yaml"
    # The name may come from a file; one that leads elsewhere is no task of ours.
    if path.parent != tasks_folder() or not path.is_file():
        return {}
    merged = _with_included(path)
    for key in ("class", "tag"):
        merged.pop(key, None)
    return merged


def _with_included(path: Path) -> dict[str, Any]:
    config: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=IgnoreFunctions)
    included = config.pop("include", None)
    return {**(_with_included(path.parent / included) if included else {}), **config}
