"""Adapters that were written for snakepit: what they import as ``snakepit_bridge`` is served from here.

The names are served inside a process that called `install`, by an import hook; no package of that name is
installed. The host says ``compat = "snakepit"`` in its HELLO, or the adapter's module calls `install` before
its imports.
"""

from __future__ import annotations

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Any

from snakebridge import base_adapter, telemetry
from snakebridge.adapters.showcase import tool as showcase_tool
from snakebridge.compat.snakepit_serialization import TypeSerializer
from snakebridge.decorator import ToolOptions, options_of
from snakebridge.definitions import define_tool
from snakebridge.handlers import listed_function
from snakebridge.session import SessionContext
from snakebridge.signature import CO_ASYNC_GENERATOR, CO_COROUTINE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

    from snakebridge.definitions import ToolDefinition

PACKAGE = "snakepit_bridge"


class ToolMetadata:
    """What snakepit's `tool` leaves on a function, for adapters that look at it."""

    def __init__(self, description: str, supports_streaming: bool, required_variables: list[str]) -> None:
        self.description = description
        self.supports_streaming = supports_streaming
        self.required_variables = required_variables


def tool(
    description: Any = "", supports_streaming: bool = False, required_variables: list[str] | None = None
) -> Any:
    """Snakepit's decorator.

    Args:
        description: What the tool does (default: the docstring); or the function, where the decorator stands
            without parentheses, which snakepit itself takes for a description and forgets.
        supports_streaming: Whether the result is a stream. A generator is one here without being told.
        required_variables: Metadata: nothing checks them there, nor here.
    """
    if not isinstance(description, str | None):
        return tool()(description)

    def decorate(target: Any) -> Any:
        mark = base_adapter.tool(
            description=description or None, supports_streaming=supports_streaming or None
        )
        mark(target)  # raises where it is no function
        function = getattr(target, "__func__", target)
        said = description or function.__doc__ or ""
        function._tool_metadata = ToolMetadata(  # noqa: SLF001 - its name there
            said, supports_streaming, required_variables or []
        )
        return target

    return decorate


class BaseAdapter(base_adapter.BaseAdapter):
    """Snakepit's base class: an object for every call, and `execute_tool` where the adapter has one."""

    lifecycle = "request"

    def set_session_context(self, session_context: SessionContext) -> None:
        """Called before each call; adapters override it to keep the context."""

    def call_tool(self, tool_name: str, **arguments: Any) -> Any:
        """Call a method by name.

        Raises:
            AttributeError: If there is none of that name.
        """
        return getattr(self, tool_name)(**arguments)

    def before_call(self, tool: str, context: SessionContext) -> None:  # noqa: ARG002
        """Give the context to the adapter."""
        self.set_session_context(context)

    def __snakebridge_tools__(self) -> Iterator[ToolDefinition]:
        """The tools behind ``execute_tool(tool_name, arguments, context)``.

        Which there are, only that method knows. Those of the handlers that the adapter gathered are offered
        by their names, and `execute_tool` as a tool that takes any name.
        """
        if not hasattr(self, "execute_tool"):
            return
        kind = type(self)
        decorated = {name for name in dir(kind) if options_of(getattr(kind, name, None)) is not None}
        for name, handler_tool in getattr(self, "_handler_tools", {}).items():
            if name not in decorated:
                yield _of_handler(kind.__qualname__, name, handler_tool)
        yield _by_name(self)


def adapt(kind: type) -> type:
    """Make an adapter of a class that has `execute_tool` and no base class, as snakepit's template does."""
    about = {"__module__": kind.__module__, "__doc__": kind.__doc__, "__qualname__": kind.__qualname__}
    return type(kind.__name__, (kind, BaseAdapter), about)


def install() -> None:
    """Serve ``snakepit_bridge`` in this process; does nothing where it is done already."""
    if not is_installed():
        sys.meta_path.insert(0, _Finder())


def is_installed() -> bool:
    """Whether ``snakepit_bridge`` is served in this process."""
    return any(isinstance(finder, _Finder) for finder in sys.meta_path)


def uninstall() -> None:
    """Serve it no longer, and forget what was imported of it."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def _of_handler(adapter_class: str, name: str, handler_tool: Any) -> ToolDefinition:
    options = ToolOptions(name=name, description=getattr(handler_tool, "description", None))
    function = listed_function(f"`_handler_tools` of adapter `{adapter_class}`", name, handler_tool)
    definition = define_tool(function, options, takes_context=True)
    names = [parameter.name for parameter in definition.parameters if parameter.kind != "var_keyword"]

    def locate(adapter: Any) -> Any:
        def execute(context: SessionContext, /, *positional: Any, **named: Any) -> Any:
            arguments = {**dict(zip(names, positional, strict=False)), **named}
            return adapter.execute_tool(name, arguments, context)

        return execute

    return define_tool(function, options, locate, takes_context=True)


def _by_name(adapter: Any) -> ToolDefinition:
    def locate(other: Any) -> Any:
        return lambda context, tool_name, arguments: other.execute_tool(tool_name, arguments or {}, context)

    def execute_tool(context: Any, tool_name: str, arguments: dict[str, Any] | None = None) -> Any: ...

    async def execute_later(context: Any, tool_name: str, arguments: dict[str, Any] | None = None) -> Any: ...

    is_async = adapter.execute_tool.__code__.co_flags & (CO_COROUTINE | CO_ASYNC_GENERATOR)
    options = ToolOptions(name="execute_tool", description="Run a tool of the adapter by its name")
    return define_tool(execute_later if is_async else execute_tool, options, locate, takes_context=True)


_MODULES: dict[str, dict[str, Any]] = {
    "": {"BaseAdapter": BaseAdapter, "SessionContext": SessionContext, "telemetry": telemetry, "tool": tool},
    ".base_adapter": {"BaseAdapter": BaseAdapter, "ToolMetadata": ToolMetadata, "tool": tool},
    ".session_context": {"SessionContext": SessionContext},
    ".serialization": {"TypeSerializer": TypeSerializer},
    ".telemetry": {name: getattr(telemetry, name) for name in telemetry.__all__},
    ".adapters": {},
    ".adapters.showcase": {},
    ".adapters.showcase.tool": {name: getattr(showcase_tool, name) for name in showcase_tool.__all__},
}
"""What is served, by the rest of the module's name."""


class _Finder(MetaPathFinder, Loader):
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        if fullname.removeprefix(PACKAGE) not in _MODULES or not fullname.startswith(PACKAGE):
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update(_MODULES[module.__name__.removeprefix(PACKAGE)])
