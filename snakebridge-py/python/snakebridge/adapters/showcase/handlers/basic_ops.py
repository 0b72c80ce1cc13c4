"""Plain values in and out, and the ways to report an error."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from snakebridge.adapters.showcase.tool import Tool
from snakebridge.errors import ToolError

if TYPE_CHECKING:
    from snakebridge.base_adapter import BaseAdapter
    from snakebridge.session import SessionContext


class BasicOpsHandler:
    """Ping, echo, add, text, introspection and errors.

    Args:
        adapter: What `adapter_info` describes.
    """

    def __init__(self, adapter: BaseAdapter | None = None) -> None:
        self._adapter = adapter

    def get_tools(self) -> dict[str, Tool]:
        """The functions of this handler by tool name."""
        return {
            "ping": Tool(self.ping, description="Health check", idempotent=True),
            "echo": Tool(self.echo, description="Return all arguments", idempotent=True),
            "add": Tool(self.add, description="Add two numbers", idempotent=True),
            "process_text": Tool(self.process_text, idempotent=True),
            "adapter_info": Tool(self.adapter_info, description="Describe this adapter", idempotent=True),
            "safe_operation": Tool(self.safe_operation, description="Report an error as a result"),
            "error_demo": Tool(self.error_demo, description="Raise an exception"),
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

    def process_text(
        self,
        ctx: SessionContext | None,  # noqa: ARG002
        text: str,
        operation: Literal["upper", "lower", "reverse", "length"] = "upper",
    ) -> dict[str, Any]:
        """Process a text with one of a few operations.

        Args:
            ctx: The call.
            text: What to process.
            operation: What to do with it.
        """
        results: dict[str, Any] = {
            "upper": text.upper(),
            "lower": text.lower(),
            "reverse": text[::-1],
            "length": len(text),
        }
        return {"original": text, "operation": operation, "result": results[operation], "success": True}

    def adapter_info(self, ctx: SessionContext | None) -> dict[str, Any]:  # noqa: ARG002
        """Name, version and tools of the adapter."""
        adapter = self._adapter
        return {
            "adapter_name": type(adapter or self).__name__,
            "version": getattr(adapter, "__version__", None),
            "tools": sorted(self.get_tools())
            if adapter is None
            else [spec.name for spec in adapter.get_tools()],
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
