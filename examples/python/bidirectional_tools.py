"""Use tools of the host: the Python side of `bidirectional`."""

from __future__ import annotations

import statistics
from typing import Any

from snakebridge import BaseAdapter, tool


class BidirectionalAdapter(BaseAdapter):
    """Tools that find Rust tools in their session and call them."""

    @tool
    def discover(self) -> dict[str, str]:
        """List the host's tools with what they say of themselves."""
        tools = self.session_context.elixir_tools
        return {name: tools[name]["description"] for name in tools}

    @tool
    def by_name(self, text: str) -> dict[str, Any]:
        """Have Rust parse a text, by the tool's name."""
        return self.session_context.call_elixir_tool("parse_json", json_string=text)  # type: ignore[no-any-return]

    @tool
    def by_proxy(self, n: int) -> dict[str, Any]:
        """Have Rust calculate, by a proxy that looks like a function."""
        calculate_fibonacci = self.session_context.tools.calculate_fibonacci
        return calculate_fibonacci(n=n)  # type: ignore[no-any-return]

    @tool
    def matched(self, text: str) -> str:
        """Take the outcome of a Rust tool apart instead of catching an exception."""
        match self.session_context.tools.parse_json.tagged(json_string=text):
            case ("ok", value):
                return f"keys: {', '.join(value['keys'])}"
            case ("error", reason):
                return f"no JSON: {reason}"
            case other:
                raise AssertionError(other)

    @tool
    def register(self) -> list[str]:
        """Expose this adapter's own tools to the session."""
        return self.register_with_session(self.session_context.session_id)

    @tool
    async def register_async(self) -> list[str]:
        """Do the same without keeping the event loop waiting."""
        return await self.register_with_session_async(self.session_context.session_id)

    @tool
    def pipeline(self, text: str) -> dict[str, Any]:
        """Rust parses, Python takes the mean, Rust doubles, Python sums up."""
        tools = self.session_context.tools
        values = tools.parse_json(json_string=text)["data"]["values"]
        doubled = tools.process_list(items=values, operation="double")["result"]
        return {"mean": statistics.fmean(values), "doubled": doubled, "sum": sum(doubled)}
