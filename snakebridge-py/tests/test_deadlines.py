"""Deadlines and cancellations of calls that `snakebridge.testing` runs are those of a worker with a host."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator

import msgspec
import pytest

from snakebridge import BaseAdapter, Cancelled, SessionContext, tool
from snakebridge.testing import DeadlineExceeded, FakeHost, Recording, ToolRunner

PATIENCE = 20.0
"""Seconds after which what should have been cancelled gives up."""


class Adapter(BaseAdapter):
    def __init__(self):
        self.events = []
        self.begun = threading.Event()

    def patience(self):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            yield

    @tool
    def spin(self) -> str:
        self.begun.set()
        for _ in self.patience():
            self.session_context.check_cancelled()
        return "to its end"

    @tool
    def asks(self, what: str) -> str:
        self.begun.set()
        for _ in self.patience():
            try:
                if what == "tool":
                    self.session_context.tools.twice(n=1)
                elif what == "state":
                    self.session_context.state.get("key")
                else:
                    list(self.session_context.stream_tool("count"))
            except Exception as error:
                self.events.append(error)
        return "to its end"

    @tool
    def late(self, seconds: float) -> str:
        time.sleep(seconds)
        return "late"

    @tool
    def late_error(self) -> str:
        time.sleep(0.1)
        raise LookupError("nothing there")

    @tool
    def forever(self) -> Iterator[int]:
        try:
            for _ in self.patience():
                yield 1
        finally:
            self.events.append("closed")

    @tool
    async def slumber(self) -> str:
        self.begun.set()
        try:
            await asyncio.sleep(PATIENCE)
        except asyncio.CancelledError:
            self.events.append("interrupted")
            raise
        return "to its end"

    @tool
    async def checks(self) -> str:
        self.begun.set()
        for _ in self.patience():
            try:
                self.session_context.check_cancelled()
            except asyncio.CancelledError:
                self.events.append("told")
                await asyncio.sleep(0)  # it is not interrupted once more
                raise
        return "to its end"

    @tool
    async def checks_in_thread(self) -> str:
        return await asyncio.to_thread(self.spin)

    @tool
    async def survives(self) -> str:
        self.begun.set()
        try:
            await asyncio.sleep(PATIENCE)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            return "survived"

    @tool
    async def cancels_itself(self) -> str:
        raise asyncio.CancelledError

    @tool
    async def asks_later(self) -> str:
        return await self.session_context.acall_tool("dawdle")

    @tool
    async def forever_later(self) -> AsyncIterator[int]:
        try:
            for _ in self.patience():
                yield 1  # and never waits
        finally:
            self.events.append("closed")

    @tool
    async def slow_items(self) -> AsyncIterator[int]:
        yield 1
        await self.slumber()

    @tool
    def shielded(self, context: SessionContext) -> str:
        with context.shield():
            while not context.cancelled:
                time.sleep(0)
            context.check_cancelled()
            self.events.append("finished")
        return "to its end"

    @tool
    async def shielded_later(self, context: SessionContext) -> str:
        with context.shield():
            while not context.cancelled:
                await asyncio.sleep(0)
            await asyncio.sleep(0.01)  # a timer or a signal from elsewhere would hit here
            context.check_cancelled()
            self.events.append("finished")
        return "to its end"

    @tool(timeout=0.05)
    def limited(self, context: SessionContext) -> float:
        for _ in self.patience():
            context.check_cancelled()
        return 0.0

    @tool(timeout=30)
    def remaining(self, context: SessionContext) -> float | None:
        return context.remaining()

    @tool(timeout=30)
    async def remaining_later(self, context: SessionContext) -> float | None:
        return context.remaining()


def twice(n: int) -> int:
    return 2 * n


def count() -> Iterator[int]:
    yield from range(1000)


async def dawdle() -> str:
    await asyncio.sleep(PATIENCE)
    return "at last"


@pytest.fixture
def runner():
    return ToolRunner(Adapter(), FakeHost([twice, count, dawdle]))


def limited(runner, timeout=0.05):
    return runner.within(runner.host.begin_call("s", timeout=timeout))


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("spin", {}),
        ("asks", {"what": "tool"}),
        ("asks", {"what": "state"}),
        ("asks", {"what": "stream"}),
        ("slumber", {}),
        ("checks", {}),
        ("checks_in_thread", {}),
        ("asks_later", {}),
        ("shielded", {}),
        ("shielded_later", {}),
    ],
)
def test_a_deadline_that_passes_ends_the_call(runner, tool, arguments):
    began = time.monotonic()
    with pytest.raises(
        DeadlineExceeded, match=r"deadline_exceeded: the call was not answered within 0\.05 s"
    ):
        limited(runner).call(tool, **arguments)
    assert 0.05 <= time.monotonic() - began < PATIENCE


@pytest.mark.parametrize("tool", ["spin", "slumber", "checks", "shielded", "shielded_later"])
def test_a_call_is_cancelled_from_another_thread(runner, tool):
    call = runner.host.begin_call("s")
    canceller = threading.Thread(target=lambda: runner.adapter.begun.wait(PATIENCE) and call.cancel())
    if tool.startswith("shielded"):
        runner.adapter.begun.set()
    canceller.start()
    with pytest.raises(Cancelled) as raised:
        runner.within(call).call(tool)
    canceller.join()
    assert not isinstance(raised.value, DeadlineExceeded)


@pytest.mark.parametrize(
    ("tool", "seen"),
    [
        ("slumber", ["interrupted"]),
        ("checks", ["told"]),
        ("shielded", ["finished"]),
        ("shielded_later", ["finished"]),
        ("spin", []),
    ],
)
def test_a_call_that_was_cancelled_before_begins_and_is_told_like_any_other(runner, tool, seen):
    call = runner.host.begin_call("s")
    call.cancel()
    with pytest.raises(Cancelled, match="the call was cancelled"):
        runner.within(call).call(tool)
    assert runner.adapter.events == seen


def test_a_cancelled_tool_may_go_on_and_is_told_once(runner):
    call = runner.host.begin_call("s", timeout=PATIENCE)
    threading.Thread(target=lambda: runner.adapter.begun.wait(PATIENCE) and call.cancel()).start()
    assert runner.within(call).call("survives") == "survived"


def test_what_comes_after_the_deadline_comes_too_late(runner):
    with pytest.raises(DeadlineExceeded):
        limited(runner).call("late", seconds=0.1)
    with pytest.raises(DeadlineExceeded) as raised:
        limited(runner).call("late_error")
    assert isinstance(raised.value.__cause__, LookupError), "and a test may look at what it was"
    with pytest.raises(DeadlineExceeded):
        limited(runner).call("survives")
    assert limited(runner, PATIENCE).call("late", seconds=0) == "late"


def test_a_cancellation_that_is_the_tools_own_is_an_error_of_the_tool(runner):
    with pytest.raises(asyncio.CancelledError):
        runner.call("cancels_itself")


@pytest.mark.parametrize("tool", ["forever", "forever_later"])
def test_a_stream_ends_at_its_deadline_and_its_generator_is_closed(runner, tool):
    items = []
    with pytest.raises(DeadlineExceeded):
        items.extend(limited(runner).chunks(tool))
    assert runner.adapter.events == ["closed"]


def test_a_stream_that_rests_is_closed_by_its_cancellation(runner):
    call = runner.host.begin_call("s")
    chunks = runner.within(call).chunks("forever")
    assert next(chunks).data == 1
    call.cancel()
    with pytest.raises(Cancelled):
        next(chunks)
    assert runner.adapter.events == ["closed"]


def test_items_that_came_before_the_deadline_are_there(runner):
    chunks = limited(runner, 0.5).chunks("slow_items")
    assert next(chunks).data == 1
    with pytest.raises(DeadlineExceeded):
        next(chunks)
    assert runner.adapter.events == ["interrupted"]


def test_the_default_deadline_is_the_tools_own(runner):
    for name in ("remaining", "remaining_later"):
        assert 29 < runner.call(name) <= 30
        assert 29 < runner.within(runner.host.begin_call("s")).call(name) <= 30
        assert 59 < limited(runner, 60).call(name) <= 60
    with pytest.raises(DeadlineExceeded, match=r"within 0\.05 s"):
        runner.call("limited")


def test_calls_within_a_call_are_cancelled_with_it_whichever_deadline_they_have(runner):
    call = runner.host.begin_call("s")
    within = runner.within(call)
    call.cancel()
    with pytest.raises(Cancelled) as raised:
        within.call("limited")
    assert not isinstance(raised.value, DeadlineExceeded)
    assert call.deadline is None, "the tool's own deadline is not the call's"


@pytest.mark.parametrize("tool", ["slumber", "checks", "spin", "shielded_later"])
def test_a_call_that_was_late_is_replayed_under_the_same_deadline(tmp_path, tool):
    path = tmp_path / "late.json"
    for mode in ("once", "none"):
        with ToolRunner(Adapter, recording=Recording(path, mode)) as runner, pytest.raises(DeadlineExceeded):
            limited(runner).call(tool)
    (call,) = Recording(path).calls
    assert (call.tool, call.result, call.error) == (tool, msgspec.UNSET, msgspec.UNSET)
