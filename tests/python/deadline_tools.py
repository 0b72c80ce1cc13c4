"""Tools that look at their deadlines."""

import time
from typing import Any

from ledger_tools import Ledger

from snakebridge import BaseAdapter, tool


class DeadlineAdapter(BaseAdapter):
    """Notes what it runs, and takes its time."""

    def __init__(self, config: dict[str, str]) -> None:
        super().__init__()
        self.ledger = Ledger(config["ledger"])

    @tool
    def naps(self, call: int, seconds: float) -> int:
        """Note the call, wait, return its number times three."""
        self.ledger.note(call)
        time.sleep(seconds)
        return call * 3

    @tool
    def remaining(self) -> float | None:
        """Tell how many seconds the caller still waits."""
        return self.session_context.remaining()

    @tool
    def asks(self, tool: str) -> Any:
        """Call a tool of the host."""
        return self.session_context.call_tool(tool)
