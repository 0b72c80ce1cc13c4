"""What a call knows of its session, and calls back into the host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snakebridge.adapters.showcase.tool import Tool

if TYPE_CHECKING:
    from snakebridge.session import SessionContext


class SessionOpsHandler:
    """Session information and tools of the host."""

    def get_tools(self) -> dict[str, Tool]:
        """The functions of this handler by tool name."""
        return {
            "get_session_info": Tool(self.get_session_info),
            "parse_json_by_host": Tool(self.parse_json_by_host),
        }

    def get_session_info(self, ctx: SessionContext) -> dict[str, Any]:
        """The session's id, the request's metadata, and the names of the host's tools."""
        return {
            "session_id": ctx.session_id,
            "request_metadata": ctx.request_metadata,
            "available_elixir_tools": list(ctx.elixir_tools.keys()),
        }

    def parse_json_by_host(self, ctx: SessionContext, json_string: str) -> Any:
        """Call the host's tool `parse_json` and return its plain result."""
        return ctx.call_elixir_tool("parse_json", json_string=json_string)
