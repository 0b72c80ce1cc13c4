"""Events that tools emit about their own work, with measurements and the correlation id of the call.

Event names are free. A worker tells its host, where they are records (`Bridge::records`) and `tracing`
events with the tool, the session and the worker they come from. Telling never waits: events that the host is
too slow to read, or that are too many, are dropped and counted. Handlers that are attached here get them
besides.

    >>> events = []
    >>> detach = attach(events.append)
    >>> with span("load", {"model": "small"}):
    ...     emit("load.size", {"bytes": 12})
    >>> detach()
    >>> [event.name for event in events]
    ['load.start', 'load.size', 'load.stop']
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import msgspec

from snakebridge.current import current_context

if TYPE_CHECKING:
    from collections.abc import Callable

    Handler = Callable[["Event"], object]

__all__ = ["Event", "Span", "attach", "emit", "get_correlation_id", "span"]

_handlers: tuple[Handler, ...] = ()
"""Replaced, never changed: threads that emit meanwhile see the old or the new ones."""


class Event(msgspec.Struct, frozen=True):
    """Something that a tool told about its work."""

    name: str
    measurements: dict[str, Any]
    """Numbers: durations in nanoseconds, sizes in bytes, counts."""
    metadata: dict[str, Any]
    correlation_id: str | None
    """The name that joins it with the traces and logs of the call."""


def attach(handler: Handler) -> Callable[[], None]:
    """Have a handler called with every event, on the thread that emits it; returns what detaches it.

    A handler that raises is detached with a warning: the tool's own work goes on.
    """
    global _handlers
    _handlers = (*_handlers, handler)
    return lambda: _detach(handler)


def emit(
    event: str,
    measurements: dict[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
    correlation_id: str | None = None,
) -> None:
    """Tell an event.

    Args:
        event: Its name, such as ``"tool.result_size"``.
        measurements: Numbers.
        metadata: What they belong to.
        correlation_id: The name that joins traces (default: that of the running call).
    """
    native = sys.modules.get("snakebridge._native")
    if native is not None and native.is_worker():
        _tell_host(event, measurements, metadata, correlation_id)
    if not _handlers:
        return
    correlation = get_correlation_id() if correlation_id is None else correlation_id
    told = Event(event, measurements or {}, metadata or {}, correlation)
    for handler in _handlers:
        try:
            handler(told)
        except Exception as error:
            import warnings  # only where something is wrong

            _detach(handler)
            warnings.warn(
                f"a telemetry handler is detached: {type(error).__name__}: {error}",
                RuntimeWarning,
                stacklevel=2,
            )


def _tell_host(event: str, measurements: Any, metadata: Any, correlation_id: str | None) -> None:
    from snakebridge.events import NAME_LIMIT, TELEMETRY, cut, tell  # only in a worker

    body = {
        "name": cut(str(event), NAME_LIMIT),
        "time": time.time(),
        "correlation_id": None if correlation_id is None else cut(str(correlation_id), NAME_LIMIT),
        "measurements": measurements or {},
        "metadata": metadata or {},
    }
    tell(TELEMETRY, body, ("measurements", "metadata"))


def span(operation: str, metadata: dict[str, Any] | None = None, correlation_id: str | None = None) -> Span:
    """A block that is told by ``operation.start``, and by ``.stop`` or ``.exception`` with its duration."""
    return Span(operation, metadata, correlation_id)


def get_correlation_id() -> str | None:
    """The correlation id of the running call, or None where its caller gave none, or no call runs."""
    context = current_context()
    return None if context is None else context.correlation_id


class Span:
    """A block of work that is told about; made by `span`."""

    def __init__(
        self, operation: str, metadata: dict[str, Any] | None = None, correlation_id: str | None = None
    ) -> None:
        self._operation = operation
        self._metadata = metadata or {}
        self._correlation_id = correlation_id
        self._began = 0

    def __enter__(self) -> None:
        self._began = time.monotonic_ns()
        emit(
            f"{self._operation}.start", {"system_time": time.time_ns()}, self._metadata, self._correlation_id
        )

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        measurements = {"duration": time.monotonic_ns() - self._began}
        if kind is None:
            emit(f"{self._operation}.stop", measurements, self._metadata, self._correlation_id)
            return
        # The type alone: the message may show what should not leave.
        metadata = {**self._metadata, "error_type": kind.__name__}
        emit(f"{self._operation}.exception", measurements, metadata, self._correlation_id)


def _detach(handler: Handler) -> None:
    global _handlers
    _handlers = tuple(other for other in _handlers if other is not handler)
