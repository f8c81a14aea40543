"""Which row of its task a judged answer counts in, and with what value: a row is its answers' mean. Knows no format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..evaluations.base import WHOLE, row_of
from ..evaluations.contrast import ANOTHER, Contrast
from ..evaluations.leave_one_out import NONE_LISTED
from ..evaluations.pairwise import OVER, Pairwise
from .scores import Answer

Counted = tuple[Answer, str, float]


def counted(pair: Sequence[Answer], headline: str) -> Iterator[Counted]:
    """Yield the answers of one pair that have a value, each with the one row that it counts in.

    What a row takes as a difference (an importance, contrast, lift) is one here, too: the whole persona's verdict less the
    answer's own.
    """
    kind = pair[0].row["evaluation"] if pair else None
    own = next((answer.score for answer in pair if answer.row["variant"] == WHOLE), None)
    for answer in pair:
        name, score = str(answer.row["variant"]), answer.score
        if score is None:
            continue
        if name == WHOLE:
            yield answer, "personalized" if kind == Contrast.name else headline, score
        elif kind == Pairwise.name:
            yield answer, OVER.get(name, headline), score
        elif answer.row["attempt"]:
            yield answer, headline, score
        elif own is not None:
            yield answer, _difference(name, kind), own - score


def _difference(variant: str, kind: object) -> str:
    if kind == Contrast.name:
        return "contrast" if variant.startswith(ANOTHER) else "lift"
    item = "all listed" if variant == NONE_LISTED else variant.removeprefix("without ")
    return row_of(item, "importance")
