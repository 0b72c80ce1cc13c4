"""Tools whose calls are recorded, and one that checks a recording without a host."""

import itertools
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

from snakebridge import BaseAdapter, Batch, StreamChunk, ToolError, tool

CHECK = "import sys; from snakebridge.testing import check_recording; print(check_recording(*sys.argv[1:]))"


class RecordedAdapter(BaseAdapter):
    """Asks the host in every way."""

    @tool
    def convert(self, amount: int, currency: str) -> int:
        """Multiply by a rate of the host."""
        rate: int = self.session_context.tools.rate(currency)
        return amount * rate

    @tool
    async def convert_later(self, amount: int, currency: str) -> int:
        """Do the same on the loop."""
        rate: int = await self.session_context.acall_tool("rate", currency)
        return amount * rate

    @tool
    def numbers(self, upto: int) -> Iterator[StreamChunk]:
        """Pass a stream of the host on."""
        for number in self.session_context.stream_tool("count", upto=upto):
            yield StreamChunk(number, metadata={"even": number % 2 == 0})

    @tool
    async def numbers_later(self, upto: int) -> AsyncIterator[int]:
        """Do the same on the loop."""
        async for number in self.session_context.stream_tool("count", upto=upto):
            yield number

    @tool
    def keep(self, data: bytes) -> bytes | None:
        """Keep bytes in the session, and give those of before."""
        before: bytes | None = self.session_context.state.get("data")
        self.session_context.state.set("data", data)
        return before

    @tool
    def fail(self) -> None:
        """Fail on purpose."""
        raise ToolError("no_luck", "on purpose", data=[1, 2])

    @tool(batch=Batch())
    def together(self, n: list[int]) -> list[int | ToolError]:
        """Multiply numbers by a rate of the host, but for one."""
        rate: int = self.session_context.tools.rate("EUR")
        return [ToolError("no_luck", "on purpose") if number == 13 else number * rate for number in n]

    @tool(batch=Batch())
    async def together_later(self, n: list[int]) -> list[tuple[int, str | None]]:
        """Return numbers, each with its caller's correlation id."""
        context = self.session_context
        await context.acall_tool("rate", "EUR")
        return list(zip(n, context.correlation_ids, strict=True))

    @tool
    def take(self, numbers: Iterator[int], count: int) -> list[int]:
        """Take so many numbers, and leave the rest."""
        return list(itertools.islice(numbers, count))

    @tool
    async def double(self, numbers: AsyncIterator[int]) -> AsyncIterator[int]:
        """Answer a stream by a stream."""
        async for number in numbers:
            yield 2 * number

    @tool
    def check(self, path: str) -> str:
        """Check a recording in a process of its own, where no host is."""
        arguments = [sys.executable, "-c", CHECK, path, "recorded_tools:RecordedAdapter"]
        environment = {**os.environ, "PYTHONPATH": os.path.dirname(__file__)}
        run = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
        return (run.stdout + run.stderr).strip()
