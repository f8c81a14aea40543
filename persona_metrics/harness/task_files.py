"""Where the pack's tasks lie, and where lm-eval does: inside the package, beside it in a checkout. Imports no lm-eval."""

from __future__ import annotations

import importlib.util
from importlib.resources import files
from pathlib import Path

from ..errors import PersonaError

LINK = "persona_bench"
"""The folder below ``lm_eval/tasks`` that ``persona-metrics tasks --link`` makes, and that wheels of 0.1 brought."""


def tasks_folder() -> Path:
    """Return the folder of the task YAMLs, for ``lm_eval --include_path`` and for the Python API."""
    package = Path(str(files("persona_metrics")))
    checkout = package.parent / "tasks"
    # A checkout goes first: an editable install leaves the copy of one day in site-packages.
    return checkout if (checkout / "_persona.yaml").is_file() else package / "tasks"


def lm_eval_folder() -> Path:
    """Return the folder of the lm_eval that this Python imports.

    Raises ``PersonaError`` where there is none, or where folders without code hide it: a folder ``lm_eval`` in
    site-packages that holds no ``__init__.py`` goes before an lm-eval installed from its source.
    """
    # find_spec does not import lm_eval, which would take seconds.
    spec = importlib.util.find_spec("lm_eval")
    if spec is None:
        raise PersonaError("lm-eval is not installed in this Python: pip install 'lm-eval[api]>=0.4.13'")
    if spec.origin is None:
        hiding = [str(place) for place in spec.submodule_search_locations or ()]
        raise PersonaError(
            f"lm_eval has no code here: {', '.join(hiding)} is all that is left of one, and hides any lm-eval installed"
            f" from source; run `persona-metrics tasks --unlink`, or remove that folder (rm -r {' '.join(hiding)}),"
            " then install lm-eval again if it is still not found"
        )
    return Path(spec.origin).parent
