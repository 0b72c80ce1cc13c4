"""Which call runs, seen from wherever it is asked.

The native side knows what runs on the main thread. A context variable carries the answer to where it cannot
know: threads that copied their starter's context (`asyncio.to_thread`, `contextvars.copy_context`).
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import msgspec

from snakebridge.errors import HostToolError
from snakebridge.session import CallMetadata, SessionContext

if TYPE_CHECKING:
    from snakebridge import _native

_context: ContextVar[SessionContext | None] = ContextVar("snakebridge_context", default=None)

_contexts: dict[int, tuple[_native.Call, SessionContext]] = {}
"""Contexts by call id. Streams take turns on one thread, and each must find its own context again, because a
context has what it asked of the host."""

PRUNE_ABOVE = 64
"""Contexts after which those of ended calls are dropped; as many as calls that a worker takes ahead."""


def current_context() -> SessionContext | None:
    """The context of the call that runs here, or None outside of calls.

    In a process that is not a worker the native extension is not loaded, and no call runs.
    """
    native = sys.modules.get("snakebridge._native")
    call = None if native is None else native.current_call()
    if call is None:
        return _context.get()
    known = _contexts.get(call.id)
    context = _remember(call) if known is None else known[1]
    _context.set(context)
    return context


def _remember(call: _native.Call) -> SessionContext:
    if len(_contexts) >= PRUNE_ABOVE:
        for number in [number for number, (other, _) in _contexts.items() if other.ended]:
            del _contexts[number]
    context = SessionContext(RunningCall(call), call.session_id or "")
    _contexts[call.id] = (call, context)
    return context


class RunningCall:
    """A call of this worker, as what a `SessionContext` stands on."""

    def __init__(self, call: _native.Call) -> None:
        self._call = call
        self._metadata: CallMetadata | None = None

    @property
    def metadata(self) -> CallMetadata:
        """What the caller sent beside the arguments, decoded when it is first asked for."""
        if self._metadata is None:
            sent = self._call.metadata
            self._metadata = (
                CallMetadata() if sent is None else msgspec.msgpack.decode(sent, type=CallMetadata)
            )
        return self._metadata

    @property
    def deadline(self) -> float | None:
        """When the caller stops waiting, on the clock of `time.monotonic`."""
        return self._call.deadline

    @property
    def cancelled(self) -> bool:
        """Whether the caller no longer wants the result."""
        return self._call.cancelled

    def call(self, target: str, arguments: bytes) -> bytes:
        """Call a target of the host inside this call and wait for the encoded result."""
        from snakebridge import _native

        try:
            return _native.host_call(self._call, target, arguments, None)
        except _native.RemoteError as error:
            raise _host_error(error) from None


def _host_error(error: _native.RemoteError) -> HostToolError:
    """What the host answered, as the exception that adapters catch."""
    body: dict[str, Any] = {}
    if error.body:
        try:
            decoded = msgspec.msgpack.decode(error.body)
        except msgspec.DecodeError:
            decoded = None
        body = decoded if isinstance(decoded, dict) else {}
    message = body.get("message")
    text = message if isinstance(message, str) and message else error.code.replace("_", " ")
    return HostToolError(error.code, text, body.get("data"))
