"""Tools that wait for each other, so that nothing but running at the same time lets them end."""

import asyncio
import threading
import time

from ledger_tools import Ledger

from snakebridge import BaseAdapter, tool


class ConcurrentAdapter(BaseAdapter):
    """Notes what it runs; tools meet, wait and stay."""

    def __init__(self, config: dict[str, str]) -> None:
        super().__init__()
        self.ledger = Ledger(config["ledger"])
        self.barriers: dict[int, threading.Barrier] = {}
        self.lock = threading.Lock()
        self.waiting = 0
        self.everybody = asyncio.Event()
        self.opened = threading.Event()

    @tool
    def meets(self, call: int, parties: int) -> int:
        """Wait on a thread until so many are here."""
        with self.lock:
            barrier = self.barriers.setdefault(parties, threading.Barrier(parties))
        barrier.wait(timeout=60)
        return call * 3

    @tool
    async def gathers(self, call: int, parties: int) -> int:
        """Wait on the loop until so many are here."""
        self.waiting += 1
        if self.waiting == parties:
            self.waiting = 0
            self.everybody.set()
            self.everybody = asyncio.Event()
        else:
            await self.everybody.wait()
        return call * 3

    @tool
    async def awaits(self, call: int) -> None:
        """Wait on the loop for ever; note the call when that is over."""
        try:
            await asyncio.Event().wait()
        finally:
            self.ledger.note(call)

    @tool
    def waits(self, call: int) -> int:
        """Note the call and wait on a thread until `opens` is called."""
        self.ledger.note(call)
        while not self.opened.is_set():
            time.sleep(0.001)
        return call * 3

    @tool
    def stays(self, call: int) -> None:
        """Note the call and wait on a thread in C for ever, as if nobody had said anything."""
        self.ledger.note(call)
        threading.Event().wait(3600)

    @tool
    def opens(self) -> None:
        """Let those who wait go on."""
        self.opened.set()

    @tool
    def opens_in(self, seconds: float) -> None:
        """Let those who wait go on, after so long."""
        timer = threading.Timer(seconds, self.opened.set)
        timer.daemon = True
        timer.start()

    @tool
    def quick(self, call: int) -> int:
        """Return a number that only this call returns."""
        return call * 3
