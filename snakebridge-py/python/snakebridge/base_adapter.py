"""`BaseAdapter`: the class whose decorated methods are tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snakebridge.current import current_context
from snakebridge.decorator import tool
from snakebridge.definitions import register, tools_of_instance

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from snakebridge.registration import ToolRegistration
    from snakebridge.session import SessionContext

__all__ = ["BaseAdapter", "tool"]


class BaseAdapter:
    """Base class of adapters.

    A worker makes one instance, calls `initialize` before it takes calls, and `cleanup` when it ends. A
    worker may be killed and replaced at any moment, so an adapter keeps nothing that cannot be made again. An
    ``__init__`` with a parameter ``config`` gets the configuration that the host gave. ``__version__`` and
    the class's docstring become part of the manifest.

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

    def initialize(self) -> Awaitable[None] | None:
        """Prepare what the tools need, before the first call. May be ``async def``."""
        return None

    def cleanup(self) -> Awaitable[None] | None:
        """Release what `initialize` took, after the last call.

        May be ``async def``. A worker that is killed skips it.
        """
        return None

    def get_tools(self) -> list[ToolRegistration]:
        """What the decorated methods are, by name; computed once.

        Raises:
            AdapterError: If two tools have one name, or a method cannot be a tool as it is written.
        """
        # The instance's dictionary, because a subclass need not call `super().__init__()`.
        cached: list[ToolRegistration] | None = self.__dict__.get("_snakebridge_registrations")
        if cached is None:
            kind = type(self)
            cached = [register(tool, kind.__name__, kind.__module__) for tool in tools_of_instance(self)]
            self.__dict__["_snakebridge_registrations"] = cached
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
