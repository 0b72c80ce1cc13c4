"""Tools that use the host: what a session keeps, and functions written in Rust."""

from typing import Any

from snakebridge import SessionContext, telemetry
from snakebridge.adapters.showcase.tool import Tool


class RustUser:
    """Tools that take the context of their call first."""

    def get_tools(self) -> dict[str, Tool]:
        """List them."""
        tools = (self.remember, self.recall, self.order, self.measured)
        return {function.__name__: Tool(function) for function in tools}

    def remember(self, ctx: SessionContext, key: str, value: Any) -> int:
        """Keep a value in the session, which is Rust's; return its version."""
        return ctx.state.set(key, value)

    def recall(self, ctx: SessionContext, key: str) -> Any:
        """Return what the session keeps."""
        return ctx.state.get(key)

    def order(self, ctx: SessionContext, article: str, pieces: int) -> dict[str, Any]:
        """Ask Rust for the price, whether the order may be, and add the tax."""
        price = ctx.tools.price(article=article, pieces=pieces)
        match ctx.tools.approve.tagged(article=article, total=price):
            case ("ok", number):
                return {"order": number, "total": round(price * 1.2, 2)}
            case (_, reason):
                return {"refused": reason}

    def measured(self, ctx: SessionContext, items: int) -> list[str]:
        """Work under a span; return the events that this made, with the caller's correlation id."""
        events: list[telemetry.Event] = []
        detach = telemetry.attach(events.append)
        try:
            with telemetry.span("showcase.work", {"items": items}):
                telemetry.emit("showcase.items", {"count": items}, {"session": ctx.session_id})
        finally:
            detach()
        return [f"{event.name} of {event.correlation_id}" for event in events]
