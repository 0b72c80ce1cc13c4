"""Calls that are recorded or replayed: what stands between a tool and the host."""

from __future__ import annotations

from contextlib import aclosing, closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import msgspec

from snakebridge.batches import decode_calls, decode_outcomes, encode_calls, is_batch
from snakebridge.encoding import encode
from snakebridge.errors import HostToolError
from snakebridge.extensions import STREAM, decode
from snakebridge.host.catalogue import LIST_TARGET
from snakebridge.streams import StreamChunk
from snakebridge.testing.plain import Streamed, from_plain, to_plain
from snakebridge.testing.recording import (
    BatchedCall,
    Exchange,
    RecordedCall,
    ReplayMismatch,
    decoded,
    described_error,
    encoded,
    encoded_items,
    host_answered,
    host_raised,
    raised,
    recorded_error,
    shown,
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
        arguments: The body of its CALL: encoded arguments, or those of several calls that run together.
        stub: The call that runs.
        session_id: Its session.
    """

    def __init__(self, tool: str, arguments: bytes, stub: SessionStub | Any, session_id: str) -> None:
        about = stub.metadata
        inputs: dict[int, list[Any]] = {}
        self.call = RecordedCall(
            tool,
            session=session_id,
            metadata=to_plain(about.metadata),
            correlation_id=about.correlation_id,
            host=[],
            **_sent(arguments, inputs),
        )
        self.stub: Any = WritingStub(stub, self.call.host, inputs)

    def returned(self, body: bytes) -> bytes:
        """Note the encoded result, or what became of each of several calls, and return it."""
        if self.call.batch is _UNSET:
            self.call.result = decoded(body)
            return body
        for call, outcome in zip(self.call.batch, decode_outcomes(body), strict=True):
            if isinstance(outcome, bytes):
                call.result = decoded(outcome)
            else:
                call.error = described_error(*outcome)
        return body

    def yielded(self, item: Any) -> Any:
        """Note an item, and return it."""
        self._items().append(noted_item(item))
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


class _StubBetween:
    """Stands between a tool and a call. What it does not do itself is the call's own."""

    tools_generation = 0
    """None: what this process knows of a host's tools is neither in the recording nor about its host."""

    def __init__(self, stub: SessionStub | Any) -> None:
        self._stub: Any = stub

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stub, name)


class WritingStub(_StubBetween):
    """Passes what a tool asks on to the host, and notes it with the answer.

    Args:
        stub: The call that runs.
        exchanges: Where it is noted.
        inputs: Where the items of streams among the arguments are noted, by the number of the stream.
    """

    def __init__(
        self, stub: SessionStub | Any, exchanges: list[Exchange], inputs: dict[int, list[Any]]
    ) -> None:
        super().__init__(stub)
        self._exchanges = exchanges
        self._inputs = inputs

    def call(self, target: str, arguments: bytes) -> bytes:
        """Call a target of the host and wait for the result."""
        with self._noting(target, arguments) as exchange:
            result: bytes = self._stub.call(target, arguments)
            exchange.result = decoded(result)
        return result

    async def acall(self, target: str, arguments: bytes) -> bytes:
        """The same as `call`; other coroutines run meanwhile."""
        with self._noting(target, arguments) as exchange:
            result: bytes = await self._stub.acall(target, arguments)
            exchange.result = decoded(result)
        return result

    def stream(self, target: str, arguments: bytes) -> Iterator[bytes]:
        """Call a streaming target of the host."""
        with self._noting(target, arguments) as exchange:
            exchange.items = []
            with closing(self._stub.stream(target, arguments)) as items:
                for item in items:
                    exchange.items.append(decoded(item))
                    yield item

    async def astream(self, target: str, arguments: bytes) -> AsyncIterator[bytes]:
        """The same as `stream`; other coroutines run while it waits for an item."""
        with self._noting(target, arguments) as exchange:
            exchange.items = []
            async with aclosing(self._stub.astream(target, arguments)) as items:
                async for item in items:
                    exchange.items.append(decoded(item))
                    yield item

    def next_input(self, number: int) -> bytes | None:
        """The next item of a stream among the arguments."""
        return self._taken(number, self._stub.next_input(number))

    async def anext_input(self, number: int) -> bytes | None:
        """The same as `next_input`; other coroutines run meanwhile."""
        return self._taken(number, await self._stub.anext_input(number))

    def _taken(self, number: int, item: bytes | None) -> bytes | None:
        if item is not None:
            self._inputs.setdefault(number, []).append(decoded(item))
        return item

    @contextmanager
    def _noting(self, target: str, arguments: bytes) -> Iterator[Exchange]:
        exchange = Exchange(target, decoded(arguments))
        self._exchanges.append(exchange)
        try:
            yield exchange
        except HostToolError as error:
            exchange.error = host_answered(error)
            raise


class ReplayingStub(_StubBetween):
    """Answers what a tool asks as the host did when it was recorded.

    Args:
        stub: The call that runs.
        call: What was recorded of it.
        recording: Where that is from.

    Attributes:
        body: What the tool was sent then, streams and the calls that came together included.
        mismatches: What the tool has asked that it did not ask then.
    """

    def __init__(self, stub: Any, call: RecordedCall, recording: Recording) -> None:
        super().__init__(stub)
        self._call = call
        self._recording = recording
        self._left = list(call.host)
        self._inputs: list[Iterator[bytes]] = []
        self.body = _sent_again(call, self._inputs)
        self.mismatches: list[str] = []

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

    def next_input(self, number: int) -> bytes | None:
        """The next recorded item of a stream among the arguments; it ends where the tool stopped then."""
        return next(self._inputs[number - 1], None)

    async def anext_input(self, number: int) -> bytes | None:
        """The same as `next_input`."""
        return self.next_input(number)

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


def played_batch(call: RecordedCall) -> list[Any]:
    """What became of each of several recorded calls, without running them: a result, or an exception.

    Raises:
        Exception: What the tool raised, which is the error of all.
    """
    if call.error is not _UNSET:
        raise raised(call.error)
    assert call.batch is not _UNSET, "what is asked of it tells several calls from one"
    return [decode(encoded(one.result)) if one.error is _UNSET else raised(one.error) for one in call.batch]


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


def noted_item(item: Any) -> Any:
    """An item of a stream as a recording has it."""
    if isinstance(item, StreamChunk) and (item.is_final or item.metadata is not None):
        return {"$chunk": [plain(item.data), item.is_final, plain(item.metadata)]}
    return plain(item.data if isinstance(item, StreamChunk) else item)


def plain(value: Any) -> Any:
    """A value as a recording has it once it has travelled."""
    return decoded(encode(value))


def _sent(body: bytes, inputs: dict[int, list[Any]]) -> dict[str, Any]:
    """The fields of a `RecordedCall` that say what a tool is sent; `inputs` gets the streams among it."""
    if is_batch(body):
        calls = decode_calls(body)
        return {"batch": [BatchedCall(decoded(arguments), name) for arguments, name in calls]}

    def extension(code: int, data: memoryview) -> Any:
        if code == STREAM:
            # What is no number is refused where the tool's arguments are read.
            with suppress(msgspec.DecodeError):
                return Streamed(inputs.setdefault(msgspec.msgpack.decode(data, type=int), []))
        return msgspec.msgpack.Ext(code, bytes(data))

    return {"arguments": to_plain(msgspec.msgpack.Decoder(ext_hook=extension).decode(body))}


def _sent_again(call: RecordedCall, inputs: list[Iterator[bytes]]) -> bytes:
    """The body that `_sent` has read; `inputs` gets the encoded items of its streams, from stream 1 on."""
    if call.batch is not _UNSET:
        return encode_calls([(encoded(one.arguments), one.correlation_id) for one in call.batch])

    def argument(value: Any) -> Any:
        match value:
            case {"$stream": list(items), **rest} if not rest:
                inputs.append(map(encoded, items))
                return msgspec.msgpack.Ext(STREAM, msgspec.msgpack.encode(len(inputs)))
        return from_plain(value)

    match call.arguments:
        case [list(positional), dict(named)]:
            return encode([[*map(argument, positional)], {name: argument(named[name]) for name in named}])
        case dict(named):
            return encode({name: argument(named[name]) for name in named})
    return encoded(call.arguments)


def _asked(exchange: Exchange) -> str:
    return f"`{exchange.target}` with {shown(exchange.arguments)}"
