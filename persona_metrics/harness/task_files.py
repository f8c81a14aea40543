"""Where the pack's tasks lie: inside lm-eval after an install, beside the package in a checkout."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def tasks_folder() -> Path:
    """Return the folder of the task YAMLs, for ``lm_eval --include_path`` and for the Python API."""
    checkout = Path(__file__).parents[2] / "tasks"
    if (checkout / "_persona.yaml").is_file():
        return checkout
    return _inside_lm_eval() or checkout


def found_without_flag() -> bool:
    """Return whether plain ``lm_eval --tasks persona_main`` finds the tasks that ``tasks_folder`` names.

    A wheel puts them inside lm-eval. So does an editable install, once: a checkout that has changed since wants the flag.
    """
    installed, folder = _inside_lm_eval(), tasks_folder()
    return installed is not None and (installed == folder or _texts(installed) == _texts(folder))


def include_path() -> list[str]:
    """Return the ``--include_path`` argument that ``lm_eval`` needs to find the tasks, or nothing."""
    return [] if found_without_flag() else ["--include_path", str(tasks_folder())]


def _inside_lm_eval() -> Path | None:
    # find_spec does not import lm_eval, which would take seconds.
    spec = importlib.util.find_spec("lm_eval")
    for place in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(place) / "tasks" / "persona_bench"
        if (folder / "_persona.yaml").is_file():
            return folder
    return None


def _texts(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.yaml")}
