"""`SessionContext`: what a running tool knows about its call, and its way to the tools of the host.

What reaches the host is imported where a tool first asks for something: most never do.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable

    from snakebridge.host.state import SessionState
    from snakebridge.host.streams import HostStream
    from snakebridge.host.stub import SessionStub
    from snakebridge.host.tools import HostTools

REGISTER_TARGET = "$tools.register"
"""System target of the host that exposes the adapter's tools to the session of the call."""


class CallMetadata(msgspec.Struct, frozen=True):
    """The metadata map of a CALL header."""

    correlation_id: str | None = None
    metadata: dict[str, Any] = {}
    traceparent: str | None = None
    scope: int = 0
    """The number of the call's session, where the host lets sessions keep objects."""


class SessionContext:
    """The call that runs: whose it is, how long it may take, its session's state and the host's tools.

    Adapters reach it as ``self.session_context``, or as any parameter annotated with `SessionContext`. It
    belongs to one call: what it offers of the host ends with that call.

    Args:
        stub: What carries requests to the host: a `SessionStub`, or a remote stub with the method
            ``GetExposedElixirTools``, for code that makes its contexts by hand.
        session_id: The caller's session.
    """

    def __init__(self, stub: SessionStub | Any, session_id: str = "") -> None:
        if hasattr(stub, "GetExposedElixirTools"):
            from snakebridge.host.remote import RemoteStub  # nothing in a worker makes such a context

            stub = RemoteStub(stub, session_id)
        self._stub: SessionStub = stub
        self._session_id = session_id
        self._tools: HostTools | None = None
        self._state: SessionState | None = None
        self._correlation_ids: list[str | None] | None = None

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
        """The name that joins traces and logs of host and worker.

        It is the one that the caller gave, or else one that host and worker make up alike for the call, so
        that it is never None in a worker.
        """
        return self._stub.metadata.correlation_id

    @property
    def stub(self) -> SessionStub:
        """What it stands on."""
        return self._stub

    @property
    def session_number(self) -> int:
        """The host's number of the session, for which objects are kept; 0 where none can be.

        A session that is created again under the same id has another number.
        """
        return self._stub.metadata.scope

    @property
    def correlation_ids(self) -> list[str | None]:
        """That of each call which runs here: of several in a tool that takes many at once, in their order.

        There `correlation_id` is the one that all of them have, or else a name of theirs together.
        """
        return [self.correlation_id] if self._correlation_ids is None else self._correlation_ids

    def runs_for(self, correlation_ids: list[str | None]) -> None:
        """Say that it is the context of several calls, with these ids."""
        self._correlation_ids = [self.correlation_id if own is None else own for own in correlation_ids]

    @property
    def traceparent(self) -> str | None:
        """The span of the caller's trace in which the call runs, as W3C Trace Context writes it.

        Give it to a tracing library to make spans that belong to the caller's trace. The host's tools that
        the call uses see it as well.
        """
        return self._stub.metadata.traceparent

    @property
    def call_number(self) -> int:
        """The number of the call in its worker; 0 where there is none, and once it has been answered."""
        return getattr(self._stub, "number", 0)

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

    def progress(self, progress: float | tuple[float, float | None], message: str | None = None) -> None:
        """Tell the caller how far the call is.

        It never waits, and may be lost: of several that come in quick succession the caller may see the last
        only. Does nothing once the call has been answered. May be called on any thread and on the loop.

        Args:
            progress: A fraction from 0 to 1; or a pair of how much is done and how much there is in all, None
                where that is not known.
            message: What is being done, for people.

        Raises:
            TypeError: If `progress` is neither a number nor a pair of them.
            ValueError: If a fraction is not from 0 to 1, or a number is not finite.

        Example:
            >>> from snakebridge.testing import FakeHost
            >>> host = FakeHost()
            >>> host.context().progress((3, 12), "rows")
            >>> host.progress[0].done, host.progress[0].message
            (3.0, 'rows')
        """
        from snakebridge.progress import progress_of

        self._stub.progress(progress_of(progress, message))

    @property
    def log(self) -> logging.Logger:
        """The logger ``snakebridge.tool``, all of whose records reach the host with the running call.

        Loggers of your own do as well, from the level on that you set; this one lets all levels pass, so
        that the host decides which it keeps.
        """
        import logging  # only for tools that log

        logger = logging.getLogger("snakebridge.tool")
        if logger.level == logging.NOTSET:
            logger.setLevel(1)
        return logger

    @property
    def state(self) -> SessionState:
        """The state of the session, which the host keeps: it survives the worker and the call."""
        if self._state is None:
            from snakebridge.host.state import SessionState

            self._state = SessionState(self._stub, self._session_id)
        return self._state

    @property
    def tools(self) -> HostTools:
        """The host's tools, callable as ``context.tools.name(...)``.

        What there is, the host is asked at first use, and again only when it has changed.
        """
        if self._tools is None:
            from snakebridge.host.tools import HostTools

            self._tools = HostTools(self._stub, self._session_id)
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
        from snakebridge.host.tools import call_host

        return call_host(self._stub, tool_name, args, kwargs)

    async def acall_tool(self, tool_name: str, /, *args: Any, **kwargs: Any) -> Any:
        """Call a tool of the host by name from an asynchronous tool; other calls run while it waits.

        Raises:
            HostToolError: If the host has no such tool, or the tool failed.
            Unserializable: If an argument has no form on the wire.
        """
        from snakebridge.host.tools import acall_host

        return await acall_host(self._stub, tool_name, args, kwargs)

    def stream_tool(self, tool_name: str, /, *args: Any, **kwargs: Any) -> HostStream:
        """Call a streaming tool of the host by name: an iterator of its items, also an asynchronous one.

        The tool begins with the first item that is asked for. Closing or dropping the stream cancels it.

        Raises:
            Unserializable: If an argument has no form on the wire.
            HostToolError: While it is iterated over, as in `call_tool`.
        """
        from snakebridge.host.streams import HostStream
        from snakebridge.host.tools import encode_arguments

        return HostStream(self._stub, tool_name, encode_arguments(args, kwargs))

    def call_elixir_tool(self, tool_name: str, /, **kwargs: Any) -> Any:
        """The same as `call_tool`, with named arguments."""
        return self.call_tool(tool_name, **kwargs)

    def register_tools(self, names: Iterable[str]) -> list[str]:
        """Expose tools of the loaded adapter to this session, and return the host's ids of them.

        The host knows the tools already: it records their names, and no code travels. Doing it again does no
        harm.

        Raises:
            HostToolError: With code ``"tool_not_found"``, if the adapter has no tool of such a name.
            SessionNotFound: If the call belongs to no session.
            SessionExpired: If the session was closed while the call was running.
        """
        return list(self.call_tool(REGISTER_TARGET, tools=list(names)))

    async def aregister_tools(self, names: Iterable[str]) -> list[str]:
        """The same as `register_tools`, from an asynchronous tool."""
        return list(await self.acall_tool(REGISTER_TARGET, tools=list(names)))

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
