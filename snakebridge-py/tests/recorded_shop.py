"""A shop that asks its host for prices, and what records and replays its calls."""

import asyncio
from collections.abc import Iterator

from snakebridge import BaseAdapter, HostToolError, StreamChunk, ToolError, tool
from snakebridge.testing import FakeHost, Recording, ToolRunner


class Shop(BaseAdapter):
    """Asks the host for prices."""

    runs = 0

    @tool
    def total(self, basket: dict[str, int]) -> int:
        Shop.runs += 1
        tools = self.session_context.tools
        return sum(tools.price(article, pieces=pieces) for article, pieces in basket.items())

    @tool
    async def total_later(self, articles: list[str]) -> list[int]:
        tools = self.session_context.tools
        return list(await asyncio.gather(*(tools.price.acall(article) for article in articles)))

    @tool
    def counted(self, upto: int) -> Iterator[StreamChunk | int]:
        for number in self.session_context.stream_tool("count", upto=upto):
            yield (
                StreamChunk(number, is_final=number == upto - 1, metadata={"n": number}) if number else number
            )

    @tool
    async def counted_later(self, upto: int) -> Iterator[int]:
        async for number in self.session_context.stream_tool("count", upto=upto):
            yield number

    @tool
    def forgiving(self, article: str) -> str:
        try:
            return str(self.session_context.tools.price(article))
        except HostToolError as error:
            return f"{error.code} {error.data}"

    @tool
    def remember(self, value: bytes) -> bytes | None:
        before = self.session_context.state.get("value")
        self.session_context.state.set("value", value)
        return before

    @tool
    def fails(self, how: str) -> None:
        raise {
            "own": ToolError("own", "of its own", data=[1], retryable=True),
            "value": ValueError("no value"),
            "stranger": Stranger("hello"),
        }[how]

    @tool
    def about(self) -> list[object]:
        context = self.session_context
        return [context.session_id, dict(context.request_metadata), context.correlation_id]


class Stranger(Exception):
    pass


def price(article: str, pieces: int = 1) -> int:
    if article == "toast":
        raise ToolError("no_such_article", "there is no toast", data={"nearest": "tea"})
    return {"tea": 3, "jam": 4}[article] * pieces


def count(upto: int) -> Iterator[int]:
    yield from range(upto)
    if upto > 2:
        raise ToolError("too_far", "that is enough")


def record(path, *calls, adapter=Shop, host=None):
    with ToolRunner(adapter, host or FakeHost([price, count]), recording=Recording(path)) as runner:
        return [made(runner) for made in calls]


def replay(path, *calls, adapter=Shop, replays="host"):
    with ToolRunner(adapter, recording=Recording(path, "none", replays=replays)) as runner:
        return [made(runner) for made in calls]


def outcome(made):
    def run(runner):
        try:
            return made(runner)
        except Exception as error:
            return type(error), str(error)

    return run
