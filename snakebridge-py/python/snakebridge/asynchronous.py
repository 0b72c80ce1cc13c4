"""The event loop of a worker that has something asynchronous: what such a worker waits in.

It is there from the start where the adapter has such a tool; elsewhere from the moment on in which the host
iterates over an asynchronous object.

Each call of an ``async def`` tool is a task on it, so calls overlap while they wait. What tools leave behind
on the loop keeps running. The wire is one of the descriptors that the loop polls, and synchronous tools of
the main thread run inside its callback, as if there were no loop.

Imported only by workers that need it: asyncio takes 30 ms and several MB.
"""

from __future__ import annotations

import asyncio
import selectors
from asyncio.events import _get_running_loop, _set_running_loop
from typing import TYPE_CHECKING, Any

from snakebridge import _native
from snakebridge.current import context_of, current_span, host_error, set_context

if TYPE_CHECKING:
    import contextvars
    from collections.abc import AsyncIterable, Awaitable, Iterable

_loop: asyncio.AbstractEventLoop | None = None
_selector: _Selector | None = None
"""What the loop polls with."""

ROOM = 0
"""What waits under no call's id: until everything is written, so that what is fast waits for a slow host."""

_waiting: dict[int, set[asyncio.Future[None]]] = {}
"""What coroutines wait for: credit and items, by the id of the call that they answer; the answer to a call of
ours, by its own."""

_tasks: set[asyncio.Task[None]] = set()
"""Tasks of calls. The loop itself would let them be collected while they wait."""


class _Selector(selectors.DefaultSelector):
    """Polls as any selector, and tells the native half when it waits and when it is back.

    Somebody else may have read what was in the wire (the watcher helps while a callback runs long), so the
    wire counts as ready whenever there is something to do.
    """

    def __init__(self) -> None:
        super().__init__()
        self.server: _native.LoopServer | None = None
        self._waits_for_room = False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        server = self.server
        if server is None:
            return super().select(timeout)
        has_work, is_written = server.begin_poll()
        if self._waits_for_room is is_written:
            self._wait_for_room(server, not is_written)
        if is_written and ROOM in _waiting:
            _wake(ROOM)
            has_work = True
        try:
            ready = super().select(0 if has_work else timeout)
        finally:
            has_work = server.end_poll() or has_work
        if self._waits_for_room:
            ready = [(key, events) for key, events in ready if key.fd != server.output]
        if has_work and all(key.fd != server.input for key, _ in ready):
            ready.append((self.get_key(server.input), selectors.EVENT_READ))
        return ready

    def _wait_for_room(self, server: _native.LoopServer, waits: bool) -> None:
        if waits:
            self.register(server.output, selectors.EVENT_WRITE)
        else:
            self.unregister(server.output)
        self._waits_for_room = waits


def complete(awaitable: Awaitable[Any]) -> Any:
    """Run an awaitable on the worker's loop while that does not serve, and return its result."""
    return running_loop().run_until_complete(_await(awaitable))


def serve(pristine: contextvars.Context) -> None:
    """Read, run and answer calls on this thread until the host closes the wire.

    Args:
        pristine: The context variables with which coroutines of calls begin.
    """
    loop = running_loop()
    assert _selector is not None

    def spawn(coroutine: _native.CallCoroutine, call: _native.Call) -> None:
        own = pristine.copy()
        own.run(_enter, call)
        task = loop.create_task(coroutine, context=own)
        coroutine.attach(task)
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)

    def turn() -> None:
        # Synchronous tools may run loops of their own.
        _set_running_loop(None)
        try:
            goes_on = server.turn()
        finally:
            _set_running_loop(loop)
        if not goes_on:
            loop.stop()

    server = _native.LoopServer(spawn, _wake)
    loop.add_reader(server.input, turn)
    loop.add_reader(server.wakeup, turn)
    _selector.server = server
    try:
        loop.run_forever()
    finally:
        _selector.server = None
        loop.remove_reader(server.input)
        loop.remove_reader(server.wakeup)
    server.end()


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


def running_loop() -> asyncio.AbstractEventLoop:
    """The loop of this worker."""
    global _loop, _selector
    if _loop is None:
        _selector = _Selector()
        _loop = asyncio.SelectorEventLoop(_selector)
        asyncio.set_event_loop(_loop)
    return _loop


def is_running() -> bool:
    """Whether the code that asks runs on the worker's loop while that serves."""
    serves = _selector is not None and _selector.server is not None
    return serves and _get_running_loop() is _loop


async def call_host(call: _native.Call, target: str, arguments: bytes) -> bytes:
    """Call a target of the host inside `call`, from the worker's loop, which goes on meanwhile.

    Raises:
        HostToolError: If the host answered with an error.
    """
    try:
        number = _native.begin_host_call(call, target, arguments, current_span())
        try:
            await _wait(number)
        except BaseException:
            _native.abandon_host_call(number)
            raise
        return _native.take_answer(number)
    except _native.RemoteError as error:
        raise host_error(error) from None


async def next_input(call: _native.Call, number: int) -> bytes | None:
    """The next item of a stream among the arguments of `call`, or None at its end."""
    while True:
        is_here, body = call.take_input(number)
        if is_here:
            return body
        await _wait(call.id)


async def next_item(stream: _native.HostStream) -> bytes | None:
    """The next item of a stream of the host, or None at its end."""
    while True:
        is_here, body = stream.take()
        if is_here:
            return body
        await _wait(stream.id)


async def send_all(items: AsyncIterable[Any] | Iterable[Any]) -> Any:
    """Send the items of a stream as credit comes, and return what a generator returned.

    An asynchronous generator returns nothing; a coroutine may give a synchronous one, though.
    """
    if hasattr(type(items), "__aiter__"):
        iterator = aiter(items)  # type: ignore[arg-type]
        try:
            async for item in iterator:
                if not await _send(item):
                    return None
        finally:
            await _close(iterator)
        return None
    synchronous = iter(items)  # type: ignore[arg-type]
    try:
        while True:
            try:
                item = next(synchronous)
            except StopIteration as end:
                return end.value
            if not await _send(item):
                return None
    finally:
        if hasattr(synchronous, "close"):
            synchronous.close()


async def _send(item: Any) -> bool:
    """Send one item, and wait until another may follow. False when none may."""
    match _native.send_item(item):
        case "over":
            return False
        case "pause":
            await asyncio.sleep(0)
        case "room":
            await _wait(ROOM)
        case "credit":
            call = _native.current_call()
            assert call is not None
            while not call.has_credit:
                await _wait(call.id)
                if call.cancelled:
                    raise asyncio.CancelledError
    return True


async def _close(iterator: Any) -> None:
    close = getattr(iterator, "aclose", None)
    if close is not None:
        await close()


async def _await(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


async def _wait(number: int) -> None:
    """Wait until something has come to a call. It need not be what is waited for: look again."""
    future = asyncio.get_running_loop().create_future()
    futures = _waiting.setdefault(number, set())
    futures.add(future)
    try:
        await future
    finally:
        futures.discard(future)
        if not futures and _waiting.get(number) is futures:
            del _waiting[number]


def _wake(number: int) -> None:
    for future in tuple(_waiting.pop(number, ())):
        if not future.done():
            future.set_result(None)


def _enter(call: _native.Call) -> None:
    set_context(context_of(call))
