"""Tools that use the state of their session, and remember things in their worker. A ledger notes what ran."""

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

from ledger_tools import Ledger

from snakebridge import BaseAdapter, HostToolError, tool


def wait_for(path: str) -> None:
    """Wait until there is a file of that name."""
    while not os.path.exists(path):
        time.sleep(0.001)


class SessionAdapter(BaseAdapter):
    """Asks the host by its system calls themselves: what Python makes of them is tested elsewhere."""

    def __init__(self, config: dict[str, str]) -> None:
        super().__init__()
        self.ledger = Ledger(config["ledger"])
        self.memory: dict[str, Any] = {}

    @tool
    def session(self) -> str:
        """Name the session of this call."""
        return self.session_context.session_id

    @tool
    def state(self, operation: str, arguments: dict[str, Any]) -> Any:
        """Do something to the state of the session; an error is its code, text, data and class."""
        try:
            return self.session_context.call_tool(f"$state.{operation}", **arguments)
        except HostToolError as error:
            raised = type(error).__name__
            return {"code": error.code, "message": error.message, "data": error.data, "raised": raised}

    @tool
    def set_late(self, call: int, gate: str, key: str) -> Any:
        """Set a key when the gate is open."""
        self.ledger.note(call)
        wait_for(gate)
        return self.state("set", {"key": key, "value": "late"})

    @tool
    def ask_late(self, call: int, gate: str, tools: list[str]) -> list[Any]:
        """Call tools of the host when the gate is open; an error is its code."""
        self.ledger.note(call)
        wait_for(gate)
        answers = []
        for name in tools:
            try:
                answers.append(self.session_context.call_tool(name))
            except HostToolError as error:
                answers.append(error.code)
        return [*answers, sorted(self.session_context.tools)]

    @tool
    def set_and_die(self, keys: list[str]) -> None:
        """Set some keys, and end before the last."""
        for key in keys[:-1]:
            self.session_context.call_tool("$state.set", key=key, value=os.getpid())
        os.kill(os.getpid(), signal.SIGKILL)

    @tool
    def increment(self, key: str) -> int:
        """Count one more by compare-and-set, however often somebody else is faster."""
        while True:
            version, count = self.session_context.call_tool("$state.get", key=key) or (0, 0)
            try:
                self.session_context.call_tool("$state.cas", key=key, expected=version, value=count + 1)
            except HostToolError as error:
                if error.code != "conflict":
                    raise
            else:
                return count + 1

    @tool
    def remember(self, key: str, value: Any) -> int:
        """Keep something in this worker."""
        self.memory[key] = value
        return os.getpid()

    @tool
    def recall(self, key: str) -> Any:
        """Give what this worker keeps, if it does."""
        return self.memory.get(key)

    @tool
    def hold(self, call: int, gate: str) -> int:
        """Run until the gate is open."""
        self.ledger.note(call)
        wait_for(gate)
        return os.getpid()

    @tool
    def kilobytes(self, call: int, n: int) -> Iterator[bytes]:
        """Give so many, and note when that ends, however it does."""
        try:
            for _ in range(n):
                yield bytes(1000)
        finally:
            self.ledger.note(call)

    @tool(session="affine")
    def remember_here(self, key: str, value: Any) -> None:
        """Keep something in this worker; declared here, for callers that declare nothing."""
        self.memory[key] = value

    @tool(session="affine")
    def recall_here(self, key: str) -> Any:
        """Give what this worker keeps, if it does."""
        return self.memory.get(key)

    @tool
    def pid(self) -> int:
        """Tell which process this is."""
        return os.getpid()

    @tool
    def ask_host(self, tool: str, arguments: dict[str, Any]) -> Any:
        """Call a tool of the host."""
        return self.session_context.call_tool(tool, **arguments)
