"""Tools that tell something beside their answers."""

import sys

from snakebridge import BaseAdapter, SessionContext, tool


class Telling(BaseAdapter):
    @tool
    def say(self, text: str) -> None:
        print(text)

    @tool
    def has_logging(self) -> bool:
        return "logging" in sys.modules

    @tool
    def log(self, text: str) -> None:
        import logging

        logging.getLogger("late").warning(text)

    @tool
    def flood(self, lines: int) -> None:
        for number in range(lines):
            print("line", number)

    @tool
    def come_on(self, context: SessionContext, steps: int) -> None:
        for step in range(1, steps + 1):
            context.progress((step, steps))

    @tool
    def log_oddly(self) -> None:
        import logging

        logger = logging.getLogger("odd")
        logger.error("x" * 100_000)
        logger.error("\ud800")
        logger.error("many fields", extra={f"field{n}": "y" * 10_000 for n in range(100)})
        logger.error("%d", "no number")

    @tool
    def begin_a_line(self, flush: bool = False) -> None:
        print("unfinished", end="", flush=flush)

    @tool
    def describe_streams(self) -> list:
        out = sys.stdout
        return [out.encoding, out.isatty(), out.name, out.writable(), out.fileno()]
