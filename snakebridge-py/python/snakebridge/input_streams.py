"""Streams as arguments: parameters annotated as an iterator of something.

The caller sends items while the tool runs, or a plain list. Either way the tool gets what its annotation
says: an iterator or an asynchronous iterator, whose items fit their type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from snakebridge.conversion.decoding import decode, decoder, wire_annotation
from snakebridge.current import current_inputs
from snakebridge.errors import InvalidArgument, Problem
from snakebridge.extensions import STREAM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from snakebridge.host.stub import InputSource
    from snakebridge.inputs import InputType


class InputReader:
    """Makes the argument of one streamed parameter from what was decoded."""

    def __init__(self, parameter: str, kind: InputType) -> None:
        self._parameter = parameter
        self._is_async = kind.is_async
        self._item = wire_annotation(kind.item)
        self._decode = decoder(self._item)

    def open(self, value: Any) -> Any:
        """The iterator of a call's argument: `value` is a stream's number, a list, or a default."""
        if isinstance(value, msgspec.msgpack.Ext):
            return InputStream(current_inputs(), self._number(value), self)
        if isinstance(value, list):
            return ListInput(value) if self._is_async else iter(value)
        return value

    def item(self, number: int, body: bytes) -> Any:
        """Decode item `number`, counted from zero.

        Raises:
            InvalidArgument: If it does not fit the type.
        """
        try:
            return self._decode(body)
        except Exception:
            pass
        try:
            return decode(body, self._item)
        except Exception:
            from snakebridge.conversion.problems import find_problems  # only where something is wrong

            place = f"{self._parameter}[{number}]"
            problems = find_problems(self._parameter, self._item, msgspec.Raw(body), place)
            raise InvalidArgument(
                f"an item that was sent does not fit: {'; '.join(map(str, problems))}", tuple(problems)
            ) from None

    def _number(self, value: msgspec.msgpack.Ext) -> int:
        if value.code == STREAM:
            try:
                return msgspec.msgpack.decode(value.data, type=int)
            except msgspec.DecodeError:
                pass
        problem = Problem(self._parameter, "mismatch", expected="a stream or a list", actual="something else")
        refusal = InvalidArgument(f"the arguments do not fit: {problem}", (problem,))
        refusal.tool_ran = False
        raise refusal


class InputStream:
    """A stream that the caller sends while the tool runs.

    Waiting for the next item is like waiting for a tool of the host: other calls run where they can, and a
    cancellation ends it. The stream ends with the call.
    """

    def __init__(self, source: InputSource, number: int, reader: InputReader) -> None:
        self._source = source
        self._number = number
        self._reader = reader
        self._count = 0
        self._has_ended = False

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        body = None if self._has_ended else self._source.next_input(self._number)
        if body is None:
            self._has_ended = True
            raise StopIteration
        return self._item(body)

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        body = None if self._has_ended else await self._source.anext_input(self._number)
        if body is None:
            self._has_ended = True
            raise StopAsyncIteration
        return self._item(body)

    def _item(self, body: bytes) -> Any:
        number, self._count = self._count, self._count + 1
        return self._reader.item(number, body)

    def __repr__(self) -> str:
        return f"<stream {self._number} of {self._source!r}>"


class ListInput:
    """A list that was sent where the tool asks for an asynchronous iterator."""

    def __init__(self, items: list[Any]) -> None:
        self._items = iter(items)

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        for item in self._items:
            return item
        raise StopAsyncIteration
