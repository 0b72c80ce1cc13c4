"""An adapter with one tool for everything that only a real worker can show."""

import asyncio
import time

from snakebridge import BaseAdapter, Cancelled, Conflict, SessionContext, ToolError, tool


class Everyday(BaseAdapter):
    """Everyday tools."""

    def __init__(self, config=None):
        self.session_context = None
        self.config = config
        self.seen = []

    async def initialize(self):
        await asyncio.sleep(0)
        self.seen.append("initialized")

    def cleanup(self):
        print("cleaned up")

    @tool
    def add(self, a: int, b: int = 2) -> int:
        return a + b

    @tool
    def settings(self):
        return {"config": self.config, "seen": self.seen}

    @tool
    def fail(self):
        raise LookupError("nothing there")

    @tool
    def leave(self):
        raise SystemExit(3)

    @tool
    def noise(self):
        print("to nobody in particular")
        return "quiet"

    @tool
    def count(self, n: int):
        yield from range(n)
        return "done"

    @tool
    def whose(self, ctx: SessionContext):
        return [ctx.session_id, ctx.correlation_id, ctx.request_metadata, ctx.remaining() is not None]

    @tool
    def nested(self, levels: int, where: str):
        value = []
        for _ in range(levels - 1):
            value = [value]
        if where == "argument":
            # In the map of arguments.
            return self.session_context.call_elixir_tool("parse_json", value=value)
        if where == "error":
            # In the map of the error.
            raise ToolError("deep", "look", data=value)
        return value

    @tool(supports_streaming=True)
    def nested_items(self, levels: list[int]):
        for count in levels:
            yield self.nested(count, "result")

    @tool
    def cyclic(self, where: str):
        value = {}
        value["self"] = [value]
        if where == "argument":
            self.session_context.call_tool("parse_json", value)
        return value

    @tool
    async def whose_in_a_thread(self):
        return await asyncio.to_thread(lambda: self.session_context.session_id)

    @tool
    def parse(self, text: str):
        return self.session_context.call_elixir_tool("parse_json", json_string=text)

    @tool
    def nap(self):
        try:
            self.session_context.call_tool("started")
            time.sleep(60)
        except Cancelled:
            self.seen.append("cancelled")
            raise

    @tool
    def collect(self, ctx: SessionContext):
        class Slow:
            def __del__(self):
                ctx.call_tool("started")
                time.sleep(60)

        try:
            Slow()  # finalised at once: a cancellation inside is swallowed by Python
            time.sleep(60)
        except Cancelled:
            self.seen.append("cancelled again")
            raise

    @tool
    async def slumber(self):
        # Said by the loop, so that the tool sleeps when the host hears it.
        asyncio.get_running_loop().call_soon(self.session_context.call_tool, "started")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.seen.append("async cancelled")
            raise

    @tool
    def remember(self, key: str, value: int):
        state = self.session_context.state
        try:
            return state.compare_and_set(key, 1, value)
        except Conflict as conflict:
            return conflict.current_version

    @tool
    async def recall(self, key: str):
        return await self.session_context.state.aget(key, "nothing")

    @tool
    def join(self):
        return self.register_with_session(self.session_context.session_id)
