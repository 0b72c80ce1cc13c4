"""Results and items as the host gets them: encoded, within the limits of the wire, and decoded."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from snakebridge import Cancelled
from snakebridge.encoding import CHUNK_HAS_METADATA, SHORT, encode, encode_chunk
from snakebridge.errors import Unserializable
from snakebridge.extensions import decode
from snakebridge.streams import StreamChunk

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Awaitable, Callable, Generator, Iterator

    from snakebridge.testing.call import FakeCall

_EXCESS = {
    "depth": "is nested more than 64 levels deep",
    "items": "has more than 1000000 values in it",
}
"""What a worker says of a value, by what the native side finds."""


def received(body: bytes, what: str) -> Any:
    """What the host decodes of an encoded value.

    Args:
        body: The value.
        what: Its name in the error.

    Raises:
        Unserializable: If no host looks into it: it is nested too deeply, or has too many values in it.
    """
    if len(body) > SHORT:
        from snakebridge import _native  # an adapter's own tests may never need it

        try:
            _native.check_value(body)
        except ValueError as error:
            raise Unserializable(f"{what} {_EXCESS.get(str(error), f'is refused: {error}')}") from None
    return decode(body)


def received_item(item: Any) -> StreamChunk:
    """An item as the host gets it."""
    flags, body = encode_chunk(item if isinstance(item, StreamChunk) else StreamChunk(item))
    value = received(body, "an item of the stream")
    data, metadata = value if flags & CHUNK_HAS_METADATA else (value, None)
    return StreamChunk(data, isinstance(item, StreamChunk) and item.is_final, metadata)


def pull(items: Iterator[Any], context: contextvars.Context, call: FakeCall | Any) -> Generator[StreamChunk]:
    """The items of a synchronous tool, each as it is asked for.

    Raises:
        Cancelled: Where the call is cancelled between two items.
    """
    try:
        while True:
            try:
                item = context.run(next, items)
            except StopIteration as end:
                _check_returned(end.value)
                return
            _check_rest(call)
            yield received_item(item)
            _check_rest(call)
    finally:
        close = getattr(items, "close", None)
        if close is not None:
            context.run(close)


async def send(
    items: Any,
    call: FakeCall | Any,
    wanted: Callable[[], Awaitable[Any]],
    sent: Callable[[StreamChunk], None],
) -> None:
    """Send the items of an asynchronous tool.

    Args:
        items: What the tool gave: an asynchronous iterator, or another one.
        call: The call that it runs for.
        wanted: Waits until an item is wanted.
        sent: Takes each item as the host gets it.

    Raises:
        Cancelled: Where the call is cancelled between two items.
    """
    is_async = hasattr(type(items), "__aiter__")
    iterator = aiter(items) if is_async else iter(items)
    try:
        await wanted()
        while True:
            try:
                item = await anext(iterator) if is_async else next(iterator)
            except StopAsyncIteration:
                return
            except StopIteration as end:
                _check_returned(end.value)
                return
            _check_rest(call)
            sent(received_item(item))
            await asyncio.sleep(0)  # where a tool never waits, a deadline and what else runs have their turn
            await wanted()
            _check_rest(call)
    finally:
        if hasattr(iterator, "aclose"):
            await iterator.aclose()
        elif hasattr(iterator, "close"):
            iterator.close()


def _check_rest(call: FakeCall | Any) -> None:
    """Raise the cancellation of a stream that rests: no shield protects it there."""
    if call.cancelled:
        raise Cancelled("the call was cancelled")


def _check_returned(value: Any) -> None:
    if value is not None:
        received(encode(value), "the value that the generator returned")
