"""The system calls `$ref.*`: what the host does with objects and modules of this worker.

Each takes a map, described by `Request` and its kind. ``result`` says how what comes of it travels: as a
``value``; as an ``object``, which stays here, but for None; or as ``either``: a value where that can be
encoded, else an object.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from snakebridge.encoding import encode
from snakebridge.errors import Unserializable
from snakebridge.extensions import STREAM, from_extension
from snakebridge.input_streams import InputReader
from snakebridge.inputs import InputType
from snakebridge.references.kept import Kept, allow, is_refusal, read_object, type_name
from snakebridge.references.rules import check_name, refuse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

    from snakebridge import _native
    from snakebridge.references.rules import Rules

REPR_LIMIT = 64 * 1024
"""Characters of a `repr`: it is for people."""


class Request(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be done with what."""

    object: msgspec.msgpack.Ext | None = None
    module: str | None = None
    """In place of an object."""
    path: str | None = None
    """Attributes that lead from there to what is meant, with dots in between."""
    arguments: Any = {}
    """Of a call: ``{name: value}``, or ``[[positional, ...], {name: value}]``."""
    key: Any = None
    """Of an item."""
    value: Any = None
    """What an attribute or item is to be."""
    error: str | None = None
    """Why the body of a ``with`` failed, if it did."""
    result: Literal["value", "object", "either"] = "value"


class Release(msgspec.Struct, forbid_unknown_fields=True):
    """What is no longer wanted."""

    objects: list[int] = []
    scopes: list[int] = []


class HostError(Exception):
    """What a context manager is told when what was done inside it failed in the host."""

    __module__ = "snakebridge"


def system_tools(rules: Rules, threads: int) -> list[_native.ToolEntry]:
    """The system calls as the native side takes them: name, whether it streams, where it runs, function."""
    calls = ReferenceCalls(rules)
    place: Literal["thread", "main"] = "thread" if threads else "main"
    unary: dict[str, Callable[[bytes], Any]] = {
        "call": calls.call,
        "attr": calls.attribute,
        "item": calls.item,
        "set_attr": calls.set_attribute,
        "set_item": calls.set_item,
        "len": calls.length,
        "repr": calls.representation,
        "enter": calls.enter,
        "exit": calls.exit,
        "release": calls.release,
    }
    entries: list[_native.ToolEntry] = [(f"$ref.{name}", False, place, run) for name, run in unary.items()]
    return [*entries, ("$ref.iter", True, place, calls.iterate)]


class ReferenceCalls:
    """Does what the host asks for, as far as the rules allow it."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._table = allow(rules.maximum)
        self._decode = msgspec.msgpack.Decoder(Request, ext_hook=_read_extension).decode
        self._decode_release = msgspec.msgpack.Decoder(Release).decode

    def call(self, body: bytes) -> bytes:
        """Call what is meant, and await what it gives, where that has to be."""
        request, target = self._open(body)
        positional, named = _arguments(request.arguments)
        result = target(*positional, **named)
        if hasattr(type(result), "__await__"):
            import asyncio  # few call what is asynchronous

            result = asyncio.run(_await(result))
        return self._give(result, request.result)

    def attribute(self, body: bytes) -> bytes:
        """What is meant itself: an attribute, or the object where there is no path."""
        request, target = self._open(body)
        return self._give(target, request.result)

    def item(self, body: bytes) -> bytes:
        """The item under a key."""
        request, target = self._open(body)
        return self._give(target[request.key], request.result)

    def set_attribute(self, body: bytes) -> bytes:
        """Set the last attribute of the path."""
        request = self._read(body)
        before, _, name = (request.path or "").rpartition(".")
        check_name(name)
        target = self._target(request)
        setattr(self._rules.resolve(target, before) if before else target, name, request.value)
        return encode(None)

    def set_item(self, body: bytes) -> bytes:
        """Set the item under a key."""
        request, target = self._open(body)
        target[request.key] = request.value
        return encode(None)

    def length(self, body: bytes) -> bytes:
        """`len`."""
        _, target = self._open(body)
        return encode(len(target))

    def representation(self, body: bytes) -> bytes:
        """`repr`, as far as people read it."""
        _, target = self._open(body)
        text = repr(target)
        text = text if len(text) <= REPR_LIMIT else text[: REPR_LIMIT - 1] + "…"
        return encode(text.encode("utf-8", "backslashreplace").decode())

    def enter(self, body: bytes) -> bytes:
        """Enter a context manager."""
        request, target = self._open(body)
        return self._give(type(target).__enter__(target), request.result)

    def exit(self, body: bytes) -> bytes:
        """Leave a context manager; gives whether it takes the error as dealt with."""
        request, target = self._open(body)
        error = None if request.error is None else HostError(request.error)
        kind = None if error is None else HostError
        return encode(bool(type(target).__exit__(target, kind, error, None)))

    def iterate(self, body: bytes) -> Iterator[Any] | Coroutine[Any, Any, None]:
        """The items, one by one; of what is asynchronous a coroutine that sends them, from the loop."""
        request, target = self._open(body)
        kind = type(target)
        if hasattr(kind, "__iter__") or hasattr(kind, "__getitem__"):
            return self._items(iter(target), request.result)
        if hasattr(kind, "__aiter__"):
            from snakebridge.asynchronous import send_all  # few objects need the loop

            return send_all(self._items_later(target, request.result))
        raise TypeError(
            f"`{type_name(target)}` cannot be iterated over: expected an object with `__iter__` or "
            "`__aiter__`, such as a list, a generator or an asynchronous generator; call what gives one"
        )

    def release(self, body: bytes) -> bytes:
        """Forget objects, and everything of sessions that are over."""
        request = self._decode_release(body)
        self._table.release(request.objects)
        self._table.end(request.scopes)
        return encode(None)

    def _items(self, items: Iterator[Any], result: str) -> Iterator[Any]:
        for item in items:
            yield msgspec.Raw(self._give(item, result))

    async def _items_later(self, target: Any, result: str) -> AsyncIterator[Any]:
        iterator = aiter(target)
        try:
            async for item in iterator:
                yield msgspec.Raw(self._give(item, result))
        finally:
            close = getattr(iterator, "aclose", None)
            if close is not None:
                await close()

    def _open(self, body: bytes) -> tuple[Request, Any]:
        """A request, and what it is about."""
        request = self._read(body)
        target = self._target(request)
        return request, target if request.path is None else self._rules.resolve(target, request.path)

    def _read(self, body: bytes) -> Request:
        try:
            return self._decode(body)
        except Exception as error:
            if is_refusal(error):
                raise
            refuse(f"the request cannot be read: {error}")

    def _target(self, request: Request) -> Any:
        if request.module is not None:
            return self._rules.module(request.module)
        if request.object is None:
            refuse("the request names neither an object nor a module")
        return read_object(request.object.data)

    def _give(self, value: Any, result: str) -> bytes:
        """Encode what came of it, as the host wants it."""
        self._rules.give(value)
        if result == "either":
            with suppress(Unserializable):
                return encode(value)
        elif result == "value":
            return _as_value(value)
        return encode(None if value is None else Kept(value))


def _read_extension(code: int, data: memoryview) -> Any:
    """What an extension type means among the arguments: a stream too, since no type says so."""
    if code != STREAM:
        return from_extension(code, data)
    reader = InputReader("an argument", InputType(Any, is_async=False))
    return reader.open(msgspec.msgpack.Ext(code, bytes(data)))


def _as_value(value: Any) -> bytes:
    try:
        return encode(value)
    except Unserializable as error:
        raise Unserializable(
            f"{error}; where the Rust side expects an `Object`, it stays in the worker", error.path
        ) from None


def _arguments(arguments: Any) -> tuple[list[Any], dict[str, Any]]:
    match arguments:
        case dict():
            return [], arguments
        case [list(positional), dict(named)]:
            return positional, named
    refuse("the arguments are a map, or an array of positional ones and a map")


async def _await(awaitable: Any) -> Any:
    return await awaitable
