"""What a streaming tool of the host sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from snakebridge.extensions import decode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from snakebridge.host.stub import HostStub


class HostStream:
    """The items of a streaming tool of the host: for ``for``, or for ``async for`` in an asynchronous tool.

    The tool begins when the first item is asked for, and is slowed down by its reader. Closing or dropping
    the stream cancels it. As a context manager it is closed at the end of the block, whatever happens there.
    """

    def __init__(self, stub: HostStub, target: str, arguments: bytes) -> None:
        self._stub = stub
        self._target = target
        self._arguments = arguments
        self._items: Iterator[bytes] | None = None
        self._async_items: AsyncIterator[bytes] | None = None
        self._has_ended = False

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self._has_ended:
            raise StopIteration
        if self._async_items is not None:
            raise RuntimeError(f"the stream of `{self._target}` was begun with `async for`: go on with that")
        if self._items is None:
            self._items = self._stub.stream(self._target, self._arguments)
        try:
            return decode(next(self._items))
        except BaseException:
            self.close()
            raise

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        if self._has_ended:
            raise StopAsyncIteration
        if self._items is not None:
            raise RuntimeError(f"the stream of `{self._target}` was begun with `for`: go on with that")
        if self._async_items is None:
            self._async_items = self._stub.astream(self._target, self._arguments)
        try:
            return decode(await anext(self._async_items))
        except BaseException:
            await self.aclose()
            raise

    def close(self) -> None:
        """Cancel the tool, if it still runs. No item follows."""
        self._has_ended = True
        items, self._items, self._async_items = self._items, None, None  # dropping cancels, too
        close = getattr(items, "close", None)
        if close is not None:
            close()

    async def aclose(self) -> None:
        """The same as `close`, for streams that are read with ``async for``."""
        items = self._async_items
        self.close()
        close = getattr(items, "aclose", None)
        if close is not None:
            await close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<stream of host tool {self._target}>"
