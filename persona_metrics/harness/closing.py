"""The block that ends a run: verdicts, tokens, price, time, and what to do next. Printed once, when the process ends."""

from __future__ import annotations

import atexit
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..analysis.words import count
from ..consoles import say
from ..costs import prices
from ..costs.prices import Price
from ..costs.usage import Usage
from ..critic.budget import Ledger, ledger
from .exits import handed_on, was_interrupted


@dataclass
class _Run:
    begun: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    out: str | None = None
    model: Usage = field(default_factory=Usage)
    price: Price | None = None
    registered: bool = False


_run = _Run()


def begin(task: str) -> None:
    """Note that a task of this process begins; the block is printed when the process ends, unless Python called."""
    if handed_on():
        return
    _run.begun.add(task)
    _run.out = _output_path() or _run.out
    if not _run.registered:
        _run.registered = True
        atexit.register(_print)


def done(task: str, model: Usage, price: Price | None) -> None:
    """Note that a task's verdicts are there, and what its replies took."""
    if task in _run.begun and task not in _run.done:
        _run.done.add(task)
        _run.model = _run.model.plus(model)
        _run.price = price


def lines(book: Ledger, model: Usage, price: Price | None, following: str | None) -> Iterator[str]:
    """Yield the block's lines: verdicts, the critic's calls, the model's, and the next command."""
    spent = book.usage
    if book.judged or book.missing:
        missing = "; ".join(f"{n} {why}" for why, n in book.missing.most_common())
        asked = f"{count(spent.calls, 'call')} of critics, {count(book.stored, 'vote')} from the store"
        yield f"{count(book.judged, 'verdict')} ({asked}), {book.missing.total()} missing{f': {missing}' if missing else ''}"
    if spent.calls:
        yield f"critic: {_tokens(spent)}, {prices.dollars(book.cost)}; judging took {book.seconds:.0f} s"
    if model.calls:
        cost = None if price is None else price.of(model.prompt_tokens, model.completion_tokens)
        yield f"model: {count(model.calls, 'reply', 'replies')}, {_tokens(model)}, {prices.dollars(cost)}"
    if following is not None:
        yield f"next: {following}"


def _tokens(usage: Usage) -> str:
    about = "about " if usage.untold else ""
    return f"{about}{usage.prompt_tokens:,} tokens in, {usage.completion_tokens:,} out"


def report_on(folder: str | Path) -> str:
    """Return the command that makes the report of a run in ``folder``."""
    return f"persona-metrics report {shlex.quote(str(folder))}"


def _print() -> None:
    if was_interrupted():
        return
    finished = _run.begun == _run.done
    following = report_on(_run.out) if finished and _run.out else None
    for line in lines(ledger, _run.model, _run.price, following):
        say(line)


def _output_path() -> str | None:
    """Return lm_eval's ``--output_path``, which it tells no task."""
    for at, word in enumerate(sys.argv):
        name, equals, value = word.partition("=")
        if name in ("--output_path", "-o"):
            return value if equals else next(iter(sys.argv[at + 1 : at + 2]), None)
    return None
