"""How a tool runs for a call: until it ends, its call is cancelled, or the call's deadline has passed."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from snakebridge import Cancelled
from snakebridge.testing.call import DeadlineExceeded

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Callable, Coroutine, Iterator

    from snakebridge.testing.call import FakeCall


@contextlib.contextmanager
def answering(call: FakeCall | Any) -> Iterator[None]:
    """Give the caller of a call what the host would: an answer that comes late is none.

    Args:
        call: The call, or what records or replays what is asked in it.

    Raises:
        DeadlineExceeded: If the deadline has passed at the end of the block, whatever happened in it.
    """
    try:
        yield
    except (Exception, Cancelled) as error:
        if call.is_late:
            raise _late(call) from error
        raise
    if call.is_late:
        raise _late(call)


def _late(call: FakeCall | Any) -> DeadlineExceeded:
    return DeadlineExceeded(f"deadline_exceeded: the call was not answered within {call.timeout:.3g} s")


async def run_later(
    run: Callable[[bytes], Coroutine[Any, Any, Any]],
    body: bytes,
    context: contextvars.Context,
    call: FakeCall | Any,
) -> Any:
    """Run an asynchronous tool in a task of its own, which the call's cancellation interrupts.

    Raises:
        Cancelled: If the tool let it pass.
        asyncio.CancelledError: If who waits here is cancelled, which cancels the call as dropping one does;
            or as an error of the tool's own.
    """
    task = asyncio.get_running_loop().create_task(run(body), context=context)
    with call.interrupting(task):
        await end_of(task, call)
    return result_of(task, call)


async def end_of(task: asyncio.Task[Any], call: FakeCall | Any) -> None:
    """Wait until a task has ended."""
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        call.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # nobody else will look at it
        raise


def result_of(task: asyncio.Task[Any], call: FakeCall | Any) -> Any:
    """What a task has given, or raised."""
    try:
        return task.result()
    except asyncio.CancelledError as error:
        if call.cancelled:
            raise Cancelled("the call was cancelled") from error
        raise
