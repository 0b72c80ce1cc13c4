"""Values that leave the worker: results, stream items, arguments for the host's tools, data of errors.

What MessagePack can say goes as it is: None is nil, bytes are bin, tuples are arrays, NaN stays NaN. Integers
beyond 64 bits, complex numbers, arrays of numpy and tables of Arrow are extensions. A table of pandas or
polars is a map of its columns. Any other object is converted by the first of its own methods ``model_dump``,
``to_dict``, ``_asdict``, ``tolist`` and ``isoformat``; else a mapping is a map, a sequence, set or view an
array, and a path or network address its text. What is none of these is refused with its type and its place in
the value, or becomes a mark where its tool asks for that, see `snakebridge.marks`. `repr` is not called
unless it says so: it may be slow, may raise, and may show what should not leave.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence, ValuesView
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec
from msgspec.msgpack import Ext

from snakebridge.errors import Unserializable
from snakebridge.extensions import extension_to_wire, integer_to_wire
from snakebridge.references.kept import Kept

if TYPE_CHECKING:
    from collections.abc import Callable

    from snakebridge.streams import StreamChunk

CONVERSIONS = ("model_dump", "to_dict", "_asdict", "tolist", "isoformat")

TOLIST_LIMIT = 1_000_000
"""Elements above which nothing is made a list: the wire carries at most a million items a body, and a list
of numpy's numbers takes several times the array's memory."""

_COLUMNS: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("pandas", "DataFrame"): lambda table: table.to_dict("list"),
    ("pandas", "Series"): lambda column: column.tolist(),
    ("polars", "DataFrame"): lambda table: table.to_dict(as_series=False),
    ("polars", "Series"): lambda column: column.to_list(),
    ("pyarrow", "ChunkedArray"): lambda column: column.to_pylist(),
}
"""By library and class: tables and their columns as lists. pandas itself would number the rows of each."""

_TEXTS = frozenset({"pathlib", "ipaddress"})
"""Modules of the standard library whose objects are their texts."""

_URLS = ("Url", "MultiHostUrl", "_BaseUrl", "_BaseMultiHostUrl")
_SECRETS = ("_SecretBase",)

CO_VARKEYWORDS = 0x08

ERROR_LIMIT = 256
"""Characters of an error in a conversion that are told; its traceback has them all."""

SHORT = 64
"""Bytes within which no value can be nested too deeply or have too much in it: every level takes a byte."""

SEARCH_LIMIT = 100_000
"""Values that the search for the place of a problem looks at before it gives up."""

CHUNK_FINAL, CHUNK_HAS_METADATA = 1, 2
"""Item flags as `_native.serve` takes them."""

# Exact copies of values of subclasses: msgspec encodes `str` but not a class that inherits from it.
_SCALARS: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
    (bytes, bytes.__bytes__),
)


def to_wire(value: Any) -> Any:
    """Convert an object that MessagePack cannot say; msgspec calls it for those alone.

    Raises:
        Unserializable: If the object has no conversion, or too many elements for one.
    """
    if isinstance(value, Kept):
        return value.extension()
    for scalar, exact in _SCALARS:
        if isinstance(value, scalar):
            return exact(value)
    extension = extension_to_wire(value)
    if extension is not None:
        return extension
    kind = type(value)
    columns = _COLUMNS.get((kind.__module__.partition(".")[0], kind.__qualname__))
    if columns is not None:
        _guard_size(value, math.prod(getattr(value, "shape", (len(value),))))
        return columns(value)
    hint = None
    # Asked of the class: a proxy or mock that answers to any attribute has no conversion.
    name = None if isinstance(value, type) else _conversion(kind)
    if name is not None:
        converted = _converted(value, name)
        if type(converted) is not kind:
            return converted
        hint = f": its `{name}()` gives one of the same type again"  # and so on, without an end
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence | AbstractSet | ValuesView | deque):
        _guard_size(value, len(value))
        return list(value)
    if kind.__module__.partition(".")[0] in _TEXTS or _is_of_pydantic(kind, _URLS):
        return str(value)
    from snakebridge.marks import mark  # most tools never get here

    marked = mark(value)
    if marked is not None:
        return marked
    raise Unserializable(f"{_type_name(value)} has no form on the wire{hint or _hint(value)}")


def _conversion(kind: type) -> str | None:
    """The first of the methods that a class has."""
    return next((name for name in CONVERSIONS if callable(getattr(kind, name, None))), None)


def _converted(value: Any, name: str) -> Any:
    """What a method of an object's own makes of it."""
    kind = type(value)
    if name == "tolist":
        _guard_size(value, _size(value))
    code = getattr(getattr(kind, name), "__code__", None)
    # A model of pydantic is read by its aliases, so it leaves by them; an override may not know of that.
    by_alias = (
        hasattr(kind, "__pydantic_serializer__")
        and code is not None
        and ("by_alias" in code.co_varnames or code.co_flags & CO_VARKEYWORDS)
    )
    try:
        return getattr(value, name)(**({"by_alias": True} if by_alias else {}))
    except (Unserializable, RecursionError):
        raise
    except Exception as error:
        said = f"`{_type_name(value)}.{name}()` raised {type(error).__name__}"
        try:
            text = str(error)[:ERROR_LIMIT]
        except Exception:
            text = ""
        raise Unserializable(f"{said}: {text}" if text else said) from error


def _is_of_pydantic(kind: type, names: tuple[str, ...]) -> bool:
    """Whether a class is one of pydantic's by these names, or inherits from one."""
    return any(base.__qualname__ in names and base.__module__.startswith("pydantic") for base in kind.__mro__)


result_encoder = msgspec.msgpack.Encoder(enc_hook=to_wire)


def encode(value: Any) -> bytes:
    """Encode one value that leaves the worker.

    Raises:
        Unserializable: If it, or something in it, has no form on the wire.
    """
    try:
        return result_encoder.encode(value)
    except Exception as error:
        return encode_rest(value, error)


def encode_rest(value: Any, error: Exception) -> bytes:
    """Encode what the encoder has given up on with `error`: a value with integers beyond 64 bits in it.

    msgspec asks no hook about those, so a value that has one is taken apart here.

    Raises:
        Unserializable: If that is not the reason, or not the only one.
    """
    if not isinstance(error, OverflowError):
        _refuse(value, error)
    out: list[bytes] = []
    try:
        _put(out, msgspec.to_builtins(value, builtin_types=_NATIVE, enc_hook=to_wire))
    except Exception as problem:
        _refuse(value, problem)
    return b"".join(out)


_NATIVE = (bytes, bytearray, memoryview, datetime, date, time, Ext)
"""What msgspec encodes for MessagePack in another way than as text, or in the same."""


def _put(out: list[bytes], value: Any) -> None:
    """Append a value of builtin types, piece by piece."""
    kind = type(value)
    if kind is dict:
        out.append(_head(0x80, 0xDE, len(value)))
        for key, item in value.items():
            _put(out, key)
            _put(out, item)
    elif kind in (list, tuple, set, frozenset):
        out.append(_head(0x90, 0xDC, len(value)))
        for item in value:
            _put(out, item)
    elif kind is int and not -(1 << 63) <= value < 1 << 64:
        out.append(result_encoder.encode(integer_to_wire(value)))
    else:
        out.append(result_encoder.encode(value))


def _head(short: int, long: int, length: int) -> bytes:
    if length < 16:
        return bytes([short | length])
    if length < 1 << 16:
        return bytes([long]) + length.to_bytes(2, "big")
    return bytes([long + 1]) + length.to_bytes(4, "big")


def encode_checked(value: Any) -> bytes:
    """Encode one value and see to it that a host looks into it.

    Results and items are seen to by the native side; this is for what reaches it inside something else.

    Raises:
        Unserializable: As `encode`; and if the value is nested too deeply, or has too many values in it.
    """
    body = encode(value)
    if len(body) > SHORT:
        from snakebridge import _native  # also used by programs that are no workers

        try:
            _native.check_value(body)
        except ValueError as error:
            excess = "is nested too deeply" if str(error) == "depth" else "has too many values in it"
            raise Unserializable(f"the value {excess}") from None
    return body


def encode_chunk(chunk: StreamChunk) -> tuple[int, bytes]:
    """Encode a `StreamChunk` as item flags and a body; with metadata the body is ``[data, metadata]``."""
    flags = CHUNK_FINAL if chunk.is_final else 0
    if chunk.metadata is None:
        return flags, encode(chunk.data)
    return flags | CHUNK_HAS_METADATA, encode([chunk.data, chunk.metadata])


def _refuse(value: Any, error: Exception) -> NoReturn:
    """Raise Unserializable for what encoding `value` raised.

    It names the place of the problem where that can be found.
    """
    if isinstance(error, RecursionError):
        raise Unserializable("the value is nested too deeply, or contains itself") from None
    path = _locate(value)
    place = f" (at {path})" if path not in (None, "$") else ""
    if isinstance(error, Unserializable):
        raise Unserializable(f"{error}{place}", path) from error.__cause__
    if isinstance(error, UnicodeEncodeError):
        raise Unserializable(f"a string that is not valid Unicode (a lone surrogate){place}", path) from None
    raise Unserializable(f"a value could not be converted: {type(error).__name__}{place}", path) from error


def _size(value: Any) -> int:
    """How many elements `tolist` would give, as far as the object says."""
    size = getattr(value, "size", None)
    if type(size) is int:
        return size
    try:
        return len(value)
    except TypeError:
        return 1  # a scalar


def _guard_size(value: Any, size: int) -> None:
    if size > TOLIST_LIMIT:
        raise Unserializable(
            f"{_type_name(value)} has {size} elements, and at most {TOLIST_LIMIT} are converted to a list: "
            "send its bytes instead, or less of it"
        )


def _locate(value: Any) -> str | None:
    """The path of the first thing inside `value` that cannot be encoded by itself."""
    pending: list[tuple[str, Any]] = [("$", value)]
    for _ in range(SEARCH_LIMIT):
        if not pending:
            return None
        path, item = pending.pop()
        if isinstance(item, dict):
            children = [(f"{path}{_step(key)}", member) for key, member in item.items()]
            children += [(f"a key of {path}", key) for key in item if not isinstance(key, str)]
        elif isinstance(item, list | tuple):
            children = [(f"{path}[{index}]", member) for index, member in enumerate(item)]
        elif isinstance(item, set | frozenset):
            children = [(f"an item of {path}", member) for member in item]
        else:
            try:
                _put([], item) if type(item) is int else result_encoder.encode(item)
                continue
            except Exception:
                inner = _open(item)
            if inner is None:
                return path
            children = [(path, inner)]
        pending += reversed(children)
    return None


def _open(value: Any) -> Any:
    """What is inside an object that msgspec or a conversion takes apart, or None."""
    fields = getattr(type(value), "__struct_fields__", None) or getattr(
        type(value), "__dataclass_fields__", None
    )
    if fields:
        return {name: getattr(value, name, None) for name in fields}
    try:
        inner = to_wire(value)
    except Exception:
        return None
    return None if type(inner) is type(value) else inner


def _step(key: Any) -> str:
    if isinstance(key, str):
        return f".{key}" if key.isidentifier() and len(key) <= 64 else f"[{key[:64]!r}]"
    return f"[{key}]" if type(key) is int else f"[<{type(key).__name__}>]"


def _type_name(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _hint(value: Any) -> str:
    if _is_of_pydantic(type(value), _SECRETS):
        return ": where the secret may leave, return what its `get_secret_value()` gives"
    if hasattr(type(value), "__next__") or hasattr(type(value), "__anext__"):
        return ": declare the tool with supports_streaming=True, or return a list"
    match type(value).__name__:
        case "coroutine":
            return ": await it, and use functools.wraps in decorators around `async def` tools"
        case "type":
            return ": return an instance instead"
        case _:
            return ": give it a `to_dict` method, or return plain values"
