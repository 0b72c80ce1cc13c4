"""Types of the standard library and of the user's libraries that msgspec does not know.

They are recognised by their names, so that nothing is imported that the user's own code has not imported.
"""

from __future__ import annotations

import sys
import types
import typing
from collections import Counter, OrderedDict, defaultdict, deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Decode = Callable[[Any, Any], Any]
    """Converts a value that was decoded without a type into an annotation."""
    Converter = Callable[[Any, Any, Decode], Any]
    """Converts a value into a type, which may have arguments; it gets a `Decode` for what is inside."""


def converter(kind: Any) -> Converter | None:
    """What converts values into a type, found by the names of its base classes; or None."""
    known = _find(kind)
    return None if known is None else known[0]


def schema_of(kind: Any) -> dict[str, Any]:
    """The JSON Schema of a type that `converter` knows; of any other one that allows anything."""
    known = _find(kind)
    if known is None:
        return {}
    schema = known[1]
    return schema(kind) if callable(schema) else dict(schema)


def _find(kind: Any) -> tuple[Converter, Any] | None:
    for base in getattr(kind, "__mro__", ()):
        known = _CONVERTERS.get((base.__module__.partition(".")[0], base.__qualname__))
        if known is not None:
            return known
    return None


def _complex(_: Any, value: Any, __: Decode) -> Any:
    if isinstance(value, complex | float) or type(value) is int:
        return complex(value)
    if isinstance(value, list) and len(value) == 2 and all(type(part) in (int, float) for part in value):
        return complex(*value)
    raise _expected("`complex`, or a list of two numbers", value)


def _text(kind: Any, value: Any, _: Decode) -> Any:
    if not isinstance(value, str):
        raise _expected("`str`", value)
    return kind(value)


def _deque(kind: Any, value: Any, decode: Decode) -> Any:
    (item,) = typing.get_args(kind) or (Any,)
    return deque(decode(value, types.GenericAlias(list, (item,))))


def _ordered(kind: Any, value: Any, decode: Decode) -> Any:
    key, item = typing.get_args(kind) or (Any, Any)
    return OrderedDict(decode(value, types.GenericAlias(dict, (key, item))))


def _defaults(kind: Any, value: Any, decode: Decode) -> Any:
    """A mapping that makes the values of new keys, where their type says how: as an empty one of it."""
    key, item = typing.get_args(kind) or (Any, Any)
    made = typing.get_origin(item) or item
    factory = made if made in _FACTORIES else None
    return defaultdict(factory, decode(value, types.GenericAlias(dict, (key, item))))


_FACTORIES = (bool, bytes, dict, float, frozenset, int, list, set, str, tuple, deque, OrderedDict, Counter)
"""Types whose empty value is one that they are made of by a call without arguments."""


def _counter(kind: Any, value: Any, decode: Decode) -> Any:
    (item,) = typing.get_args(kind) or (Any,)
    return Counter(decode(value, types.GenericAlias(dict, (item, int))))


def _model(kind: Any, value: Any, _: Decode) -> Any:
    return kind.model_validate(value)


def _array(kind: Any, value: Any, _: Decode) -> Any:
    """A numpy array from nested arrays, or from bytes that are its elements in native order."""
    numpy = sys.modules["numpy"]
    shape, dtype = _declared(numpy, kind)
    if isinstance(value, bytes):
        if dtype is None:
            raise ValueError(
                "bytes become an array only where its dtype is declared, as in NDArray[numpy.uint8]"
            )
        array = numpy.frombuffer(value, dtype)
    else:
        array = _nested(numpy, value)
        if dtype is not None:
            array = _cast(numpy, array, dtype)
    if shape is not None and len(shape) != array.ndim:
        raise ValueError(f"Expected `ndarray` of {len(shape)} dimensions, got one of {array.ndim}")
    return array


def _nested(numpy: Any, value: Any) -> Any:
    """An array from nested lists of numbers."""
    try:
        array = numpy.asarray(value)
    except ValueError:  # of whose text half is about numpy's insides
        raise ValueError("Expected `ndarray` of numbers, got lists of different lengths") from None
    if array.dtype.kind not in "biufc" and array.size:
        raise ValueError(f"Expected `ndarray` of numbers or booleans, got {_content(array)}")
    return array


def _content(array: Any) -> str:
    return "`str`" if array.dtype.kind == "U" else "other values"


def _scalar(kind: Any, value: Any, _: Decode) -> Any:
    numpy = sys.modules["numpy"]
    array = numpy.asarray(value)
    if array.ndim or array.dtype.kind not in "biufc":
        raise _expected("`int` or `float`", value)
    return _cast(numpy, array, numpy.dtype(kind))[()]


def _declared(numpy: Any, kind: Any) -> tuple[tuple[Any, ...] | None, Any]:
    """Shape and dtype of ``numpy.ndarray[tuple[int, int], numpy.dtype[numpy.uint8]]``, as far as said."""
    shape, dtype = typing.get_args(kind) or (Any, Any)
    axes = typing.get_args(shape)
    (scalar,) = typing.get_args(dtype) or (Any,)
    is_concrete = scalar in numpy.sctypeDict.values()  # `numpy.floating`, say, is none
    return (None if not axes or ... in axes else axes), numpy.dtype(scalar) if is_concrete else None


def _cast(numpy: Any, array: Any, dtype: Any) -> Any:
    """The array in another dtype, where that loses nothing but precision."""
    if array.dtype.kind in "iu" and dtype.kind in "iu" and array.size:
        limits = numpy.iinfo(dtype)
        if limits.min <= array.min() and array.max() <= limits.max:
            return array.astype(dtype, copy=False)
        raise ValueError(f"Expected `ndarray` of {dtype}, got a number beyond it")
    if array.size and not numpy.can_cast(array.dtype, dtype, "same_kind"):
        raise ValueError(f"Expected `ndarray` of {dtype}, got one of {array.dtype}")
    return array.astype(dtype, copy=False)


def _table(kind: Any, value: Any, _: Decode) -> Any:
    """A table of pandas or polars, from a map of columns or an array of rows."""
    _check_table(value)
    return kind(value)


def _arrow_table(kind: Any, value: Any, _: Decode) -> Any:
    pyarrow = sys.modules["pyarrow"]
    if isinstance(value, pyarrow.Table):
        if kind is pyarrow.Table:
            return value
        # The batches of a stream as one.
        batches = value.combine_chunks().to_batches()
        return batches[0] if batches else pyarrow.RecordBatch.from_pylist([], schema=value.schema)
    _check_table(value)
    return kind.from_pydict(value) if isinstance(value, dict) else kind.from_pylist(value)


def _series(kind: Any, value: Any, _: Decode) -> Any:
    if not isinstance(value, list):
        raise _expected("`list`", value)
    return kind(value)


def _check_table(value: Any) -> None:
    is_columns = isinstance(value, dict) and all(isinstance(column, list) for column in value.values())
    if not is_columns and not (isinstance(value, list) and all(isinstance(row, dict) for row in value)):
        raise _expected("a table, as a dict of columns or a list of rows", value)


def _expected(what: str, value: Any) -> ValueError:
    return ValueError(f"Expected {what}, got `{type(value).__name__}`")


def _model_schema(kind: Any) -> dict[str, Any]:
    schema: dict[str, Any] = kind.model_json_schema()
    return schema


def _items_schema(kind: Any) -> dict[str, Any]:
    from snakebridge.annotations import json_schema  # which asks here

    (item,) = typing.get_args(kind) or (Any,)
    return {"type": "array", **({} if item is Any else {"items": json_schema(item) or {}})}


def _map_schema(kind: Any) -> dict[str, Any]:
    from snakebridge.annotations import json_schema  # which asks here

    arguments = typing.get_args(kind)
    return (json_schema(types.GenericAlias(dict, arguments)) if arguments else None) or {"type": "object"}


def _array_schema(kind: Any) -> dict[str, Any]:
    """The schema of an array: its dtype by numpy's name, and its dimensions as arrays in arrays."""
    shape, dtype = _declared(sys.modules["numpy"], kind)
    schema: dict[str, Any] = {} if dtype is None else {"type": _ELEMENTS.get(dtype.kind, [])}
    for _ in shape or ():
        schema = {"type": "array", **({"items": schema} if schema else {})}
    return {**(schema if shape else {"type": "array"}), **({} if dtype is None else {"dtype": dtype.name})}


_ELEMENTS: dict[str, Any] = {
    "b": "boolean",
    "i": "integer",
    "u": "integer",
    "f": "number",
    "c": ["array", "number"],
}
"""By the kind of a dtype: the type of elements in JSON Schema."""

_TABLE = {"type": ["object", "array"]}
_CONVERTERS: dict[tuple[str, str], tuple[Converter, Any]] = {
    ("builtins", "complex"): (_complex, {"type": ["array", "number"]}),
    ("collections", "deque"): (_deque, _items_schema),
    ("collections", "OrderedDict"): (_ordered, _map_schema),
    ("collections", "defaultdict"): (_defaults, _map_schema),
    ("collections", "Counter"): (_counter, {"type": "object", "additionalProperties": {"type": "integer"}}),
    ("pathlib", "PurePath"): (_text, {"type": "string", "format": "path"}),
    ("ipaddress", "IPv4Address"): (_text, {"type": "string", "format": "ipv4"}),
    ("ipaddress", "IPv6Address"): (_text, {"type": "string", "format": "ipv6"}),
    ("pydantic", "_BaseUrl"): (_text, {"type": "string", "format": "uri"}),
    ("pydantic", "_BaseMultiHostUrl"): (_text, {"type": "string", "format": "uri"}),
    ("pydantic", "BaseModel"): (_model, _model_schema),
    ("numpy", "ndarray"): (_array, _array_schema),
    ("numpy", "bool"): (_scalar, {"type": "boolean"}),
    ("numpy", "integer"): (_scalar, {"type": "integer"}),
    ("numpy", "floating"): (_scalar, {"type": "number"}),
    ("numpy", "complexfloating"): (_scalar, {"type": ["array", "number"]}),
    ("pandas", "DataFrame"): (_table, _TABLE),
    ("pandas", "Series"): (_series, {"type": "array"}),
    ("polars", "DataFrame"): (_table, _TABLE),
    ("polars", "Series"): (_series, {"type": "array"}),
    ("pyarrow", "Table"): (_arrow_table, _TABLE),
    ("pyarrow", "RecordBatch"): (_arrow_table, _TABLE),
}
"""By top-level module and name of a class: what converts values into it, and its JSON Schema."""
