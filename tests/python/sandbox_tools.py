"""Tools that try what a sandbox takes away."""

import asyncio
import ctypes
import os
import resource
import signal
import socket
import subprocess
import sys
import threading

from snakebridge import BaseAdapter, tool


class SandboxAdapter(BaseAdapter):
    """Tries."""

    @tool
    def read(self, path: str) -> str:
        """Read a file."""
        with open(path, encoding="utf-8") as file:
            return file.read()

    @tool
    def write(self, path: str, text: str) -> int:
        """Write a file."""
        with open(path, "w", encoding="utf-8") as file:
            return file.write(text)

    @tool
    def truncate(self, path: str) -> None:
        """Empty a file."""
        os.truncate(path, 0)

    @tool
    def protect(self, path: str) -> None:
        """Take all rights from a file."""
        os.chmod(path, 0)

    @tool
    def limit(self, pid: int) -> None:
        """Change what another process may."""
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))

    @tool
    def rename(self, source: str, target: str) -> None:
        """Move a file."""
        os.rename(source, target)

    @tool
    def connect(self, port: int) -> str:
        """Connect to this machine."""
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            return connection.recv(100).decode()

    @tool
    def send_past(self, path: str) -> None:
        """Send a datagram to a socket in the file system without making a socket for it."""
        left, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        left.connect(path)

    @tool
    def fork(self) -> int:
        """Have a child."""
        child = os.fork()
        if child == 0:
            os._exit(0)
        return os.waitpid(child, 0)[1]

    @tool
    def run(self) -> str:
        """Have another program run."""
        return subprocess.run(
            [sys.executable, "-c", "print('ran')"], capture_output=True, check=True, text=True
        ).stdout.strip()

    @tool
    def children(self, number: int) -> int:
        """Have so many children at once, and tell how many there were room for."""
        pids = []
        try:
            for _ in range(number):
                child = os.fork()
                if child == 0:
                    signal.pause()
                    os._exit(0)
                pids.append(child)
        except OSError:
            pass
        for child in pids:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        return len(pids)

    @tool
    def threads(self, number: int) -> int:
        """Start so many threads."""
        threads = [threading.Thread(target=len, args=("",)) for _ in range(number)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return number

    @tool
    def allocate(self, size: int) -> int:
        """Take memory."""
        return len(bytearray(size))

    @tool
    async def sleeps(self) -> str:
        """Use an event loop, which makes a pair of sockets."""
        await asyncio.sleep(0.01)
        return "slept"

    @tool
    def signals(self, pid: int) -> None:
        """Ask whether a process may be signalled."""
        os.kill(pid, 0)

    @tool
    def calls(self, number: int) -> int:
        """Make a system call with zeros as its arguments and tell its error number."""
        libc = ctypes.CDLL(None, use_errno=True)
        return ctypes.get_errno() if libc.syscall(number, 0, 0, 0, 0, 0, 0) == -1 else 0

    @tool
    def burns(self) -> None:
        """Compute for ever."""
        while True:
            pass

    @tool
    def open_files(self) -> int:
        """Tell how many files may be open."""
        return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
