"""`async def` tools, run to completion on one event loop per worker.

Imported only by workers whose adapter has something asynchronous: asyncio takes 30 ms and several MB. The
loop turns only while a tool runs, so tasks that a tool leaves behind stand still until the next one.
"""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any

from snakebridge import _native
from snakebridge.current import current_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Iterator
    from types import FrameType

_loop: asyncio.AbstractEventLoop | None = None

_running: asyncio.Task[Any] | None = None
"""What `complete` waits for: what a cancellation of the call cancels."""

_was_cancelled = False
"""Whether it was the caller who cancelled `_running`, and not the tool itself."""


def complete(awaitable: Awaitable[Any] | Any) -> Any:
    """Run an awaitable on the worker's loop and return its result.

    Raises:
        Cancelled: If the call was cancelled. The tool has seen `asyncio.CancelledError` then.
    """
    global _running, _was_cancelled
    if not hasattr(type(awaitable), "__await__"):
        return awaitable  # a decorator has run the coroutine by itself
    loop = _running_loop()
    # The task copies this thread's context variables, and its threads copy them from the task: whoever asked
    # here last may have been another call.
    current_context()
    _was_cancelled = False
    _running = loop.create_task(_await(awaitable))
    try:
        return loop.run_until_complete(_running)
    except asyncio.CancelledError:
        if _was_cancelled:
            raise _native.Cancelled from None
        raise
    finally:
        _running = None


def iterate(items: AsyncIterator[Any]) -> Iterator[Any]:
    """Iterate over an asynchronous iterator from the outside, one item a turn of the loop."""
    try:
        while True:
            try:
                item = complete(anext(items))
            except StopAsyncIteration:
                return
            yield item
    finally:
        close = getattr(items, "aclose", None)
        if close is not None:
            complete(close())


def finish() -> None:
    """Cancel what still runs on the loop and close it; does nothing where there was none."""
    global _loop
    if _loop is None:
        return
    loop, _loop = _loop, None
    try:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        asyncio.set_event_loop(None)
        loop.close()


async def _await(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _running_loop() -> asyncio.AbstractEventLoop:
    global _loop
    if _loop is None:
        _loop = asyncio.new_event_loop()
        _loop.set_exception_handler(_on_exception)
        asyncio.set_event_loop(_loop)
        signal.signal(signal.SIGURG, _on_cancel_signal)
    return _loop


def _on_cancel_signal(signum: int, frame: FrameType | None) -> None:
    """Cancel the task that runs, as asyncio does it for Ctrl-C.

    An exception out of a signal handler could end anywhere inside the loop, and take a callback with it.
    """
    try:
        _native.on_cancel_signal(signum, frame)
    except _native.Cancelled:
        if _running is None:  # arguments are decoded, or a result is encoded
            raise
        _cancel_running()


def _on_exception(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A callback of the loop, waiting for the host, was told of the cancellation: pass it on to the tool."""
    if isinstance(context.get("exception"), _native.Cancelled):
        _cancel_running()
    else:
        loop.default_exception_handler(context)


def _cancel_running() -> None:
    global _was_cancelled
    if _running is not None and _loop is not None:
        _was_cancelled = True
        _running.cancel()
        _loop.call_soon_threadsafe(lambda: None)  # wakes it if it sleeps
