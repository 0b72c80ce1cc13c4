"""Tools that overlap: coroutines, asynchronous generators, and tools on executor threads."""

import asyncio
import contextvars
import os
import threading
import time

from snakebridge import BaseAdapter, Cancelled, HostToolError, SessionContext, StreamChunk, tool

NOTED = []
"""What tools noted on their way."""


def wait_in_python(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


class Notes(BaseAdapter):
    @tool(run_on="main")
    def noted(self) -> list:
        noted = list(NOTED)
        NOTED.clear()
        return noted

    @tool(run_on="main")
    def ping(self) -> str:
        return "pong"

    @tool(run_on="main")
    def block(self, seconds: float) -> str:
        time.sleep(seconds)
        return "blocked"

    @tool(run_on="main")
    def block_until(self, path: str) -> str:
        while not os.path.exists(path):
            time.sleep(0.001)
        return "blocked"


class Async(Notes):
    def __init__(self):
        self.doors = {}
        self.loop = None

    async def initialize(self):
        self.loop = asyncio.get_running_loop()
        self.ticks = 0
        self.background = asyncio.create_task(self.tick())

    async def cleanup(self):
        assert asyncio.get_running_loop() is self.loop
        self.background.cancel()
        print("cleaned up")

    async def tick(self):
        while True:
            await asyncio.sleep(0.001)
            self.ticks += 1

    @tool
    def ticked(self) -> int:
        return self.ticks

    @tool
    async def add(self, a: int, b: int) -> int:
        return a + b

    @tool
    async def on_the_loop(self) -> bool:
        return asyncio.get_running_loop() is self.loop

    @tool
    async def wait(self, door: str) -> str:
        """Wait until somebody opens the door."""
        event = self.doors.setdefault(door, asyncio.Event())
        try:
            await event.wait()
        except asyncio.CancelledError:
            NOTED.append(f"cancelled at {door}")
            raise
        return door

    @tool
    async def open(self, door: str):
        self.doors.setdefault(door, asyncio.Event()).set()

    @tool
    def open_from_main(self, door: str):
        self.doors.setdefault(door, asyncio.Event()).set()

    @tool
    async def blocks(self, how: str):
        """Do what a coroutine should not: block the loop."""
        try:
            if how == "sleep":
                time.sleep(60)
            else:
                wait_in_python(60)
        except asyncio.CancelledError:
            NOTED.append(f"cancelled in {how}")
            raise

    @tool
    async def survive(self, door: str) -> str:
        """Be cancelled once, and go on."""
        try:
            await self.wait(door)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
        return "survived"

    @tool
    async def shielded(self, door: str, ctx: SessionContext):
        try:
            with ctx.shield(), ctx.shield():
                await self.doors.setdefault(door, asyncio.Event()).wait()
                ctx.check_cancelled()
                NOTED.append(f"finished, cancelled: {ctx.cancelled}")
            NOTED.append("not reached when cancelled")
        except asyncio.CancelledError:
            NOTED.append("cancelled at the shield's end")
            raise

    @tool
    async def checks(self, door: str, ctx: SessionContext):
        try:
            await asyncio.shield(self.doors.setdefault(door, asyncio.Event()).wait())
        except asyncio.CancelledError:
            NOTED.append("told")
        try:
            ctx.check_cancelled()
        except asyncio.CancelledError:
            NOTED.append("asked")
            raise

    @tool
    async def times_out(self) -> str:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(60)
        except TimeoutError:
            return "timed out"

    @tool
    async def whose(self, how: str) -> list:
        """The session as a child task, a thread and a callback see it, after others have run."""
        await asyncio.sleep(0.01)

        async def child():
            await asyncio.sleep(0)
            return self.session_context.session_id

        if how == "itself":
            return self.session_context.session_id
        if how == "child":
            return await asyncio.create_task(child())
        if how == "thread":
            return await asyncio.to_thread(lambda: self.session_context.session_id)
        return await asyncio.create_task(asyncio.to_thread(lambda: self.session_context.remaining()))

    @tool
    async def cancels_itself(self):
        asyncio.current_task().cancel()
        await asyncio.sleep(0)

    @tool
    async def leaves(self):
        raise SystemExit(3)

    @tool
    def runs_a_loop(self) -> int:
        async def inner():
            await asyncio.sleep(0)
            return 42

        return asyncio.run(inner())

    @tool
    def runs_a_loop_and_asks(self, ctx: SessionContext):
        return asyncio.run(ctx.acall_tool("echo"))

    @tool
    async def ask(self, ctx: SessionContext, target: str = "echo"):
        try:
            return await ctx.acall_tool(target, value=1)
        except asyncio.CancelledError:
            NOTED.append("cancelled while asking")
            raise

    @tool
    async def reads(self, ctx: SessionContext) -> list:
        items = []
        try:
            async for item in ctx.stream_tool("numbers"):
                items += [item]
        except HostToolError:
            items.append("host_tool")
        return items

    @tool
    async def ask_blocking(self, ctx: SessionContext):
        return ctx.call_tool("echo")

    # ---- streams

    @tool
    async def count(self, n: int):
        try:
            for number in range(n):
                yield number
        finally:
            NOTED.append("count ended")

    @tool
    async def slow_count(self, n: int, door: str = ""):
        try:
            for number in range(n):
                yield StreamChunk(number, is_final=number == n - 1)
                await (self.wait(door) if door else asyncio.sleep(0.001))
        finally:
            NOTED.append("slow_count ended")

    @tool(supports_streaming=True)
    async def fetch(self, n: int):
        await asyncio.sleep(0)
        return self.generate(n)

    def generate(self, n):
        yield from range(n)
        return "generated"

    @tool
    async def fails_after(self, n: int):
        for number in range(n):
            yield number
        raise LookupError("out of numbers")

    @tool
    async def grows(self):
        for power in range(10, 24):
            yield bytes(1 << power)

    @tool(supports_streaming=True)
    def sync_count(self, n: int):
        yield from range(n)
        return "done"


class Threads(Notes):
    def __init__(self):
        self.barriers = {}
        self.doors = {}

    def door(self, name):
        return self.doors.setdefault(name, threading.Event())

    @tool
    def meet(self, party: str, size: int) -> list:
        """Return when so many calls are here at the same time."""
        barrier = self.barriers.setdefault(party, threading.Barrier(size))
        return [barrier.wait(10), threading.current_thread() is threading.main_thread()]

    @tool
    def wait(self, door: str) -> str:
        self.door(door).wait(20)
        return door

    @tool(run_on="main")
    def open(self, door: str):
        self.door(door).set()

    @tool
    def thread(self) -> str:
        return threading.current_thread().name

    @tool(run_on="main")
    def main(self) -> bool:
        return threading.current_thread() is threading.main_thread()

    @tool(run_on="thread")
    def aside(self) -> bool:
        return threading.current_thread() is threading.main_thread()

    @tool
    def polls(self, how: str, ctx: SessionContext):
        try:
            while not (how == "flag" and ctx.cancelled):
                if how == "check":
                    ctx.check_cancelled()
                time.sleep(0.001)
            NOTED.append("saw the flag")
        except Cancelled:
            NOTED.append("was told")
            raise

    @tool
    def shielded(self, door: str, ctx: SessionContext):
        with ctx.shield():
            self.door(door).wait(20)
            ctx.check_cancelled()
            NOTED.append("finished")
        NOTED.append("not reached when cancelled")

    @tool
    def whose(self, party: str, ctx: SessionContext) -> list:
        self.barriers.setdefault(party, threading.Barrier(2)).wait(10)
        return [ctx.session_id, self.session_context.session_id, ctx.remaining() is not None]

    @tool
    def asks_for_its_context(self) -> str:
        return self.session_context.session_id

    @tool
    def copied(self) -> str | None:
        """The session that copied context variables say, copied before anything was asked."""
        context = contextvars.copy_context().run(lambda: _context_without_native())
        return context and context.session_id

    @tool
    def ask(self, ctx: SessionContext):
        return ctx.call_tool("echo")

    @tool
    def reads(self, ctx: SessionContext) -> list:
        items = []
        try:
            items.extend(ctx.stream_tool("numbers"))
        except HostToolError:
            items.append("host_tool")
        return items

    @tool
    def fails(self):
        raise LookupError("nothing there")

    @tool(supports_streaming=True)
    def count(self, n: int):
        try:
            yield from range(n)
            return "done"
        finally:
            NOTED.append("count ended")

    @tool(supports_streaming=True)
    def stepwise(self, doors: list[str]):
        try:
            for door in doors:
                yield door
                self.door(door).wait(20)
        finally:
            NOTED.append("stepwise ended")


def _context_without_native():
    from snakebridge.current import _context

    return _context.get()
