"""Tools that are given functions of the host, and call them."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from snakebridge import BaseAdapter, HostToolError, SessionContext, tool


class Point(msgspec.Struct):
    """A result that has a type."""

    x: int
    y: int


class CallbackAdapter(BaseAdapter):
    """Each way of being given a function, and of calling it."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: Any = None

    @tool
    def apply(self, function: Callable[[int], int], numbers: list[int]) -> list[int]:
        """Call it with each number."""
        return [function(number) for number in numbers]

    @tool
    async def apply_async(self, function: Callable[[int], Awaitable[int]], numbers: list[int]) -> list[int]:
        """Call it with all numbers at once, on the event loop."""
        return await asyncio.gather(*(function(number) for number in numbers))

    @tool
    async def apply_awaiting(self, function: Any, numbers: list[int]) -> list[int]:
        """The same, where nothing says that it is to be awaited."""
        return [await function.acall(number) for number in numbers]

    @tool
    def apply_on_threads(self, function: Callable[[int], int], numbers: list[int]) -> list[int]:
        """Call it with all numbers, on threads of the tool's own."""
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(function, numbers))

    @tool
    def typed(self, function: Callable[[], Point]) -> str:
        """Get something of a type."""
        point = function()
        return f"{type(point).__name__} {point.x} {point.y}"

    @tool
    def named(self, function: Any) -> Any:
        """Call it with named arguments."""
        return function(x=1, y=2)

    @tool
    def among(self, functions: dict[str, Any]) -> dict[str, Any]:
        """Call those inside a map."""
        return {name: function() for name, function in functions.items()}

    @tool
    def optional(self, function: Callable[[], str] | None = None) -> str:
        """Call it, if it is there."""
        return "none" if function is None else function()

    @tool
    def rescue(self, function: Callable[..., Any], arguments: list[Any]) -> dict[str, Any]:
        """Tell what goes wrong with it."""
        try:
            return {"result": function(*arguments)}
        except HostToolError as error:
            return {
                "code": error.code,
                "message": error.message,
                "data": error.data,
                "executed": error.executed,
                "reported": error.reported,
            }

    @tool
    def keep(self, function: Callable[[], Any]) -> str:
        """Keep it beyond the call."""
        self.kept = function
        return repr(function)

    @tool
    def call_kept(self) -> str:
        """Call what an earlier call was given."""
        try:
            return str(self.kept())
        except HostToolError as error:
            return error.code

    @tool
    def call_unknown(self, name: str, context: SessionContext) -> str:
        """Call a function that was not given."""
        try:
            return str(context.call_tool(name))
        except HostToolError as error:
            return error.code

    @tool
    def double(self, number: int) -> int:
        """Double a number."""
        return 2 * number
