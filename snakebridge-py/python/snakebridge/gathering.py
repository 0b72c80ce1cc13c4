"""What becomes of a result that is an iterator: the items of a stream, or a list for who wants one value.

Imported when a tool streams, or gives something out of the ordinary, for the first time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snakebridge.encoding import TOLIST_LIMIT
from snakebridge.errors import Unserializable
from snakebridge.streams import StreamChunk

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Generator, Iterable

_END: Any = object()


def items_of(tool: str, result: Any) -> Any:
    """What a call for a stream iterates over: an iterator that a tool returned, or any other iterable.

    Raises:
        TypeError: If it is neither, or a text or dictionary, whose pieces are hardly meant.
    """
    kind = type(result)
    can_iterate = hasattr(kind, "__iter__") or hasattr(kind, "__aiter__")
    if isinstance(result, str | bytes | bytearray | dict) or not can_iterate:
        raise TypeError(
            f"tool `{tool}` was called for a stream and returned {kind.__name__}: yield the items, or return "
            "an iterator of them; where one value is meant, call it for that"
        )
    return result


def synchronous(items: Any) -> Any:
    """The same items for a synchronous tool's stream."""
    if hasattr(type(items), "__iter__") or not hasattr(type(items), "__aiter__"):
        return items
    return drive(items)


def gathered(tool: str, result: Any) -> Any:
    """What a call for one value gets: a list, where the tool returned an iterator; else the result itself.

    Raises:
        Unserializable: If the iterator gives more items than one body may have.
    """
    kind = type(result)
    if not (hasattr(kind, "__next__") or hasattr(kind, "__anext__")):
        return result
    return gather(tool, synchronous(result))


async def gathered_later(tool: str, result: Any) -> Any:
    """The same for an asynchronous tool."""
    if not hasattr(type(result), "__anext__"):
        return gathered(tool, result)
    return await gather_later(tool, result)


def gather(tool: str, items: Iterable[Any]) -> list[Any]:
    """The items of an iterator as a list; of a `StreamChunk` its data.

    Raises:
        Unserializable: If there are more than one body may have.
    """
    kept: list[Any] = []
    try:
        for item in items:
            _keep(tool, item, kept)
    finally:
        if hasattr(items, "close"):
            items.close()
    return kept


async def gather_later(tool: str, items: AsyncIterable[Any]) -> list[Any]:
    """The same of an asynchronous iterator."""
    kept: list[Any] = []
    try:
        async for item in items:
            _keep(tool, item, kept)
    finally:
        if hasattr(items, "aclose"):
            await items.aclose()
    return kept


def drive(items: AsyncIterable[Any]) -> Generator[Any, None, None]:
    """The items of an asynchronous iterator that a synchronous tool returned, from a loop of its own."""
    import asyncio  # it is loaded: the tool's module is asynchronous

    # Made by hand, so that the loop of the thread, which may be the worker's, stays what it was.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        iterator = aiter(items)
        try:
            while (item := runner.run(_next(iterator))) is not _END:
                yield item
        finally:
            if hasattr(iterator, "aclose"):
                runner.run(_close(iterator))


async def _next(iterator: AsyncIterator[Any]) -> Any:
    return await anext(iterator, _END)


async def _close(iterator: Any) -> None:
    await iterator.aclose()


def _keep(tool: str, item: Any, kept: list[Any]) -> None:
    if len(kept) == TOLIST_LIMIT:
        raise Unserializable(
            f"tool `{tool}` gives more than {TOLIST_LIMIT} items, and one result carries no more: "
            "call it for a stream"
        )
    kept.append(item.data if isinstance(item, StreamChunk) else item)
