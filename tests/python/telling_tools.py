"""Tools that log, print, measure and tell how far they are."""

import asyncio
import ctypes
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from snakebridge import BaseAdapter, SessionContext, telemetry, tool

logger = logging.getLogger("shop")


class TellingAdapter(BaseAdapter):
    """Tells things while it works."""

    def initialize(self) -> None:
        """Say something before the first call."""
        logger.setLevel(logging.DEBUG)
        logger.info("the shop opens")

    @tool
    def log(self, message: str = "no tea left") -> None:
        """Log at every level, with an exception and with extra fields."""
        logging.getLogger("shop.deep").debug("looked for %s", "tea")
        logger.info("sold %d", 3, extra={"item": "tea", "customer": object()})
        logger.warning(message)
        try:
            os.environ["TEA"]
        except KeyError:
            logger.exception("cannot sell")

    @tool
    def log_by_root(self) -> None:
        """Log by a logger that has no level of its own."""
        plain = logging.getLogger("plain")
        plain.debug("debug")
        plain.info("info")
        plain.warning("warning")

    @tool
    def log_with_handlers(self, path: str) -> None:
        """Log to a file and to both standard streams: what is printed there is told already."""
        with_handlers = logging.getLogger("with.handlers")
        with_handlers.addHandler(logging.StreamHandler())
        with_handlers.addHandler(logging.StreamHandler(sys.stdout))
        with_handlers.addHandler(logging.FileHandler(path))
        with_handlers.error("everywhere")

    @tool
    def warn(self) -> None:
        """Warn."""
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        warnings.warn("odd", RuntimeWarning, stacklevel=1)

    @tool
    def say(self, text: str = "hello") -> None:
        """Print, in one line and in pieces."""
        print(text)
        print("in", end=" ")
        print("pieces")
        print("to stderr", file=sys.stderr)

    @tool
    def say_past_python(self) -> None:
        """Write to both descriptors, and from C."""
        os.write(1, b"written to 1\n")
        os.write(2, b"written to 2\n")
        library = ctypes.CDLL(None)
        library.puts(b"from C")
        library.fflush(None)

    @tool
    async def say_slowly(self, word: str) -> None:
        """Print before and after others had their turn."""
        print(f"{word} begins")
        await asyncio.sleep(0.01)
        print(f"{word} ends")
        await asyncio.to_thread(print, f"{word} from a thread")

    @tool
    def say_in_thread(self) -> None:
        """Print from a thread that knows nothing of the call."""
        thread = threading.Thread(target=print, args=("from nowhere",))
        thread.start()
        thread.join()

    @tool
    def say_in_a_fork(self) -> str:
        """Print and log in a child that is no worker."""

        def work() -> None:
            print("a child prints")
            logger.warning("a child logs")

        child = multiprocessing.get_context("fork").Process(target=work)
        child.start()
        child.join()
        return str(child.exitcode)

    @tool
    def measure(self) -> str | None:
        """Emit events, one of them inside a span."""
        with telemetry.span("shop.sale", {"item": "tea"}):
            telemetry.emit("any.name at all", {"count": 2, "share": 0.5}, {"object": object()})
        telemetry.emit("other", correlation_id="of my own")
        return telemetry.get_correlation_id()

    @tool(idempotent=True)
    def die_and_fail(self, ids: str) -> None:
        """Write the call's correlation id down, and take the worker along the first time; fail afterwards."""
        with Path(ids).open("a") as file:
            print(self.session_context.correlation_id, file=file)
        if len(Path(ids).read_text().splitlines()) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        logger.info("it goes wrong")
        raise ValueError("wrong")

    @tool
    def flood(self, lines: int, kind: str = "log") -> None:
        """Say the same thing very often."""
        for number in range(lines):
            if kind == "log":
                logger.info("line %d", number)
            elif kind == "print":
                print("line", number)
            elif kind == "descriptor":
                os.write(2, b"a line of sixty-four characters, which is what many lines have..\n" * 100)
            else:
                telemetry.emit("line", {"number": number})

    @tool
    def say_and_die(self) -> None:
        """Say something last."""
        print("last words")
        logger.error("last log")
        ctypes.string_at(0)

    @tool
    def come_on(self, context: SessionContext, steps: int = 4, pause: float = 0.0) -> str:
        """Tell how far it is, step by step."""
        for step in range(1, steps + 1):
            context.progress((step, steps), f"step {step}")
            time.sleep(pause)
        return "there"

    @tool
    async def come_on_asynchronously(self, context: SessionContext) -> None:
        """Tell how far it is, on the loop."""
        context.progress(0.25)
        await asyncio.sleep(0)
        context.progress(0.75, "nearly")

    @tool(run_on="thread")
    def come_on_in_a_thread(self, context: SessionContext) -> None:
        """Tell how far it is, on a thread."""
        context.progress((7, None), "of who knows how many")

    @tool
    def come_on_item_by_item(self, context: SessionContext, items: int = 3) -> Iterator[int]:
        """Tell how far it is between items."""
        for item in range(items):
            context.progress((item, items))
            yield item

    @tool
    def lets_the_host_work(self, context: SessionContext) -> None:
        """Call a tool of the host that tells how far it is."""
        context.tools.host_works()

    @tool
    def keep_context(self, context: SessionContext) -> None:
        """Keep the context for later."""
        self.kept = context

    @tool
    def come_on_too_late(self) -> None:
        """Tell how far an answered call is."""
        self.kept.progress(0.5, "too late")
