"""Streaming tools give an iterator; what it yields is encoded item by item."""

import functools

import msgspec
import pytest

from calling import call, stream, trampoline
from snakebridge import InvalidArgument, StreamChunk, tool
from snakebridge.adapters.showcase import tool as showcase_tool
from snakebridge.encoding import CHUNK_FINAL, CHUNK_HAS_METADATA, encode_chunk


def count(n: int):
    yield from range(n)
    return "done"


def test_a_generator_is_handed_over_as_it_is():
    items = trampoline(count)(msgspec.msgpack.encode({"n": 2}))
    assert [items.send(None), items.send(None)] == [0, 1]
    with pytest.raises(StopIteration) as end:
        items.send(None)
    assert end.value.value == "done"


def test_arguments_are_checked_before_the_stream_begins():
    with pytest.raises(InvalidArgument):
        stream(count, n="many")


def test_a_function_declared_as_streaming_returns_an_iterable():
    @tool(supports_streaming=True)
    def numbers(n: int):
        return list(range(n))

    assert stream(numbers, n=3) == [0, 1, 2]


def test_a_decorator_may_collect_a_stream_into_a_list():
    def collected(function):
        @functools.wraps(function)
        def wrapper(**arguments):
            return list(function(**arguments))

        return wrapper

    def numbers():
        yield from (1, 2)

    assert stream(collected(numbers)) == [1, 2]
    assert call(tool(supports_streaming=False)(collected(numbers))) == [1, 2]


@pytest.mark.parametrize("result", [7, "text", b"bytes", {"a": 1}, None])
def test_what_a_streaming_function_returns_must_be_iterated_over_on_purpose(result):
    @tool(supports_streaming=True)
    def numbers():
        return result

    with pytest.raises(TypeError, match=f"`numbers` .* returned {type(result).__name__}: yield"):
        stream(numbers)


def test_a_chunk_has_data_a_final_mark_and_metadata():
    assert encode_chunk(StreamChunk(1)) == (0, b"\x01")
    assert encode_chunk(StreamChunk(1, is_final=True)) == (CHUNK_FINAL, b"\x01")
    flags, body = encode_chunk(StreamChunk(data=1, metadata={"unit": "ms"}))
    assert flags == CHUNK_HAS_METADATA
    assert msgspec.msgpack.decode(body) == [1, {"unit": "ms"}]


def test_the_chunk_has_two_homes_and_is_one_class():
    assert showcase_tool.StreamChunk is StreamChunk
