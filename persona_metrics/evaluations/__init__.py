"""The four evaluations of PERSONA Bench, one file each. Pure: no file, no network, no lm-eval."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import PersonaError, suggest
from ..personas import Persona
from ..settings import Settings
from .base import Evaluation, Outcome, Variant
from .intersectionality import Intersectionality
from .leave_one_out import LeaveOneOut
from .main import Main
from .pass_at_k import PassAtK

EVALUATIONS: dict[str, type[Evaluation]] = {
    "main": Main,
    "leave_one_out": LeaveOneOut,
    "intersectionality": Intersectionality,
    "pass_at_k": PassAtK,
}


def build(name: str, settings: Settings, personas: Sequence[Persona]) -> Evaluation:
    """Return the evaluation ``name`` for these settings; raise ``PersonaError`` where they do not fit it."""
    if name not in EVALUATIONS:
        raise PersonaError(f"evaluation {name!r} is none of {', '.join(EVALUATIONS)}{suggest(name, EVALUATIONS)}")
    return EVALUATIONS[name].build(settings, personas)


__all__ = ["EVALUATIONS", "Evaluation", "Outcome", "Variant", "build"]
