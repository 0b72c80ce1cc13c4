"""Tools with streams among their arguments, in every way in which a tool can run."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Generator, Iterable, Iterator

from snakebridge import BaseAdapter, SessionContext, tool

NOTED = []
"""What tools noted on their way."""


class Streams(BaseAdapter):
    """Every tool but those for the loop runs where the host says."""

    @tool(run_on="main")
    def noted(self) -> list:
        noted = list(NOTED)
        NOTED.clear()
        return noted

    @tool(run_on="main")
    def ping(self) -> str:
        return "pong"

    @tool
    def total(self, numbers: Iterator[int]) -> int:
        return sum(numbers)

    @tool
    def total_length(self, pieces: Iterable[bytes]) -> int:
        return sum(map(len, pieces))

    @tool
    def pair(self, left: Generator[int, None, None], right: Iterator[str], between: str = "-") -> list[str]:
        return [f"{number}{between}{text}" for number, text in zip(left, right, strict=False)]

    @tool
    def maybe(self, numbers: Iterator[int] | None = None) -> int | None:
        return None if numbers is None else sum(numbers)

    @tool
    def first(self, numbers: Iterator[int]) -> int:
        """Take one, and leave the rest."""
        return next(numbers)

    @tool
    def anything(self, items: Iterator) -> list:
        return list(items)

    @tool
    def patient(self, numbers: Iterator[int]):
        try:
            return sum(numbers)
        finally:
            NOTED.append("patient ended")

    @tool
    def keeps(self, numbers: Iterator[int]) -> int:
        """Take one, and keep the stream for longer than the call."""
        self.kept = numbers
        return next(numbers)

    @tool
    def late(self) -> str:
        try:
            next(self.kept)
        except RuntimeError as error:
            return str(error)

    @tool(supports_streaming=True)
    def double(self, numbers: Iterator[int]):
        for number in numbers:
            yield 2 * number
        return "done"


class AsyncStreams(Streams):
    @tool
    async def total(self, numbers: AsyncIterator[int]) -> int:
        return sum([number async for number in numbers])

    @tool
    async def total_length(self, pieces: AsyncIterable[bytes]) -> int:
        return sum([len(piece) async for piece in pieces])

    @tool
    async def first(self, numbers: AsyncIterator[int]) -> int:
        return await anext(numbers)

    @tool
    async def patient(self, numbers: AsyncIterator[int]):
        try:
            return sum([number async for number in numbers])
        finally:
            NOTED.append("patient ended")

    @tool
    async def blocking(self, numbers: Iterator[int]) -> int:
        return sum(numbers)

    @tool
    def own_loop(self, numbers: AsyncIterator[int], ctx: SessionContext) -> int:
        async def add():
            return sum([number async for number in numbers])

        return asyncio.run(add())

    @tool
    async def double(self, numbers: AsyncIterator[int]):
        async for number in numbers:
            yield 2 * number

    @tool
    async def both(self, left: AsyncIterator[int], right: AsyncIterator[int]) -> list[int]:
        """Read two streams at the same time."""

        async def add(numbers):
            return sum([number async for number in numbers])

        return list(await asyncio.gather(add(left), add(right)))
