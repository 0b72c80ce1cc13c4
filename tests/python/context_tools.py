"""Tools that use the host as an adapter does: by proxies, and by the state of their session."""

import inspect
from array import array
from dataclasses import dataclass
from typing import Any

from snakebridge import BaseAdapter, Conflict, HostToolError, SessionError, tool


@dataclass
class Place:
    """What is a structure in Rust."""

    name: str
    height: float


class ContextAdapter(BaseAdapter):
    """Tells what it saw."""

    @tool
    def signature(self, name: str) -> list[str | None]:
        """Tell the signature and the documentation of a tool of the host."""
        proxy = self.session_context.tools[name]
        return [str(inspect.signature(proxy)), proxy.__doc__]

    @tool
    def names(self) -> list[str]:
        """Name the tools of the host."""
        return sorted(self.session_context.tools)

    @tool
    def with_every_type(self) -> str:
        """Call a tool of the host with an argument of every type."""
        described: str = self.session_context.tools.describe(
            text="tea é",
            signed=-(2**63),
            unsigned=2**64 - 1,
            number=0.1,
            flag=True,
            absent=None,
            present=7,
            values=[1.5, 2, float("-inf")],
            counts={"b": 2, "a": 1},
            data=b"\0\xff",
            place=Place("K2", 8611.0),
        )
        return described

    @tool
    def with_every_array(self) -> dict[str, str]:
        """Have the host tell which numbers came, in one kind of array after the other."""
        kinds: dict[str, Any] = {f"array {code}": array(code, [1, 2, 4]) for code in "bHiqfd"}
        try:
            import numpy
        except ImportError:  # it is not installed for every Python
            pass
        else:
            for dtype in ("float64", "float32", "int64", "uint8"):
                kinds[f"numpy {dtype}"] = numpy.array([1, 2, 4], dtype)
            kinds["numpy, every other"] = numpy.array([1.0, 9.0, 2.0, 9.0, 4.0])[::2]
            kinds["numpy, one by one"] = list(numpy.array([1.0, 2.0, 4.0]))
        return {kind: self.session_context.tools.numbers(values=values) for kind, values in kinds.items()}

    @tool
    def through(self, name: str, value: Any) -> Any:
        """Give a value to a tool of the host, and its answer back."""
        return self.session_context.tools[name](value=value)

    @tool
    async def through_later(self, name: str, value: Any) -> Any:
        """As `through`, on the loop."""
        tools = await self.session_context.tools.load()
        return await tools[name].acall(value=value)

    @tool
    def tagged(self, name: str, arguments: dict[str, Any]) -> list[Any]:
        """Call a tool of the host and tell its answer as a value; or the code of what was raised."""
        try:
            return list(self.session_context.tools[name].tagged(**arguments))
        except HostToolError as error:
            return ["raised", error.code, error.executed]

    @tool
    def append(self, key: str, item: Any) -> list[Any]:
        """Append to a list in the state, however often somebody else is faster."""
        state = self.session_context.state
        while True:
            version, items = state.get_versioned(key, [])
            try:
                state.compare_and_set(key, version, [*items, item])
            except Conflict:
                continue
            return [*items, item]

    @tool
    async def keep_later(self, key: str, value: Any) -> list[Any]:
        """Set, read, list and delete on the loop; tell what each said."""
        state = self.session_context.state
        return [
            await state.aset(key, value),
            await state.aget_versioned(key),
            await state.akeys(),
            await state.adelete(key),
            await state.aget(key, "gone"),
        ]

    @tool
    def refused(self, key: str, size: int = 0, expected: int | None = None) -> list[Any]:
        """Tell which exception a write to the state raises."""
        state = self.session_context.state
        try:
            if expected is None:
                state.set(key, bytes(size))
            else:
                state.compare_and_set(key, expected, None)
        except SessionError as error:
            return [type(error).__name__, error.executed, getattr(error, "current_version", None)]
        except HostToolError as error:
            return [error.code, error.executed, None]
        return ["nothing", "", None]
