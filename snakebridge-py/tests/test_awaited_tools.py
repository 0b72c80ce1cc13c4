"""Tools that are run inside the event loop of an asynchronous test."""

import asyncio
import functools
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from snakebridge import BaseAdapter, Batch, Cancelled, HostToolError, InvalidArgument, Unserializable, tool
from snakebridge.testing import DeadlineExceeded, FakeHost, Recording, ToolRunner


class Adapter(BaseAdapter):
    def __init__(self):
        self.events = []
        self.loops = []
        self.go_on = threading.Event()

    async def initialize(self):
        self.loops.append(asyncio.get_running_loop())

    async def cleanup(self):
        self.loops.append(asyncio.get_running_loop())

    @tool
    async def twice(self, n: int) -> int:
        await asyncio.sleep(0)
        self.loops.append(asyncio.get_running_loop())
        return 2 * n

    @tool
    def thrice(self, n: int) -> int:
        self.events.append(threading.get_ident())
        return 3 * n

    @tool
    def runs_a_loop(self, n: int) -> list:
        return [asyncio.run(self.twice(n)), self.session_context.tools.slow_add(a=n, b=1)]

    @tool
    async def asks_and_waits(self, n: int) -> int:
        return self.session_context.tools.slow_add(a=n, b=1)

    @tool(run_on="thread")
    def waits_on_a_thread(self) -> bool:
        self.events.append(threading.get_ident())
        return self.go_on.wait(20)

    @tool(run_on="thread")
    def spins_on_a_thread(self) -> None:
        while True:
            self.session_context.check_cancelled()

    @tool(batch=Batch())
    def sum(self, a: list[int], b: list[int]) -> list[int]:
        return [x + y for x, y in zip(a, b, strict=True)]

    @tool(batch=Batch())
    async def sum_later(self, a: list[int], b: list[int]) -> list[int]:
        return [x + y for x, y in zip(a, b, strict=True)]

    @tool
    def count(self, n: int) -> Iterator[int]:
        yield from self.counted(n)

    @tool(run_on="thread")
    def count_on_thread(self, n: int) -> Iterator[int]:
        assert threading.current_thread() is not threading.main_thread()
        yield from self.counted(n)

    @tool
    async def count_later(self, n: int) -> AsyncIterator[int]:
        try:
            for number in range(n):
                self.events.append(number)
                await asyncio.sleep(0)
                yield number
        finally:
            await asyncio.sleep(0)
            self.events.append("closed")

    def counted(self, n):
        try:
            for number in range(n):
                self.events.append(number)
                yield number
        finally:
            self.events.append("closed")

    @tool
    async def fails(self, after: int) -> AsyncIterator[int]:
        for number in range(after):
            yield number
        raise LookupError("nothing there")

    @tool
    async def slumber(self) -> None:
        self.events.append("begun")
        try:
            await asyncio.sleep(20)
        finally:
            self.events.append("interrupted")

    @tool
    async def slow_items(self) -> AsyncIterator[int]:
        yield 1
        await self.slumber()

    @tool
    async def shielded_items(self) -> AsyncIterator[int]:
        with self.session_context.shield():
            while True:
                yield 1
                await asyncio.sleep(0)

    @tool
    async def broken(self) -> object:
        return object()


async def slow_add(a: int, b: int) -> int:
    await asyncio.sleep(0)
    return a + b


COUNTS = ["count", "count_on_thread", "count_later"]


@pytest.fixture
def runner():
    return ToolRunner(Adapter(), FakeHost([slow_add]))


def in_a_loop(test):
    """Run an asynchronous test, as pytest-asyncio and anyio do."""

    @functools.wraps(test)
    def run(**fixtures):
        asyncio.run(test(**fixtures))

    return run


@in_a_loop
async def test_an_asynchronous_tool_runs_on_the_loop_of_the_test(runner):
    assert await runner.acall("twice", n=21) == 42
    assert runner.adapter.loops == [asyncio.get_running_loop()]
    with pytest.raises(InvalidArgument, match="`n`"):
        await runner.acall("twice", n="x")
    with pytest.raises(Unserializable):
        await runner.acall("broken")
    assert await asyncio.gather(*(runner.acall("twice", n=n) for n in range(3))) == [0, 2, 4]


@in_a_loop
async def test_a_synchronous_tool_runs_here_and_may_run_loops_of_its_own(runner):
    assert await runner.acall("thrice", n=14) == 42
    assert runner.adapter.events == [threading.get_ident()]
    assert await runner.acall("runs_a_loop", n=1) == [2, 2]
    assert runner.adapter.loops != [asyncio.get_running_loop()]
    with pytest.raises(InvalidArgument, match="`n`"):
        await runner.acall("thrice", n="x")
    await asyncio.sleep(0)  # and the loop of the test runs still


@in_a_loop
async def test_an_asynchronous_tool_may_wait_for_an_asynchronous_one_of_the_host(runner):
    assert await runner.acall("asks_and_waits", n=1) == 2


@in_a_loop
async def test_a_tool_that_runs_on_threads_leaves_the_loop_running(runner):
    task = asyncio.create_task(runner.acall("waits_on_a_thread"))
    while not runner.adapter.events:
        await asyncio.sleep(0)
    runner.adapter.go_on.set()
    assert await task is True
    assert runner.adapter.events != [threading.get_ident()]


@pytest.mark.parametrize("name", ["sum", "sum_later"])
@in_a_loop
async def test_many_calls_at_once_are_run_too(runner, name):
    calls = [{"a": 1, "b": 2}, {"a": 3, "b": "x"}, {"a": 5, "b": 6}]
    three, refusal, eleven = await runner.abatch(name, calls)
    assert (three, eleven) == (3, 11)
    assert isinstance(refusal, InvalidArgument)
    with pytest.raises(TypeError, match="use `acall`"):
        await runner.abatch("twice", [])


@pytest.mark.parametrize("name", COUNTS)
@in_a_loop
async def test_items_come_one_by_one_and_no_further_than_they_are_asked_for(runner, name):
    chunks = runner.achunks(name, n=3)
    assert (await anext(chunks)).data == 0
    assert runner.adapter.events == [0]
    assert [chunk.data async for chunk in chunks] == [1, 2]
    assert runner.adapter.events == [0, 1, 2, "closed"]
    assert await runner.astream(name, n=2) == [0, 1]


@pytest.mark.parametrize("name", COUNTS)
@in_a_loop
async def test_closing_the_items_closes_the_generator(runner, name):
    chunks = runner.achunks(name, n=3)
    await anext(chunks)
    await chunks.aclose()
    assert runner.adapter.events == [0, "closed"]


@in_a_loop
async def test_an_error_comes_behind_the_items_before_it(runner):
    items = []
    with pytest.raises(LookupError, match="nothing there"):
        items.extend([chunk.data async for chunk in runner.achunks("fails", after=0)])
    chunks = runner.achunks("fails", after=1)
    assert (await anext(chunks)).data == 0
    with pytest.raises(LookupError):
        await anext(chunks)


@pytest.mark.parametrize("name", ["slumber", "spins_on_a_thread"])
@in_a_loop
async def test_the_test_may_cancel_the_call_while_it_runs(runner, name):
    call = runner.host.begin_call("s")
    task = asyncio.create_task(runner.within(call).acall(name))
    await asyncio.sleep(0.01)
    call.cancel()
    with pytest.raises(Cancelled, match="the call was cancelled"):
        await task


@pytest.mark.parametrize("name", ["slumber", "spins_on_a_thread"])
@in_a_loop
async def test_who_stops_waiting_cancels_the_call(runner, name):
    call = runner.host.begin_call("s")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await runner.within(call).acall(name)
    assert call.cancelled
    assert runner.adapter.events in (["begun", "interrupted"], [])
    assert len(asyncio.all_tasks()) == 1, "nothing is left on the loop"


@pytest.mark.parametrize("name", ["slow_items", "shielded_items"])
@in_a_loop
async def test_who_stops_reading_cancels_the_call(runner, name):
    call = runner.host.begin_call("s")

    async def read():
        async for chunk in runner.within(call).achunks(name):
            assert chunk.data == 1
            await asyncio.sleep(0)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(read(), 0.05)
    await asyncio.sleep(0.05)  # a loop that is left in the middle is closed when it is collected
    assert len(asyncio.all_tasks()) == 1, "nothing is left on the loop"


@pytest.mark.parametrize("name", ["slow_items", "shielded_items", "slumber", "spins_on_a_thread"])
@in_a_loop
async def test_a_deadline_ends_what_is_awaited(runner, name):
    within = runner.within(runner.host.begin_call("s", timeout=0.05))
    with pytest.raises(DeadlineExceeded):
        await (within.astream(name) if name.endswith("items") else within.acall(name))
    assert len(asyncio.all_tasks()) == 1, "nothing is left on the loop"


@in_a_loop
async def test_a_stream_that_rests_at_its_deadline_is_closed(runner):
    call = runner.host.begin_call("s", timeout=0.2)
    chunks = runner.within(call).achunks("count_later", n=3)
    await anext(chunks)
    while "closed" not in runner.adapter.events:
        await asyncio.sleep(0.01)
    with pytest.raises(DeadlineExceeded):
        await anext(chunks)


@in_a_loop
async def test_the_synchronous_ones_say_what_to_use_instead(runner):
    with pytest.raises(
        RuntimeError, match=r"`twice` is awaited inside a running.*: use `await runner\.acall"
    ):
        runner.call("twice", n=1)
    with pytest.raises(RuntimeError, match="abatch"):
        runner.batch("sum_later", [])
    with pytest.raises(RuntimeError, match=r"`async for chunk in runner\.achunks"):
        runner.stream("count_later", n=1)
    with pytest.raises(RuntimeError, match=r"hook .*: use `async with ToolRunner\(..\) as runner`"):
        runner.__enter__()
    assert runner.call("thrice", n=1) == 3, "what is synchronous runs anyway"
    assert runner.stream("count", n=1) == [0]
    with pytest.raises(TypeError, match="use `astream`"):
        await runner.acall("count", n=1)
    with pytest.raises(TypeError, match="use `acall`"):
        await runner.astream("twice", n=1)


@in_a_loop
async def test_hooks_run_on_the_loop_of_the_test():
    async with ToolRunner(Adapter()) as runner:
        await runner.acall("twice", n=1)
    assert runner.adapter.loops == [asyncio.get_running_loop()] * 3


class Exchange(BaseAdapter):
    @tool
    async def convert(self, amount: int) -> int:
        return amount * await self.session_context.acall_tool("rate")

    @tool
    async def converted(self, amounts: list[int]) -> AsyncIterator[int]:
        for amount in amounts:
            yield amount * await self.session_context.acall_tool("rate")

    @tool(batch=Batch())
    async def convert_all(self, amount: list[int]) -> list[int]:
        rate = await self.session_context.acall_tool("rate")
        return [rate * one for one in amount]


def rate() -> int:
    return 2


@in_a_loop
async def test_what_is_awaited_is_recorded_and_replayed(tmp_path):
    path = tmp_path / "awaited.json"
    replays = [("once", "host"), ("none", "host"), ("none", "tool")]
    for mode, what in replays:
        host = FakeHost([rate] if mode == "once" else [])
        async with ToolRunner(Exchange, host, recording=Recording(path, mode, replays=what)) as runner:
            assert await runner.acall("convert", amount=21) == 42
            assert await runner.astream("converted", amounts=[1, 2]) == [2, 4]
            assert await runner.abatch("convert_all", [{"amount": 1}, {"amount": 2}]) == [2, 4]
    with pytest.raises(HostToolError, match="rate"):
        await ToolRunner(Exchange).acall("convert", amount=1)
