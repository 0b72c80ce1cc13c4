"""A module that the first worker imports at once, and the others never."""

import os
import time

from snakebridge import tool

try:
    os.mkdir(os.environ["FIRST"])
except FileExistsError:
    with open(os.environ["NOTED"], "a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(600)


@tool
def pid() -> int:
    """Tell which process this is."""
    return os.getpid()
