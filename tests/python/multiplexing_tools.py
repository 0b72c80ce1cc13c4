"""Tools for many calls, streams and large bodies on one pair of pipes."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

from snakebridge import BaseAdapter, tool


class MultiplexingAdapter(BaseAdapter):
    """Everything here runs beside everything else."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = 0
        self.released = asyncio.Event()

    @tool
    async def waits(self, number: int) -> int:
        """Wait until `release` is called."""
        self.waiting += 1
        await self.released.wait()
        return number * 7

    @tool
    async def waiters(self) -> int:
        """How many wait."""
        return self.waiting

    @tool
    async def release(self) -> None:
        """Let all go on that wait."""
        self.released.set()

    @tool
    async def count(self, n: int, size: int = 0) -> AsyncIterator[Any]:
        """Count to `n`, or give so many items of `size` bytes."""
        for number in range(n):
            yield bytes(size) if size else number

    @tool
    async def echo(self, data: bytes) -> bytes:
        """Give back what was given."""
        return data

    @tool
    async def memory(self) -> int:
        """Resident memory of this process, in KiB."""
        with open(f"/proc/{os.getpid()}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


class StreamsInAdapter(BaseAdapter):
    """Tools that take streams."""

    @tool
    def total(self, values: Iterator[int]) -> int:
        """Add up what comes."""
        return sum(values)

    @tool
    async def total_async(self, values: AsyncIterator[int]) -> int:
        """Add up what comes, on the loop."""
        total = 0
        async for value in values:
            total += value
        return total

    @tool
    def running(self, start: int, values: Iterator[int]) -> Iterator[int]:
        """Answer each item with the sum so far, before the next one comes."""
        for value in values:
            start += value
            yield start

    @tool
    async def running_async(self, start: int, values: AsyncIterator[int]) -> AsyncIterator[int]:
        """The same on the loop."""
        async for value in values:
            start += value
            yield start

    @tool
    def first(self, values: Iterator[Any]) -> Any:
        """Take one item and leave the rest."""
        return next(values)

    @tool
    def zipped(self, left: Iterator[str], right: Iterator[bytes]) -> list[Any]:
        """Take two streams at the same time."""
        return [[text, len(data)] for text, data in zip(left, right, strict=True)]

    @tool
    def lengths(self, values: Iterator[bytes]) -> list[int]:
        """How long each item is."""
        return [len(value) for value in values]
