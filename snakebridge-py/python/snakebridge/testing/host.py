"""A host in the test's own process: its tools are Python functions, its sessions a dictionary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from snakebridge.annotations import json_schema, type_text
from snakebridge.decorator import ToolOptions, options_of
from snakebridge.definitions import define_tool
from snakebridge.encoding import encode
from snakebridge.errors import HostToolError, InvalidArgument, SessionNotFound, ToolError
from snakebridge.extensions import decode
from snakebridge.host.catalogue import LIST_TARGET
from snakebridge.inputs import input_type
from snakebridge.manifest import describe_tool
from snakebridge.session import REGISTER_TARGET, CallMetadata, SessionContext
from snakebridge.suggestions import did_you_mean
from snakebridge.testing.call import FakeCall
from snakebridge.testing.state import FakeSession
from snakebridge.trampoline import build_trampoline

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from snakebridge.definitions import ToolDefinition
    from snakebridge.progress import Progress


class HostCall(msgspec.Struct, frozen=True):
    """One thing that was asked of the host."""

    target: str
    arguments: Any
    """As they travelled: a map by name, or ``[positional, by name]``."""
    session_id: str


class _HostTool(msgspec.Struct, frozen=True):
    definition: ToolDefinition
    run: Any
    is_exposed: bool
    metadata: dict[str, Any]


class FakeHost:
    """Stands in for the Rust host where an adapter is tested.

    Args:
        tools: Functions that stand for the host's tools, global ones. Generators stream.

    Attributes:
        calls: What was asked, in order, the questions for the list of tools included.
        sessions: The sessions by id; `context` makes them.
        progress: What calls told of how far they are, in order.
        registered: The names of tools that adapters registered, by session.

    Example:
        >>> def double(n: int) -> int:
        ...     '''Double a number.'''
        ...     return 2 * n
        >>> host = FakeHost([double])
        >>> context = host.context("session-1")
        >>> context.tools.double(n=21)
        42
        >>> context.state.set("seen", True)
        1
        >>> host.sessions["session-1"].values
        {'seen': True}
    """

    def __init__(self, tools: Iterable[Callable[..., Any]] = ()) -> None:
        self.calls: list[HostCall] = []
        self.sessions: dict[str, FakeSession] = {}
        self.progress: list[Progress] = []
        self.registered: dict[str, list[str]] = {}
        self.generation = 1
        """Grows with every tool that comes or goes."""
        self._tools: dict[tuple[str | None, str], _HostTool] = {}
        for function in tools:
            self.add_tool(function)

    def add_tool(
        self,
        function: Callable[..., Any],
        session_id: str | None = None,
        *,
        name: str | None = None,
        exposed: bool = True,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Offer a function as a tool of the host.

        What it raises arrives as the host would send it: a `ToolError` with its code and data, a
        `HostToolError` as it is, any other exception with the code ``"error"``.

        Args:
            function: Is called with arguments that were checked against its signature.
            session_id: The session that may use it, None for all.
            name: Its name (default: the function's own).
            exposed: Whether Python sees it.
            metadata: What the host says about it besides.
        """
        options = options_of(function) or ToolOptions()
        if name is not None:
            options = msgspec.structs.replace(options, name=name)
        definition = define_tool(function, options)
        tool = _HostTool(definition, build_trampoline(definition), exposed, metadata or {})
        self._tools[session_id, definition.name] = tool
        self.generation += 1

    def remove_tool(self, name: str, session_id: str | None = None) -> None:
        """Take a tool away."""
        del self._tools[session_id, name]
        self.generation += 1

    def context(self, session_id: str = "", **about: Any) -> SessionContext:
        """The context of a call that this host made; takes what `begin_call` takes."""
        return SessionContext(self.begin_call(session_id, **about), session_id)

    def begin_call(
        self,
        session_id: str = "",
        *,
        metadata: dict[str, Any] | None = None,
        correlation_id: str | None = None,
        traceparent: str | None = None,
        timeout: float | None = None,
    ) -> FakeCall:
        """A call of this host: what a context stands on, and what a test may cancel.

        Args:
            session_id: Its session, which is made where there is none; empty for a call without one.
            metadata: What the caller sent beside the arguments.
            correlation_id: The name that joins traces and logs.
            traceparent: The span of the caller's trace.
            timeout: Seconds until its deadline (default: the tool's own, from when it runs).
        """
        if session_id:
            self.sessions.setdefault(session_id, FakeSession())
        return FakeCall(self, session_id, CallMetadata(correlation_id, metadata or {}, traceparent), timeout)

    def catalogue(self, session_id: str) -> dict[str, _HostTool]:
        """The tools that a session's calls may use; its own hide global ones of the same name."""
        visible = {name: tool for (owner, name), tool in self._tools.items() if owner is None}
        visible.update({name: tool for (owner, name), tool in self._tools.items() if owner == session_id})
        return {name: tool for name, tool in sorted(visible.items()) if tool.is_exposed}

    def answer(self, session_id: str, target: str, arguments: bytes, streams: bool) -> Any:
        """Answer what a call asks: the encoded result, an awaitable of that, or an iterator of items.

        Raises:
            HostToolError: Where the host answers with an error.
        """
        given = decode(arguments)
        self.calls.append(HostCall(target, given, session_id))
        if target.startswith("$"):
            return encode(self._system(session_id, target, given))
        tools = self.catalogue(session_id)
        tool = tools.get(target)
        if tool is None:
            hint = did_you_mean(target, tools)
            raise HostToolError("tool_not_found", f"no host tool `{target}`{hint}", executed="never")
        if tool.definition.streams is not streams:
            kind = "streams" if tool.definition.streams else "does not stream"
            raise HostToolError("invalid_argument", f"host tool `{target}` {kind}", executed="never")
        try:
            result = tool.run(arguments)
        except Exception as error:
            raise _told(error) from error
        if streams:
            return _translated_items(result)
        return _translated(result) if tool.definition.signature.is_async else result

    def __repr__(self) -> str:
        names = [
            name if owner is None else f"{name} (of session {owner!r})"
            for owner, name in sorted(self._tools, key=lambda key: (key[1], key[0] or ""))
        ]
        tools = f"tools {', '.join(names)}" if names else "no tools"
        sessions = counted(len(self.sessions), "session")
        return f"<FakeHost with {tools}, {sessions}, asked {counted(len(self.calls), 'time')}>"

    def _system(self, session_id: str, target: str, arguments: Any) -> Any:
        if target == LIST_TARGET:
            tools = self.catalogue(session_id)
            return {"generation": self.generation, "tools": [_listed(tool) for tool in tools.values()]}
        session = self.sessions.get(session_id)
        if session is None:
            raise SessionNotFound("the call belongs to no session")
        if target == REGISTER_TARGET:
            names: list[str] = arguments["tools"]
            self.registered[session_id] = names
            return names
        return session.answer(target, arguments)


def counted(number: int, what: str) -> str:
    """A number of things, for people."""
    return f"{number} {what}" + ("" if number == 1 else "s")


def _listed(tool: _HostTool) -> dict[str, Any]:
    described = {**describe_tool(tool.definition), "metadata": tool.metadata}
    items = input_type(tool.definition.signature.returns) if tool.definition.streams else None
    if items is not None:
        described["returns"] = {"type": type_text(items.item), "schema": json_schema(items.item)}
    return described


def _told(error: Exception) -> HostToolError:
    """What arrives in Python of an exception that a tool of the host raised."""
    if isinstance(error, HostToolError):
        return error
    if isinstance(error, InvalidArgument) and not error.tool_ran:
        return HostToolError("invalid_argument", str(error), executed="never")
    if isinstance(error, ToolError):
        return HostToolError(error.code, error.message, error.data, "yes", reported=True)
    return HostToolError("error", str(error), None, "yes", reported=True)


def _translated_items(items: Any) -> Generator[Any]:
    try:
        yield from items
    except Exception as error:
        raise _told(error) from error


async def _translated(result: Any) -> Any:
    try:
        return await result
    except Exception as error:
        raise _told(error) from error
