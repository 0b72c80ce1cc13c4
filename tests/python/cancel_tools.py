"""Tools to be cancelled. Whatever runs is noted in a ledger first."""

import ctypes
import signal
import time
from collections.abc import Iterator

from ledger_tools import Ledger

from snakebridge import BaseAdapter, tool


class CancelAdapter(BaseAdapter):
    """Notes what it runs, and takes its time."""

    def __init__(self, config: dict[str, str]) -> None:
        super().__init__()
        self.ledger = Ledger(config["ledger"])

    @tool
    def quick(self, call: int) -> int:
        """Return a number that only this call returns."""
        return call * 3

    @tool
    def naps(self, call: int, seconds: float) -> int:
        """Note the call, wait, return its number times three."""
        self.ledger.note(call)
        time.sleep(seconds)
        return call * 3

    @tool
    def holds(self, call: int) -> None:
        """Note the call and hold the interpreter for a minute, in C, where no signal cuts it short."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGURG})
        self.ledger.note(call)
        ctypes.PyDLL(None).usleep(60_000_000)

    @tool
    def jams(self, call: int) -> None:
        """Note the call and wait in C without the interpreter's lock, again and again."""
        self.ledger.note(call)
        libc = ctypes.CDLL(None)
        while True:
            try:
                libc.usleep(1_000_000)
            except BaseException:
                continue

    @tool
    def takes(self, data: bytes) -> int:
        """Tell how many bytes came."""
        return len(data)

    @tool
    def ticks(self, call: int) -> Iterator[int]:
        """Count without end; note the call when that is over."""
        try:
            number = 0
            while True:
                yield number
                number += 1
        finally:
            self.ledger.note(call)
