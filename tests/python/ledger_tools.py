"""Tools for the end-to-end tests. Whatever runs is noted in a ledger first: the only truth about what ran."""

import atexit
import contextlib
import ctypes
import logging
import os
import re
import resource
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterator
from typing import Any

from snakebridge import BaseAdapter, StreamChunk, tool


class Ledger:
    """A file that gets one line `call attempt pid` by one appending write, so that it survives any death."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(self, call: int) -> None:
        """Note that `call` runs in this process."""
        with open(self.path) as lines:
            attempt = 1 + sum(line.split()[0] == str(call) for line in lines)
        os.write(self.descriptor, f"{call} {attempt} {os.getpid()}\n".encode())


def hold_the_gil(seconds: float) -> None:
    """Sleep in C without releasing the interpreter, in one call that no signal of ours cuts short."""
    libc = ctypes.PyDLL(None)
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        libc.usleep(int(left * 1e6))


def wait_for_each_other() -> None:
    """Deadlock: two threads, each with the lock that the other wants."""
    first, second, both = threading.Lock(), threading.Lock(), threading.Barrier(2)

    def take(mine: threading.Lock, other: threading.Lock) -> None:
        with mine:
            both.wait()
            other.acquire()

    threading.Thread(target=take, args=(second, first), daemon=True).start()
    take(first, second)


def recurse_in_c() -> None:
    """Call ourselves through C until the stack is used up, which Python cannot see coming.

    From 3.12 on it counts such calls, for a stack of the usual size.
    """
    sys.setrecursionlimit(10**9)

    def call_again() -> None:
        callback()

    callback = ctypes.CFUNCTYPE(None)(call_again)
    threading.stack_size(256 << 10)
    thread = threading.Thread(target=callback)
    thread.start()
    thread.join()


class LedgerAdapter(BaseAdapter):
    """Does what the tests ask for, and notes it."""

    def __init__(self, config: dict[str, str]) -> None:
        super().__init__()
        self.ledger = Ledger(config["ledger"])
        self.leaked: list[bytearray] = []

    @tool
    def work(self, call: int, seconds: float = 0.0) -> int:
        """Note the call, take so long, return its square."""
        self.ledger.note(call)
        if seconds:
            time.sleep(seconds)
        return call * call

    @tool(idempotent=True)
    def work_again(self, call: int, seconds: float = 0.0) -> int:
        """As `work`, and harmless to repeat."""
        return self.work(call, seconds)

    @tool
    def ends(self, call: int, how: str, after: float = 0.0) -> str:
        """End the process in one of many ways, if `how` names one, after so many seconds."""
        self.ledger.note(call)
        time.sleep(after)
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif how == "segfault":
            ctypes.string_at(0)
        elif how == "abort":
            os.abort()
        elif how == "illegal instruction":
            os.kill(os.getpid(), signal.SIGILL)
        elif how == "endless recursion":
            recurse_in_c()
        elif how == "processor time":
            resource.setrlimit(resource.RLIMIT_CPU, (1, 60))
            while True:
                pass
        elif how == "gpu":
            os.write(2, b"CUDA error: an illegal memory access was encountered\n")
            os.abort()
        elif how == "_exit":
            os._exit(0)
        elif how == "sys.exit":
            sys.exit(3)
        elif how == "keyboard":
            raise KeyboardInterrupt
        elif how == "grandchild":
            if os.fork() == 0:
                time.sleep(30)
            os._exit(9)
        return how

    @tool
    def sick(self, call: int, folder: str) -> int:
        """Raise in the process that `folder` has a file for, by its number."""
        self.ledger.note(call)
        time.sleep(0.01)
        if os.path.exists(f"{folder}/{os.getpid()}"):
            raise RuntimeError("the device is lost")
        return os.getpid()

    @tool
    def leak(self, call: int, mebibytes: int) -> int:
        """Keep so much memory for good."""
        self.ledger.note(call)
        self.leaked.append(bytearray(os.urandom(1)) * (mebibytes << 20))
        time.sleep(0.03)
        return os.getpid()

    @tool
    def core_limit(self) -> int:
        """Tell how large a core dump may be."""
        return resource.getrlimit(resource.RLIMIT_CORE)[1]

    @tool
    def claims(self, call: int, idempotent: bool) -> None:
        """End the process, whatever the caller claims about repeating that."""
        self.ledger.note(call)
        os._exit(int(idempotent))

    @tool
    def hangs(self, call: int, how: str, seconds: float) -> str:
        """Be busy for so long, in one of many ways."""
        self.ledger.note(call)
        end = time.monotonic() + seconds
        if how == "sleep":
            time.sleep(seconds)
        elif how == "loop":
            while time.monotonic() < end:
                pass
        elif how == "gil":
            hold_the_gil(seconds)
        elif how == "sum":
            sum(range(10**12))
        elif how == "power":
            10 ** (10**9)
        elif how == "regular expression":
            re.fullmatch("(a|a)*b", "a" * 60)
        elif how == "two locks":
            wait_for_each_other()
        elif how == "swallow":
            while time.monotonic() < end:
                with contextlib.suppress(BaseException):
                    time.sleep(seconds)
        return how

    @tool
    def leave_thread(self, call: int) -> None:
        """Leave a thread behind for which the interpreter would wait at its end."""
        threading.Thread(target=time.sleep, args=(60,), daemon=False).start()
        self.ledger.note(call)

    @tool(timeout=0.2)
    def hurried(self) -> None:
        """Take longer than the deadline that this tool declares."""
        time.sleep(60)

    @tool
    def linger(self) -> int:
        """Make this process take a minute to end."""
        atexit.register(time.sleep, 60)
        return os.getpid()

    @tool
    def pid(self) -> int:
        """Tell which process this is."""
        return os.getpid()

    @tool
    def noisy(self, text: str) -> str:
        """Write to every output there is."""
        print(text)
        sys.stdout.flush()
        os.write(1, b"written to 1\n")
        os.system("echo from a shell")
        ctypes.CDLL(None).puts(b"from C")
        ctypes.CDLL(None).fflush(None)
        return repr(sys.stdin.read())

    @tool
    def logs(self, text: str) -> None:
        """Log a text by a logger of that name, with an exception that says it, too."""
        try:
            raise ValueError(text)
        except ValueError:
            logging.getLogger(text).exception(text)

    @tool
    def environment(self) -> dict[str, str]:
        """Show the environment."""
        return dict(os.environ)

    @tool
    def echo(self, value: Any) -> Any:
        """Return what came."""
        return value

    @tool
    def size(self, data: bytes) -> int:
        """Tell how many bytes came."""
        return len(data)

    @tool
    def blob(self, size: int) -> bytes:
        """Return so many bytes."""
        return bytes(size)

    @tool
    def fails(self, message: str) -> None:
        """Raise an exception that has a cause."""
        try:
            raise KeyError("the cause")
        except KeyError as cause:
            raise ValueError(message) from cause

    @tool
    def count(self, n: int, size: int = 0, note: int | None = None) -> Iterator[Any]:
        """Count to `n`; with `size`, in items of so many bytes. `note` is noted at the end, whichever."""
        try:
            for i in range(n):
                yield bytes(size) if size else i
        finally:
            if note is not None:
                self.ledger.note(note)

    @tool
    def count_and_sum(self, n: int) -> Generator[int, None, int]:
        """Count to `n`, and return the sum."""
        yield from range(n)
        return sum(range(n))

    @tool
    def count_then_fail(self, n: int) -> Iterator[int]:
        """Count to `n`, then raise."""
        yield from range(n)
        raise ValueError(f"after {n}")

    @tool
    def count_then_die(self, n: int) -> Iterator[int]:
        """Count to `n`, then end the process, as soon as the items are out."""
        yield from range(n)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGKILL)

    @tool
    def count_then_hang(self, n: int, call: int) -> Iterator[int]:
        """Count to `n`, then hold the interpreter for a minute."""
        yield from range(n)
        self.ledger.note(call)
        hold_the_gil(60)

    @tool
    def chunks(self, n: int) -> Iterator[StreamChunk]:
        """Count in envelopes, the last one marked."""
        for i in range(n):
            yield StreamChunk({"i": i}, is_final=i == n - 1, metadata={"of": n})

    @tool
    def ask_host(self, tool: str, arguments: dict[str, Any]) -> Any:
        """Call a tool of the host."""
        return self.session_context.call_tool(tool, **arguments)

    @tool
    def host_tools(self) -> list[str]:
        """Name the tools of the host."""
        return sorted(self.session_context.tools)
