"""`async def` tools run to completion; asynchronous generators are streams."""

import asyncio
import functools

import pytest

from calling import call, stream
from snakebridge import asynchronous, tool


@pytest.fixture(autouse=True)
def _close_the_loop():
    yield
    asynchronous.finish()


def test_an_async_tool_gives_its_result():
    async def add(a: int, b: int) -> int:
        await asyncio.sleep(0)
        return a + b

    assert call(add, a=1, b=2) == 3


def test_an_async_tool_may_return_at_once():
    async def answer():
        return 42

    assert call(answer) == 42


def test_every_call_of_a_worker_runs_on_one_loop():
    async def loop():
        return id(asyncio.get_running_loop())

    assert call(loop) == call(loop)


def test_an_exception_of_an_async_tool_passes_through():
    async def fail():
        await asyncio.sleep(0)
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        call(fail)


def test_an_asynchronous_generator_is_a_stream():
    async def count(n: int):
        for number in range(n):
            await asyncio.sleep(0)
            yield number

    assert stream(count, n=3) == [0, 1, 2]


def test_a_stream_that_is_not_read_to_its_end_is_closed():
    closed = []

    async def forever():
        try:
            while True:
                yield 1
        finally:
            await asyncio.sleep(0)
            closed.append(True)

    from calling import trampoline

    items = trampoline(forever)(b"\x80")
    assert next(items) == 1
    items.close()
    assert closed == [True]


def test_a_coroutine_may_return_what_is_streamed():
    @tool(supports_streaming=True)
    async def fetch():
        await asyncio.sleep(0)
        return [1, 2]

    assert stream(fetch) == [1, 2]


def test_a_decorator_may_run_the_coroutine_itself():
    def blocking(function):
        @functools.wraps(function)
        def wrapper(*args):
            coroutine = function(*args)
            with pytest.raises(StopIteration) as end:
                coroutine.send(None)
            return end.value.value

        return wrapper

    @blocking
    async def answer():
        return 42

    assert call(answer) == 42


def test_tasks_that_are_left_behind_are_cancelled_at_the_end():
    ended = []

    async def leave():
        async def behind():
            try:
                await asyncio.sleep(1000)
            finally:
                ended.append(True)

        leave.task = asyncio.ensure_future(behind())
        await asyncio.sleep(0)

    call(leave)
    assert ended == []
    asynchronous.finish()
    assert ended == [True]
