"""How a user's mistake ends an lm_eval process: one line on stderr, no stack. Knows nothing of lm-eval itself."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import NoReturn

from ..consoles import say
from ..errors import PersonaError
from . import processes

PATIENCE = 10.0
"""Seconds that a process which says nothing leaves the first one to say what is wrong."""


class UserExit(SystemExit):
    """Ends an ``lm_eval`` process with one line on stderr and exit code 2; ``api`` turns it back into its error."""

    def __init__(self, error: PersonaError) -> None:
        super().__init__(2)
        self.error = error


def _exit(error: PersonaError) -> NoReturn:
    say(f"error: {error}")
    raise UserExit(error) from None


@contextmanager
def user_errors(*, everywhere: bool = False) -> Iterator[None]:
    """Turn a ``PersonaError`` into one line and an exit code, since lm-eval would show its stack.

    Of several processes that all see the same mistake the first says it; ``everywhere`` is for what only one may see. The
    others wait for it to end: a launcher (torchrun, accelerate) kills all that are left when one of them has ended.
    """
    try:
        yield
    except PersonaError as error:
        if _handed_on.get():
            raise UserExit(error) from None
        if processes.process() and not everywhere:
            time.sleep(PATIENCE)
            raise UserExit(error) from None
        _exit(error)
    except KeyboardInterrupt:
        # How to resume has been said; lm-eval's stack below it would hide that. Notebooks do not use this hook.
        sys.excepthook = _without_interrupts
        raise


def interrupts_in_one_line() -> None:
    """Let Ctrl-C while a model generates end the process in one line, where lm-eval would show its stack.

    Whoever shows errors in another way (a logger, a debugger) goes on to; what anyio brings for Python 3.10 does not.
    """
    plain = sys.excepthook is sys.__excepthook__ or str(getattr(sys.excepthook, "__module__", "")).startswith(
        "exceptiongroup"
    )
    if not _handed_on.get() and plain:
        sys.excepthook = _one_line


def _one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        say_interrupted(
            "while generating; run the same command again (with --use_cache PATH only the rest is asked for)"
        )
    else:
        sys.__excepthook__(kind, error, trace)


_ended: set[str] = set()


def was_interrupted() -> bool:
    """Return whether the run's last line, that it was interrupted, has been said."""
    return bool(_ended)


def say_interrupted(more: str = "") -> None:
    """Say so on a line of its own, below the progress bars, which would otherwise be drawn once more after it."""
    bars = getattr(getattr(sys.modules.get("tqdm"), "tqdm", None), "_instances", ())
    for bar in list(bars):
        bar.close()
    _ended.add("interrupted")
    say(f"interrupted{' ' if more else ''}{more}")


def _without_interrupts(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)


_handed_on = ContextVar("_handed_on", default=False)


def handed_on() -> bool:
    """Return whether Python called lm-eval, so that errors and closing words are the caller's."""
    return _handed_on.get()


@contextmanager
def raising() -> Iterator[None]:
    """Within this, hand a ``PersonaError`` to the Python caller of lm-eval instead of printing it."""
    token = _handed_on.set(True)
    try:
        yield
    except UserExit as stopped:
        raise stopped.error from None
    finally:
        _handed_on.reset(token)
