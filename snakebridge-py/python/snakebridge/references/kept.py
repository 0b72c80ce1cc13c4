"""`keep`: how a tool says that an object is to stay in the worker, and what the wire says in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from snakebridge.errors import InvalidArgument, ReferenceLost, Unserializable

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from snakebridge.references.table import ReferenceTable

OBJECT = 5
"""The extension type of an object: ``[session, number, type's name]`` from the worker, ``[session, number]``
from the host."""

T = TypeVar("T")

_table: ReferenceTable | None = None


def allow(maximum: int) -> ReferenceTable:
    """Let sessions keep objects in this worker, each at most so many."""
    from snakebridge.references.table import ReferenceTable

    global _table
    _table = ReferenceTable(maximum)
    return _table


class Kept(Generic[T]):
    """A value of which the caller gets a reference. Made by `keep`."""

    __slots__ = ("_extension", "value")

    def __init__(self, value: T) -> None:
        self.value = value
        self._extension: msgspec.msgpack.Ext | None = None

    def extension(self) -> msgspec.msgpack.Ext:
        """What stands for it on the wire; from now on it is kept.

        Raises:
            Unserializable: If the pool keeps no objects, or the call belongs to no session.
        """
        # Encoding may be tried twice, to find out what is wrong with something else in the result.
        if self._extension is None:
            if _table is None:
                raise Unserializable("the pool keeps no objects: the host allows it by `.references(true)`")
            session = running_session()
            if not session:
                raise Unserializable("an object is kept for a session, and the call belongs to none")
            number = _table.keep(session, self.value)
            data = msgspec.msgpack.encode((session, number, type_name(self.value)))
            self._extension = msgspec.msgpack.Ext(OBJECT, data)
        return self._extension

    def __repr__(self) -> str:
        return f"<kept {type(self.value).__qualname__}>"


def keep(value: T) -> Kept[T]:
    """Have an object stay in this worker: the caller gets a reference, an `Object` in Rust.

    It stands anywhere in a result or a stream item. The object lives until the caller drops the reference or
    the session ends; a session keeps only so many, and drops the one that was used longest ago. Passed back
    as an argument it is the object itself again, where a parameter is annotated with `Any` or not at all.

    Example:
        >>> from snakebridge import BaseAdapter, tool
        >>> class Models(BaseAdapter):
        ...     @tool
        ...     def load(self, name: str) -> dict:
        ...         return {"name": name, "model": keep(object())}
        >>> Models().load("small")
        {'name': 'small', 'model': <kept object>}
    """
    return Kept(value)


def type_name(value: Any) -> str:
    """The name of an object's type as the host has it: of one that is built in without its module."""
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return name[:256]


def read_object(data: Buffer) -> Any:
    """The object that an argument names.

    Raises:
        ReferenceLost: If it is not there any more.
        InvalidArgument: If it belongs to another session, or nothing is kept here.
    """
    if _table is None:
        raise _refusal("the pool keeps no objects: the host allows it by `.references(true)`")
    try:
        session, number = msgspec.msgpack.decode(data, type=tuple[int, int])
    except msgspec.DecodeError:
        raise _refusal("an object was named in a way that this worker does not know") from None
    if session != running_session():
        raise _refusal(f"object {number} belongs to another session than the call")
    return _table.get(session, number)


def running_session() -> int:
    """The number of the session of the call that runs; 0 where it belongs to none."""
    from snakebridge.current import current_context

    context = current_context()
    return 0 if context is None else context.session_number


def is_refusal(error: BaseException) -> bool:
    """Whether it is what `read_object` raises."""
    return isinstance(error, ReferenceLost) or (isinstance(error, InvalidArgument) and not error.tool_ran)


def _refusal(message: str) -> InvalidArgument:
    refusal = InvalidArgument(message)
    refusal.tool_ran = False
    return refusal
