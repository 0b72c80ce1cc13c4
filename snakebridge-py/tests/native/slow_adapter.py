"""An adapter whose import holds the GIL for longer than any host should have to wait for a PONG."""

import ctypes
import time

from snakebridge import BaseAdapter, tool

END = time.monotonic() + 1.0
while (left := END - time.monotonic()) > 0:
    ctypes.PyDLL(None).usleep(int(left * 1e6))


class Slow(BaseAdapter):
    @tool
    def ping(self) -> str:
        return "pong"
