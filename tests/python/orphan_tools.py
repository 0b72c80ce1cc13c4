"""Workers in the states in which their host may die. Each notes what there is of it, one process a line."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator

from ledger_tools import hold_the_gil

from snakebridge import BaseAdapter, tool

LONG = 600.0


class OrphanAdapter(BaseAdapter):
    """Is what its host asks for, for good."""

    def __init__(self, config: dict[str, str]) -> None:
        super().__init__()
        self.path = config["path"]
        self.kept: subprocess.Popen[bytes] | None = None

    def note(self, *processes: int) -> None:
        """Note this process and others, in one write."""
        text = "".join(f"{process}\n" for process in (os.getpid(), *processes))
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, text.encode())
        os.close(descriptor)

    @tool
    def idle(self) -> None:
        """Have been called."""
        self.note()

    @tool
    def forked(self) -> None:
        """Have been called; the template that this worker was forked from is noted too."""
        self.note(os.getppid())

    @tool
    def busy(self) -> None:
        """Compute in Python."""
        self.note()
        while True:
            pass

    @tool
    def lock(self) -> None:
        """Hold the interpreter's lock in C."""
        self.note()
        hold_the_gil(LONG)

    @tool
    def streaming(self) -> Iterator[int]:
        """Stream without an end."""
        self.note()
        count = 0
        while True:
            yield count
            count += 1

    @tool
    def child(self) -> None:
        """Wait for a process that was started here."""
        with subprocess.Popen(["sleep", str(LONG)]) as child:
            self.note(child.pid)

    @tool
    def sandboxed(self) -> None:
        """As `child`, in a worker that has restricted itself."""
        self.child()

    @tool
    def left_child(self) -> None:
        """Leave such a process behind, with one of its own."""
        script = f"sleep {LONG} & echo $!; wait"
        child = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE)
        assert child.stdout is not None
        self.note(child.pid, int(child.stdout.readline()))
        self.kept = child

    @tool
    def masked(self) -> None:
        """Block every signal that can be blocked, and wait for a child."""
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        self.child()

    @tool
    def daemon(self) -> None:
        """Start a process that leaves the group."""
        self.kept = subprocess.Popen(["sleep", str(LONG)], start_new_session=True)
        self.note(self.kept.pid)

    @tool
    def stopped(self) -> None:
        """Be stopped."""
        self.note()
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(LONG)
