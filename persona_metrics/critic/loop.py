"""Runs asynchronous work to its end from synchronous code, wherever that code itself runs."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import signal
import threading
from collections import deque
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

_T = TypeVar("_T")


def in_own_loop(work: Coroutine[Any, Any, _T]) -> _T:
    """Run in an event loop of its own, also where the caller (a notebook) already runs one in this thread.

    An interrupt (Ctrl-C) cancels the work, waits until it has cleaned up, and goes on to the caller; a second one does not
    wait.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _interruptible(work)
    result: concurrent.futures.Future[_T] = concurrent.futures.Future()
    cancel: list[Any] = []

    async def cancellable() -> _T:
        task = asyncio.current_task()
        assert task is not None
        cancel.append((asyncio.get_running_loop(), task))
        return await work

    def target() -> None:
        try:
            result.set_result(asyncio.run(cancellable()))
        except BaseException as error:
            result.set_exception(error)

    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    try:
        return result.result()
    except KeyboardInterrupt:
        for loop, task in cancel:
            loop.call_soon_threadsafe(task.cancel)
        thread.join(2)
        raise


def _interruptible(work: Coroutine[Any, Any, _T]) -> _T:
    """Run in this thread's own loop; what an interrupt stops is the work as a whole, never a task in the middle of a step.

    asyncio does so by itself from Python 3.11 on, and only where the handler is Python's own.
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        return asyncio.run(work)
    pressed = 0

    async def watched() -> _T:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None

        def press(number: int, frame: FrameType | None) -> None:
            nonlocal pressed
            pressed += 1
            if pressed > 1:
                loop.set_exception_handler(lambda *_: None)  # what is left undone says nothing of itself
                handler(number, frame)
            loop.call_soon_threadsafe(task.cancel)

        before = signal.signal(signal.SIGINT, press)
        try:
            return await work
        finally:
            signal.signal(signal.SIGINT, before)

    try:
        result = asyncio.run(watched())
    except asyncio.CancelledError:
        if not pressed:
            raise
    else:
        if not pressed:
            return result
    handler(signal.SIGINT, None)
    raise KeyboardInterrupt


@contextmanager
def settled() -> Iterator[None]:
    """Leave what is there already out of garbage collection meanwhile.

    A process that has loaded lm-eval or torch has a million objects; to look through them again and again took a sixth of
    a judgement's time, in pauses in which nothing was sent.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


async def all_or_none(coroutines: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run all to their end; where one fails, end the others before its error goes on."""
    tasks = [asyncio.ensure_future(c) for c in coroutines]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Turns:
    """Lets ``at_once`` of many go on each time around the event loop, in the order in which they came.

    Replies come in bursts. Where each of them did all at once that comes of it, whoever is to be sent next would wait
    behind them all; like this it waits behind a few.
    """

    def __init__(self, at_once: int = 4) -> None:
        self.at_once = at_once
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._called = False

    async def mine(self) -> None:
        """Return when it is the caller's turn, never at once."""
        loop = asyncio.get_running_loop()
        place = loop.create_future()
        self._waiting.append(place)
        if not self._called:
            self._called = True
            loop.call_soon(self._next, loop)
        await place

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        for _ in range(min(self.at_once, len(self._waiting))):
            place = self._waiting.popleft()
            if not place.done():  # it may have been cancelled meanwhile
                place.set_result(None)
        self._called = bool(self._waiting)
        if self._called:
            loop.call_soon(self._next, loop)
