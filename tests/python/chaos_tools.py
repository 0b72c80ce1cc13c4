"""What the chaos run calls: ordinary work that says what ran, and harm of every kind.

Whatever runs is noted in a ledger first, by one appending write: it survives any death.
"""

import contextlib
import ctypes
import fcntl
import os
import resource
import signal
import struct
import sys
import time
from collections.abc import Iterator
from typing import Any

from ledger_tools import hold_the_gil

from snakebridge import BaseAdapter, Conflict, SessionExpired, tool

FIRST_PRIVATE = 64
"""Below it are no descriptors of the worker's own."""


class ChaosAdapter(BaseAdapter):
    """Works, and harms its own process when it is told to."""

    def __init__(self, config: dict[str, str]) -> None:
        super().__init__()
        self.descriptor = os.open(config["ledger"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def _note(self, call: int) -> None:
        os.write(self.descriptor, f"{call} 1 {os.getpid()}\n".encode())

    @tool
    def echo(self, call: int, data: bytes) -> tuple[int, bytes]:
        """Return what came."""
        self._note(call)
        return call, data

    @tool
    def count(self, call: int, n: int, size: int) -> Iterator[tuple[int, int, bytes]]:
        """Count to `n`, with so many bytes in each item."""
        self._note(call)
        for i in range(n):
            yield call, i, bytes(size)

    @tool
    def ask(self, call: int, times: int) -> tuple[int, float | None]:
        """Have the host double a number, again and again. Return it, and how many seconds are left."""
        self._note(call)
        number = call % 1000
        for _ in range(times):
            number = self.session_context.call_tool("twice", number=number)
        return number, self.session_context.remaining()

    @tool
    def increment(self, call: int) -> tuple[str, int]:
        """Add one to the session's counter, and return whose it is with the new count."""
        self._note(call)
        state = self.session_context.state
        while True:
            version, count = state.get_versioned("count", 0)
            try:
                state.compare_and_set("count", version, count + 1)
            except Conflict:
                continue
            return state.get("owner"), count + 1

    @tool
    def write_late(self, call: int, milliseconds: int) -> None:
        """Write into the session after a while, when it may be over."""
        self._note(call)
        time.sleep(milliseconds / 1000)
        with contextlib.suppress(SessionExpired):
            self.session_context.state.set("late", call)

    @tool
    def last_items(self, call: int, n: int, size: int) -> Iterator[tuple[int, int, bytes]]:
        """Die behind `n` items."""
        self._note(call)
        for i in range(n):
            yield call, i, bytes(size)
        os.kill(os.getpid(), signal.SIGKILL)

    @tool
    def cursed(self, call: int, dies: bool) -> None:
        """Die, or take a while."""
        self._note(call)
        if dies:
            os._exit(1)
        time.sleep(0.05)

    @tool
    def burn(self, call: int, milliseconds: int, gil: bool) -> int:
        """Be busy in Python, or in C with the interpreter held."""
        self._note(call)
        if gil:
            hold_the_gil(milliseconds / 1000)
        else:
            end = time.monotonic() + milliseconds / 1000
            while time.monotonic() < end:
                pass
        return call

    @tool
    def fail(self, call: int) -> None:
        """Raise."""
        self._note(call)
        raise ValueError(f"call {call}")

    @tool
    def harm(self, call: int, how: str) -> str:
        """Harm this process in the way that `how` names."""
        self._note(call)
        getattr(Harm, how)()
        return how


class Harm:
    """The ways of harming a worker from inside."""

    @staticmethod
    def exit() -> None:
        """End without a word."""
        os._exit(0)

    @staticmethod
    def segfault() -> None:
        """Read from nowhere."""
        ctypes.string_at(0)

    @staticmethod
    def hang() -> None:
        """Hold the interpreter for longer than anybody waits."""
        hold_the_gil(60)

    @staticmethod
    def garbage() -> None:
        """Write something into the pipe to the host that is no frame."""
        os.write(output_pipe(), b"\xff" * 64)

    @staticmethod
    def half_frame() -> None:
        """Begin a frame and die."""
        os.write(output_pipe(), struct.pack(">I", 1000) + b"\x94\x03")
        os._exit(1)

    @staticmethod
    def oversize() -> None:
        """Announce a frame that no host takes."""
        os.write(output_pipe(), struct.pack(">I", 0xFFFF_FFF0))

    @staticmethod
    def flood() -> None:
        """Write megabytes to stderr."""
        for _ in range(200):
            os.write(2, b"noise " * 2000 + b"\n")

    @staticmethod
    def noisy_exit() -> None:
        """Write megabytes to stderr and end."""
        Harm.flood()
        os._exit(1)

    @staticmethod
    def descriptors() -> None:
        """Use up all descriptors, and give them back."""
        taken = []
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        try:
            with contextlib.suppress(OSError):
                while True:
                    taken.append(os.dup(2))
        finally:
            for descriptor in taken:
                os.close(descriptor)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    @staticmethod
    def balloon() -> None:
        """Take memory, and give it back."""
        bytearray(200 << 20)

    @staticmethod
    def standard_streams() -> None:
        """Close what every program takes for granted."""
        for descriptor in (0, 1, 2):
            with contextlib.suppress(OSError):
                os.close(descriptor)

    @staticmethod
    def children() -> None:
        """Leave children behind that outlive the worker's patience."""
        for _ in range(3):
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)

    @staticmethod
    def handlers() -> None:
        """Ignore whatever can be ignored."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    @staticmethod
    def recursion() -> None:
        """Run into the end of the stack, if Python allows it."""
        sys.setrecursionlimit(10**9)

        def deeper(level: int) -> Any:
            return [deeper(level + 1)]

        deeper(0)


def output_pipe() -> int:
    """The worker's own descriptor that leads to the host."""
    for name in os.listdir("/proc/self/fd"):
        descriptor = int(name)
        if descriptor < FIRST_PRIVATE:
            continue
        with contextlib.suppress(OSError):
            is_pipe = os.readlink(f"/proc/self/fd/{name}").startswith("pipe:")
            if is_pipe and fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY:
                return descriptor
    raise LookupError("this worker has no pipe to its host")
