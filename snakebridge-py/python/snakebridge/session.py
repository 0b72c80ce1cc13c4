"""`SessionContext`: what a running tool knows about its call, and its way to the tools of the host."""

from __future__ import annotations

import time
from typing import Any, Protocol

import msgspec

from snakebridge.host_tools import HostStub, HostTools, call_host, encode_arguments


class CallMetadata(msgspec.Struct, frozen=True):
    """The metadata map of a CALL header."""

    correlation_id: str | None = None
    metadata: dict[str, Any] = {}


class SessionStub(HostStub, Protocol):
    """What a `SessionContext` stands on: the call that runs, and a way to send something to the host."""

    @property
    def metadata(self) -> CallMetadata:
        """What the caller sent beside the arguments."""

    @property
    def deadline(self) -> float | None:
        """When the caller stops waiting, on the clock of `time.monotonic`."""

    @property
    def cancelled(self) -> bool:
        """Whether the caller no longer wants the result."""

    def check_cancelled(self) -> None:
        """Raise the cancellation if there is one and no shield."""

    def begin_shield(self) -> None:
        """Hold the cancellation back."""

    def end_shield(self) -> None:
        """Raise the cancellation that was held back, if this was the outermost shield."""

    async def acall(self, target: str, arguments: bytes) -> bytes:
        """The same as `call`; other coroutines run meanwhile."""


class SessionContext:
    """The call that runs: whose it is, how long it may take, and the host's tools.

    Adapters reach it as ``self.session_context``, or as any parameter annotated with `SessionContext`. It
    belongs to one call: what it offers of the host ends with that call.

    Args:
        stub: What carries requests to the host.
        session_id: The caller's session.
    """

    def __init__(self, stub: SessionStub, session_id: str = "") -> None:
        self._stub = stub
        self._session_id = session_id
        self._tools: HostTools | None = None

    @property
    def session_id(self) -> str:
        """The caller's session, or the empty string where the call belongs to none."""
        return self._session_id

    @property
    def request_metadata(self) -> dict[str, Any]:
        """What the caller sent beside the arguments; empty where nothing was sent."""
        return self._stub.metadata.metadata

    @property
    def correlation_id(self) -> str | None:
        """The name that joins traces and logs of host and worker, where the caller gave one."""
        return self._stub.metadata.correlation_id

    @property
    def deadline(self) -> float | None:
        """When the caller stops waiting, in seconds on the clock of `time.monotonic`; None for never."""
        return self._stub.deadline

    def remaining(self) -> float | None:
        """Seconds until the deadline, zero once it has passed, None where there is none."""
        deadline = self._stub.deadline
        return None if deadline is None else max(0.0, deadline - time.monotonic())

    @property
    def cancelled(self) -> bool:
        """Whether the caller no longer wants the result.

        A tool on the main thread is interrupted anyway; other threads ask here, or by `check_cancelled`.
        """
        return self._stub.cancelled

    def check_cancelled(self) -> None:
        """Raise the cancellation if the caller no longer wants the result; does nothing inside `shield`.

        Raises:
            Cancelled: In a synchronous tool, and on threads.
            asyncio.CancelledError: In an asynchronous tool.
        """
        self._stub.check_cancelled()

    def shield(self) -> Shield:
        """A section that must finish: ``with context.shield(): ...``.

        A cancellation that comes meanwhile is raised when the outermost one is left. It protects the code
        that runs: a generator may still end where it yields, and the host still kills a worker that ignores a
        cancellation for longer than its grace period.
        """
        return Shield(self._stub)

    @property
    def tools(self) -> HostTools:
        """The host's tools, callable as ``context.tools.name(...)``; asked for once a call, at first use."""
        if self._tools is None:
            self._tools = HostTools.load(self._stub)
        return self._tools

    @property
    def elixir_tools(self) -> HostTools:
        """The same as `tools`: ``context.elixir_tools["name"]`` describes a tool and calls it."""
        return self.tools

    def call_tool(self, tool_name: str, /, *args: Any, **kwargs: Any) -> Any:
        """Call a tool of the host by name and wait for its result.

        Raises:
            HostToolError: If the host has no such tool, or the tool failed.
            Cancelled: If this call was cancelled while it waited.
            Unserializable: If an argument has no form on the wire.
        """
        return call_host(self._stub, tool_name, args, kwargs)

    async def acall_tool(self, tool_name: str, /, *args: Any, **kwargs: Any) -> Any:
        """Call a tool of the host by name from an asynchronous tool; other calls run while it waits.

        Raises:
            HostToolError: If the host has no such tool, or the tool failed.
            Unserializable: If an argument has no form on the wire.
        """
        arguments = encode_arguments(args, kwargs)
        return msgspec.msgpack.decode(await self._stub.acall(tool_name, arguments))

    def call_elixir_tool(self, tool_name: str, /, **kwargs: Any) -> Any:
        """The same as `call_tool`, with named arguments."""
        return call_host(self._stub, tool_name, (), kwargs)

    def __repr__(self) -> str:
        return f"<SessionContext of session {self._session_id!r}>"


class Shield:
    """Holds cancellation back while it is entered. May be entered again inside itself."""

    def __init__(self, stub: SessionStub) -> None:
        self._stub = stub

    def __enter__(self) -> None:
        self._stub.begin_shield()

    def __exit__(self, *_: object) -> None:
        self._stub.end_shield()
