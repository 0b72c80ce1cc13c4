"""Streams of the host's tools: begun late, closed early, for `for` and for `async for`."""

import asyncio
import gc

import pytest

from snakebridge import HostToolError, Unserializable
from snakebridge.testing import FakeHost


class Counter:
    """A streaming tool that notes what happens to it."""

    def __init__(self):
        self.events = []

    def tool(self):
        def count(n: int, fail_at: int = -1):
            self.events.append("begun")
            try:
                for number in range(n):
                    if number == fail_at:
                        raise ValueError(f"at {number}")
                    yield number
                self.events.append("done")
            finally:
                self.events.append("closed")

        return count


@pytest.fixture
def counter():
    return Counter()


@pytest.fixture
def context(counter):
    return FakeHost([counter.tool()]).context()


async def collected(stream):
    return [item async for item in stream]


def test_the_tool_begins_with_the_first_item(context, counter):
    stream = context.stream_tool("count", n=2)
    assert counter.events == []
    assert next(stream) == 0
    assert counter.events == ["begun"]


def test_a_stream_is_read_asynchronously_as_well(context, counter):
    assert asyncio.run(collected(context.stream_tool("count", n=3))) == [0, 1, 2]
    assert counter.events == ["begun", "done", "closed"]


def test_closing_a_stream_ends_the_tool_and_the_stream(context, counter):
    stream = context.stream_tool("count", n=3)
    next(stream)
    stream.close()
    stream.close()
    assert counter.events == ["begun", "closed"]
    assert list(stream) == []


def test_dropping_a_stream_ends_the_tool(context, counter):
    next(context.stream_tool("count", n=3))
    gc.collect()
    assert counter.events == ["begun", "closed"]


def test_leaving_the_block_of_a_stream_ends_the_tool(context, counter):
    with context.stream_tool("count", n=3) as stream:
        next(stream)
    assert counter.events == ["begun", "closed"]


def test_leaving_the_asynchronous_block_of_a_stream_ends_the_tool(context, counter):
    async def run():
        async with context.stream_tool("count", n=3) as stream:
            assert await anext(stream) == 0

    asyncio.run(run())
    assert counter.events == ["begun", "closed"]


def test_an_error_comes_behind_the_items_before_it_and_ends_the_stream(context):
    stream = context.stream_tool("count", n=3, fail_at=1)
    assert next(stream) == 0
    with pytest.raises(HostToolError, match="at 1"):
        next(stream)
    assert list(stream) == []


def test_an_asynchronous_stream_fails_in_the_same_way(context):
    async def run():
        stream = context.stream_tool("count", n=3, fail_at=1)
        assert await anext(stream) == 0
        with pytest.raises(HostToolError, match="at 1"):
            await anext(stream)
        assert await collected(stream) == []

    asyncio.run(run())


def test_a_stream_is_read_in_one_way_only(context):
    async def run():
        stream = context.stream_tool("count", n=3)
        await anext(stream)
        with pytest.raises(RuntimeError, match="begun with `async for`"):
            next(stream)
        await stream.aclose()
        stream = context.stream_tool("count", n=3)
        next(stream)
        with pytest.raises(RuntimeError, match="begun with `for`"):
            await anext(stream)

    asyncio.run(run())


def test_arguments_are_encoded_at_once(context, counter):
    with pytest.raises(Unserializable):
        context.stream_tool("count", n=object())
    assert counter.events == []
