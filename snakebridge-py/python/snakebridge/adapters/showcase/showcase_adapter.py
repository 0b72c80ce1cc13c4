"""`ShowcaseAdapter`: an adapter that only lists its tools and leaves the work to handlers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from snakebridge.adapters.showcase.handlers import (
    BasicOpsHandler,
    BinaryOpsHandler,
    SessionOpsHandler,
    StreamingOpsHandler,
)
from snakebridge.base_adapter import BaseAdapter, tool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snakebridge.adapters.showcase.tool import StreamChunk, Tool


class _Handler(Protocol):
    def get_tools(self) -> dict[str, Tool]: ...


class ShowcaseAdapter(BaseAdapter):
    """Basic values, binary data, streams, sessions and tools of the host."""

    __version__ = "2.0.0"

    def __init__(self) -> None:
        super().__init__()
        self.handlers: dict[str, _Handler] = {
            "basic": BasicOpsHandler(type(self).__name__, self.__version__),
            "binary": BinaryOpsHandler(),
            "streaming": StreamingOpsHandler(),
            "session": SessionOpsHandler(),
        }
        self._handler_tools: dict[str, Tool] = {}
        for handler in self.handlers.values():
            self._handler_tools.update(handler.get_tools())

    def _run(self, name: str, **arguments: Any) -> Any:
        return self._handler_tools[name].func(self.session_context, **arguments)

    @tool(description="Health check", idempotent=True)
    def ping(self, message: str = "pong") -> dict[str, str]:
        """Answer with a message and the time."""
        return self._run("ping", message=message)  # type: ignore[no-any-return]

    @tool(description="Return all arguments", idempotent=True)
    def echo(self, **kwargs: Any) -> dict[str, Any]:
        """Return all arguments under ``echoed``."""
        return self._run("echo", **kwargs)  # type: ignore[no-any-return]

    @tool(description="Add two numbers", idempotent=True)
    def add(self, a: int | float, b: int | float) -> int | float:
        """Add two numbers; whole numbers stay whole."""
        return self._run("add", a=a, b=b)  # type: ignore[no-any-return]

    @tool(description="Describe this adapter", idempotent=True)
    def adapter_info(self) -> dict[str, Any]:
        """Name, version and tools of this adapter."""
        names = [registration.name for registration in self.get_tools()]
        return self._run("adapter_info", tools=names)  # type: ignore[no-any-return]

    @tool(description="Report an error as a result")
    def safe_operation(self, data: dict[str, Any]) -> dict[str, Any]:
        """Process data and report a failure as a structured result."""
        return self._run("safe_operation", data=data)  # type: ignore[no-any-return]

    @tool(description="Raise an exception")
    def error_demo(self, error_type: str = "value") -> None:
        """Raise the kind of exception that is asked for."""
        self._run("error_demo", error_type=error_type)

    @tool(description="Checksum of binary data", idempotent=True)
    def checksum(self, data: bytes, algorithm: str = "sha256") -> dict[str, Any]:
        """Hex digest and size of binary data."""
        return self._run("checksum", data=data, algorithm=algorithm)  # type: ignore[no-any-return]

    @tool(description="Process binary data (images, files, etc.)")
    def process_binary(self, data: bytes, format: str = "auto", operation: str = "analyze") -> dict[str, Any]:  # noqa: A002
        """Analyse or reverse binary data."""
        return self._run("process_binary", data=data, format=format, operation=operation)  # type: ignore[no-any-return]

    @tool(description="Stream progress updates", supports_streaming=True)
    def stream_progress(self, steps: int = 5, delay_ms: int = 500) -> Iterator[StreamChunk]:
        """Stream one chunk a step."""
        return self._run("stream_progress", steps=steps, delay_ms=delay_ms)  # type: ignore[no-any-return]

    @tool(description="Access session state")
    def get_session_info(self) -> dict[str, Any]:
        """What this call knows of its session."""
        return self._run("get_session_info")  # type: ignore[no-any-return]

    @tool(description="Parse JSON by the host's tool `parse_json`")
    def parse_json_by_host(self, json_string: str) -> Any:
        """Let the host parse JSON and return its answer as it is."""
        return self._run("parse_json_by_host", json_string=json_string)
