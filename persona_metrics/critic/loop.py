"""Runs asynchronous work to its end from synchronous code, wherever that code itself runs."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

_T = TypeVar("_T")


def in_own_loop(work: Coroutine[Any, Any, _T]) -> _T:
    """Run in an event loop of its own, also where the caller (a notebook) already runs one in this thread.

    An interrupt (Ctrl-C) cancels the work, waits until it has cleaned up, and goes on to the caller.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
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


async def all_or_none(coroutines: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run all to their end; where one fails, end the others before its error goes on."""
    tasks = [asyncio.ensure_future(c) for c in coroutines]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
