"""Labels meet runs: which labels are about which answers, under which draw. Makes no number and prints nothing."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..dataset.adapters import stated_names
from ..errors import PersonaError, shorten
from ..personas import in_order
from ..settings.spellings import split_names
from ..statistics.two_phase import Interval
from .agree import Agreed, agree, between
from .draw import Weights, read_weights, weights_near
from .items import Answers, answers_at
from .read import Label, by_key

BY = ("sex", "age", "race")


@dataclass(frozen=True)
class Judged:
    """What labels say of each task that they are about; ``models`` are differences of models' corrected rates by task."""

    found: tuple[Agreed, ...]
    models: Mapping[str, Mapping[tuple[str, str], Interval]]
    notes: list[str]


def judged_at(
    path: Path,
    labels: Sequence[Label],
    files: Sequence[Path],
    *,
    weights: Path | None = None,
    by: str | None = None,
    task: str | None = None,
) -> Judged:
    """Return what the labels, read from ``files``, say of the runs at ``path``.

    Raises ``PersonaError`` where no label is about an answer there (labels of another run).
    """
    answers, notes = answers_at(path, task)
    return judged(answers, labels, files, notes, weights=weights, by=by, near=(path,))


def judged(
    answers: Sequence[Answers],
    labels: Sequence[Label],
    files: Sequence[Path],
    notes: Sequence[str] = (),
    *,
    weights: Path | None = None,
    by: str | None = None,
    near: Sequence[Path] = (),
) -> Judged:
    """Return what the labels say of these answers; see ``judged_at``."""
    said = list(notes)
    labelled = by_key(labels)
    known = {item.key for one in answers for item in one.items}
    strange = labelled.keys() - known
    if len(strange) == len(labelled):
        names = shorten(", ".join(one.name for one in answers), 80)
        where = shorten(", ".join(map(str, files)))
        raise PersonaError(
            f"{where}: none of {len(labelled)} labelled answers is one of {names}: labels of another run? (an answer is known"
            " by its persona, question and text; --errors-from RUN uses labels of another run)"
        )
    if strange:
        said.append(f"{len(strange)} of {len(labelled)} labelled answers are none of these runs' (left out)")
    sheets = {label.sheet for label in labels if label.sheet and label.key in known}
    draws = [read_weights(weights)] if weights else weights_near([*files, *near], sheets)
    if weights and not known & draws[0].strata.keys():
        raise PersonaError(f"{shorten(weights)}: the weights of a draw from another run")
    chosen = _by(by, draws, in_order(item.persona for one in answers for item in one.items))
    found = [one for a in answers if (one := agree(a, labelled, draws, chosen)) is not None]
    return Judged(tuple(found), _models(found), said)


def _by(by: str | None, draws: Sequence[Weights], there: Sequence[str]) -> tuple[str, ...]:
    if by is not None:
        return stated_names(split_names(by), "--by", there)
    drawn = tuple(dict.fromkeys(name for one in draws for name in one.by))
    return drawn or tuple(name for name in BY if name in there)


def _models(found: Sequence[Agreed]) -> dict[str, dict[tuple[str, str], Interval]]:
    """Return first − second of the corrected rates of each two models on one task, paired by pair."""
    made: dict[str, dict[tuple[str, str], Interval]] = {}
    for one, two in itertools.combinations(found, 2):
        if one.answers.task.name != two.answers.task.name or not one.rates or not two.rates:
            continue
        first, second = one.rates[0], two.rates[0]
        if first.row != second.row:
            continue
        parts = [[i for i in a.answers.items if i.kind == a.answers.items[0].kind] for a in (one, two)]
        names = (one.answers.run.model, two.answers.run.model)
        made.setdefault(one.answers.task.name, {})[names] = between(first.result, second.result, *parts)
    return made
