"""What a streaming tool of the host sends, still encoded."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from snakebridge.current import current_span, host_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from snakebridge import _native


class HostItems:
    """The items of one call of a streaming tool of the host, for ``for`` or for ``async for``.

    While it waits for an item, what that waits for runs here: other coroutines on the event loop, nested
    calls of the host's tool on any other thread. Closing or dropping it tells the host that nobody wants the
    rest.

    Raises:
        HostToolError: From the iteration, behind the items that came before.
    """

    def __init__(self, call: _native.Call, target: str, arguments: bytes) -> None:
        from snakebridge import _native

        self._errors = _native.RemoteError
        try:
            self._stream = _native.HostStream(call, target, arguments, current_span())
        except _native.RemoteError as error:
            raise host_error(error) from None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            item = self._stream.next()
        except self._errors as error:
            raise host_error(error) from None
        if item is None:
            raise StopIteration
        return item

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            item = await self._receive()
        except self._errors as error:
            raise host_error(error) from None
        if item is None:
            raise StopAsyncIteration
        return item

    async def _receive(self) -> bytes | None:
        asynchronous = sys.modules.get("snakebridge.asynchronous")
        if asynchronous is not None and asynchronous.is_running():
            return await asynchronous.next_item(self._stream)  # type: ignore[no-any-return]
        import asyncio  # it runs: this is a loop of the tool's own

        return await asyncio.to_thread(self._stream.next)

    def close(self) -> None:
        """Tell the host that nobody wants the rest. No item follows."""
        self._stream.close()

    async def aclose(self) -> None:
        """The same as `close`, for who reads with ``async for``."""
        self.close()

    def __repr__(self) -> str:
        return f"<items of call {self._stream.id} to the host>"
