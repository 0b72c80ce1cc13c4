"""Tools of an adapter, run in the test's own process as a worker would run them."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, Self

import msgspec

from snakebridge import Cancelled
from snakebridge.batches import encode_calls, encode_outcomes
from snakebridge.current import set_context
from snakebridge.encoding import encode
from snakebridge.errors import AdapterError
from snakebridge.extensions import decode
from snakebridge.loading import (
    AdapterSource,
    adapter_class,
    collect_tools,
    find_adapter,
    import_module,
    make_adapter,
    parse_spec,
)
from snakebridge.marks import under
from snakebridge.session import SessionContext
from snakebridge.suggestions import did_you_mean
from snakebridge.testing.awaited import pull_later, relay, run_here, run_later
from snakebridge.testing.call import refuse_running_loop, running_loop
from snakebridge.testing.host import FakeHost, counted
from snakebridge.testing.items import pull, received, send
from snakebridge.testing.plain import from_plain
from snakebridge.testing.recorded import ReplayingStub, Written, played_batch, played_items, played_result
from snakebridge.testing.recording import ReplayMismatch
from snakebridge.testing.running import answering
from snakebridge.trampoline import batch_runner, build_trampoline

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Iterator

    from snakebridge.definitions import ToolDefinition
    from snakebridge.loading import LoadedAdapter
    from snakebridge.streams import StreamChunk
    from snakebridge.testing.call import FakeCall
    from snakebridge.testing.recording import Recording


class ToolRunner:
    """Runs tools with everything that a worker does around them.

    Arguments are encoded, checked against the signature and decoded; results and items are encoded and come
    back as the host gets them. What a tool raises is raised here. As a context manager it runs `initialize`
    and `warmup` before, and `cleanup` after the block.

    Args:
        adapter: An adapter object, its class, a module, or a name as the host gives it: ``"module:Class"``.
        host: What stands for the host (default: one without tools).
        session_id: The session of the calls.
        config: The configuration, where `adapter` is none of its objects.
        recording: Where calls are recorded, or replayed from; it is saved at the end of the block.
        compat: For which other bridge the adapter was written. The names of that one can be imported in the
            process from then on, and its adapters need no base class.

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
        compat: Literal["snakepit"] | None = None,
    ) -> None:
        self.host = FakeHost() if host is None else host
        self.session_id = session_id
        self._call: FakeCall | None = None
        self._recording = recording
        self._adapter = _load(adapter, config, compat)
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
            value = received(result, f"the result of `{tool}`")
            if written is not None:
                written.returned(result)
        return value

    def batch(self, tool: str, /, calls: Iterable[dict[str, Any]]) -> list[Any]:
        """Run a tool that takes many calls at once for all of these, given by their arguments by name.

        Returns:
            The results in the order of the calls, as the host gets them; the exception of each that failed.
        """
        definition, run, body = self._batch(tool, calls)
        if self._recording is not None and self._recording.replays_tools:
            return played_batch(self._recording.take(tool, body))
        with self._beginning(tool, body) as (stub, written, sent):
            outcomes = self._run(definition, run, sent, stub)
            if written is not None:
                written.returned(encode_outcomes(outcomes))
        return [one if isinstance(one, Exception) else decode(one) for one in outcomes]

    async def acall(self, tool: str, /, *positional: Any, **named: Any) -> Any:
        """The same as `call` inside a running event loop, as that of an asynchronous test.

        An asynchronous tool runs on this loop, a synchronous one as in a worker: with ``run_on="thread"`` on
        a thread, else here, so that the loop waits for it. Cancelling it cancels the call.
        """
        definition, body = self._definition(tool, streams=False, awaited=True), _body(positional, named)
        if self._recording is not None and self._recording.replays_tools:
            return played_result(self._recording.take(tool, body))
        with self._beginning(tool, body) as (stub, written, sent):
            result: bytes = await self._arun(definition, build_trampoline(definition), sent, stub)
            value = received(result, f"the result of `{tool}`")
            if written is not None:
                written.returned(result)
        return value

    async def abatch(self, tool: str, /, calls: Iterable[dict[str, Any]]) -> list[Any]:
        """The same as `batch` inside a running event loop."""
        definition, run, body = self._batch(tool, calls, awaited=True)
        if self._recording is not None and self._recording.replays_tools:
            return played_batch(self._recording.take(tool, body))
        with self._beginning(tool, body) as (stub, written, sent):
            outcomes = await self._arun(definition, run, sent, stub)
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

    async def astream(self, tool: str, /, *positional: Any, **named: Any) -> list[Any]:
        """The same as `stream` inside a running event loop."""
        return [chunk.data async for chunk in self.achunks(tool, *positional, **named)]

    def achunks(self, tool: str, /, *positional: Any, **named: Any) -> AsyncGenerator[StreamChunk]:
        """The same as `chunks` inside a running event loop, and item by item for asynchronous tools too."""
        definition, body = self._definition(tool, streams=True, awaited=True), _body(positional, named)
        if self._recording is not None and self._recording.replays_tools:
            return _later(played_items(self._recording.take(tool, body)))
        return self._achunks(definition, body)

    def _chunks(self, definition: ToolDefinition, body: bytes) -> Iterator[StreamChunk]:
        with self._beginning(definition.name, body) as (stub, written, sent):
            if definition.signature.is_async:
                yield from self._collected(definition, sent, stub, written)
            else:
                context = _context(stub)
                with answering(stub):
                    items = context.run(build_trampoline(definition), sent)
                    yield from pull(items if written is None else written.through(items), context, stub)

    def _collected(
        self, definition: ToolDefinition, body: bytes, stub: Any, written: Written | None
    ) -> Iterator[StreamChunk]:
        """The items of an asynchronous tool, which runs to its end first; then its error, if it raised."""
        sent: list[StreamChunk] = []

        def collect(items: Any) -> Any:
            through = items if written is None else written.through_later(items)
            return send(through, stub, _at_once, sent.append)

        try:
            self._run(definition, build_trampoline(definition, collect), body, stub)
        except (Exception, Cancelled):
            yield from sent
            raise
        yield from sent

    async def _achunks(self, definition: ToolDefinition, body: bytes) -> AsyncGenerator[StreamChunk]:
        with self._beginning(definition.name, body) as (stub, written, sent), answering(stub):
            context = _context(stub)
            if definition.signature.is_async:
                through = (lambda items: items) if written is None else written.through_later
                make = partial(build_trampoline, definition)
                chunks = relay(
                    lambda send_all: make(lambda items: send_all(through(items))), sent, context, stub
                )
            else:
                through = (lambda items: items) if written is None else written.through
                run, on_thread = build_trampoline(definition), definition.place(0) == "thread"
                chunks = pull_later(run, sent, context, stub, through, on_thread)
            async with contextlib.aclosing(chunks):
                async for chunk in chunks:
                    yield chunk

    def __enter__(self) -> Self:
        self._adapter.life.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._adapter.life.stop()
        if self._recording is not None:
            self._recording.save()

    async def __aenter__(self) -> Self:
        await self._adapter.life.astart()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._adapter.life.astop()
        if self._recording is not None:
            self._recording.save()

    def __repr__(self) -> str:
        about = "" if self._recording is None else f", recording {str(self._recording.path)!r}"
        where = f"session {self.session_id!r}" if self._call is None else repr(self._call)
        return (
            f"<ToolRunner of {self._adapter.spec} with {counted(len(self._tools), 'tool')}, {where}{about}>"
        )

    def _definition(self, name: str, streams: bool, awaited: bool = False) -> ToolDefinition:
        definition = self._tools.get(name)
        if definition is None:
            raise LookupError(f"the adapter has no tool `{name}`{did_you_mean(name, self._tools)}")
        if streams and definition.answers_both:
            definition = self._adapter.life.surround(msgspec.structs.replace(definition, streams=True))
        if definition.streams is not streams:
            kind, method = ("streams", "stream") if definition.streams else ("does not stream", "call")
            raise TypeError(f"tool `{name}` {kind}: use `{'a' if awaited else ''}{method}`")
        is_played = self._recording is not None and self._recording.replays_tools
        if definition.signature.is_async and not (awaited or is_played):
            refuse_running_loop(
                f"asynchronous tool `{name}`",
                "`async for chunk in runner.achunks(..)`, or `await runner.astream(..)`"
                if streams
                else "`await runner.acall(..)`" + (", or `abatch`" if definition.columns is not None else ""),
            )
        return definition

    def _batch(
        self, tool: str, calls: Iterable[dict[str, Any]], awaited: bool = False
    ) -> tuple[ToolDefinition, Callable[[bytes], Any], bytes]:
        """What runs many calls of a tool at once, and the body that has them."""
        definition = self._definition(tool, streams=False, awaited=awaited)
        if definition.columns is None:
            raise TypeError(f"tool `{tool}` takes one call at a time: use `{'a' if awaited else ''}call`")
        batches = batch_runner(definition)
        body = encode_calls([(encode(arguments), None) for arguments in calls])
        run = batches.outcomes_later if definition.signature.is_async else batches.outcomes
        policy = definition.options.unserializable or "refuse"
        return definition, under(policy, run, definition.signature.is_async, False), body

    def _begun(self, tool: str, **about: Any) -> FakeCall:
        """The call of the host that a tool is run for."""
        call = self._call or self.host.begin_call(**{"session_id": self.session_id, **about})
        return call.for_tool(self._tools[tool].options.timeout)

    @contextlib.contextmanager
    def _beginning(self, tool: str, body: bytes) -> Iterator[tuple[Any, Written | None, bytes]]:
        """What a run stands on; where it is written down, if it is; and what the tool is sent."""
        recording = self._recording
        if recording is None:
            yield self._begun(tool), None, body
        elif recording.is_replayed:
            call = recording.take(tool, body)
            about = {"metadata": from_plain(call.metadata), "correlation_id": call.correlation_id}
            stub = ReplayingStub(self._begun(tool, session_id=call.session, **about), call, recording)
            try:
                yield stub, None, stub.body
            except Exception as error:
                if stub.mismatches:
                    raise ReplayMismatch(stub.mismatches[0]) from error
                raise
            stub.finish()
        else:
            begun = self._begun(tool)
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
        with answering(stub):
            if definition.signature.is_async:
                return asyncio.run(run_later(run, body, context, stub))
            return context.run(run, body)

    async def _arun(
        self, definition: ToolDefinition, run: Callable[[bytes], Any], body: bytes, stub: Any
    ) -> Any:
        context = _context(stub)
        with answering(stub):
            if definition.signature.is_async:
                return await run_later(run, body, context, stub)
            return await run_here(partial(context.run, run, body), stub, definition.place(0) == "thread")


def _context(stub: Any) -> contextvars.Context:
    """Context variables in which a call runs: code of the test sees nothing of it."""
    variables = contextvars.copy_context()
    variables.run(set_context, SessionContext(stub, stub.session_id))
    return variables


def _body(positional: Any, named: Any) -> bytes:
    return encode([positional, named] if positional else named)


def _load(adapter: Any, config: Any, compat: str | None) -> LoadedAdapter:
    """Load an adapter as a worker does, or take the object that the test has made."""
    if compat == "snakepit":
        from snakebridge.compat import snakepit  # only for adapters that need it

        snakepit.install()
    elif compat is not None:
        raise ValueError(f'compat is {compat!r}: there is "snakepit"')
    instance = None
    if isinstance(adapter, str):
        module, name = parse_spec(adapter)
        source = find_adapter(import_module(module), name)
    elif isinstance(adapter, ModuleType):
        source = find_adapter(adapter, None)
    elif isinstance(adapter, type):
        source = adapter_class(adapter, f"{adapter.__module__}:{adapter.__name__}")
    else:
        kind = type(adapter)
        source = AdapterSource(f"{kind.__module__}:{kind.__name__}", kind)
        if adapter_class(kind, source.spec).target is not kind:
            raise AdapterError(
                f"`{source.spec}` has no base class, and an object of it is made for every call: give "
                f"`ToolRunner` the class, and not {adapter!r:.80}"
            )
        instance = adapter
    if instance is None:
        instance = make_adapter(source, config)
    return collect_tools(source, instance, config, _complete)


async def _at_once() -> None:
    """Wait for nobody to want an item."""


async def _later(items: Iterable[StreamChunk]) -> AsyncGenerator[StreamChunk]:
    for item in items:
        yield item


def _complete(awaitable: Any) -> Any:
    if running_loop() is not None and hasattr(awaitable, "close"):
        awaitable.close()  # it is not awaited
    refuse_running_loop("an asynchronous hook", "`async with ToolRunner(..) as runner`")
    return asyncio.run(_await(awaitable))


async def _await(awaitable: Any) -> Any:
    return await awaitable
