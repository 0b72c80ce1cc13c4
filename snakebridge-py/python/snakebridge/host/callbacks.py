"""Functions of the host among the arguments of a call: Python calls them while the call runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from snakebridge.conversion.decoding import decoder, wire_annotation
from snakebridge.current import current_context
from snakebridge.errors import InvalidArgument, InvalidResult, Problem, mismatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from snakebridge.host.stub import HostStub
    from snakebridge.inputs import CallbackType

TARGET = "$callback."
"""What the host's functions are called by: this and the number."""


class HostFunction:
    """A function of the host, lent for the call that it came with. Call it like any other.

    A call waits for the result. In an asynchronous tool write ``await function.acall(...)``, or annotate the
    parameter as ``Callable[..., Awaitable[...]]``: what is passed is then to be awaited.
    """

    def __init__(self, stub: HostStub, number: int, result: Any = Any) -> None:
        self._stub = stub
        self._number = number
        self._result = result
        self._decode = decoder(wire_annotation(result))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it and wait for its result.

        Raises:
            HostToolError: If it failed or panicked, or its call has ended.
            InvalidResult: If the result is not what the parameter's annotation promises.
        """
        return self._read(self._stub.call(f"{TARGET}{self._number}", _encode(args, kwargs)))

    async def acall(self, *args: Any, **kwargs: Any) -> Any:
        """Call it from an asynchronous tool; other calls run while it waits."""
        return self._read(await self._stub.acall(f"{TARGET}{self._number}", _encode(args, kwargs)))

    def giving(self, result: Any) -> HostFunction:
        """The same with results of a type."""
        return HostFunction(self._stub, self._number, result)

    def _read(self, body: bytes) -> Any:
        try:
            return self._decode(body)
        except msgspec.ValidationError as error:
            problem = mismatch("result", "result", error)
            raise InvalidResult(f"what {self!r} gave does not fit: {problem}", (problem,)) from None

    def __repr__(self) -> str:
        return f"<function {self._number} of the host>"


def _encode(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    # Imported where a function is called: most workers are never lent one.
    from snakebridge.host.tools import encode_arguments

    return encode_arguments(args, kwargs)


def read_function(data: Buffer) -> HostFunction:
    """The function that an argument stands for.

    Raises:
        InvalidArgument: If it stands for none.
    """
    context = current_context()
    try:
        number = msgspec.msgpack.decode(data, type=int)
    except msgspec.DecodeError:
        context = None
    if context is None:
        refusal = InvalidArgument("a function of the host was named in a way that this worker does not know")
        refusal.tool_ran = False
        raise refusal
    return HostFunction(context.stub, number)


def function_opener(parameter: str, kind: CallbackType) -> Callable[[Any], Any]:
    """What makes the argument of a parameter that takes a function."""

    def open_function(value: Any) -> Any:
        if isinstance(value, HostFunction):
            function = value if kind.result is Any else value.giving(kind.result)
            return function.acall if kind.is_async else function
        if value is None or callable(value):  # a default
            return value
        problem = Problem(parameter, "mismatch", expected="a function", actual=type(value).__name__)
        refusal = InvalidArgument(f"the arguments do not fit: {problem}", (problem,))
        refusal.tool_ran = False
        raise refusal

    return open_function
