"""Plain values in and out, and the ways to report an error."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NoReturn

from snakebridge.adapters.showcase.tool import Tool
from snakebridge.errors import ToolError

if TYPE_CHECKING:
    from snakebridge.session import SessionContext


class BasicOpsHandler:
    """Ping, echo, add, introspection and errors.

    Args:
        adapter_name: Name that `adapter_info` reports.
        version: Version that `adapter_info` reports.
    """

    def __init__(self, adapter_name: str, version: str) -> None:
        self._adapter_name = adapter_name
        self._version = version

    def get_tools(self) -> dict[str, Tool]:
        """The functions of this handler by tool name."""
        return {
            "ping": Tool(self.ping),
            "echo": Tool(self.echo),
            "add": Tool(self.add),
            "adapter_info": Tool(self.adapter_info),
            "safe_operation": Tool(self.safe_operation),
            "error_demo": Tool(self.error_demo),
        }

    def ping(self, ctx: SessionContext | None, message: str = "pong") -> dict[str, str]:  # noqa: ARG002
        """Answer with a message and the time."""
        return {"message": message, "timestamp": str(time.time())}

    def echo(self, ctx: SessionContext | None, /, **kwargs: Any) -> dict[str, Any]:  # noqa: ARG002
        """Return all arguments under ``echoed``."""
        return {"echoed": kwargs}

    def add(self, ctx: SessionContext | None, a: int | float, b: int | float) -> int | float:  # noqa: ARG002
        """Add two numbers."""
        return a + b

    def adapter_info(self, ctx: SessionContext | None, tools: list[str]) -> dict[str, Any]:  # noqa: ARG002
        """Name, version and tools of the adapter."""
        return {
            "adapter_name": self._adapter_name,
            "version": self._version,
            "tools": tools,
            "capabilities": ["binary_data", "streaming", "sessions", "host_tools"],
        }

    def safe_operation(self, ctx: SessionContext | None, data: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """Take the square root of ``data["value"]``, and report what goes wrong as a result."""
        try:
            value = data["value"]
            if value < 0:
                raise ValueError(f"{value} has no real square root")
            return {"success": True, "result": value**0.5}
        except ValueError as error:
            return {
                "success": False,
                "error": "Invalid input",
                "error_type": "ValueError",
                "details": str(error),
            }
        except Exception as error:
            return {"success": False, "error": "Internal error", "error_type": type(error).__name__}

    def error_demo(self, ctx: SessionContext | None, error_type: str = "value") -> NoReturn:  # noqa: ARG002
        """Raise: ``value``, ``runtime``, ``chained``, or ``tool`` for an error with a code and data."""
        match error_type:
            case "value":
                raise ValueError("a demonstration value error")
            case "runtime":
                raise RuntimeError("a demonstration runtime error")
            case "chained":
                try:
                    raise KeyError("missing")
                except KeyError as error:
                    raise RuntimeError("the lookup failed") from error
            case "tool":
                raise ToolError(
                    "demonstration", "a demonstration tool error", data={"answer": 42}, retryable=True
                )
            case _:
                raise ValueError(f"unknown error type {error_type!r}: value, runtime, chained or tool")
