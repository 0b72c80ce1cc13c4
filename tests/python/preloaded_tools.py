"""Tools of a module that takes its time to import."""

import os
import random
import time
from typing import Any

from snakebridge import BaseAdapter, tool

time.sleep(0.5)
IMPORTED_BY = os.getpid()
COUNTER = {"calls": 0}


class PreloadedAdapter(BaseAdapter):
    """Tells where it is and what it shares."""

    @tool
    def whereabouts(self) -> dict[str, Any]:
        """Tell the processes that count."""
        COUNTER["calls"] += 1
        return {
            "pid": os.getpid(),
            "parent": os.getppid(),
            "imported_by": IMPORTED_BY,
            "group": os.getpgid(0),
            "calls": COUNTER["calls"],
        }

    @tool
    def draw(self) -> float:
        """Draw a random number."""
        return random.random()

    @tool
    def work(self, seconds: float = 0.0) -> int:
        """Take so long."""
        time.sleep(seconds)
        return os.getpid()

    @tool
    def speak(self, text: str) -> None:
        """Print something."""
        print(text)
