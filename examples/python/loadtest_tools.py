"""What the load test calls: the Python side of `loadtest`."""

import os
import time
from typing import NoReturn

from snakebridge import BaseAdapter, tool


class LoadAdapter(BaseAdapter):
    """Tools that do nothing, wait, fail and die."""

    @tool(idempotent=True)
    def echo(self, data: bytes) -> bytes:
        """Return what it is given."""
        return data

    @tool(idempotent=True)
    def wait(self, milliseconds: float) -> int:
        """Wait as for a disk or a network. Return the process."""
        time.sleep(milliseconds / 1000)
        return os.getpid()

    @tool
    def fail(self) -> NoReturn:
        """Raise."""
        raise RuntimeError("on purpose")

    @tool
    def die(self) -> NoReturn:
        """End the process in the middle of the call, as a fault in an extension module does."""
        os.abort()
