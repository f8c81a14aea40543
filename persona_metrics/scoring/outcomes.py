"""What came of every judgement, a few bytes each: for evaluations whose pairs lean on one another. Knows no critic."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

from ..evaluations import Evaluation, Outcome

_NONE = 255


def leans_on_others(evaluation: Evaluation) -> bool:
    """Return whether the evaluation looks at the outcomes of all pairs, for a pair's rows or for a remark."""
    kind = type(evaluation)
    return kind.informed is not Evaluation.informed or kind.remarks is not Evaluation.remarks


class Outcomes:
    """The pairs' outcomes in their order: whether each was personalised, and which answers of a pair are the same.

    An answer comes back as the number of the first of its pair that reads like it: no more of it is kept.
    """

    def __init__(self) -> None:
        self._ends, self._values, self._answers = array("Q"), array("B"), array("H")
        self._known: list[float] = []

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Add a pair's."""
        seen: dict[str, int] = {}
        for one in outcomes:
            value = one.personalized
            if value is not None and value not in self._known:
                self._known.append(value)
            self._values.append(_NONE if value is None else self._known.index(value))
            self._answers.append(0 if one.answer is None else seen.setdefault(one.answer, len(seen) + 1))
        self._ends.append(len(self._values))

    def __len__(self) -> int:
        return len(self._ends)

    def __iter__(self) -> Iterator[list[Outcome]]:
        start = 0
        for end in self._ends:
            yield [self._outcome(i) for i in range(start, end)]
            start = end

    def _outcome(self, at: int) -> Outcome:
        value, answer = self._values[at], self._answers[at]
        return Outcome(None if value == _NONE else self._known[value], answer=str(answer) if answer else None)
