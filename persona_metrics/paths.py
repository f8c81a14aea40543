"""Where the pack's tasks lie: inside lm-eval after an install, beside the package in a checkout."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def tasks_folder() -> Path:
    """Return the folder of the task YAMLs, for ``lm_eval --include_path`` and for the Python API."""
    checkout = Path(__file__).parents[1] / "tasks"
    if (checkout / "_persona.yaml").is_file():
        return checkout
    # find_spec does not import lm_eval, which would take seconds.
    spec = importlib.util.find_spec("lm_eval")
    for place in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(place) / "tasks" / "persona_bench"
        if (folder / "_persona.yaml").is_file():
            return folder
    return checkout


def found_without_flag() -> bool:
    """Return whether plain ``lm_eval --tasks persona_main`` finds the tasks, that is, whether a wheel put them there."""
    return tasks_folder().parent.name == "tasks" and tasks_folder().name == "persona_bench"
