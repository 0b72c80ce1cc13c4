"""Tools that take a given short time in different ways, so that their end can be raced with."""

import asyncio
import time
from collections.abc import Iterator

from snakebridge import BaseAdapter, tool


def answer(number: int) -> int:
    """What the call with this number answers: nothing that another call would."""
    return number * 7 + 1


def spin(micros: int) -> None:
    """Be busy in Python for so long."""
    end = time.perf_counter() + micros / 1e6
    while time.perf_counter() < end:
        pass


class RaceAdapter(BaseAdapter):
    """Tools to be cancelled while they end."""

    @tool
    def spins(self, number: int, micros: int) -> int:
        """Compute for so long."""
        spin(micros)
        return answer(number)

    @tool
    def sleeps(self, number: int, micros: int) -> int:
        """Wait for so long."""
        time.sleep(micros / 1e6)
        return answer(number)

    @tool
    async def dozes(self, number: int, micros: int) -> int:
        """Wait for so long on the loop."""
        await asyncio.sleep(micros / 1e6)
        return answer(number)

    @tool
    def guards(self, number: int, micros: int) -> int:
        """Compute for so long behind a shield."""
        with self.session_context.shield():
            spin(micros)
        return answer(number)

    @tool
    def counts(self, number: int, micros: int) -> Iterator[int]:
        """Yield four answers, a quarter of the time each."""
        for step in range(4):
            spin(micros // 4)
            yield answer(number) + step
