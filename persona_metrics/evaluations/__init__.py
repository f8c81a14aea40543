"""The evaluations: each says which prompts a pair needs, how the verdicts become rows, and what it is called. Pure."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import get_origin

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

BY_PROTOCOL: dict[tuple[str, str], str] = {("contrast", "pairwise"): "pairwise"}
"""What takes an evaluation's place where the setting ``protocol`` names another than its own; files as for ``NAMES``."""


def _found(name: str) -> type[Evaluation]:
    module = importlib.import_module(f".{name}", __package__)
    # To Python 3.10 an alias, dict[str, int], is an instance of type and yet no class.
    classes = (item for item in vars(module).values() if isinstance(item, type) and get_origin(item) is None)
    return next(item for item in classes if issubclass(item, Evaluation) and getattr(item, "name", None) == name)


EVALUATIONS: dict[str, type[Evaluation]] = {name: _found(name) for name in (*NAMES, *BY_PROTOCOL.values())}


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
    return judged_by(name, settings.protocol).build(settings, personas)


def judged_by(name: object, protocol: str) -> type[Evaluation]:
    """Return the evaluation that ``name`` is by this protocol; raise ``PersonaError`` where it is not judged so."""
    kind = evaluation_of(name)
    if protocol == kind.protocol:
        return kind
    if (other := BY_PROTOCOL.get((kind.name, protocol))) is None:
        takers = ", ".join(EVALUATIONS[one].task for one, by in BY_PROTOCOL if by == protocol)
        what = f"judged by {kind.protocol}" if kind.needs_critic else "judged by no critic"
        alone = f"; {takers} alone takes {protocol}" if takers else "; these answers were made to be compared"
        raise PersonaError(f"protocol={protocol}: {kind.task} ({kind.name}) is {what}{alone}")
    return EVALUATIONS[other]


__all__ = [
    "BY_PROTOCOL",
    "EVALUATIONS",
    "NAMES",
    "Evaluation",
    "Outcome",
    "Variant",
    "build",
    "evaluation_of",
    "judged_by",
    "needs_critic",
    "require_critic",
]
