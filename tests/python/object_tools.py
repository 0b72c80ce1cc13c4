"""Objects that stay here: tools that keep some, and things to be done with them."""

import asyncio
import gc
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Self

from snakebridge import BaseAdapter, Kept, keep, tool


class Tracked:
    """Knows how many of its kind there are."""

    alive = 0
    _lock = threading.Lock()

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.items: dict[Any, Any] = {}
        self.log: list[str] = []
        self._secret = "secret"
        with self._lock:
            type(self).alive += 1

    def __del__(self) -> None:
        with self._lock:
            type(self).alive -= 1

    def __getitem__(self, key: Any) -> Any:
        return self.items[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        self.items[key] = value

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items.items())

    def __repr__(self) -> str:
        return f"<Tracked {self.name}>"

    def __call__(self, *args: Any, **kwargs: Any) -> list[Any]:
        """Give back what was given."""
        return [self.name, list(args), kwargs]

    def __enter__(self) -> Self:
        self.log.append("entered")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        self.log.append("left" if kind is None else f"left by {kind.__name__}: {error}")

    def pid(self) -> int:
        """Tell which process this is."""
        return os.getpid()

    def child(self, name: str) -> "Tracked":
        """Make another, which is named after this one."""
        return Tracked(f"{self.name}/{name}")

    def children(self, count: int) -> "list[Tracked]":
        """Make several, in a list."""
        return [Tracked(f"{self.name}/{number}") for number in range(count)]

    async def later(self, value: Any) -> Any:
        """Give back what was given, a little later."""
        await asyncio.sleep(0)
        return value

    async def ticks(self, count: int) -> AsyncIterator[list[Any]]:
        """Count on a loop, and tell which one it is."""
        for number in range(count):
            await asyncio.sleep(0)
            yield [number, id(asyncio.get_running_loop())]

    async def offspring(self, count: int) -> AsyncIterator["Tracked"]:
        """Make several, one by one, and fail behind them."""
        for child in self.children(count):
            yield child
        raise LookupError(f"{self.name} has no more")

    async def endless(self, waits: bool) -> AsyncIterator[bytes]:
        """Give kibibytes, or one and then nothing, and note how many and the end."""
        self.items["given"] = 0
        try:
            while True:
                self.items["given"] += 1
                yield bytes(1024)
                if waits:
                    await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.log.append("closed")

    def letters(self, count: int) -> list[bytes]:
        """Make a list of kibibytes."""
        return [bytes(1024)] * count

    def meeting(self) -> "Meeting":
        """Make an asynchronous object that is no generator."""
        return Meeting()

    def is_same(self, other: Any) -> bool:
        """Tell whether that is this one."""
        return other is self

    def names(self, others: Any) -> list[str]:
        """Tell the names of others."""
        return [other.name for other in others]

    def total(self, values: Iterator[int]) -> int:
        """Add up numbers."""
        return sum(values)

    def fail(self) -> None:
        """Fail."""
        raise LookupError(f"{self.name} fails")

    def die(self) -> None:
        """End the process."""
        os._exit(3)

    def sleep(self, gate: str) -> None:
        """Say that it sleeps, and sleep."""
        Path(gate).touch()
        while True:
            time.sleep(0.01)


class Meeting:
    """Lets whoever iterates over it go on when another one does."""

    def __init__(self) -> None:
        self.here = 0
        self.complete = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[str]:
        self.here += 1
        if self.here == 2:
            self.complete.set()
        await self.complete.wait()
        yield "met"


class ObjectAdapter(BaseAdapter):
    """Tools that keep objects, and are given some."""

    @tool
    def make(self, name: str) -> Kept[Tracked]:
        """Make one, which stays here."""
        return keep(Tracked(name))

    @tool
    def make_pair(self) -> dict[str, Any]:
        """Make two, in a map."""
        return {"left": keep(Tracked("left")), "right": keep(Tracked("right")), "count": 2}

    @tool
    def make_many(self, count: int) -> Iterator[Any]:
        """Make many, one by one."""
        for number in range(count):
            yield keep(Tracked(str(number)))

    @tool
    def keep_badly(self) -> list[Any]:
        """Keep one in a result that cannot travel."""
        return [keep(Tracked("lost")), object()]

    @tool
    def name_of(self, item: Any) -> str:
        """Tell the name of one."""
        return item.name  # type: ignore[no-any-return]

    @tool
    def has_loop(self) -> bool:
        """Tell whether this worker has an event loop."""
        return "snakebridge.asynchronous" in sys.modules

    @tool
    def alive(self) -> int:
        """Tell how many there are."""
        gc.collect()
        return Tracked.alive

    @tool
    def memory(self) -> int:
        """Bytes of memory of its own that this process has."""
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
        raise AssertionError

    @tool
    def use_through_host(self, item: Any) -> str:
        """Ask a tool of the host to use the object, inside this call."""
        return self.session_context.call_tool("look_again", name=item.name)  # type: ignore[no-any-return]

    @tool
    def count_through_host(self) -> int:
        """Ask a tool of the host to iterate over an asynchronous object, inside this call."""
        return self.session_context.call_tool("count_again")  # type: ignore[no-any-return]

    @tool
    def pid(self) -> int:
        """Tell which process this is."""
        return os.getpid()
