"""Tools that show what the options of a call do. Whatever runs is noted in a ledger first."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

from ledger_tools import Ledger

from snakebridge import BaseAdapter, Batch, tool


class OptionAdapter(BaseAdapter):
    """Notes what it runs and how that ended."""

    def __init__(self, config: dict[str, str]) -> None:
        super().__init__()
        self.ledger = Ledger(config["ledger"])
        self.opened = threading.Event()

    @tool
    def notes(self, call: int) -> int:
        """Note the call and return its number."""
        self.ledger.note(call)
        return call

    @tool(cache="1h")
    def kept(self, call: int) -> int:
        """Note the call and return how often it has run: the result is kept."""
        self.ledger.note(call)
        with open(self.ledger.path) as lines:
            return sum(line.split()[0] == str(call) for line in lines)

    @tool(cache=0.05)
    def kept_briefly(self, call: int) -> int:
        """As `kept`, for a moment."""
        return self.kept(call)

    @tool(cache="1h")
    def kept_behind_a_gate(self, call: int, gate: str, fails: int = 0) -> int:
        """As `kept`, when the gate is open; the first so many runs fail."""
        runs = self.kept(call)
        while not os.path.exists(gate):
            self.session_context.check_cancelled()
            time.sleep(0.001)
        if runs <= fails:
            raise ValueError(runs)
        return runs

    @tool(cache="1h")
    def kept_and_nested(self, call: int, depth: int) -> int:
        """Note the call, and have a tool of the host call this one again with the same arguments, once."""
        runs = self.kept(call)
        return runs if runs > depth else int(self.session_context.call_tool("again", call=call, depth=depth))

    @tool(cache="1h", batch=Batch(max_size=8, max_wait_ms=60_000))
    def kept_together(self, call: list[int]) -> list[int]:
        """Note the calls: each result is kept."""
        for one in call:
            self.ledger.note(one)
        return call

    @tool
    def waits(self, call: int, ended: int, whole: int) -> int:
        """Note the call and wait until `opens` is called; note how it ended, and whether that was whole."""
        self.ledger.note(call)
        try:
            while not self.opened.is_set():
                self.session_context.check_cancelled()
                time.sleep(0.001)
            self.ledger.note(whole)
        finally:
            self.ledger.note(ended)
        return call

    @tool
    def opens(self) -> None:
        """Let those who wait go on."""
        self.opened.set()

    @tool
    def streams(self, n: int, size: int, ended: int, whole: int) -> Iterator[bytes]:
        """Yield `n` items of `size` bytes; note the end, and whether that was whole."""
        try:
            for _ in range(n):
                yield bytes(size)
            self.ledger.note(whole)
        finally:
            self.ledger.note(ended)

    @tool
    def dies(self, call: int, times: int) -> int:
        """Note the call; end the process the first so many times."""
        self.ledger.note(call)
        with open(self.ledger.path) as lines:
            runs = sum(line.split()[0] == str(call) for line in lines)
        if runs <= times:
            os.kill(os.getpid(), signal.SIGKILL)
        return call

    @tool(idempotent=True)
    def dies_again(self, call: int, times: int) -> int:
        """As `dies`, and harmless to repeat."""
        return self.dies(call, times)

    @tool
    def dies_before_items(self, call: int, times: int) -> Iterator[int]:
        """As `dies`, and then yield the call's number."""
        yield self.dies(call, times)

    @tool
    def raises(self, message: str) -> None:
        """Raise an error."""
        raise ValueError(message)

    @tool
    def notes_and_raises(self, call: int) -> None:
        """Note the call and raise an error."""
        self.ledger.note(call)
        raise ValueError(call)

    @tool
    def pid(self) -> int:
        """Tell which process this is."""
        return os.getpid()

    @tool
    def echo_bytes(self, data: bytes, prefix: bytes = b"") -> bytes:
        """Return what came."""
        return prefix + data

    @tool
    def bytes_of(self, data: bytes) -> Iterator[int]:
        """Yield each byte."""
        yield from data

    @tool
    def context(self) -> dict[str, Any]:
        """Tell what is known of the request."""
        context = self.session_context
        return {
            "session": context.session_id,
            "correlation_id": context.correlation_id,
            "metadata": dict(context.request_metadata),
        }

    @tool
    def contexts(self) -> Iterator[dict[str, Any]]:
        """Yield what is known of the request."""
        yield self.context()
