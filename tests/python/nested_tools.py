"""Tools that call the host, whose tools call them again."""

import asyncio
import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from snakebridge import BaseAdapter, Cancelled, HostToolError, SessionContext, _native, tool


class NestedAdapter(BaseAdapter):
    """Each place where a tool can run has tools that go on through the host."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    # ---- down a path of tools; the answer is where each of them ran

    @tool(run_on="main")
    def main(self, path: list[str], ctx: SessionContext) -> list[str]:
        """Go on from the main thread."""
        return [_here("main"), *ctx.call_tool("go_on", path=path)]

    @tool(run_on="thread")
    def thread(self, path: list[str], ctx: SessionContext) -> list[str]:
        """Go on from an executor thread, or from whatever thread waits."""
        return [_here("thread"), *ctx.call_tool("go_on", path=path)]

    @tool
    async def coroutine(self, path: list[str], ctx: SessionContext) -> list[str]:
        """Go on from the event loop, which is free meanwhile."""
        return [_here("coroutine"), *await ctx.acall_tool("go_on", path=path)]

    @tool
    async def blocking(self, path: list[str], ctx: SessionContext) -> list[str]:
        """Go on from the event loop, which is not."""
        return [_here("blocking"), *ctx.call_tool("go_on", path=path)]

    @tool(run_on="main")
    def helper(self, path: list[str], ctx: SessionContext) -> list[str]:
        """Go on from a thread of the tool's own, for which it waits."""
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(lambda: [_here("helper"), *ctx.call_tool("go_on", path=path)]).result()

    # ---- many at once

    @tool(run_on="main")
    def fan_out(self, count: int, ctx: SessionContext) -> Any:
        """Let the host make so many nested calls at once."""
        answer: list[Any] = ctx.call_tool("square_all", count=count)
        return answer

    @tool
    async def fan_out_async(self, count: int, ctx: SessionContext) -> Any:
        """The same from the event loop."""
        answer: list[Any] = await ctx.acall_tool("square_all", count=count)
        return answer

    @tool(run_on="main")
    def fan_out_here(self, count: int, ctx: SessionContext) -> list[Any]:
        """Ask from so many threads at once, each of which gets a nested call."""
        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(lambda number: ctx.call_tool("square", number=number), range(count)))

    @tool
    def squared(self, number: int) -> int:
        """What is nested in those."""
        return number * number

    @tool
    async def squared_async(self, number: int) -> int:
        """The same on the loop."""
        await asyncio.sleep(0)
        return number * number

    @tool
    def where_they_run(self, count: int, ctx: SessionContext) -> Any:
        """Which processes run so many nested calls that take a while."""
        answer: list[int] = ctx.call_tool("pids", count=count)
        return answer

    @tool
    def naps_and_tells_pid(self) -> int:
        """What is nested in that."""
        time.sleep(0.05)
        return os.getpid()

    @tool
    def delegates(self, number: int, ctx: SessionContext) -> Any:
        """Have a nested call made in another task of the host."""
        answer: int = ctx.call_tool("delegate", number=number)
        return answer

    # ---- streams

    @tool(run_on="main")
    def sum_of_nested(self, n: int, ctx: SessionContext) -> Any:
        """What the host adds up of a generator of this adapter."""
        answer: int = ctx.call_tool("add_up", n=n)
        return answer

    @tool
    async def sum_of_nested_async(self, n: int, ctx: SessionContext) -> Any:
        """The same from the event loop."""
        answer: int = await ctx.acall_tool("add_up", n=n)
        return answer

    @tool
    def count(self, n: int) -> Iterator[int]:
        """Count to `n`, and note the end."""
        try:
            yield from range(n)
        finally:
            self.notes.append("count ended")

    @tool
    def streams_of_streams(self, n: int, take: int | None, ctx: SessionContext) -> int:
        """Read a stream of the host, or a part, that comes of a nested one and a nested call an item."""
        return sum(itertools.islice(ctx.stream_tool("nested_squares", n=n), take))

    @tool
    async def streams_of_streams_async(self, n: int, take: int | None, ctx: SessionContext) -> int:
        """The same on the loop."""
        total, count = 0, 0
        async for item in ctx.stream_tool("nested_squares", n=n):
            total += item
            count += 1
            if count == take:
                break
        return total

    @tool
    def keeps_a_nested_stream(self, n: int, ctx: SessionContext) -> Any:
        """Let the host begin to read a nested stream, which it goes on with when this has ended."""
        answer: int = ctx.call_tool("begin_to_read", n=n)
        return answer

    # ---- contexts

    @tool
    def sessions(self, other: str, ctx: SessionContext) -> list[Any]:
        """The session here, in a nested call, in one that names another, and here again."""
        before = self.session_context.session_id
        nested = ctx.call_tool("session_inside", session=None)
        named = ctx.call_tool("session_inside", session=other)
        return [before, nested, named, self.session_context.session_id]

    @tool
    def correlates(self, own: str | None, ctx: SessionContext) -> list[Any]:
        """The correlation id here, in a tool of the host, and in a nested call that may have its own."""
        return [ctx.correlation_id, *ctx.call_tool("correlation_inside", own=own)]

    @tool
    def correlation(self, ctx: SessionContext) -> str | None:
        """The correlation id of this call."""
        return ctx.correlation_id

    @tool
    def whose(self) -> str:
        """The session of this call."""
        return self.session_context.session_id

    @tool(run_on="main")
    def alone(self, levels: int, ctx: SessionContext) -> Any:
        """Have the session to itself, and go down through the host."""
        return ctx.call_tool("go_down_alone", levels=levels)

    # ---- cancelling and ending

    @tool
    def waits_inside(self, seconds: float, limit: float, ctx: SessionContext) -> Any:
        """Wait for a nested call that sleeps, with a time limit of the host's own for it."""
        try:
            answer: str = ctx.call_tool("nap", seconds=seconds, limit=limit)
            return answer
        except HostToolError as error:
            return str(error)
        except Cancelled:
            self.notes.append("outer cancelled")
            raise

    @tool
    async def waits_inside_async(self, seconds: float, limit: float, ctx: SessionContext) -> Any:
        """The same from the event loop."""
        try:
            answer: str = await ctx.acall_tool("nap_async", seconds=seconds, limit=limit)
            return answer
        except HostToolError as error:
            return str(error)
        except asyncio.CancelledError:
            self.notes.append("outer cancelled")
            raise

    @tool
    def sleeps(self, seconds: float) -> str:
        """Sleep, however long it takes."""
        self.notes.append("asleep")
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                time.sleep(min(seconds, 0.01))
                self.session_context.check_cancelled()
        except Cancelled:
            self.notes.append("inner cancelled")
            raise
        return "slept"

    @tool
    async def sleeps_async(self, seconds: float) -> str:
        """The same on the loop."""
        self.notes.append("asleep")
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.notes.append("inner cancelled")
            raise
        return "slept"

    @tool
    def dies(self) -> None:
        """End the process."""
        os.kill(os.getpid(), signal.SIGKILL)

    @tool
    def die_inside(self, ctx: SessionContext) -> None:
        """Have the process ended by a nested call."""
        ctx.call_tool("kill_it")

    @tool(run_on="main")
    def noted(self) -> list[str]:
        """What was noted since the last look."""
        noted, self.notes = self.notes, []
        return noted

    @tool
    def pid(self) -> int:
        """Which process this is."""
        return os.getpid()

    # ---- limits

    @tool
    def asks(self, count: int, ctx: SessionContext) -> list[Any]:
        """Call the host so often; how often it answered, and the code of the first refusal."""
        for done in range(count):
            try:
                ctx.call_tool("nothing")
            except HostToolError as error:
                return [done, error.code]
        return [count, None]

    @tool
    def asks_for(self, target: str, ctx: SessionContext) -> Any:
        """Call this tool of the host."""
        return ctx.call_tool(target)

    @tool
    def asks_at_once(self, count: int, refused: str, ctx: SessionContext) -> list[str]:
        """Call the host from so many threads at once, noting each refusal in a file; what each heard."""

        def ask(number: int) -> Any:
            try:
                answer: str = ctx.call_tool("meet", number=number)
                return answer
            except HostToolError as error:
                with open(refused, "ab") as file:
                    file.write(b".")
                return error.code

        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(ask, range(count)))

    @tool
    def asks_later(self, ctx: SessionContext) -> None:
        """Call the host from a thread once this call has returned; see `heard`."""
        self.heard_later: str | None = None
        call = _native.current_call()
        assert call is not None

        def ask() -> None:
            while not call.ended:
                time.sleep(0.001)
            try:
                self.heard_later = ctx.call_tool("nothing")
            except HostToolError as error:
                self.heard_later = error.code

        self.later = threading.Thread(target=ask)
        self.later.start()

    @tool
    def heard(self) -> str | None:
        """What the thread of `asks_later` heard."""
        self.later.join()
        return self.heard_later

    @tool
    def sends(self, what: str) -> str:
        """Send something to the host that it should not look into; its code."""
        value = b"\x81\xa5value"
        bodies = {
            "deep": value + b"\x91" * 100_000 + b"\xc0",
            "large": value + b"\xc6" + (300 << 20).to_bytes(4, "big") + bytes(300 << 20),
            "many": value + b"\xdd" + (2_000_000).to_bytes(4, "big") + b"\xc0" * 2_000_000,
            "claims": value + b"\xdd\xff\xff\xff\xff",
            "nothing": b"",
            "no text": value + b"\xa2\xff\xfe",
        }
        call = _native.current_call()
        assert call is not None
        try:
            _native.host_call(call, "echo", bodies[what], None)
        except _native.RemoteError as error:
            return error.code
        return "taken"


def _here(tool_name: str) -> str:
    """The tool, and whether it runs on the main thread."""
    return f"{tool_name} on main" if threading.current_thread() is threading.main_thread() else tool_name
