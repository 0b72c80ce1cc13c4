"""Tools that keep the main thread busy, blocked or elsewhere, and tools that fork, print and close."""

import contextlib
import contextvars
import ctypes
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import warnings

import msgspec

from snakebridge import BaseAdapter, Cancelled, SessionContext, _native, current, tool

CLOSED = []
"""What generators and cancelled tools noted on their way out."""


class Cycle:
    """Collected only by the garbage collector, and slow to go."""

    def __init__(self):
        self.self = self

    def __del__(self):
        wait_in_python(0.3)
        CLOSED.append("collected")


def wait_in_python(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def hold_the_gil(seconds):
    """Block in C with the GIL held, through as many interruptions as come."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        ctypes.PyDLL(None).usleep(int(left * 1e6))


def square(number):
    return number * number


def call_host(target="echo", timeout=None):
    return _native.host_call(_native.current_call(), target, b"\x01", timeout)[0]


def read_all(stream):
    """All items, and the code of the error that ended the stream, if one did."""
    items = []
    try:
        while (item := stream.next()) is not None:
            items.append(msgspec.msgpack.decode(item))
    except _native.RemoteError as error:
        items.append(error.code)
    return items


class Wire(BaseAdapter):
    def cleanup(self):
        print("cleaned up", file=sys.stderr)

    @tool
    def ping(self) -> str:
        return "pong"

    @tool
    def add(self, a: int, b: int) -> int:
        return a + b

    @tool
    def blob(self, size: int) -> bytes:
        return bytes(size)

    @tool
    def numbers(self, n: int) -> list:
        return list(range(n))

    @tool
    def length(self, data: bytes) -> int:
        return len(data)

    @tool
    def closed(self) -> list:
        noted = list(CLOSED)
        CLOSED.clear()
        return noted

    # ---- busy

    @tool
    def work(self, how: str, seconds: float):
        try:
            if how == "sleep":
                time.sleep(seconds)
            elif how == "loop":
                wait_in_python(seconds)
            elif how == "gil":
                hold_the_gil(seconds)
            elif how == "lock":
                lock = threading.Lock()
                lock.acquire()
                lock.acquire()
            elif how == "process":
                silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
                subprocess.run(["sleep", str(seconds)], check=True, **silent)
            elif how == "swallowed":
                Cycle()
                gc.collect()
                time.sleep(seconds)
        except Cancelled:
            CLOSED.append(how)
            raise
        return how

    @tool
    def shielded(self, seconds: float, ctx: SessionContext):
        """Finish what is shielded, whatever comes, and nothing behind it."""
        with ctx.shield():
            with ctx.shield():
                wait_in_python(seconds)
            time.sleep(0.001)
            ctx.check_cancelled()
            CLOSED.append(f"finished, cancelled: {ctx.cancelled}")
        CLOSED.append("not reached when cancelled")

    @tool
    def raises_in_shield(self, seconds: float, ctx: SessionContext):
        try:
            with ctx.shield():
                wait_in_python(seconds)
                raise LookupError("inside")
        except LookupError:
            CLOSED.append("not reached when cancelled")

    @tool
    def checks(self, ctx: SessionContext) -> str:
        ctx.check_cancelled()
        return "not cancelled"

    @tool
    def checks_again(self, ctx: SessionContext):
        """Swallow the cancellation, and ask."""
        try:
            time.sleep(60)
        except Cancelled:
            CLOSED.append("told")
        ctx.check_cancelled()

    @tool(supports_streaming=True)
    def shielded_items(self, seconds: float, ctx: SessionContext):
        """Rest inside a shield, and be told at its end."""
        with ctx.shield():
            yield 1
            wait_in_python(seconds)
            CLOSED.append("finished")
        CLOSED.append("not reached when cancelled")
        yield 2

    @tool
    def correlation_id(self):
        return self.session_context.correlation_id

    @tool
    def asks_for_its_context(self) -> str:
        return self.session_context.session_id

    @tool(supports_streaming=True)
    def keeps_its_context(self, filler: int):
        self.asks_for_its_context()
        yield bytes(filler)
        yield self.copied()

    @tool
    def copied(self) -> str | None:
        return contextvars.copy_context().run(self.copied_context)

    def copied_context(self):
        """The session that the context variable says."""
        context = current._context.get()
        return context and context.session_id

    @tool
    def identity(self) -> list:
        call = _native.current_call()
        assert call is _native.current_call()
        return [
            call.id,
            call.session_id,
            call.metadata,
            call.deadline and call.deadline - time.monotonic(),
            call.cancelled,
            call.tools_generation,
        ]

    @tool
    def outlive(self):
        """Leave the call object behind for `ended`."""
        self.kept = _native.current_call()
        return self.kept.ended

    @tool
    def ended(self) -> list:
        try:
            _native.host_call(self.kept, "echo", b"\x01", None)
        except _native.RemoteError as error:
            return [self.kept.ended, error.code, error.executed]

    # ---- streams

    @tool(supports_streaming=True)
    def count(self, n: int, fail: bool = False):
        try:
            yield from range(n)
            if fail:
                raise LookupError("out of numbers")
            return "done"
        finally:
            CLOSED.append("count")

    @tool(supports_streaming=True)
    def slow_count(self, n: int, seconds: float):
        try:
            for number in range(n):
                time.sleep(seconds)
                yield number
        finally:
            CLOSED.append("slow_count")

    @tool(supports_streaming=True)
    def pauses(self, seconds: list[float]):
        """Pause before each item and before the end."""
        for number, pause in enumerate(seconds):
            if number:
                yield number
            time.sleep(pause)

    @tool(supports_streaming=True)
    def large_items(self, sizes: list[int]):
        for size in sizes:
            yield bytes(size)
        return bytes(1 << 20)

    @tool(supports_streaming=True)
    def growing(self):
        for power in range(10, 30):
            yield bytes(1 << power)

    # ---- the host

    @tool
    def ask(self, target: str = "echo", timeout: float | None = None) -> int:
        return call_host(target, timeout)

    @tool
    def ask_failing(self, target: str = "echo", timeout: float | None = None) -> list:
        try:
            return [call_host(target, timeout)]
        except _native.RemoteError as error:
            return [error.code, error.executed]

    @tool
    def ask_from_thread(self, how: str, seconds: float) -> list:
        call, answers = _native.current_call(), []

        def ask():
            answers.extend(_native.host_call(call, "echo", bytes([number]), 10.0)[0] for number in range(20))

        thread = threading.Thread(target=ask)
        thread.start()
        if how == "loop":
            wait_in_python(seconds)
        elif how == "sleep":
            time.sleep(seconds)
        thread.join()
        return answers

    @tool
    def reads(self) -> list:
        return read_all(_native.HostStream(_native.current_call(), "numbers", b"\x80"))

    @tool
    def reads_in_a_thread(self) -> list:
        """Read on another thread, and wait for that."""
        stream, items = _native.HostStream(_native.current_call(), "numbers", b"\x80"), []

        def read():
            try:
                items.extend(read_all(stream))
            except Cancelled:
                CLOSED.append("thread cancelled")

        thread = threading.Thread(target=read)
        thread.start()
        thread.join()
        return items

    @tool
    def leaves_a_stream(self, how: str) -> int:
        stream = _native.HostStream(_native.current_call(), "numbers", b"\x80")
        first = msgspec.msgpack.decode(stream.next())
        if how == "close":
            stream.close()
            assert stream.next() is None
        del stream
        return first

    # ---- processes and descriptors

    @tool
    def fork(self) -> list:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            child = os.fork()
        if child == 0:
            return ["the child's reply"]
        return ["parent", os.waitpid(child, 0)[1], [str(warning.message) for warning in caught]]

    @tool
    def fork_and_terminate(self) -> int:
        """The exit code of a child that is told to end."""
        child = os.fork()
        if child == 0:
            time.sleep(60)
        os.kill(child, signal.SIGTERM)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    @tool
    def fork_from_thread(self, seconds: float):
        """Fork in a thread while the main thread stays away from the interpreter's loop."""
        thread = threading.Thread(target=lambda: os.waitpid(os.fork() or os._exit(0), 0))
        thread.start()
        thread.join()
        time.sleep(seconds)

    @tool
    def fork_descriptors(self) -> list:
        read_end, write_end = os.pipe()
        if os.fork() == 0:
            os.write(write_end, repr(sorted(map(int, os.listdir("/proc/self/fd")))).encode())
            os._exit(0)
        os.wait()
        return eval(os.read(read_end, 4096))

    @tool
    def spawn(self, how: str) -> list:
        if how == "subprocess":
            output = subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True, check=True)
            return [int(output.stdout)]
        with multiprocessing.get_context(how).Pool(2) as pool:
            return pool.map(square, range(5))

    @tool
    def noise(self) -> str:
        print("print", flush=True)
        os.system("echo os.system")
        os.write(1, b"os.write\n")
        ctypes.CDLL(None).puts(b"puts")
        ctypes.CDLL(None).fflush(None)
        return "quiet"

    @tool
    def read_stdin(self) -> str:
        return input()

    @tool
    def close_standard_streams(self) -> str:
        for descriptor in range(3):
            os.close(descriptor)
        return "closed"

    @tool
    def close_everything(self):
        os.closerange(0, 256)

    @tool
    def descriptors(self) -> dict:
        links = {}
        for descriptor in os.listdir("/proc/self/fd"):
            with contextlib.suppress(FileNotFoundError):  # the one that lists the directory
                links[descriptor] = os.readlink(f"/proc/self/fd/{descriptor}")
        return links

    @tool
    def environment(self) -> dict:
        return dict(os.environ)

    @tool
    def threads(self) -> list:
        tasks = os.listdir("/proc/self/task")
        return sorted(open(f"/proc/self/task/{task}/comm").read().strip() for task in tasks)

    @tool
    def raise_it(self, name: str):
        raise {
            "StopIteration": StopIteration,
            "GeneratorExit": GeneratorExit,
            "KeyboardInterrupt": KeyboardInterrupt,
            "SystemExit": SystemExit,
        }[name]("on purpose")
