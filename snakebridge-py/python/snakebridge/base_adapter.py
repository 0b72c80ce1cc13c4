"""`BaseAdapter`: the class whose decorated methods are tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from snakebridge.current import current_context
from snakebridge.decorator import tool
from snakebridge.definitions import INCLUDED, register, tools_of_instance

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from snakebridge.registration import ToolRegistration
    from snakebridge.session import SessionContext

__all__ = ["BaseAdapter", "tool"]

REGISTRATIONS = "_snakebridge_registrations"
"""Attribute of an adapter object: what `get_tools` has found."""


class BaseAdapter:
    """Base class of adapters.

    A worker makes one instance, calls `initialize` before it takes calls, and `cleanup` when it ends. A
    worker may be killed and replaced at any moment, so an adapter keeps nothing that cannot be made again. An
    ``__init__`` with a parameter ``config`` gets the configuration that the host gave, checked against the
    parameter's annotation. ``__version__`` and the class's docstring become part of the manifest.

    With ``lifecycle = "request"`` a worker makes an instance for every call, and with ``"session"`` one for
    every session; `initialize` and `cleanup` stand around its life. One more is made at the start, to read
    the tools from.

    Example:
        >>> class Greeter(BaseAdapter):
        ...     __version__ = "1.0.0"
        ...
        ...     @tool
        ...     def greet(self, name: str) -> str:
        ...         '''Say hello.'''
        ...         return f"Hello, {name}!"
        >>> Greeter().get_tools()[0].description
        'Say hello.'
    """

    lifecycle: Literal["worker", "request", "session"] = "worker"
    """How long an instance lives."""

    unserializable: Literal["refuse", "type", "repr", "redacted"] | None = None
    """What becomes of objects that have no form on the wire, where a tool does not say it; see `tool`."""

    def initialize(self) -> Awaitable[None] | None:
        """Prepare what the tools need, before the first call. May be ``async def``."""
        return None

    def cleanup(self) -> Awaitable[None] | None:
        """Release what `initialize` took, after the last call.

        May be ``async def``. A worker that is killed skips it.
        """
        return None

    def warmup(self) -> Awaitable[None] | None:
        """Do once what makes first calls slow, before the first call. May be ``async def``.

        It runs after `initialize`. A worker whose warm-up fails says so, and serves all the same.
        """
        return None

    def before_call(self, tool: str, context: SessionContext) -> Awaitable[None] | None:  # noqa: ARG002
        """Do something before each call, when its arguments have been checked.

        What it raises is the call's error, and the tool does not run. May be ``async def``; around a
        synchronous tool it then runs on a loop of its own.

        Args:
            tool: Name of the tool.
            context: The call.
        """
        return None

    def after_call(
        self,
        tool: str,  # noqa: ARG002
        context: SessionContext,  # noqa: ARG002
        error: BaseException | None,  # noqa: ARG002
    ) -> Awaitable[None] | None:
        """Do something after each call that `before_call` let through; after a stream, when it has ended.

        May be ``async def``, as `before_call`.

        Args:
            tool: Name of the tool.
            context: The call.
            error: What the tool raised, a cancellation included; GeneratorExit where nobody wanted the rest
                of a stream; None for a call that went well.
        """
        return None

    def include(self, handler: Any, prefix: str = "") -> None:
        """Offer the tools of a handler as this adapter's own; called in ``__init__``.

        Args:
            handler: An object with decorated methods; or one whose method `get_tools` returns a dictionary of
                `Tool` by name, each a function that takes the session context first.
            prefix: What their names begin with.

        Raises:
            AdapterError: If it has no tools, or one cannot be a tool as it is written.

        Example:
            >>> class Texts:
            ...     @tool
            ...     def shout(self, text: str) -> str:
            ...         return text.upper()
            >>> class Adapter(BaseAdapter):
            ...     def __init__(self):
            ...         self.include(Texts(), prefix="text_")
            >>> [registration.name for registration in Adapter().get_tools()]
            ['text_shout']
        """
        from snakebridge.handlers import handler_tools  # most adapters have none

        handler_tools(handler)  # raises here, where the handler is named
        self.__dict__.setdefault(INCLUDED, []).append((handler, prefix))
        self.__dict__.pop(REGISTRATIONS, None)

    def get_tools(self) -> list[ToolRegistration]:
        """What the decorated methods and the included tools are, by name; computed once, until more come.

        Raises:
            AdapterError: If two tools have one name, or a method cannot be a tool as it is written.
        """
        # The instance's dictionary, because a subclass need not call `super().__init__()`.
        cached: list[ToolRegistration] | None = self.__dict__.get(REGISTRATIONS)
        if cached is None:
            kind = type(self)
            cached = [register(tool, kind.__name__, kind.__module__) for tool in tools_of_instance(self)]
            self.__dict__[REGISTRATIONS] = cached
        return cached

    def register_with_session(self, session_id: str, stub: Any = None) -> list[str]:
        """Expose this adapter's tools to a session.

        Inside a call nothing but the session's id is needed: the host knows the tools, and records that this
        session may use them. Programs that have a remote stub of their own give it.

        Args:
            session_id: The session. In a worker only the one of the running call is allowed.
            stub: None for the running call, the `SessionContext` of a call, or a remote stub with the method
                ``RegisterTools(request)``. Its response has `success`, `tool_ids` and `error_message`, and
                may come as it is, to be awaited, or to be called.

        Returns:
            The names of the tools. Empty, with an error in the log, where a remote stub refused.

        Raises:
            ValueError: If the call belongs to another session.
            RuntimeError: If no call runs and no stub is given, or an event loop runs and the stub is
                asynchronous.
            HostToolError: If the host refuses.
        """
        from snakebridge import adapter_registration  # few adapters register themselves

        return adapter_registration.register(self, session_id, stub)

    async def register_with_session_async(self, session_id: str, stub: Any = None) -> list[str]:
        """The same as `register_with_session`; other coroutines run meanwhile."""
        from snakebridge import adapter_registration  # few adapters register themselves

        return await adapter_registration.aregister(self, session_id, stub)

    @property
    def session_context(self) -> SessionContext | Any:
        """The context of the call that runs, or None outside of calls.

        Assigning None does nothing, so that a constructor may declare it. Anything else that is assigned
        stands in while no call runs: that is how a tool is tested without a worker.
        """
        context = current_context()
        return self.__dict__.get("_snakebridge_context") if context is None else context

    @session_context.setter
    def session_context(self, context: SessionContext | Any) -> None:
        if context is not None:
            self.__dict__["_snakebridge_context"] = context
