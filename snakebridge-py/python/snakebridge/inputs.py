"""Parameters whose arguments do more than lie there: streams of items, and functions of the host.

Every parameter is asked here whether it takes one. What such arguments are is imported for those that do.
"""

from __future__ import annotations

import collections.abc
import types
import typing
from typing import TYPE_CHECKING, Any

import msgspec

from snakebridge.conversion.decoding import wire_annotation

if TYPE_CHECKING:
    from collections.abc import Callable

_WAITS = (collections.abc.Awaitable, collections.abc.Coroutine)
_SYNCHRONOUS = (collections.abc.Iterator, collections.abc.Iterable, collections.abc.Generator)
_ASYNCHRONOUS = (
    collections.abc.AsyncIterator,
    collections.abc.AsyncIterable,
    collections.abc.AsyncGenerator,
)


class InputType(msgspec.Struct, frozen=True):
    """What the annotation of a streamed parameter says."""

    item: Any
    """The type of its items."""
    is_async: bool

    @property
    def wire(self) -> Any:
        """What arguments are decoded into: the number of a stream, or the list itself."""
        return msgspec.msgpack.Ext | list[wire_annotation(self.item)]  # type: ignore[misc]


def input_type(annotation: Any) -> InputType | None:
    """What an annotation says if it is one of a stream, or of one that may be left out; else None.

    Example:
        >>> input_type(collections.abc.Iterator[int])
        InputType(item=<class 'int'>, is_async=False)
    """
    annotation = _given(annotation)
    kind, arguments = typing.get_origin(annotation) or annotation, typing.get_args(annotation)
    if kind in _SYNCHRONOUS or kind in _ASYNCHRONOUS:
        return InputType(arguments[0] if arguments else Any, kind in _ASYNCHRONOUS)
    return None


class CallbackType(msgspec.Struct, frozen=True):
    """What the annotation of a parameter says that takes a function."""

    result: Any
    is_async: bool


def callback_type(annotation: Any) -> CallbackType | None:
    """What an annotation says if it is one of a function, or of one that may be left out; else None.

    Example:
        >>> callback_type(collections.abc.Callable[[int], str])
        CallbackType(result=<class 'str'>, is_async=False)
    """
    annotation = _given(annotation)
    arguments = typing.get_args(annotation)
    if (typing.get_origin(annotation) or annotation) is not collections.abc.Callable:
        return None
    result = arguments[1] if len(arguments) == 2 else Any
    if (typing.get_origin(result) or result) in _WAITS:
        inner = typing.get_args(result)
        return CallbackType(inner[-1] if inner else Any, is_async=True)
    return CallbackType(result, is_async=False)


def _given(annotation: Any) -> Any:
    """What a parameter takes that is not left out: without metadata, and without None beside it."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _given(arguments[0])
    if origin in (typing.Union, types.UnionType):
        present = [argument for argument in arguments if argument is not types.NoneType]
        if len(present) == 1:
            return _given(present[0])
    return annotation


def opener(parameter: str, annotation: Any) -> Callable[[Any], Any] | None:
    """What makes the argument of a parameter from what was decoded, if it takes a stream or a function."""
    function = callback_type(annotation)
    if function is not None:
        from snakebridge.host.callbacks import function_opener

        return function_opener(parameter, function)
    kind = input_type(annotation)
    if kind is None:
        return None
    from snakebridge.input_streams import InputReader

    return InputReader(parameter, kind).open
