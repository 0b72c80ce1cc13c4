"""Calls that are recorded or replayed: what stands between a tool and the host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from snakebridge.encoding import encode
from snakebridge.errors import HostToolError
from snakebridge.extensions import decode
from snakebridge.host.catalogue import LIST_TARGET
from snakebridge.streams import StreamChunk
from snakebridge.testing.plain import to_plain
from snakebridge.testing.recording import (
    Exchange,
    RecordedCall,
    ReplayMismatch,
    decoded,
    encoded,
    encoded_items,
    host_answered,
    host_raised,
    raised,
    recorded_error,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterator

    from snakebridge.host.stub import SessionStub
    from snakebridge.testing.recording import Recording

_UNSET = msgspec.UNSET


class Written:
    """A call that is being recorded.

    Args:
        tool: The tool's name.
        arguments: Its encoded arguments.
        stub: The call that runs.
        session_id: Its session.
    """

    def __init__(self, tool: str, arguments: bytes, stub: SessionStub | Any, session_id: str) -> None:
        about = stub.metadata
        self.call = RecordedCall(
            tool,
            decoded(arguments),
            session_id,
            to_plain(about.metadata),
            about.correlation_id,
            host=[],
        )
        self.stub: Any = WritingStub(stub, self.call.host)

    def returned(self, body: bytes) -> bytes:
        """Note the encoded result, and return it."""
        self.call.result = decoded(body)
        return body

    def yielded(self, item: Any) -> Any:
        """Note an item, and return it."""
        self._items().append(_noted_item(item))
        return item

    def raised(self, error: BaseException) -> None:
        """Note what the tool raised."""
        self.call.error = recorded_error(error)

    def through(self, items: Any) -> Generator[Any, Any, Any]:
        """The items of a synchronous tool, each noted as it passes."""
        self._items()
        try:
            while True:
                try:
                    item = next(items)
                except StopIteration as end:
                    return end.value
                yield self.yielded(item)
        except GeneratorExit:  # nobody wanted the rest
            raise
        except BaseException as error:
            self.raised(error)
            raise
        finally:
            if hasattr(items, "close"):
                items.close()

    async def through_later(self, items: Any) -> AsyncIterator[Any]:
        """The same for an asynchronous one, whose errors are noted by whoever awaits it."""
        self._items()
        if not hasattr(type(items), "__aiter__"):
            for item in items:
                yield self.yielded(item)
            return
        iterator = aiter(items)
        try:
            async for item in iterator:
                yield self.yielded(item)
        finally:
            if hasattr(iterator, "aclose"):
                await iterator.aclose()

    def _items(self) -> list[Any]:
        if self.call.items is _UNSET:
            self.call.items = []
        items: list[Any] = self.call.items
        return items


class WritingStub:
    """Passes what a tool asks on to the host, and notes it with the answer. All else is the call's own."""

    def __init__(self, stub: SessionStub | Any, exchanges: list[Exchange]) -> None:
        self._stub = stub
        self._exchanges = exchanges

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stub, name)

    @property
    def tools_generation(self) -> int:
        """None: the recording is to have the list of tools, whatever this process knows already."""
        return 0

    def call(self, target: str, arguments: bytes) -> bytes:
        """Call a target of the host and wait for the result."""
        exchange = self._begin(target, arguments)
        try:
            result: bytes = self._stub.call(target, arguments)
        except HostToolError as error:
            exchange.error = host_answered(error)
            raise
        exchange.result = decoded(result)
        return result

    async def acall(self, target: str, arguments: bytes) -> bytes:
        """The same as `call`; other coroutines run meanwhile."""
        exchange = self._begin(target, arguments)
        try:
            result: bytes = await self._stub.acall(target, arguments)
        except HostToolError as error:
            exchange.error = host_answered(error)
            raise
        exchange.result = decoded(result)
        return result

    def stream(self, target: str, arguments: bytes) -> Iterator[bytes]:
        """Call a streaming target of the host."""
        exchange = self._begin(target, arguments)
        exchange.items = []
        items: Any = self._stub.stream(target, arguments)
        try:
            for item in items:
                exchange.items.append(decoded(item))
                yield item
        except HostToolError as error:
            exchange.error = host_answered(error)
            raise
        finally:
            items.close()

    async def astream(self, target: str, arguments: bytes) -> AsyncIterator[bytes]:
        """The same as `stream`; other coroutines run while it waits for an item."""
        exchange = self._begin(target, arguments)
        exchange.items = []
        items: Any = self._stub.astream(target, arguments)
        try:
            async for item in items:
                exchange.items.append(decoded(item))
                yield item
        except HostToolError as error:
            exchange.error = host_answered(error)
            raise
        finally:
            await items.aclose()

    def _begin(self, target: str, arguments: bytes) -> Exchange:
        exchange = Exchange(target, decoded(arguments))
        self._exchanges.append(exchange)
        return exchange


class ReplayingStub:
    """Answers what a tool asks as the host did when it was recorded. All else is the call's own."""

    def __init__(self, stub: Any, call: RecordedCall, recording: Recording) -> None:
        self._stub = stub
        self._call = call
        self._recording = recording
        self._left = list(call.host)
        self.mismatches: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stub, name)

    @property
    def tools_generation(self) -> int:
        """None: what this process knows of a host's tools is not about the recorded one."""
        return 0

    def call(self, target: str, arguments: bytes) -> bytes:
        """The recorded answer."""
        exchange = self._take(target, arguments)
        if exchange.error is not _UNSET:
            raise host_raised(exchange.error)
        return encoded(exchange.result)

    async def acall(self, target: str, arguments: bytes) -> bytes:
        """The same as `call`."""
        return self.call(target, arguments)

    def stream(self, target: str, arguments: bytes) -> Iterator[bytes]:
        """The recorded items."""
        return encoded_items(self._take(target, arguments))

    async def astream(self, target: str, arguments: bytes) -> AsyncIterator[bytes]:
        """The same as `stream`."""
        for item in self.stream(target, arguments):
            yield item

    def finish(self) -> None:
        """See that everything was asked that was asked then.

        Raises:
            ReplayMismatch: If not, or if something else was asked; also where the tool has caught that.
        """
        left = [exchange for exchange in self._left if exchange.target != LIST_TARGET]
        mismatches = self.mismatches + [f"it did not ask {_asked(exchange)}" for exchange in left]
        if mismatches:
            raise ReplayMismatch(f"tool `{self._call.tool}` is not as recorded: " + "; ".join(mismatches))

    def _take(self, target: str, arguments: bytes) -> Exchange:
        plain = decoded(arguments)
        for index, exchange in enumerate(self._left):
            if exchange.target == target and exchange.arguments == plain:
                return self._left.pop(index)
        if target == LIST_TARGET and (listing := self._recording.listing()) is not None:
            return listing  # a worker asks once for several calls
        mismatch = f"it asked {_asked(Exchange(target, plain))}"
        self.mismatches.append(mismatch)
        raise ReplayMismatch(f"tool `{self._call.tool}` is not as recorded: {mismatch}")


def played_result(call: RecordedCall) -> Any:
    """What a recorded call returned, without running it.

    Raises:
        Exception: What it raised.
    """
    if call.error is not _UNSET:
        raise raised(call.error)
    return None if call.result is _UNSET else decode(encoded(call.result))


def played_items(call: RecordedCall) -> Iterator[StreamChunk]:
    """The items of a recorded call, without running it, and what it raised behind them."""
    for item in call.items or ():
        if isinstance(item, dict) and item.keys() == {"$chunk"}:
            data, is_final, metadata = item["$chunk"]
            yield StreamChunk(decode(encoded(data)), is_final, decode(encoded(metadata)))
        else:
            yield StreamChunk(decode(encoded(item)))
    if call.error is not _UNSET:
        raise raised(call.error)


def _noted_item(item: Any) -> Any:
    if isinstance(item, StreamChunk) and (item.is_final or item.metadata is not None):
        return {"$chunk": [_plain(item.data), item.is_final, _plain(item.metadata)]}
    return _plain(item.data if isinstance(item, StreamChunk) else item)


def _plain(value: Any) -> Any:
    return decoded(encode(value))


def _asked(exchange: Exchange) -> str:
    text = msgspec.json.encode(exchange.arguments).decode()
    return f"`{exchange.target}` with {text if len(text) <= 300 else text[:300] + '…'}"
