"""Tools of an adapter, run in the test's own process as a worker would run them."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from typing import TYPE_CHECKING, Any, Self

from snakebridge.batches import encode_calls, encode_outcomes
from snakebridge.current import set_context
from snakebridge.encoding import encode
from snakebridge.extensions import decode
from snakebridge.loading import (
    AdapterSource,
    collect_tools,
    find_adapter,
    import_module,
    make_adapter,
    parse_spec,
)
from snakebridge.marks import under
from snakebridge.session import SessionContext
from snakebridge.streams import StreamChunk
from snakebridge.suggestions import did_you_mean
from snakebridge.testing.host import FakeHost
from snakebridge.testing.plain import from_plain
from snakebridge.testing.recorded import ReplayingStub, Written, played_batch, played_items, played_result
from snakebridge.testing.recording import ReplayMismatch
from snakebridge.trampoline import batch_runner, build_trampoline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from snakebridge.definitions import ToolDefinition
    from snakebridge.loading import LoadedAdapter
    from snakebridge.testing.host import FakeCall
    from snakebridge.testing.recording import Recording


class ToolRunner:
    """Runs tools with everything that a worker does around them.

    Arguments are encoded, checked against the signature and decoded; results and items are encoded and come
    back as the host gets them. What a tool raises is raised here. As a context manager it runs `initialize`
    and `warmup` before, and `cleanup` after the block.

    Args:
        adapter: An adapter object, its class, or its name as the host gives it: ``"module:Class"``.
        host: What stands for the host (default: one without tools).
        session_id: The session of the calls.
        config: The configuration, where `adapter` is a class or a name.
        recording: Where calls are recorded, or replayed from; it is saved at the end of the block.

    Raises:
        AdapterError: If the adapter cannot be used as it is written: as a worker, it would not start.

    Example:
        >>> from snakebridge import BaseAdapter, tool
        >>> class Adapter(BaseAdapter):
        ...     @tool
        ...     def add(self, a: int, b: int = 1) -> int:
        ...         return a + b
        >>> ToolRunner(Adapter()).call("add", a=2)
        3
    """

    def __init__(
        self,
        adapter: Any,
        host: FakeHost | None = None,
        *,
        session_id: str = "test",
        config: Any = None,
        recording: Recording | None = None,
    ) -> None:
        self.host = FakeHost() if host is None else host
        self.session_id = session_id
        self._call: FakeCall | None = None
        self._recording = recording
        self._adapter = _load(adapter, config)
        self._tools = {tool.name: tool for tool in self._adapter.tools}
        for tool in self._adapter.tools:
            build_trampoline(tool)  # raises what would keep a worker from starting

    @property
    def adapter(self) -> Any:
        """The adapter object."""
        return self._adapter.instance

    def within(self, call: FakeCall) -> ToolRunner:
        """The same runner, whose calls are the given one of the host's: one with a deadline, or cancelled."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, _call=call)
        return other

    def call(self, tool: str, /, *positional: Any, **named: Any) -> Any:
        """Run a tool and return its result as the host gets it."""
        definition, body = self._definition(tool, streams=False), _body(positional, named)
        if self._recording is not None and self._recording.replays_tools:
            return played_result(self._recording.take(tool, body))
        with self._beginning(tool, body) as (stub, written, sent):
            result: bytes = self._run(definition, build_trampoline(definition), sent, stub)
            if written is not None:
                written.returned(result)
        return decode(result)

    def batch(self, tool: str, /, calls: Iterable[dict[str, Any]]) -> list[Any]:
        """Run a tool that takes many calls at once for all of these, given by their arguments by name.

        Returns:
            The results in the order of the calls, as the host gets them; the exception of each that failed.
        """
        definition = self._definition(tool, streams=False)
        if definition.columns is None:
            raise TypeError(f"tool `{tool}` takes one call at a time: use `call`")
        body = encode_calls([(encode(arguments), None) for arguments in calls])
        if self._recording is not None and self._recording.replays_tools:
            return played_batch(self._recording.take(tool, body))
        batches = batch_runner(definition)
        run = batches.outcomes_later if definition.signature.is_async else batches.outcomes
        policy = definition.options.unserializable or "refuse"
        with self._beginning(tool, body) as (stub, written, sent):
            outcomes = self._run(
                definition, under(policy, run, definition.signature.is_async, False), sent, stub
            )
            if written is not None:
                written.returned(encode_outcomes(outcomes))
        return [one if isinstance(one, Exception) else decode(one) for one in outcomes]

    def stream(self, tool: str, /, *positional: Any, **named: Any) -> list[Any]:
        """Run a streaming tool to its end and return the values of its items as the host gets them."""
        return [chunk.data for chunk in self.chunks(tool, *positional, **named)]

    def chunks(self, tool: str, /, *positional: Any, **named: Any) -> Iterator[StreamChunk]:
        """Run a streaming tool item by item; closing the iterator closes the generator."""
        definition, body = self._definition(tool, streams=True), _body(positional, named)
        if self._recording is not None and self._recording.replays_tools:
            return played_items(self._recording.take(tool, body))
        return self._chunks(definition, body)

    def _chunks(self, definition: ToolDefinition, body: bytes) -> Iterator[StreamChunk]:
        with self._beginning(definition.name, body) as (stub, written, sent):
            if definition.signature.is_async:
                yield from self._collected(definition, sent, stub, written)
            else:
                context = _context(stub)
                items = context.run(build_trampoline(definition), sent)
                yield from _each(items if written is None else written.through(items), context)

    def _collected(
        self, definition: ToolDefinition, body: bytes, stub: Any, written: Written | None
    ) -> Iterator[StreamChunk]:
        """The items of an asynchronous tool, which runs to its end first; then its error, if it raised."""
        sent: list[Any] = []

        def collect(items: Any) -> Any:
            return _collect(items if written is None else written.through_later(items), sent)

        try:
            self._run(definition, build_trampoline(definition, collect), body, stub)
        except Exception:
            yield from map(_received, sent)
            raise
        yield from map(_received, sent)

    def __enter__(self) -> Self:
        self._adapter.life.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._adapter.life.stop()
        if self._recording is not None:
            self._recording.save()

    def _definition(self, name: str, streams: bool) -> ToolDefinition:
        definition = self._tools.get(name)
        if definition is None:
            raise LookupError(f"the adapter has no tool `{name}`{did_you_mean(name, self._tools)}")
        if definition.streams is not streams:
            kind, method = ("streams", "stream") if definition.streams else ("does not stream", "call")
            raise TypeError(f"tool `{name}` {kind}: use `{method}`")
        return definition

    def _begun(self) -> FakeCall:
        """The call of the host that a tool is run for."""
        return self._call or self.host.begin_call(self.session_id)

    @contextlib.contextmanager
    def _beginning(self, tool: str, body: bytes) -> Iterator[tuple[Any, Written | None, bytes]]:
        """What a run stands on; where it is written down, if it is; and what the tool is sent."""
        recording = self._recording
        if recording is None:
            yield self._begun(), None, body
        elif recording.is_replayed:
            call = recording.take(tool, body)
            about = {"metadata": from_plain(call.metadata), "correlation_id": call.correlation_id}
            stub = ReplayingStub(self._call or self.host.begin_call(call.session, **about), call, recording)
            try:
                yield stub, None, stub.body
            except Exception as error:
                if stub.mismatches:
                    raise ReplayMismatch(stub.mismatches[0]) from error
                raise
            stub.finish()
        else:
            begun = self._begun()
            written = Written(tool, body, begun, begun.session_id)
            try:
                yield written.stub, written, body
            except Exception as error:
                written.raised(error)
                raise
            finally:
                recording.keep(written.call)

    def _run(self, definition: ToolDefinition, run: Callable[[bytes], Any], body: bytes, stub: Any) -> Any:
        context = _context(stub)
        result = context.run(run, body)
        return context.run(asyncio.run, result) if definition.signature.is_async else result


def _context(stub: Any) -> contextvars.Context:
    """Context variables in which a call runs: code of the test sees nothing of it."""
    variables = contextvars.copy_context()
    variables.run(set_context, SessionContext(stub, stub.session_id))
    return variables


def _body(positional: Any, named: Any) -> bytes:
    return encode([positional, named] if positional else named)


def _load(adapter: Any, config: Any) -> LoadedAdapter:
    if isinstance(adapter, str):
        module, name = parse_spec(adapter)
        source = find_adapter(import_module(module), name)
        return collect_tools(source, make_adapter(source, config), config, _complete)
    kind = adapter if isinstance(adapter, type) else type(adapter)
    source = AdapterSource(f"{kind.__module__}:{kind.__name__}", kind)
    instance = make_adapter(source, config) if adapter is kind else adapter
    return collect_tools(source, instance, config, _complete)


async def _collect(items: Any, sent: list[Any]) -> None:
    if hasattr(type(items), "__aiter__"):
        async for item in items:
            sent.append(item)  # noqa: PERF401 - one by one: what came before an error counts
    else:
        sent.extend(items)


def _each(items: Iterator[Any], context: contextvars.Context) -> Iterator[StreamChunk]:
    missing = object()
    try:
        while (item := context.run(next, items, missing)) is not missing:
            yield _received(item)
    finally:
        close = getattr(items, "close", None)
        if close is not None:
            context.run(close)


def _received(item: Any) -> StreamChunk:
    """An item as the host gets it."""
    chunk = item if isinstance(item, StreamChunk) else StreamChunk(item)
    data, metadata = decode(encode([chunk.data, chunk.metadata]))
    return StreamChunk(data, chunk.is_final, metadata)


def _complete(awaitable: Any) -> Any:
    return asyncio.run(_await(awaitable))


async def _await(awaitable: Any) -> Any:
    return await awaitable
