"""Tools for tests under load. They wait for files, so that a test says what happens before what."""

import os
import time
from pathlib import Path

from ledger_tools import Ledger

from snakebridge import BaseAdapter, tool


def wait_for(gate: str) -> None:
    """Wait until there is a file of that name."""
    while not Path(gate).exists():
        time.sleep(0.002)


class LoadAdapter(BaseAdapter):
    """Starts when the file `door` is there, if the configuration names one; and notes what it does."""

    def __init__(self, config: dict[str, str]) -> None:
        super().__init__()
        if door := config.get("door"):
            wait_for(door)
        self.ledger = Ledger(config["ledger"])

    @tool
    def work(self, call: int) -> int:
        """Note the call, return its square."""
        self.ledger.note(call)
        return call * call

    @tool
    def weigh(self, call: int, data: bytes) -> int:
        """Note the call, and tell how many bytes came."""
        self.ledger.note(call)
        return len(data)

    @tool
    def wait(self, call: int, gate: str) -> int:
        """Note the call, and wait until the file `gate` is there."""
        self.ledger.note(call)
        wait_for(gate)
        return call * call

    @tool
    def pid(self) -> int:
        """Tell which process this is."""
        return os.getpid()

    @tool
    def ends(self) -> None:
        """End the process."""
        os._exit(1)
