"""Tools that fail in ways that Rust can tell apart."""

import importlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from snakebridge import BaseAdapter, SessionContext, ToolError, tool


class TrainingFailed(RuntimeError):
    """An exception of the adapter's own."""


class FailingAdapter(BaseAdapter):
    """Fails."""

    @tool
    def fail(self, how: str) -> Any:
        """Raise what Python raises for something that does not work."""
        match how:
            case "ValueError":
                return int("x")
            case "KeyError":
                return os.environ["TEA"]
            case "IndexError":
                return list(how)[100]
            case "TypeError":
                return sum(how)
            case "ZeroDivisionError":
                return 1 / 0
            case "FileNotFoundError":
                return Path("/nowhere/at/all").read_text()
            case "ModuleNotFoundError":
                return importlib.import_module("no_such_module")
            case "RecursionError":
                return self.fail(how)
            case "UnicodeDecodeError":
                return b"\xff".decode()
            case "TimeoutError":
                raise TimeoutError("too slow")
            case "AttributeError":
                return getattr(how, "no_such_thing")  # noqa: B009
            case "AssertionError":
                raise AssertionError("no")
            case "StopIteration":
                return next(iter([]))
            case _:
                raise TrainingFailed(how)

    @tool
    def compute(self, how: str) -> Any:
        """Raise what numpy raises for arrays that do not fit."""
        two, three = np.ones(2), np.ones(3)
        match how:
            case "broadcast":
                return two + three
            case "matmul":
                return np.ones((2, 3)) @ np.ones((2, 3))
            case "dot":
                return np.dot(np.ones((2, 3)), np.ones((2, 3)))
            case "reshape":
                return np.ones(6).reshape(4, 2)
            case "concatenate":
                return np.concatenate([np.ones((2, 2)), np.ones((2, 3))])
            case "stack":
                return np.stack([two, three])
            case "ragged":
                return np.array([[1, 2], [3]])
            case "add text":
                return np.array(["a"]) - np.array([1])
            case "cast":
                integers = np.ones(2, dtype=np.int64)
                return np.add(integers, 0.5, out=integers)
            case "isnan":
                return np.isnan(np.array(["a"]))
            case "memory":
                return np.ones((10_000_000, 10_000_000))
            case "cause":
                try:
                    return two + three
                except ValueError as error:
                    raise TrainingFailed("epoch 3") from error
        raise LookupError(how)

    @tool(idempotent=True)
    def come_back(self, path: str, times: int) -> int:
        """Fail so often, each time saying that it may go better; then tell how often it ran."""
        return self._come_back(path, times)

    @tool
    def come_back_at_most_once(self, path: str, times: int) -> int:
        """The same, but not declared idempotent."""
        return self._come_back(path, times)

    @tool(idempotent=True)
    def fail_for_good(self, path: str) -> int:
        """Fail, and say nothing of another time."""
        with open(path, "a") as runs:
            runs.write("x")
        raise ToolError("out_of_stock", "no tea left", data={"item": "tea"})

    def _come_back(self, path: str, times: int) -> int:
        with open(path, "a") as runs:
            runs.write("x")
        ran = os.path.getsize(path)
        if ran <= times:
            raise ToolError("busy", "come back later", data={"ran": ran}, retryable=True)
        return ran

    @tool
    def which_span(self, context: SessionContext) -> list[str | None]:
        """The span of the call here, and as a tool of the host sees it."""
        return [context.traceparent, context.tools.host_span()]

    @tool
    def which_span_within(self, context: SessionContext, trace: int, span: int) -> str | None:
        """The span as a tool of the host sees it, while a tracing library has one of its own."""
        import sys
        from types import SimpleNamespace

        current = SimpleNamespace(is_valid=True, trace_id=trace, span_id=span, trace_flags=1)
        library = SimpleNamespace(get_current_span=lambda: SimpleNamespace(get_span_context=lambda: current))
        sys.modules["opentelemetry.trace"] = library  # type: ignore[assignment]
        try:
            seen: str | None = context.tools.host_span()
            return seen
        finally:
            del sys.modules["opentelemetry.trace"]
