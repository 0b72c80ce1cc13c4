"""Adapters as people write them for snakepit, with its imports."""

import logging
from typing import Any, Optional

from snakepit_bridge import telemetry
from snakepit_bridge.adapters.showcase.tool import StreamChunk, Tool
from snakepit_bridge.base_adapter import BaseAdapter, tool
from snakepit_bridge.serialization import TypeSerializer
from snakepit_bridge.session_context import SessionContext  # noqa: TC002 - as they are written

logger = logging.getLogger(__name__)


class Decorated(BaseAdapter):
    def __init__(self):
        super().__init__()
        self.session_context: Optional[SessionContext] = None
        self.initialized = False

    async def initialize(self):
        self.initialized = True

    def set_session_context(self, session_context):
        self.session_context = session_context
        self.given = session_context.session_id

    @tool(description="Say who is here", required_variables=["never_set"])
    def whose(self) -> dict[str, Any]:
        return {"session_id": self.session_context.session_id, "given": self.given, "ready": self.initialized}

    @tool(description="Count", supports_streaming=True)
    def count(self, n: int = 2):
        for i in range(n):
            yield StreamChunk(data={"i": i}, is_final=i == n - 1)

    @tool("Measure")
    def measured(self, data: dict) -> dict:
        with telemetry.span("measured", {"size": len(data)}, telemetry.get_correlation_id()):
            encoded, binary = TypeSerializer.encode_any(3.0, "float")
            return {
                "value": TypeSerializer.decode_any(encoded, binary),
                "streams": self.count._tool_metadata.supports_streaming,
            }


class BareDecorator(BaseAdapter):
    @tool
    def double(self, n: int) -> int:
        """Double a number."""
        return 2 * n

    @tool
    def count(self, n: int):
        yield from range(n)


class Handler:
    def get_tools(self) -> dict[str, Tool]:
        return {"add": Tool(self.add), "ticks": Tool(self.ticks)}

    def add(self, ctx, a: float, b: float) -> float:
        return a + b

    def ticks(self, ctx, n: int):
        yield from range(n)


class Gathered(BaseAdapter):
    def __init__(self):
        super().__init__()
        self._handler_tools = Handler().get_tools()

    def execute_tool(self, tool_name: str, arguments: dict[str, Any], context) -> Any:
        if tool_name in self._handler_tools:
            return self._handler_tools[tool_name].func(context, **arguments)
        if tool_name == "chunks":
            return (StreamChunk(data={"i": i}) for i in range(arguments["n"]))
        return self.call_tool(tool_name, **arguments)

    @tool(description="Echo back provided arguments")
    def echo(self, **kwargs) -> dict[str, Any]:
        return kwargs


class Bare:
    """Without a base class, as snakepit's template."""

    def __init__(self):
        self.session_context = None

    def set_session_context(self, session_context):
        self.seen = session_context.session_id

    async def cleanup(self):
        logger.info("cleaned up")

    def execute_tool(self, tool_name: str, arguments: dict[str, Any], context) -> Any:
        if tool_name == "sum":
            return {"sum": sum(arguments["values"]), "session": context.session_id, "seen": self.seen}
        raise NotImplementedError(f"Unknown tool: {tool_name}")


class BareAsync:
    async def execute_tool(self, tool_name, arguments, context):
        return [tool_name, arguments]


class BareStream:
    async def execute_tool(self, tool_name, arguments, context):
        for i in range(arguments["n"]):
            yield [tool_name, i]
