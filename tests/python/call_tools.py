"""Tools that tell everything their context says, wherever a tool may run."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from snakebridge import BaseAdapter, SessionContext, telemetry, tool


def describe(context: SessionContext) -> dict[str, Any]:
    """All that is known of the call, and a use of all that it offers."""
    deadline, remaining = context.deadline, context.remaining()
    assert deadline is not None
    assert remaining is not None
    context.check_cancelled()
    with context.shield():
        shielded = not context.cancelled
    context.progress(0.5, "half")
    context.log.info("described")
    return {
        "session_id": context.session_id,
        "request_metadata": context.request_metadata,
        "correlation_id": context.correlation_id,
        "of_telemetry": telemetry.get_correlation_id(),
        "traceparent": context.traceparent,
        "has_time": 0 < remaining <= 60 and deadline > time.monotonic(),
        "cancelled": context.cancelled,
        "shielded": shielded,
        "tools": sorted(context.tools),
    }


class CallAdapter(BaseAdapter):
    """Describes its calls."""

    @tool(run_on="main")
    def on_main(self) -> dict[str, Any]:
        """Describe the call on the main thread."""
        context = self.session_context
        return {**describe(context), "state": context.state.get("key"), "double": context.tools.double(n=21)}

    @tool(run_on="thread")
    def on_thread(self, context: SessionContext) -> dict[str, Any]:
        """Describe the call on an executor thread."""
        return {
            **describe(context),
            "state": context.state.get("key"),
            "double": context.call_tool("double", n=21),
        }

    @tool
    async def on_loop(self, context: SessionContext) -> dict[str, Any]:
        """Describe the call on the event loop."""
        await asyncio.sleep(0)
        assert self.session_context is context
        state, double = await context.state.aget("key"), await context.acall_tool("double", n=21)
        return {**describe(context), "state": state, "double": double}

    @tool
    async def beside_the_loop(self) -> dict[str, Any]:
        """Describe the call on a thread that a coroutine has started."""
        return await asyncio.to_thread(self.on_main)

    @tool
    def as_stream(self, context: SessionContext) -> Iterator[dict[str, Any]]:
        """Describe the call in a generator."""
        yield {**describe(context), "state": context.state.get("key"), "double": context.tools.double(n=21)}

    @tool
    async def as_asynchronous_stream(self, context: SessionContext) -> AsyncIterator[dict[str, Any]]:
        """Describe the call in an asynchronous generator."""
        state, double = await context.state.aget("key"), await context.tools.double.acall(n=21)
        yield {**describe(context), "state": state, "double": double}
