"""Tools that do not say whether they stream."""

from collections.abc import AsyncIterator, Iterator

from snakebridge import BaseAdapter, SessionContext, StreamChunk, tool


class Undeclared(BaseAdapter):
    def numbers(self, n):
        yield from range(n)

    async def later(self, n):
        for i in range(n):
            yield StreamChunk(i, is_final=i == n - 1)

    @tool
    def passed_on(self, n: int):
        return self.numbers(n)

    @tool
    def driven(self, n: int):
        return self.later(n)

    @tool
    async def awaited(self, n: int):
        return self.later(n)

    @tool
    def sessions(self, ctx: SessionContext):
        return (ctx.session_id for _ in range(2))

    @tool
    def plain(self):
        return {"a": 1}

    @tool
    def annotated(self, n: int) -> Iterator[int]:
        return iter(range(n))

    @tool
    def annotated_later(self, n: int) -> AsyncIterator[StreamChunk]:
        return self.later(n)

    @tool
    def whole(self, n: int) -> list[int]:
        return list(range(n))


class Hooked(Undeclared):
    """Each call has an object of its own, which ends with it."""

    lifecycle = "request"

    def __init__(self):
        self.is_open = True

    def cleanup(self):
        self.is_open = False

    def numbers(self, n):
        for i in range(n):
            yield i if self.is_open else "the object was closed"
