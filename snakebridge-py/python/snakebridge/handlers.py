"""The tools of handlers: objects that an adapter includes, whose tools become its own."""

from __future__ import annotations

from typing import Any

from snakebridge.decorator import check_options
from snakebridge.definitions import ToolDefinition, define_tool, tools_of_instance
from snakebridge.errors import AdapterError


def handler_tools(handler: Any) -> list[ToolDefinition]:
    """The tools of a handler: its decorated methods, or what its `get_tools` says by name.

    Raises:
        AdapterError: If it has none, or one cannot be a tool as it is written.
    """
    tools = tools_of_instance(handler)
    listed = None if tools else getattr(handler, "get_tools", lambda: None)()
    owner = f"handler `{type(handler).__module__}.{type(handler).__qualname__}`"
    if isinstance(listed, dict):
        tools = [_listed_tool(owner, name, tool) for name, tool in listed.items()]
    if not tools:
        raise AdapterError(
            f"{owner} has no tools: decorate its methods with @tool, or give it a method `get_tools` that "
            "returns a dictionary of `Tool` by name"
        )
    return tools


def listed_function(owner: str, name: Any, tool: Any) -> Any:
    """The function of a `Tool` that a handler lists by name.

    Raises:
        AdapterError: If it is no `Tool`.
    """
    function = getattr(tool, "func", None)
    if not callable(function):
        right = "Tool(function)" if not callable(tool) else f"Tool({getattr(tool, '__name__', 'function')})"
        raise AdapterError(
            f"{owner} lists {type(tool).__name__} as {name!r}, and each is to be a `Tool` of "
            f"snakebridge.adapters.showcase.tool: write `{right}`"
        )
    return function


def _listed_tool(owner: str, name: Any, tool: Any) -> ToolDefinition:
    function = listed_function(owner, name, tool)
    said = {"name": name, "description": getattr(tool, "description", None)}
    try:
        options = check_options({**said, **getattr(tool, "options", {})})
    except (TypeError, ValueError) as error:
        raise AdapterError(f"{owner}: the `Tool` of {name!r} cannot be used: {error}") from None
    return define_tool(function, options, lambda other: other.get_tools()[name].func, takes_context=True)
