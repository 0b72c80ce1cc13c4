"""What type checkers see: an adapter that is typed strictly, and what is wrong with another one."""

import subprocess
import sys

import pytest

ADAPTER = '''
"""An adapter as a user writes it who checks types strictly."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal

from msgspec import Meta, Struct
from snakebridge import (
    BaseAdapter,
    Batch,
    Conflict,
    HostToolError,
    SessionContext,
    StreamChunk,
    ToolError,
    telemetry,
    tool,
)
from snakebridge.testing import FakeHost, Recording, ToolRunner, check_recording


@dataclass
class Settings:
    model: str
    size: int = 3


class Point(Struct):
    x: float
    y: float = 0.0


class Typed(BaseAdapter):
    __version__ = "1.0"
    lifecycle: Literal["worker", "request", "session"] = "worker"

    def __init__(self, config: Settings) -> None:
        self.settings = config
        self.include(Handler(), prefix="other_")

    def initialize(self) -> None:
        self.ready = True

    async def warmup(self) -> None: ...

    def before_call(self, tool: str, context: SessionContext) -> None: ...

    @tool
    def plain(self, text: Annotated[str, Meta(max_length=10)], times: int = 1) -> str:
        return text * times

    @tool(timeout=1.5, idempotent=True, cache="10m", tags=["a"], examples=[{"point": {"x": 1}}])
    async def later(self, point: Point, context: SessionContext) -> dict[str, float]:
        answer: int = await context.tools.measure.acall(point)
        await context.acall_tool("measure", point)
        return {"answer": answer, "left": context.remaining() or 0.0}

    @tool
    def stream(self, values: Iterator[float]) -> Iterator[StreamChunk]:
        with telemetry.span("stream", {"size": self.settings.size}):
            for value in values:
                yield StreamChunk(value, metadata={"positive": value > 0})

    @tool(cache=timedelta(minutes=1))
    def kept(self, n: int) -> int:
        return n

    @tool
    async def stream_later(self, values: AsyncIterator[int]) -> AsyncIterator[int]:
        async for value in values:
            yield value

    @tool(batch=Batch(max_size=4))
    def many(self, x: list[float], by: Sequence[float] = (1.0,)) -> list[float | ToolError]:
        return [ToolError("zero", "no") if one == 0 else one * factor for one, factor in zip(x, by)]

    @tool(resources={"gpu": 2})
    def train(self, n: int) -> int:
        return n

    @tool(resources="gpu")
    def infer(self, n: int) -> int:
        return n

    @tool(session="affine", required_variables=["count"], resources=["license"])
    def state(self) -> int:
        state = self.session_context.state
        count, version = state.get("count", 0), 0
        try:
            state.compare_and_set("count", count + 1, version)
        except Conflict as conflict:
            return conflict.current_version
        except HostToolError as error:
            return len(error.code)
        return 0


class Handler:
    @tool(read_only=True)
    def double(self, n: int) -> int:
        return 2 * n


def test_it() -> None:
    adapter = Typed(Settings("small"))
    text: str = adapter.plain("a", times=2)  # the decorated function keeps its type
    products: list[float | ToolError] = adapter.many([1.0], [2.0])
    registered: list[str] = [registration.name for registration in adapter.get_tools()]
    runner = ToolRunner(Typed, FakeHost(), config={"model": "small"}, recording=Recording("file.json"))
    chunks: list[StreamChunk] = list(runner.chunks("stream", values=[1.0]))
    count: int = check_recording("file.json", Typed)
    print(text, products, registered, chunks, count)
'''

WRONG = {
    "adapter.plain(1)": "incompatible type",
    'adapter.plain("a", tines=2)': "Unexpected keyword",
    'tool(timeout="1s")': "No overload variant",
    "tool(batch=32)": "No overload variant",
    "tool(resources=2)": "No overload variant",
    'Batch(max_size="many")': "incompatible type",
    'ToolError("code")': 'Missing positional argument "message"',
}


def mypy(path, *options):
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", *options, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=path.parent).stdout


def test_a_typed_adapter_is_typed_strictly_and_what_is_wrong_with_one_is_found(tmp_path):
    pytest.importorskip("mypy")
    adapter = tmp_path / "typed.py"
    adapter.write_text(ADAPTER)
    told = mypy(adapter)
    assert "Success" in told, told
    lines = ADAPTER.rstrip().splitlines()
    adapter.write_text("\n".join([*lines, *(f"    {wrong}" for wrong in WRONG), ""]))
    told = mypy(adapter).splitlines()
    for place, (wrong, message) in enumerate(WRONG.items(), len(lines) + 1):
        of_line = [line for line in told if line.startswith(f"typed.py:{place}: error")]
        assert any(message in line for line in of_line), f"{wrong}: {of_line}"
