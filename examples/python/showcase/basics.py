"""Plain calls: values in, values out, and errors with a traceback."""

import os
import time
from dataclasses import dataclass

from snakebridge import tool


@dataclass
class Info:
    """What the adapter says of itself."""

    name: str
    version: str
    process: int


class Basics:
    """Tools that need nothing but their arguments."""

    @tool(idempotent=True)
    def ping(self) -> str:
        """Answer."""
        return "pong"

    @tool
    def adapter_info(self) -> Info:
        """Say who answers."""
        return Info(name="ShowcaseAdapter", version="1.0.0", process=os.getpid())

    @tool
    def process_text(self, text: str, operation: str = "upper") -> str:
        """Change a text."""
        match operation:
            case "upper":
                return text.upper()
            case "lower":
                return text.lower()
            case "reverse":
                return text[::-1]
        raise ValueError(f"{operation!r} is no operation; there are upper, lower, reverse")

    @tool
    def wait(self, seconds: float) -> int:
        """Take some time, as whatever asks a disk or a network does. Return the process."""
        time.sleep(seconds)
        return os.getpid()
