"""Which call runs, seen from wherever it is asked.

The native side knows what runs on the main thread. A context variable carries the answer to where it cannot
know: threads that copied their starter's context (`asyncio.to_thread`, `contextvars.copy_context`).
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import msgspec

from snakebridge.errors import (
    Conflict,
    Executed,
    HostToolError,
    SessionExpired,
    SessionNotFound,
    SessionQuota,
)
from snakebridge.extensions import decode
from snakebridge.session import CallMetadata, SessionContext

if TYPE_CHECKING:
    from snakebridge import _native
    from snakebridge.host.items import HostItems
    from snakebridge.host.stub import InputSource
    from snakebridge.progress import Progress

PROGRESS = 2
"""The class of an EVENT that tells how far a call is."""

_context: ContextVar[SessionContext | None] = ContextVar("snakebridge_context", default=None)


def current_context() -> SessionContext | None:
    """The context of the call that runs here, or None outside of calls.

    In a process that is not a worker the native extension is not loaded, and no call runs.
    """
    native = sys.modules.get("snakebridge._native")
    call = None if native is None else native.current_call()
    if call is None:
        return _context.get()
    context = call.context
    if context is None:
        context = context_of(call)
        _context.set(context)
    return context  # type: ignore[no-any-return]


def current_inputs() -> InputSource:
    """Where streams among the arguments of the call that runs here come from: what its context stands on.

    Makes no context where nobody has asked for one.
    """
    native = sys.modules.get("snakebridge._native")
    call = None if native is None else native.current_call()
    context = _context.get() if call is None else call.context
    if context is None:
        assert call is not None, "a call runs"
        return RunningCall(call)
    source: Any = context.stub  # of a tool that was sent a stream, whose stub can receive one
    return source  # type: ignore[no-any-return]


def running_call() -> int:
    """The id of the call to which the code belongs that runs here, 0 where it belongs to none."""
    native = sys.modules.get("snakebridge._native")
    number: int = 0 if native is None else native.current_id()
    if number:
        return number
    context = _context.get()  # that of a thread which has its starter's context variables
    return 0 if context is None else context.call_number


def context_of(call: _native.Call) -> SessionContext:
    """The context of a call: one object while the call runs, because it keeps what it asked of the host."""
    context: SessionContext | None = call.context
    if context is None:
        context = call.context = SessionContext(RunningCall(call), call.session_id or "")
    return context


def set_context(context: SessionContext | None) -> None:
    """Say to which context the code belongs that runs on this thread, or in these context variables.

    The native side says it for the calls that asked for their context: when a stream's turn begins, so that
    what copies the context variables in it finds its own; and None when a call leaves, so that nobody finds
    an earlier call's.
    """
    _context.set(context)


def current_span() -> bytes | None:
    """The metadata of a call to the host: the span that is current here, where OpenTelemetry has one.

    The library is the user's; a worker that has not loaded it has no spans.
    """
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None
    try:
        span = trace.get_current_span().get_span_context()
        if not span.is_valid:
            return None
        text = f"00-{span.trace_id:032x}-{span.span_id:016x}-{int(span.trace_flags):02x}"
    except Exception:  # tracing must not fail a call
        return None
    return msgspec.msgpack.encode({"traceparent": text})


class RunningCall:
    """A call of this worker, as what a `SessionContext` stands on."""

    def __init__(self, call: _native.Call) -> None:
        self._call = call
        self._metadata: CallMetadata | None = None

    @property
    def number(self) -> int:
        """The call's id, or 0 once it has been answered."""
        return 0 if self._call.ended else self._call.id

    @property
    def metadata(self) -> CallMetadata:
        """What the caller sent beside the arguments, decoded when it is first asked for."""
        if self._metadata is None:
            sent = self._call.metadata
            metadata = CallMetadata() if sent is None else msgspec.msgpack.decode(sent, type=CallMetadata)
            if metadata.correlation_id is None:
                metadata = msgspec.structs.replace(metadata, correlation_id=self._call.name)
            self._metadata = metadata
        return self._metadata

    @property
    def deadline(self) -> float | None:
        """When the caller stops waiting, on the clock of `time.monotonic`."""
        return self._call.deadline

    @property
    def tools_generation(self) -> int:
        """Generation of the host's tools that the call may use; 0 where the host named none."""
        return self._call.tools_generation

    @property
    def cancelled(self) -> bool:
        """Whether the caller no longer wants the result."""
        return self._call.cancelled

    def progress(self, progress: Progress) -> None:
        """Tell the caller how far the call is."""
        from snakebridge import _native

        if not self._call.ended:
            _native.tell(PROGRESS, self._call.id, msgspec.msgpack.encode(progress))

    def check_cancelled(self) -> None:
        """Raise the cancellation if there is one and no shield."""
        self._call.check_cancelled()

    def begin_shield(self) -> None:
        """Hold the cancellation back."""
        self._call.begin_shield()

    def end_shield(self) -> None:
        """Raise the cancellation that was held back, if this was the outermost shield."""
        self._call.end_shield()

    def __repr__(self) -> str:
        return repr(self._call)

    def call(self, target: str, arguments: bytes) -> bytes:
        """Call a target of the host inside this call and wait for the encoded result."""
        from snakebridge import _native

        try:
            return _native.host_call(self._call, target, arguments, None, current_span())
        except _native.RemoteError as error:
            raise host_error(error) from None

    async def acall(self, target: str, arguments: bytes) -> bytes:
        """Call a target of the host inside this call; other coroutines run meanwhile."""
        asynchronous = sys.modules.get("snakebridge.asynchronous")
        if asynchronous is not None and asynchronous.is_running():
            return await asynchronous.call_host(self._call, target, arguments)  # type: ignore[no-any-return]
        import asyncio  # it runs: this is a loop of the tool's own

        return await asyncio.to_thread(self.call, target, arguments)

    def next_input(self, number: int) -> bytes | None:
        """The next item of stream `number` among the arguments, or None at its end. Waits for it."""
        return self._call.next_input(number)

    async def anext_input(self, number: int) -> bytes | None:
        """The same as `next_input`; other coroutines run meanwhile."""
        asynchronous = sys.modules.get("snakebridge.asynchronous")
        if asynchronous is not None and asynchronous.is_running():
            return await asynchronous.next_input(self._call, number)  # type: ignore[no-any-return]
        import asyncio  # it runs: this is a loop of the tool's own

        return await asyncio.to_thread(self._call.next_input, number)

    def stream(self, target: str, arguments: bytes) -> HostItems:
        """Call a streaming target of the host: an iterator of encoded items, which can be closed."""
        from snakebridge.host.items import HostItems

        return HostItems(self._call, target, arguments)

    def astream(self, target: str, arguments: bytes) -> HostItems:
        """The same as an asynchronous iterator; other coroutines run while it waits for an item."""
        return self.stream(target, arguments)


_SESSION_ERRORS = {kind.wire_code: kind for kind in (SessionNotFound, SessionExpired, SessionQuota, Conflict)}
_EXECUTED: tuple[Executed, ...] = ("never", "maybe", "yes")


def host_error(error: _native.RemoteError) -> HostToolError:
    """What the host answered, as the exception that adapters catch."""
    body: dict[str, Any] = {}
    if error.body:
        try:
            decoded = decode(error.body)
        except msgspec.DecodeError:
            decoded = None
        body = decoded if isinstance(decoded, dict) else {}
    message, data, executed = body.get("message"), body.get("data"), _EXECUTED[error.executed]
    text = message if isinstance(message, str) and message else error.code.replace("_", " ")
    if error.code != "host_tool":
        return host_exception(error.code, text, data, executed)
    code = body.get("type")
    code = code if isinstance(code, str) and code else "error"
    return HostToolError(code, text, data, executed, reported=code != "panic")


def host_exception(
    code: str, text: str, data: Any, executed: Executed, reported: bool = False
) -> HostToolError:
    """The exception for an error of the host: one of its own where it is about the session."""
    session_error = None if reported else _SESSION_ERRORS.get(code)
    if session_error is not None:
        return session_error(text, data, executed)
    return HostToolError(code, text, data, executed, reported)
