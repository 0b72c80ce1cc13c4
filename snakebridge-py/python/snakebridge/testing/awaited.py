"""Tools that run inside an event loop: that of a test, or one that is made for a call."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.events import _set_running_loop
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from snakebridge import Cancelled
from snakebridge.testing.items import pull, send

if TYPE_CHECKING:
    import contextvars
    from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator

    from snakebridge.streams import StreamChunk
    from snakebridge.testing.call import FakeCall

    Run = Callable[[bytes], Any]
    """A trampoline."""


async def run_later(run: Run, body: bytes, context: contextvars.Context, call: FakeCall | Any) -> Any:
    """Run an asynchronous tool in a task of its own, which the call's cancellation interrupts.

    Raises:
        Cancelled: If the tool let it pass.
        asyncio.CancelledError: If who waits here is cancelled, which cancels the call as dropping one does;
            or as an error of the tool's own.
    """
    task = asyncio.get_running_loop().create_task(run(body), context=context)
    with call.interrupting(task):
        await _end_of(task, call)
    return _result_of(task, call)


async def run_here(function: Callable[[], Any], call: FakeCall | Any, on_thread: bool) -> Any:
    """Run something synchronous as a worker with an event loop does: inside a callback, or on a thread.

    Args:
        function: What runs. On the loop's own thread it keeps the loop waiting, and may run loops of its own.
        call: The call for which it runs.
        on_thread: Whether it runs on another thread, while the loop goes on.
    """
    loop = asyncio.get_running_loop()
    if on_thread:
        task = loop.create_task(_on_thread(function))
        await _end_of(task, call)
        return task.result()
    done = loop.create_future()
    outcome: list[Any] = []

    def turn() -> None:
        _set_running_loop(None)
        try:
            outcome.append(function())
        except BaseException as error:
            outcome.extend((None, error))
        finally:
            _set_running_loop(loop)
        if not done.done():
            done.set_result(None)

    handle = loop.call_soon(turn)  # in a task it could not run a loop of its own from Python 3.14 on
    try:
        await done
    finally:
        handle.cancel()
    result, *error = outcome
    if error:
        raise error[0]
    return result


async def pull_later(
    run: Run,
    body: bytes,
    context: contextvars.Context,
    call: FakeCall | Any,
    through: Callable[[Any], Iterator[Any]],
    on_thread: bool,
) -> AsyncGenerator[StreamChunk]:
    """The items of a synchronous tool, each as it is asked for."""
    items = await run_here(lambda: through(context.run(run, body)), call, on_thread)
    pulled = pull(items, context, call)
    try:
        while (chunk := await run_here(partial(next, pulled, None), call, on_thread)) is not None:
            yield chunk
    finally:
        await run_here(pulled.close, call, on_thread)


async def relay(
    make: Callable[[Callable[[Any], Coroutine[Any, Any, None]]], Run],
    body: bytes,
    context: contextvars.Context,
    call: FakeCall | Any,
) -> AsyncGenerator[StreamChunk]:
    """The items of an asynchronous tool, each as it is asked for.

    Args:
        make: Makes the trampoline from what sends the items.
        body: The arguments.
        context: The context variables in which it runs.
        call: The call for which it runs.
    """
    wanted, news, sent = asyncio.Semaphore(0), asyncio.Event(), deque[Any]()

    def take(chunk: StreamChunk) -> None:
        sent.append(chunk)
        news.set()

    def send_all(items: Any) -> Coroutine[Any, Any, None]:
        return send(items, call, wanted.acquire, take)

    task = asyncio.get_running_loop().create_task(make(send_all)(body), context=context)
    task.add_done_callback(lambda _: news.set())
    with call.interrupting(task):
        try:
            while True:
                wanted.release()
                while not (sent or task.done()):
                    news.clear()
                    await news.wait()
                if not sent:
                    break
                yield sent.popleft()
        except asyncio.CancelledError:
            call.cancel()
            wanted.release()  # in case that it comes out of a shield by an item
            await _abandon(task)
            raise
        except GeneratorExit:
            task.cancel()  # it rests between two items, where no shield protects it
            await _abandon(task)
            raise
    _result_of(task, call)


async def _on_thread(function: Callable[[], Any]) -> Any:
    return await asyncio.to_thread(function)


async def _end_of(task: asyncio.Task[Any], call: FakeCall | Any) -> None:
    """Wait until a task has ended."""
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        call.cancel()
        await _abandon(task)
        raise


async def _abandon(task: asyncio.Task[Any]) -> None:
    """Wait until a task has ended whose result nobody wants, however often that is cancelled."""
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([task])
    if not task.cancelled():
        task.exception()  # else the loop would tell that nobody has looked at it


def _result_of(task: asyncio.Task[Any], call: FakeCall | Any) -> Any:
    try:
        return task.result()
    except asyncio.CancelledError as error:
        if call.cancelled:
            raise Cancelled("the call was cancelled") from error
        raise
