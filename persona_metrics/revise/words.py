"""What a revision did, in a table: the rate before and after each round, the paired difference, what was left alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ..analysis.rates import codes, summary
from ..analysis.words import count, p_value, plus_minus, points
from ..statistics.paired import paired_difference
from .loop import LONGER, RECITES, Revised
from .run import Source


def lines(source: Source, rounds: int) -> list[str]:
    """Return the lines for one task. A pair with attempts counts with their mean; a missing verdict is in no mean."""
    by_pair: dict[str, list[Revised]] = {}
    for (pair, _), one in source.revised.items():
        by_pair.setdefault(pair, []).append(one)
    about = {answered.pair.id: answered.pair for answered in source.given.pairs}
    people = codes([about[name].persona.id for name in by_pair])
    questions = codes([about[name].question.id for name in by_pair])
    values = [np.array([_mean(ones, i) for ones in by_pair.values()], float) for i in range(rounds + 1)]
    said = [f"{source.given.task}: {count(len(by_pair), 'pair')}, {count(len(source.revised), 'answer')}"]
    for i, column in enumerate(values):
        found = summary(column, (list(people), list(questions)))
        rate = plus_minus(float(found["value"]), float(found["low"]), float(found["high"]))
        missing = int(np.isnan(column).sum())
        lost = f", {count(missing, 'pair')} without a verdict" if missing else ""
        said.append(f"  {'before' if not i else f'round {i}':<10} {rate}{lost}")
    both = ~np.isnan(values[0]) & ~np.isnan(values[-1])
    found_ = paired_difference(values[-1][both], values[0][both], clusters=(people[both], questions[both]))
    said.append(
        f"  {'difference':<10} {points(found_.difference, found_.low, found_.high)} over {count(found_.n, 'pair')}"
        f" ({found_.only_first} better, {found_.only_second} worse, {p_value(found_.p)})"
    )
    return said + _told(source)


def _mean(ones: Sequence[Revised], i: int) -> float:
    known = [float(value) for one in ones if (value := one.history[i]) is not None]
    return sum(known) / len(known) if known else float("nan")


def _told(source: Source) -> list[str]:
    ones = list(source.revised.values())
    fitting = [one for one in ones if one.history[0] is True]
    written = [state for one in ones for state in one.states[1:]]
    marked = Counter(mark for one in ones if one.touched for mark in one.last.marks)
    told = [f"  left alone {count(len(fitting), 'answer')} that needed no revision"]
    told.append(
        f"  written    {count(len(written), 'revision')} of {count(sum(one.touched for one in ones), 'answer')}"
    )
    if unwritten := sum(one.unwritten for one in ones):
        told.append(f"  unwritten  {count(unwritten, 'answer')}: the writer gave none at last")
    if unknown := sum(one.history[0] is None for one in ones):
        told.append(f"  no verdict {count(unknown, 'answer')}: nobody knows whether to revise them")
    for mark, what in ((LONGER, "longer than 1.5 times the original"), (RECITES, "reciting the persona")):
        if marked[mark]:
            told.append(f"  marked     {count(marked[mark], 'revised answer')} {what}")
    return told
