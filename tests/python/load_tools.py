"""Tools for tests under load: they wait for a file, so that the tests say what happens before what."""

import os
import time
from pathlib import Path
from typing import Any

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
    def work(self, call: int, data: Any = None) -> int:  # noqa: ARG002 - it is only sent
        """Note the call, return its square; with whatever else comes."""
        self.ledger.note(call)
        return call * call

    @tool
    def wait(self, call: int, gate: str, data: Any = None) -> int:  # noqa: ARG002 - it is only sent
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
