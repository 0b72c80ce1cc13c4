"""Tools that run beside each other, each in the way of its kind."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from snakebridge.adapters.showcase.tool import Tool

if TYPE_CHECKING:
    from snakebridge.session import SessionContext

MILLISECONDS = 1000


class ConcurrentOpsHandler:
    """Work that waits: on a thread, and in several threads at once."""

    def get_tools(self) -> dict[str, Tool]:
        """The functions of this handler by tool name."""
        return {"wait": Tool(self.wait), "concurrent_demo": Tool(self.concurrent_demo)}

    def wait(self, ctx: SessionContext | None, delay_ms: int = 100) -> int:  # noqa: ARG002
        """Wait so long; with `Profile::Threads` calls of it overlap."""
        time.sleep(delay_ms / MILLISECONDS)
        return delay_ms

    def concurrent_demo(
        self,
        ctx: SessionContext | None,  # noqa: ARG002
        task_count: int = 3,
        delay_ms: int = 10,
    ) -> dict[str, Any]:
        """Run tasks on threads of the tool's own, and say how long all of them took together.

        Args:
            ctx: The call.
            task_count: How many tasks.
            delay_ms: How long each of them waits.
        """
        from concurrent.futures import (
            ThreadPoolExecutor,
        )  # it brings `threading`, and most workers need neither

        def task(number: int) -> dict[str, int]:
            time.sleep(delay_ms / MILLISECONDS)
            return {"task": number, "square": number * number}

        began = time.monotonic()
        with ThreadPoolExecutor(max_workers=max(1, task_count)) as threads:
            results = list(threads.map(task, range(task_count)))
        return {"results": results, "elapsed_ms": (time.monotonic() - began) * MILLISECONDS}
