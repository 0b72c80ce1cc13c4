"""Tools for the end-to-end tests of Rust tools: they do with those what Python programs do."""

import inspect
from typing import Any

from snakebridge import BaseAdapter, HostToolError, tool


class RustToolsAdapter(BaseAdapter):
    """Calls the tools of the host in every way there is, and tells what came of it."""

    @tool
    def call(self, name: str, arguments: dict[str, Any]) -> Any:
        """Call a tool of the host."""
        return self.session_context.tools[name](**arguments)

    @tool
    def catch(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Call a tool of the host that fails, and tell how."""
        try:
            result = self.session_context.call_tool(name, **arguments)
        except HostToolError as error:
            return {
                "code": error.code,
                "message": error.message,
                "data": error.data,
                "executed": error.executed,
            }
        return {"code": "none", "message": repr(result), "data": None, "executed": "yes"}

    @tool
    def tagged(self, name: str, arguments: dict[str, Any]) -> list[Any]:
        """Call a tool of the host and take its outcome apart."""
        match self.session_context.tools[name].tagged(**arguments):
            case ("ok", value):
                return ["fine", value]
            case ("error", reason):
                return ["wrong", reason]
        raise AssertionError("an outcome is one of the two")

    @tool
    def collect(self, name: str, arguments: dict[str, Any]) -> list[Any]:
        """Collect what a streaming tool of the host yields."""
        return list(self.session_context.stream_tool(name, **arguments))

    @tool
    def describe(self, name: str) -> dict[str, Any]:
        """Tell what Python knows of a tool of the host."""
        described = self.session_context.tools[name]
        return {
            "description": described["description"],
            "signature": str(inspect.signature(described)),
            "metadata": described.metadata,
            "streams": described.streams,
        }

    @tool
    def parameters(self, name: str) -> Any:
        """Tell what Python knows of the parameters of a tool of the host."""
        return self.session_context.tools[name]["parameters"]

    @tool
    def names(self) -> list[str]:
        """Name the tools of the host."""
        return sorted(self.session_context.tools)
