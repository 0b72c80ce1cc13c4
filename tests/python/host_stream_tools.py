"""Tools that read streams of the host's tools."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

from snakebridge import BaseAdapter, Cancelled, HostToolError, SessionContext, tool


class HostStreamAdapter(BaseAdapter):
    """Each tool reads in its own way."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []
        self.kept: Any = None

    @tool
    def reads(self, target: str, n: int, ctx: SessionContext) -> list[Any]:
        """Everything, item by item; then what ended it, if it was an error."""
        items: list[Any] = []
        try:
            items.extend(ctx.stream_tool(target, n=n))
        except HostToolError as error:
            items.append(str(error))
        return items

    @tool
    async def reads_async(self, target: str, n: int, ctx: SessionContext) -> list[Any]:
        """The same on the loop."""
        items: list[Any] = []
        try:
            async for item in ctx.stream_tool(target, n=n):
                items += [item]  # one by one: what came before an error is kept
        except HostToolError as error:
            items.append(str(error))
        return items

    @tool(run_on="main")
    def reads_in_a_loop_of_its_own(self, target: str, n: int, ctx: SessionContext) -> list[Any]:
        """The same on a loop that this tool runs."""

        async def read() -> list[Any]:
            return [item async for item in ctx.stream_tool(target, n=n)]

        return asyncio.run(read())

    @tool(run_on="main")
    def reads_in_a_thread(self, target: str, n: int, ctx: SessionContext) -> list[Any]:
        """The same on a thread of this tool's own."""
        items: list[Any] = []
        stream = ctx.stream_tool(target, n=n)
        thread = threading.Thread(target=lambda: items.extend(stream))
        thread.start()
        thread.join()
        return items

    @tool
    def adds_lengths(self, target: str, n: int, ctx: SessionContext) -> int:
        """How many bytes all items have together."""
        return sum(len(item) for item in ctx.stream_tool(target, n=n))

    @tool
    def passes_on(self, n: int, ctx: SessionContext) -> Iterator[int]:
        """A stream of this adapter that comes of one of the host."""
        for item in ctx.stream_tool("count", n=n):
            yield item * 2

    @tool
    async def passes_on_async(self, n: int, ctx: SessionContext) -> AsyncIterator[int]:
        """The same on the loop."""
        async for item in ctx.stream_tool("count", n=n):
            yield item * 2

    @tool
    def takes(self, how: str, count: int, ctx: SessionContext) -> list[int]:
        """A few items of a stream without an end, left in one way or another."""
        stream = ctx.stream_tool("endless", n=0)
        items = [next(stream) for _ in range(count)]
        if how == "closed":
            stream.close()
            assert list(stream) == [], "nothing comes behind the end"
        elif how == "dropped":
            del stream
            gc.collect()
        elif how == "kept":
            self.kept = stream  # the call ends, and the stream with it
        return items

    @tool
    def kept_on(self) -> str:
        """What comes of a stream that was kept beyond its call."""
        try:
            for _ in self.kept:
                pass
            return "ended"
        except HostToolError as error:
            return str(error)

    @tool
    def waits(self, ctx: SessionContext) -> list[Any]:
        """For an item that never comes."""
        try:
            return list(ctx.stream_tool("silent", n=0))
        except Cancelled:
            self.notes.append("cancelled")
            raise

    @tool
    async def waits_async(self, ctx: SessionContext) -> list[Any]:
        """The same on the loop."""
        try:
            return [item async for item in ctx.stream_tool("silent", n=0)]
        except asyncio.CancelledError:
            self.notes.append("cancelled")
            raise

    @tool
    def asks_wrongly(self, how: str, ctx: SessionContext) -> str:
        """Asks for a stream where there is one value, or the reverse."""
        try:
            if how == "stream":
                next(ctx.stream_tool("single", n=1))
            else:
                ctx.call_tool("count", n=1)
            return "nothing is wrong"
        except HostToolError as error:
            return str(error)

    @tool(run_on="main")
    def noted(self) -> list[str]:
        """What was noted since the last look."""
        noted, self.notes = self.notes, []
        return noted
