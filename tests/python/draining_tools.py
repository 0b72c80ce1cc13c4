"""Tools that are in the middle of something until a file is there."""

import time
from collections.abc import Iterator

from ledger_tools import Ledger
from stateful_tools import wait_for

from snakebridge import BaseAdapter, tool


class DrainingAdapter(BaseAdapter):
    """Notes what it begins."""

    def __init__(self, config: dict[str, str]) -> None:
        super().__init__()
        self.ledger = Ledger(config["ledger"])
        self.gate = config["gate"]
        self.notes_its_end = "notes_its_end" in config

    def cleanup(self) -> None:
        """Note an end in good order, if that is asked for."""
        if self.notes_its_end:
            self.ledger.note(1000)

    @tool
    def waits(self, call: int) -> int:
        """Wait for the gate, and note if that is cancelled."""
        self.ledger.note(call)
        try:
            wait_for(self.gate)
        except BaseException:
            self.ledger.note(100 + call)
            raise
        return call

    @tool
    def asks(self, call: int) -> int:
        """Wait for the gate, then ask the host, which asks Python again."""
        self.ledger.note(call)
        wait_for(self.gate)
        return int(self.session_context.call_tool("twice_the_square", number=call))

    @tool
    def square(self, number: int) -> int:
        """Square a number."""
        return number * number

    @tool
    def counts(self, call: int, n: int) -> Iterator[int]:
        """Count to `n`, with a wait for the gate half-way."""
        self.ledger.note(call)
        for i in range(n):
            if i == n // 2:
                wait_for(self.gate)
            yield i

    @tool
    def sleeps(self, call: int, seconds: float) -> int:
        """Sleep."""
        self.ledger.note(call)
        time.sleep(seconds)
        return call

    @tool
    def wall(self) -> float:
        """Tell what the clock on the wall says."""
        return time.time()
