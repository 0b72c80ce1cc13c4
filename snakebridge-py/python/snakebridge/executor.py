"""Executor threads, on which tools run beside each other. Imported only by workers that have some."""

from __future__ import annotations

import threading
import time

from snakebridge import _native

PATIENCE = 2.0
"""Seconds for which a worker whose host is gone waits for calls that still run. They were cancelled, and see
it when they ask."""

_threads: list[threading.Thread] = []


def start(count: int) -> None:
    """Start so many threads. They end by themselves when the wire does."""
    for number in range(count):
        thread = threading.Thread(target=_native.run_executor, name=f"snakebridge-{number}", daemon=True)
        thread.start()
        _threads.append(thread)


def join() -> None:
    """Wait for the threads, but not for a tool that does not see that nobody waits for it."""
    end = time.monotonic() + PATIENCE
    for thread in _threads:
        thread.join(max(0.0, end - time.monotonic()))
