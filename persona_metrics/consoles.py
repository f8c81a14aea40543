"""Says lines; has both streams take whatever is printed: any character, a reader that has gone, a closed stream."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

_interrupts: list[int] = []


def say(text: str) -> None:
    """Say a line on standard error, which holds what is no result."""
    print(f"persona-metrics: {text}", file=sys.stderr, flush=True)


_said: set[str] = set()


def say_once(lines: Iterable[str]) -> None:
    """Say those lines that this process has not said like this before: many tasks, and many readings, come to the same."""
    for line in lines:
        if line not in _said:
            _said.add(line)
            say(line)


def interrupted() -> bool:
    """Return whether Ctrl-C was pressed since ``prepare``."""
    return bool(_interrupts)


_raise = signal.default_int_handler


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    _interrupts.append(number)
    _raise(number, frame)


def forgive() -> None:
    r"""Show characters that the console's encoding lacks as ``\u2013`` instead of ending the run that was paid for."""
    for stream in (sys.stdout, sys.stderr):
        # A notebook's or a test's stream has no encoding of its own.
        with suppress(AttributeError, OSError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def prepare() -> None:
    """Open what the shell closed (``>&-``) to nowhere, let ``| head`` end the printing but not the work, remember Ctrl-C."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is this one: else the next file that is opened would get what is printed.
            os.open(os.devnull, os.O_RDWR)
    with suppress(ValueError):  # not in the main thread
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _interrupt)
            # asyncio stops its work as a whole on Ctrl-C, and not a task in the middle of a step (which is then told of with
            # its stack), where it finds this handler: of lm-eval's loops, too.
            signal.default_int_handler = _interrupt
    sys.stdout = _patient(sys.stdout, 1)
    sys.stderr = _patient(sys.stderr, 2)
    forgive()


def _patient(stream: Any, number: int) -> Any:
    try:
        if stream is not None and stream.fileno() != number:
            return stream
    except (AttributeError, OSError, ValueError):
        return stream
    with suppress(Exception):
        if stream is not None:
            stream.flush()
    raw = _Patient(number, "wb", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=getattr(stream, "encoding", None) or "utf-8",
        errors="backslashreplace",
        line_buffering=number == 2 or raw.isatty(),
    )


class _Patient(io.FileIO):
    """A stream whose reader may go away; what is written then goes nowhere."""

    def write(self, data: Any) -> int | None:  # type: ignore[override]
        """Write, or turn the stream to nowhere where nobody reads it any more."""
        try:
            return super().write(data)
        except BrokenPipeError:
            nowhere(self.fileno())
            return len(data)
        except OSError as error:
            if self.fileno() == 2:
                nowhere(2)  # nobody can be told
                return len(data)
            raise OSError(error.errno, error.strerror, "standard output") from None


def nowhere(number: int) -> None:
    """Send what is written to this file descriptor nowhere from now on."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)
