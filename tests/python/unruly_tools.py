"""Tools that disturb their own process as careless code does: its descriptors, streams and children."""

import contextlib
import gc
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from types import FrameType
from typing import Any

from chaos_tools import FIRST_PRIVATE, output_pipe

from snakebridge import BaseAdapter, tool


def square(number: int) -> int:
    """What other processes are asked for."""
    return number * number


def trace(_frame: FrameType, _event: str, _argument: Any) -> Any:
    """Be called for every line that runs."""
    return trace


class UnrulyAdapter(BaseAdapter):
    """Disturbs."""

    def __init__(self) -> None:
        super().__init__()
        self.leaked: list[int] = []

    @tool
    def pid(self) -> int:
        """Tell which process this is."""
        return os.getpid()

    @tool
    def waits(self, path: str) -> int:
        """Wait for a file."""
        while not os.path.exists(path):
            time.sleep(0.002)
        return os.getpid()

    @tool
    def prints(self, lines: int, length: int) -> int:
        """Print so many lines."""
        line = "x" * length
        for _ in range(lines):
            print(line)
        return lines

    @tool
    def writes(self, descriptor: int, data: bytes, times: int = 1) -> int:
        """Write bytes past Python's streams, so often."""
        for _ in range(times):
            rest = data
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        return len(data) * times

    @tool
    def fills(self, path: str) -> None:
        """Write what there is no room for."""
        with open(path, "w", encoding="utf-8") as file:
            file.write("x" * 100_000)

    @tool
    def disturbs_the_wire(self, data: bytes) -> str:
        """Write into the pipe to the host what is no frame."""
        os.write(output_pipe(), data)
        return "written"

    @tool
    def closes(self, first: int, last: int) -> str:
        """Close descriptors that belong to others."""
        os.closerange(first, last)
        return "closed"

    @tool
    def asks(self) -> str:
        """Ask whoever sits in front of the machine."""
        return input("name? ")

    @tool
    def forks(self) -> list[Any]:
        """Fork, and have both processes return."""
        child = os.fork()
        if child == 0:
            return ["the child"]
        return ["the parent", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])]

    @tool
    def forks_with_something_unwritten(self) -> int:
        """Fork while the streams hold text, and have the child end as a program does, which writes it."""
        sys.stdout.write("half a line")
        child = os.fork()
        if child == 0:
            sys.exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    @tool
    def multiplies(self, how: str) -> list[int]:
        """Have other processes work."""
        with multiprocessing.get_context(how).Pool(2) as pool:
            return pool.map(square, range(5))

    @tool
    def inherited(self) -> list[str]:
        """What a program that inherits all it can has of the worker's own descriptors."""
        ours = set()
        for name in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                if int(name) >= FIRST_PRIVATE:
                    ours.add(os.readlink(f"/proc/self/fd/{name}"))
        command = "for fd in /proc/self/fd/*; do readlink $fd; done"
        shell = ["/bin/sh", "-c", command]
        theirs = subprocess.run(shell, close_fds=False, capture_output=True, text=True, check=False)
        assert any(link.startswith("pipe:") for link in ours)
        assert "pipe:" in theirs.stdout
        return sorted(ours.intersection(theirs.stdout.split()))

    @tool
    def outlives(self, how: str) -> int:
        """Leave a process behind, in our group or as a daemon."""
        child = os.fork()
        if child == 0:
            if how == "daemon":
                os.setsid()
            time.sleep(60)
            os._exit(0)
        return child

    @tool
    def ignores_signals(self) -> str:
        """Ignore whatever may be ignored."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGURG):
            signal.signal(number, signal.SIG_IGN)
        return "ignored"

    @tool
    def moves(self, group: int, session: bool) -> int:
        """Go into another group of processes, and from there into a session of our own."""
        os.setpgid(0, group)
        if session:
            os.setsid()
        return os.getpid()

    @tool
    def leaves_traces(self) -> str:
        """Change what the process has only one of."""
        os.chdir("/")
        os.environ["LEFT"] = "here"
        sys.path.append("/left/here")
        return os.getcwd()

    @tool
    def finds_traces(self) -> list[Any]:
        """What an earlier call has left."""
        return [os.getcwd() == "/", os.environ.get("LEFT"), "/left/here" in sys.path]

    @tool
    def is_odd(self, how: str) -> str:
        """Do what is allowed and rarely done."""
        if how == "gc":
            gc.disable()
        elif how == "trace":
            sys.settrace(trace)
        elif how == "thread":
            thread = threading.Thread(target=sys.exit, args=(3,))
            thread.start()
            thread.join()
        elif how == "nice":
            os.nice(19)
        return how

    @tool
    def leaks_descriptors(self, limit: int, number: int) -> int:
        """Open so many files and forget them; raise when no more may be opened."""
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        for _ in range(number):
            self.leaked.append(os.open("/dev/null", os.O_RDONLY))
        return os.getpid()

    @tool
    def resists(self) -> None:
        """Be busy for a minute, whatever is asked of us."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with contextlib.suppress(BaseException):
                time.sleep(60)

    @tool
    def stops(self) -> None:
        """Stop, as Ctrl-Z does it: nothing of this process runs until somebody lets it."""
        os.kill(os.getpid(), signal.SIGSTOP)

    @tool
    def becomes(self, user: int) -> int:
        """Become another user."""
        os.setuid(user)
        return os.getpid()
