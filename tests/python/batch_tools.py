"""Tools that take many calls at once, and note each run with what was in it."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Sequence

from snakebridge import BaseAdapter, Batch, SessionContext, ToolError, tool

MANY = Batch(max_size=8, max_wait_ms=60_000)
"""Nobody waits that long for company: who does has found a mistake."""


class BatchAdapter(BaseAdapter):
    """Writes one line for each run: what was asked for, in order."""

    def __init__(self, config: dict[str, str]) -> None:
        super().__init__()
        self.path = config["runs"]
        self.lock = threading.Lock()

    def note(self, calls: Sequence[int]) -> None:
        """Write down a run."""
        with self.lock, open(self.path, "a") as runs:
            runs.write(" ".join(map(str, calls)) + "\n")

    def wait(self, gates: Sequence[str]) -> None:
        """Wait until each file is there that has a name."""
        for gate in gates:
            while gate and not os.path.exists(gate):
                self.session_context.check_cancelled()
                time.sleep(0.001)

    @tool(batch=MANY)
    def double(self, n: list[int], gate: Sequence[str] = ("",)) -> list[int]:
        """Double numbers, behind a gate."""
        self.note(n)
        self.wait(gate)
        return [2 * number for number in n]

    @tool(batch=Batch(max_size=8, max_wait_ms=20))
    def double_soon(self, n: list[int], gate: Sequence[str] = ("",)) -> list[int]:
        """As `double`, with less patience."""
        return self.double(n, gate)

    @tool(batch=MANY)
    async def double_later(self, n: list[int]) -> list[int]:
        """Double numbers on the loop."""
        self.note(n)
        await asyncio.sleep(0)
        return [2 * number for number in n]

    @tool(batch=MANY)
    def picky(self, n: list[int]) -> list[object]:
        """Fail for some numbers in each way that there is."""
        self.note(n)
        answers = {1: ValueError("one"), 2: ToolError("two", "no", data=2), 3: object()}
        return [answers.get(number, number) for number in n]

    @tool(batch=MANY)
    def raises(self, n: list[int]) -> list[int]:
        """Fail for all."""
        self.note(n)
        raise ValueError(len(n))

    @tool(batch=MANY)
    def short(self, n: list[int]) -> list[int]:
        """Answer too little."""
        self.note(n)
        return n[1:]

    @tool(batch=MANY)
    def dies(self, n: list[int]) -> list[int]:
        """End the process when there is a zero."""
        self.note(n)
        if 0 in n:
            os.kill(os.getpid(), signal.SIGKILL)
        return n

    @tool(batch=MANY, idempotent=True)
    def dies_again(self, n: list[int]) -> list[int]:
        """As `dies`, and harmless to repeat."""
        return self.dies(n)

    @tool(batch=MANY)
    def crashes(self, n: list[int]) -> list[int]:
        """End the process as a bug in C would when there is a zero."""
        self.note(n)
        if 0 in n:
            os.kill(os.getpid(), signal.SIGSEGV)
        return n

    @tool(batch=MANY)
    def context(self, n: list[int], context: SessionContext) -> list[dict[str, object]]:
        """Tell what is known of the run, to each of its calls."""
        self.note(n)
        about = {
            "together": len(n),
            "session": context.session_id,
            "metadata": dict(context.request_metadata),
            "correlation_id": context.correlation_id,
        }
        return [{**about, "own": own} for own in context.correlation_ids]

    @tool(batch=MANY, session="affine")
    def pid(self, n: list[int]) -> list[int]:
        """Tell which process it is."""
        self.note(n)
        return [os.getpid()] * len(n)

    @tool(batch=MANY)
    def asks(self, n: list[int]) -> list[int]:
        """Ask a tool of the host for each, which calls Python again."""
        self.note(n)
        return [self.session_context.tools.double_all(n=[number])[0] for number in n]

    @tool
    def asks_for_many(self, n: list[int]) -> list[int]:
        """Ask a tool of the host for all, which calls Python once for each."""
        answer: list[int] = self.session_context.tools.double_all(n=n)
        return answer

    @tool(batch=MANY)
    def lengths(self, data: list[bytes]) -> list[int]:
        """Tell how long each is."""
        self.note([len(item) for item in data])
        return [len(item) for item in data]
