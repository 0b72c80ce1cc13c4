"""Tools that need something for themselves. They note when they begin, and when they end, as 1000 more."""

import time
from collections.abc import Iterator
from pathlib import Path

from ledger_tools import Ledger

from snakebridge import BaseAdapter, Batch, tool

ENDED = 1000


class ResourceAdapter(BaseAdapter):
    """What each of its calls does is wait for a file."""

    def __init__(self, config: dict[str, str]) -> None:
        super().__init__()
        self.ledger = Ledger(config["ledger"])

    def _work(self, call: int, gate: str) -> int:
        self.ledger.note(call)
        while not Path(gate).exists():
            self.session_context.check_cancelled()
            time.sleep(0.002)
        self.ledger.note(ENDED + call)
        return call

    @tool(resources={"gpu": 1})
    def train(self, call: int, gate: str) -> int:
        """Need a GPU."""
        return self._work(call, gate)

    @tool(resources="gpu")
    def infer(self, call: int, gate: str) -> int:
        """Need a GPU, too."""
        return self._work(call, gate)

    @tool(resources=["gpu", "license"])
    def render(self, call: int, gate: str) -> int:
        """Need a GPU and a license."""
        return self._work(call, gate)

    @tool(resources=["license"])
    def lint(self, call: int, gate: str) -> int:
        """Need a license."""
        return self._work(call, gate)

    @tool(resources="gpu")
    def watch(self, call: int, gate: str) -> Iterator[int]:
        """Need a GPU for as long as the stream lasts."""
        yield call
        yield self._work(call, gate)

    @tool(resources="gpu", batch=Batch(max_size=8))
    def infer_all(self, call: list[int], gate: list[str]) -> list[int]:
        """Need one GPU for all."""
        return [self._work(*one) for one in zip(call, gate, strict=True)]

    @tool(resources="gpu")
    def ask(self, tool: str, call: int, gate: str) -> int:
        """Need a GPU while the host calls a tool with these."""
        self.ledger.note(call)
        answer = self.session_context.call_tool("runs", tool=tool, call=call + 1, gate=gate)
        self.ledger.note(ENDED + call)
        return int(answer)

    @tool
    def plain(self, call: int) -> int:
        """Need nothing."""
        self.ledger.note(call)
        return call


class LargeAdapter(ResourceAdapter):
    """With one more, for those that have two of something."""

    @tool(resources={"gpu": 2})
    def train_large(self, call: int, gate: str) -> int:
        """Need two GPUs."""
        return self._work(call, gate)
