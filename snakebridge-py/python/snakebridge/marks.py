"""Marks in the place of objects that have no form on the wire, for tools that ask for them.

A tool refuses such an object unless it says ``@tool(unserializable=...)``, or its adapter or pool does: a
mark in a result is a loss that nobody is told of, where an error names the type and the place.

The policy is a context variable that is set while a tool with one runs, so it holds for whatever leaves in
the meantime: results, items, arguments for the host's tools and the data of errors. It is looked at only
where an object has no form, and costs nothing elsewhere.
"""

from __future__ import annotations

import re
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from snakebridge.extensions import Opaque, extension_to_wire
from snakebridge.streams import StreamChunk

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from msgspec.msgpack import Ext

Policy = Literal["refuse", "type", "repr", "redacted"]

TEXT_LIMIT = 256
"""Characters of a `repr` that are sent."""

_policy: ContextVar[Policy] = ContextVar("snakebridge_unserializable", default="refuse")

_NOTED = "__snakebridge_unserializable__"
"""Attribute of an exception: the policy of the tool that has raised it."""

_SECRETS = r"'(?:[^'\\]|\\.)*(?:'|\\?$)|\"(?:[^\"\\]|\\.)*(?:\"|\\?$)|\w*\d\w*"
"""Quoted texts, also those that do not end, and words with a digit in them: numbers, addresses, keys."""


def mark(value: Any) -> Ext | None:
    """What stands for an object without a form on the wire, or None where the running tool wants no marks."""
    policy = _policy.get()
    if policy == "refuse":
        return None
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return extension_to_wire(Opaque(name, None if policy == "type" else _text(value, policy)))


def _text(value: Any, policy: Policy) -> str | None:
    try:
        text = repr(value)
    except Exception:
        return None
    if policy == "redacted":
        # Cut first as well, so that a long text costs no long search.
        text = re.sub(_SECRETS, "…", text[: TEXT_LIMIT * 16], flags=re.DOTALL)
    if len(text) > TEXT_LIMIT:
        text = text[: TEXT_LIMIT - 1] + "…"
    return text.encode("utf-8", "backslashreplace").decode()


def note(error: BaseException) -> None:
    """Keep with an exception that leaves the tool how its data are to be sent."""
    if (policy := _policy.get()) != "refuse":
        # An exception may have no room for it; its data are refused as usual then.
        with suppress(Exception):
            setattr(error, _NOTED, policy)


def encode_as_noted(error: BaseException, encode: Callable[[], bytes]) -> bytes:
    """Encode something of an exception by the policy that was noted with it."""
    before = _policy.set(getattr(error, _NOTED, "refuse"))
    try:
        return encode()
    finally:
        _policy.reset(before)


def under(
    policy: Policy, run: Callable[[bytes], Any], is_async: bool, streams: bool
) -> Callable[[bytes], Any]:
    """A trampoline that runs, and encodes, under a policy."""
    if policy == "refuse":
        return run

    def marked(body: bytes) -> Any:
        before = _policy.set(policy)
        try:
            result = run(body)
        except BaseException as error:
            note(error)
            raise
        finally:
            _policy.reset(before)
        return _items(policy, result) if streams else result

    async def marked_later(body: bytes) -> Any:
        # In a task of its own, whose context nobody else has.
        _policy.set(policy)
        try:
            return await run(body)
        except BaseException as error:
            note(error)
            raise

    return marked_later if is_async else marked


def _items(policy: Policy, items: Any) -> Generator[Any, None, Any]:
    """The items of a synchronous stream, encoded while the policy holds: the native side does it outside."""
    try:
        while True:
            before = _policy.set(policy)
            try:
                item = _encoded(next(items))
            except StopIteration as end:
                return _encoded(end.value)
            except BaseException as error:
                note(error)
                raise
            finally:
                _policy.reset(before)
            yield item
    finally:
        if hasattr(items, "close"):
            items.close()


def _encoded(item: Any) -> Any:
    from snakebridge.encoding import encode  # which asks here for marks

    if isinstance(item, StreamChunk):
        metadata: Any = None if item.metadata is None else msgspec.Raw(encode(item.metadata))
        return StreamChunk(msgspec.Raw(encode(item.data)), item.is_final, metadata)
    return msgspec.Raw(encode(item))
