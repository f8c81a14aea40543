"""How far a run's judging is over all its tasks: what each will ask the critic for at most, and what has been asked.

lm-eval builds every task's requests before it judges the first, so that the whole is known in advance, save for replies
without an answer. Knows no bar.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Span:
    """What a task's bar is called, and how many of the run's judgements are before its own and, at most, behind them."""

    name: str
    beside: tuple[int, int] = (0, 0)


@dataclass
class _Run:
    owner: int | None = None
    expected: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Pairs of a task, and judgements of each."""
    judged: dict[str, int] = field(default_factory=dict)


_run = _Run()


def expect(task: str, pairs: int, each: int, owner: int) -> None:
    """Note that a task of the run of ``owner`` (the model's id) has so many pairs with at most ``each`` judgements.

    A run that is over, another model's, and one in which this task stood already, is forgotten.
    """
    over = bool(_run.expected) and _run.expected.keys() <= _run.judged.keys()
    if over or owner != _run.owner or task in _run.expected:
        _run.expected.clear()
        _run.judged.clear()
    _run.owner, _run.expected[task] = owner, (pairs, each)


def span(task: str, judgements: int, share: int = 1) -> Span:
    """Return where a task's judgements lie, of which this process has so many; ``share`` processes divide each task's
    pairs, and this one has no fewer than any."""
    before, known = sum(_run.judged.values()), task in _run.expected
    if not known or task in _run.judged:
        return Span(f"critic {task}")
    _run.judged[task] = judgements
    ahead = (known for name, known in _run.expected.items() if name not in _run.judged)
    after = sum(-(-pairs // share) * each for pairs, each in ahead)
    place = f" ({len(_run.judged)} of {len(_run.expected)})" if len(_run.expected) > 1 else ""
    return Span(f"critic {task}{place}", (before, after))
