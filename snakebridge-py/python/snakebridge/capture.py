"""`logging`, `warnings` and what is printed, as records that the host gets with the call they belong to.

`logging` is not imported here: it costs a worker that does not use it a tenth of its start. Where somebody
else imports it, it is taken over right then.
"""

from __future__ import annotations

import io
import sys
import time
from _thread import _local  # without importing `threading`
from typing import TYPE_CHECKING, Any

from snakebridge import _native
from snakebridge.current import running_call
from snakebridge.events import LOG, NAME_LIMIT, TEXT_LIMIT, cut, tell

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

INFO, WARNING = 20, 30
TRACEBACK_LIMIT = 4 * 1024

_OWN_ATTRIBUTES = frozenset(
    {"args", "asctime", "created", "exc_info", "exc_text", "filename", "funcName", "levelname", "levelno"}
    | {"lineno", "message", "module", "msecs", "msg", "name", "pathname", "process", "processName"}
    | {"relativeCreated", "stack_info", "taskName", "thread", "threadName"}
)
"""What a record of `logging` has without `extra`."""


def install(log_level: int | None = None) -> None:
    """Take over, in a process that is a worker. What is forked from it has its own ways again.

    Args:
        log_level: The level of the root logger (default: `logging`'s own).
    """
    global _streams

    def take_over_logging(logging: Any) -> None:
        _take_over_logging(logging)
        if log_level is not None:
            logging.getLogger().setLevel(log_level)

    streams = tuple(_capture(name) for name in ("stdout", "stderr"))
    _streams = (*_streams, *(stream for pair in streams for stream in pair if stream is not None))
    for module, take_over in (("logging", take_over_logging), ("warnings", _take_over_warnings)):
        if module in sys.modules:
            take_over(sys.modules[module])
        else:
            sys.meta_path.insert(0, _WhenImported(module, take_over))


class Lines(io.TextIOWrapper):
    """A standard stream whose lines are records of the call that prints them.

    The binary stream below it stays what it was: bytes that are written there go past this.
    """

    def __init__(self, stream: io.TextIOWrapper, name: str) -> None:
        super().__init__(stream.buffer, "utf-8", "backslashreplace", line_buffering=True)
        self._name = name
        self._pending = _local()  # by thread: the call and the beginning of its line

    @property
    def name(self) -> str:
        """The stream's name, as that of Python's own."""
        return f"<{self._name}>"

    def write(self, text: str) -> int:
        """Take a text; each line that is complete is told."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if not _native.is_worker():
            return super().write(text)
        call = running_call()
        begun = self._begun(call) + text
        *lines, rest = begun.split("\n")
        for line in lines:
            self._tell(line, call)
        while len(rest) > TEXT_LIMIT:
            self._tell(rest[:TEXT_LIMIT], call)
            rest = rest[TEXT_LIMIT:]
        self._pending.line = (call, rest)
        return len(text)

    def flush(self) -> None:
        """Tell the line that is not complete."""
        if _native.is_worker():
            call, line = getattr(self._pending, "line", (0, ""))
            if line:
                self._pending.line = (0, "")
                self._tell(line, call)
        super().flush()

    def _begun(self, call: int) -> str:
        """The beginning of the line that this thread writes; one that another call has begun is told."""
        earlier, line = getattr(self._pending, "line", (call, ""))
        if earlier == call:
            return line
        if line:
            self._tell(line, earlier)
        return ""

    def _tell(self, line: str, call: int) -> None:
        while True:
            piece, line = line[:TEXT_LIMIT], line[TEXT_LIMIT:]
            record = {"level": INFO, "logger": self._name, "time": time.time(), "output": True}
            tell(LOG, {**record, "message": cut(piece.removesuffix("\r"))}, call=call)
            if not line:
                return


_streams: tuple[Any, ...] = ()
"""The standard streams, Python's own and ours: what a logger's handler writes there is told already."""


def _capture(name: str) -> tuple[Any, Any]:
    stream = getattr(sys, name)
    if not isinstance(stream, io.TextIOWrapper):  # somebody else has taken it over
        return stream, None
    lines = Lines(stream, name)
    setattr(sys, name, lines)
    return stream, lines


class _WhenImported:
    """A finder of modules that does something with one right after it was imported for the first time."""

    def __init__(self, name: str, act: Callable[[ModuleType], None]) -> None:
        self._name = name
        self._act = act

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's spec, with a loader that acts, where it is the one; else nothing."""
        if fullname != self._name:
            return None
        sys.meta_path.remove(self)
        spec = None
        for finder in sys.meta_path:
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                break
        if spec is not None and spec.loader is not None and not isinstance(spec.loader, type):
            execute, act = spec.loader.exec_module, self._act

            def execute_and_act(module: ModuleType) -> None:
                execute(module)
                act(module)

            spec.loader.exec_module = execute_and_act  # type: ignore[method-assign]
        return spec


def _take_over_logging(logging: Any) -> None:
    original = logging.Logger.callHandlers

    def call_handlers(self: logging.Logger, record: logging.LogRecord) -> None:
        if not _native.is_worker():
            original(self, record)
            return
        _tell_record(record)
        logger: logging.Logger | None = self
        while logger is not None:
            for handler in logger.handlers:
                if record.levelno >= handler.level and getattr(handler, "stream", None) not in _streams:
                    handler.handle(record)
            logger = logger.parent if logger.propagate else None

    logging.Logger.callHandlers = call_handlers


def _tell_record(record: logging.LogRecord) -> None:
    try:
        message = record.getMessage()
    except Exception as failure:  # its arguments do not fit, or raise
        message = f"{record.msg!s} (the arguments do not fit: {type(failure).__name__})"
    error = record.exc_info[1] if record.exc_info else None
    fields = {key: value for key, value in vars(record).items() if key not in _OWN_ATTRIBUTES}
    _tell_log(
        {
            "level": record.levelno,
            "logger": record.name,
            "message": message,
            "time": record.created,
            "thread": None if record.threadName == "MainThread" else record.threadName,
            "file": record.pathname,
            "line": record.lineno,
            "function": record.funcName,
            "exception": None if error is None else _exception(error),
            "fields": fields or None,
        }
    )


def _take_over_warnings(warnings: Any) -> None:
    show = warnings.showwarning

    def tell_warning(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: Any = None,
        line: str | None = None,
    ) -> None:
        if file is not None or not _native.is_worker():
            show(message, category, filename, lineno, file, line)
            return
        _tell_log(
            {
                "level": WARNING,
                "logger": "py.warnings",
                "message": f"{category.__name__}: {message}",
                "time": time.time(),
                "file": filename,
                "line": lineno,
            }
        )

    warnings.showwarning = tell_warning


def _tell_log(record: dict[str, Any]) -> None:
    for key in ("logger", "thread", "file", "function"):
        if record.get(key):
            record[key] = cut(str(record[key]), NAME_LIMIT)
    record["message"] = cut(record["message"])
    tell(LOG, record, ("exception", "fields"))


def _exception(error: BaseException) -> dict[str, Any]:
    from snakebridge.failures import error_parts  # most workers never tell of one

    parts = error_parts(error)
    traceback = parts["traceback"]
    return {
        "type": parts["type"],
        "message": cut(parts["message"], 1024),
        # The end says where it failed.
        "traceback": None if traceback is None else cut(traceback[-TRACEBACK_LIMIT:], TRACEBACK_LIMIT),
    }
