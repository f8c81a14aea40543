"""PERSONA Bench for lm-evaluation-harness: how well a model adapts to the person it talks to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .api import EvaluationResult, evaluate_model
    from .runs.table import samples

__all__ = ["EvaluationResult", "__version__", "evaluate_model", "samples"]


def __getattr__(name: str) -> Any:
    # lm_eval takes seconds to import; `import persona_metrics` must not.
    if name in ("EvaluationResult", "evaluate_model"):
        from . import api

        return getattr(api, name)
    if name == "samples":
        from .runs.table import samples

        return samples
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
