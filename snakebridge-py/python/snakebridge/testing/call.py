"""One call of a fake host: its deadline, its cancellation, and its way to the host."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import threading
import time
from typing import TYPE_CHECKING, Any

from snakebridge import Cancelled
from snakebridge.encoding import encode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

    from snakebridge.progress import Progress
    from snakebridge.session import CallMetadata
    from snakebridge.testing.host import FakeHost


class DeadlineExceeded(Cancelled):
    """The deadline of a call passed before its tool had ended, so that the host had told its caller.

    The tool itself is cancelled like any other. In Rust it is the error with the code ``deadline_exceeded``.
    """


class FakeCall:
    """A call of a `FakeHost`: what a `SessionContext` stands on.

    It is cancelled by `cancel`, or because its deadline has passed. A synchronous tool notices that at
    `check_cancelled`, where it asks something of the host, and at a ``yield``; an asynchronous one is
    interrupted where it waits. A test has no signal that could interrupt anything else.
    """

    def __init__(
        self, host: FakeHost, session_id: str, metadata: CallMetadata, timeout: float | None
    ) -> None:
        self._host = host
        self.session_id = session_id
        self.metadata = metadata
        self.timeout = timeout
        """Seconds that its caller waits, from when it was made."""
        self.deadline = _after(timeout)
        """When the caller stops waiting, on the clock of `time.monotonic`."""
        self.tools_generation = host.generation
        self._shields = 0
        self._cancellation = _Cancellation()

    @property
    def cancelled(self) -> bool:
        """Whether the caller no longer wants the result."""
        return self._cancellation.time is not None or self._is_past()

    @property
    def is_late(self) -> bool:
        """Whether its deadline has passed, and nobody had cancelled it before."""
        cancelled = self._cancellation.time
        return self._is_past() and (cancelled is None or self._is_past(cancelled))

    def cancel(self) -> None:
        """Cancel the call, from whatever thread."""
        self._cancellation.begin()

    def for_tool(self, timeout: float | None) -> FakeCall:
        """The same call with the deadline of its tool, which begins now, where it has none of its own."""
        if timeout is None or self.deadline is not None:
            return self
        call = copy.copy(self)  # it is cancelled with this one
        call.timeout, call.deadline = timeout, _after(timeout)
        return call

    @contextlib.contextmanager
    def interrupting(self, task: asyncio.Task[Any]) -> Iterator[None]:
        """Cancel a task, once, when the call is; not inside a shield, whose end raises it."""
        run = _Run(task, lambda: not self._shields)
        loop = task.get_loop()
        timer = None
        if self.deadline is not None:
            timer = loop.call_later(max(0.0, self.deadline - time.monotonic()), run.interrupt)
        with self._cancellation.reaching(run):
            if self.cancelled:  # it begins all the same, and is interrupted where it waits for the first time
                loop.call_soon(run.interrupt)
            try:
                yield
            finally:
                if timer is not None:
                    timer.cancel()

    def progress(self, progress: Progress) -> None:
        """Note how far the call is."""
        self._host.progress.append(progress)

    def check_cancelled(self) -> None:
        """Raise the cancellation if there is one and no shield: on the loop of its tool in asyncio's form."""
        if self.cancelled and not self._shields:
            if self._cancellation.is_told_here():
                raise asyncio.CancelledError
            raise Cancelled("the call's deadline has passed" if self.is_late else "the call was cancelled")

    def begin_shield(self) -> None:
        """Hold the cancellation back."""
        self._shields += 1

    def end_shield(self) -> None:
        """Raise the cancellation that was held back, if this was the outermost shield."""
        self._shields -= 1
        self.check_cancelled()

    def call(self, target: str, arguments: bytes) -> bytes:
        """Answer a call of a target, as the host does."""
        self.check_cancelled()
        result = self._host.answer(self.session_id, target, arguments, streams=False)
        if hasattr(type(result), "__await__"):
            result = run_apart(_await(result))
        self.check_cancelled()
        return result  # type: ignore[no-any-return]

    async def acall(self, target: str, arguments: bytes) -> bytes:
        """The same as `call`."""
        self.check_cancelled()
        result = self._host.answer(self.session_id, target, arguments, streams=False)
        if hasattr(type(result), "__await__"):
            result = await result
        self.check_cancelled()
        return result  # type: ignore[no-any-return]

    def stream(self, target: str, arguments: bytes) -> Iterator[bytes]:
        """Answer a call of a streaming target, as the host does."""
        items = self._host.answer(self.session_id, target, arguments, streams=True)
        try:
            while True:
                self.check_cancelled()
                try:
                    item = next(items)
                except StopIteration:
                    return
                yield encode(item)
        finally:
            if hasattr(items, "close"):
                items.close()

    async def astream(self, target: str, arguments: bytes) -> AsyncIterator[bytes]:
        """The same as `stream`."""
        items = self.stream(target, arguments)
        try:
            for item in items:
                yield item
                await asyncio.sleep(0)
        finally:
            items.close()  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        parts = [f"in session {self.session_id!r}" if self.session_id else "without a session"]
        if self.metadata.correlation_id is not None:
            parts.append(f"correlation id {self.metadata.correlation_id!r}")
        if self.is_late:
            parts.append(f"its deadline of {self.timeout:.3g} s has passed")
        elif self.cancelled:
            parts.append("cancelled")
        elif self.deadline is not None:
            parts.append(f"{self.deadline - time.monotonic():.3g} s left")
        return f"<FakeCall {', '.join(parts)}>"

    def _is_past(self, now: float | None = None) -> bool:
        return self.deadline is not None and (time.monotonic() if now is None else now) >= self.deadline


class _Run:
    """A task that runs for a call."""

    def __init__(self, task: asyncio.Task[Any], may_interrupt: Callable[[], bool]) -> None:
        self.loop = task.get_loop()
        self.is_told = False
        self._task = task
        self._may_interrupt = may_interrupt

    def interrupt(self) -> None:
        """Cancel the task where it waits, unless it knows already or must not."""
        if not self.is_told and self._may_interrupt():
            self.is_told = True
            self._task.cancel()


class _Cancellation:
    """Whether a call was cancelled, and what runs for it on event loops."""

    def __init__(self) -> None:
        self.time: float | None = None
        """When it was, on the clock of `time.monotonic`."""
        self._lock = threading.Lock()
        self._runs: set[_Run] = set()

    def begin(self) -> None:
        """The call is cancelled now, if it was not before."""
        with self._lock:
            if self.time is None:
                self.time = time.monotonic()
            runs = tuple(self._runs)
        for run in runs:
            with contextlib.suppress(RuntimeError):  # its loop has been closed since
                run.loop.call_soon_threadsafe(run.interrupt)

    @contextlib.contextmanager
    def reaching(self, run: _Run) -> Iterator[None]:
        """Have a task interrupted by a cancellation that comes in the meantime."""
        with self._lock:
            self._runs.add(run)
        try:
            yield
        finally:
            with self._lock:
                self._runs.discard(run)

    def is_told_here(self) -> bool:
        """Whether the code that asks runs on a loop for the call, and so need not be interrupted any more."""
        loop = running_loop()
        with self._lock:
            here = [run for run in self._runs if run.loop is loop]
        for run in here:
            run.is_told = True
        return bool(here)


def _after(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs on this thread, if one does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def refuse_running_loop(what: str, instead: str) -> None:
    """Say what to use where an event loop runs on this thread, which cannot wait for another.

    Raises:
        RuntimeError: If one does.
    """
    if running_loop() is not None:
        raise RuntimeError(f"{what} is awaited inside a running event loop: use {instead}")


def run_apart(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on a loop of its own and wait for it, also where a loop runs, which waits meanwhile."""
    if running_loop() is None:
        return asyncio.run(coroutine)
    from concurrent.futures import ThreadPoolExecutor  # a thread can have one loop that runs

    with ThreadPoolExecutor(1) as threads:
        return threads.submit(asyncio.run, coroutine).result()


async def _await(result: Any) -> Any:
    return await result
