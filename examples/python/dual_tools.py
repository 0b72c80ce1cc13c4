"""Three kinds of work, of which each profile is good at another: the Python side of `dual_mode`."""

import asyncio
import hashlib
import time

from snakebridge import BaseAdapter, tool

BLOCK = bytes(1 << 20)


class DualAdapter(BaseAdapter):
    """Every pool of the example loads it."""

    @tool
    def compute(self, rounds: int) -> int:
        """Compute in Python, with the interpreter's lock."""
        value = 1
        for step in range(rounds):
            value = (value * 31 + step) % 1_000_003
        return value

    @tool
    def digest(self, mebibytes: int) -> str:
        """Compute in C, which gives the lock away meanwhile."""
        sha = hashlib.sha256()
        for _ in range(mebibytes):
            sha.update(BLOCK)
        return sha.hexdigest()

    @tool
    def wait(self, seconds: float) -> None:
        """Wait for something, and keep a thread for it."""
        time.sleep(seconds)

    @tool
    async def wait_on_loop(self, seconds: float) -> None:
        """Wait for something on the event loop, which keeps nothing."""
        await asyncio.sleep(seconds)
