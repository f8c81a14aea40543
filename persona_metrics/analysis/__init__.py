"""What lm-eval's table cannot say, from the samples of one task: intervals, adjusted p-values, pooled groups, bounds.

Pure functions over the tidy frame of ``samples.tidy``; one file an evaluation. Knows no file, no model and no lm-eval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..errors import PersonaError, shorten, suggest
from . import intersectionality, leave_one_out, main, pass_at_k
from .compare import compare
from .rates import LEVEL, SMALL

_BY_EVALUATION: Mapping[str, Callable[[pd.DataFrame, Mapping[str, Any]], dict[str, pd.DataFrame]]] = {
    "main": main.tables,
    "leave_one_out": leave_one_out.tables,
    "intersectionality": intersectionality.tables,
    "pass_at_k": pass_at_k.tables,
}


def tables(frame: pd.DataFrame, metadata: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Return the tables of one task of one model, by ``metadata["evaluation"]``.

    ``frame`` is tidy (``samples.COLUMNS``), ``metadata`` what the task left in ``configs`` of results_*.json. All have
    ``headline``; main has ``by_attribute``, leave-one-out ``importance``, intersectionality ``intersections`` and
    ``groups``, pass@k ``curve`` and ``attempts``. A number that the verdicts do not give is NaN, never 0.
    Raises ``PersonaError`` for an evaluation that is not one of the four, and for samples that are none of it.
    """
    name = str(metadata.get("evaluation"))
    if name not in _BY_EVALUATION:
        raise PersonaError(f"evaluation {name!r} is none of {', '.join(_BY_EVALUATION)}{suggest(name, _BY_EVALUATION)}")
    try:
        with np.errstate(all="ignore"):
            return _BY_EVALUATION[name](frame, metadata)
    except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise PersonaError(
            f"the samples do not fit evaluation {name!r} ({type(error).__name__}: {shorten(error, 80)}); was a file edited?"
        ) from None


__all__ = ["LEVEL", "SMALL", "compare", "tables"]
