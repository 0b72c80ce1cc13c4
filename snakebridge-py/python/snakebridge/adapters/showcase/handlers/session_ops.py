"""What a call knows of its session, and calls back into the host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snakebridge.adapters.showcase.tool import Tool
from snakebridge.errors import Conflict

if TYPE_CHECKING:
    from snakebridge.session import SessionContext


class SessionOpsHandler:
    """Session information, the session's state, and tools of the host."""

    def get_tools(self) -> dict[str, Tool]:
        """The functions of this handler by tool name."""
        return {
            "get_session_info": Tool(self.get_session_info, description="Access session state"),
            "count_visits": Tool(self.count_visits),
            "store": Tool(self.store),
            "hybrid_processing": Tool(self.hybrid_processing),
            "parse_json_by_host": Tool(
                self.parse_json_by_host, description="Parse JSON by the host's tool `parse_json`"
            ),
        }

    def get_session_info(self, ctx: SessionContext) -> dict[str, Any]:
        """The session's id, the request's metadata, and the names of the host's tools."""
        return {
            "session_id": ctx.session_id,
            "request_metadata": ctx.request_metadata,
            "available_elixir_tools": list(ctx.elixir_tools.keys()),
        }

    def count_visits(self, ctx: SessionContext) -> int:
        """Count the calls of a session in its state, which outlives any worker."""
        while True:
            version, visits = ctx.state.get_versioned("visits", 0)
            try:
                ctx.state.compare_and_set("visits", version, visits + 1)
            except Conflict:
                continue  # another call was faster
            return int(visits) + 1

    def store(self, ctx: SessionContext, key: str, value: Any) -> Any:
        """Keep a value by the host's tool `store_variable`."""
        return ctx.call_elixir_tool("store_variable", key=key, value=value)

    def hybrid_processing(self, ctx: SessionContext, data: dict[str, Any]) -> dict[str, Any]:
        """Process data here, then have the host's tool `validate_schema` look at it."""
        processed = {key: value for key, value in data.items() if value is not None}
        return {"python": processed, "elixir": ctx.call_elixir_tool("validate_schema", schema=processed)}

    def parse_json_by_host(self, ctx: SessionContext, json_string: str) -> Any:
        """Call the host's tool `parse_json` and return its plain result."""
        return ctx.call_elixir_tool("parse_json", json_string=json_string)
