"""The evaluations: each says which prompts a pair needs, how the verdicts become rows, and what it is called. Pure."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from ..errors import PersonaError, suggest
from ..personas import Persona
from ..settings import Settings
from .base import Evaluation, Outcome, Variant

NAMES: tuple[str, ...] = (
    "main",
    "contrast",
    "leave_one_out",
    "intersectionality",
    "pass_at_k",
    "choice",
    "opinion",
)
"""Each is a file here with one ``Evaluation`` of that name, a file in ``analysis/`` and one in ``report/figures/``."""


def _found(name: str) -> type[Evaluation]:
    module = importlib.import_module(f".{name}", __package__)
    return next(
        item
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, Evaluation) and getattr(item, "name", None) == name
    )


EVALUATIONS: dict[str, type[Evaluation]] = {name: _found(name) for name in NAMES}


def evaluation_of(name: object, where: str = "evaluation") -> type[Evaluation]:
    """Return the evaluation of that name; raise ``PersonaError`` where there is none."""
    if name not in EVALUATIONS:
        raise PersonaError(f"{where} {name!r} is none of {', '.join(NAMES)}{suggest(str(name), NAMES)}")
    return EVALUATIONS[str(name)]


def needs_critic(name: object) -> bool:
    """Return whether an evaluation of that name rests on a critic's verdicts; one that nobody knows does."""
    evaluation = EVALUATIONS.get(str(name))
    return evaluation is None or evaluation.needs_critic


def require_critic(name: object, what: str) -> None:
    """Raise ``PersonaError`` where ``what`` cannot be had of an evaluation because no critic has a part in it."""
    if not needs_critic(name):
        raise PersonaError(f"{what}: evaluation {name} needs no critic; run its task with lm_eval")


def build(name: str, settings: Settings, personas: Sequence[Persona]) -> Evaluation:
    """Return the evaluation ``name`` for these settings; raise ``PersonaError`` where they do not fit it."""
    return evaluation_of(name).build(settings, personas)


__all__ = [
    "EVALUATIONS",
    "NAMES",
    "Evaluation",
    "Outcome",
    "Variant",
    "build",
    "evaluation_of",
    "needs_critic",
    "require_critic",
]
