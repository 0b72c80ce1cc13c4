"""Arrays of numbers as they travel: as those of numpy where the program has imported it, else without it."""

from __future__ import annotations

import sys
from math import prod
from typing import Any

import msgspec
from msgspec.msgpack import Ext

from snakebridge.errors import Unserializable

ARRAY = 3
"""The extension type of an array."""

DIMENSIONS = 32
"""Most dimensions of an array."""

EMPTY_LIMIT = 1_000_000
"""What the lengths of an array without elements may come to, those that are zero left out."""

# By name: bytes of an element and, for `memoryview.cast`, the format of it or of its two parts.
_DTYPES = {
    "bool": (1, "?"),
    "int8": (1, "b"),
    "int16": (2, "h"),
    "int32": (4, "i"),
    "int64": (8, "q"),
    "uint8": (1, "B"),
    "uint16": (2, "H"),
    "uint32": (4, "I"),
    "uint64": (8, "Q"),
    "float16": (2, "e"),
    "float32": (4, "f"),
    "float64": (8, "d"),
    "complex64": (8, "f"),
    "complex128": (16, "d"),
}

_encode = msgspec.msgpack.Encoder().encode
_read = msgspec.msgpack.Decoder(tuple[str, tuple[int, ...], str, memoryview]).decode


class RawArray:
    """An array of numbers in a program that has not imported numpy.

    Attributes:
        dtype: The type of the elements, by numpy's name.
        shape: The length in each dimension.
        order: ``"C"`` or ``"F"``, which index counts up first.
        data: The elements as they stand in memory, little-endian.
    """

    __module__ = "snakebridge"

    def __init__(self, dtype: str, shape: tuple[int, ...], order: str, data: bytes) -> None:
        self.dtype, self.shape, self.order, self.data = dtype, shape, order, data

    def tolist(self) -> Any:
        """The elements as nested lists, as numpy gives them."""
        return nested_lists(self.dtype, self.shape, self.order, self.data)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        import numpy  # whoever asks has it

        array = _numpy_array(numpy, self.dtype, self.shape, self.order, self.data)
        return array if dtype is None else array.astype(dtype, copy=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RawArray) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<array of {self.dtype} {self.shape}>"


def array_to_wire(array: Any) -> Ext | None:
    """An array of numpy, or None where its elements are no numbers; those have no form but that of a list.

    Raises:
        Unserializable: If it is an array of records, or has too many dimensions.
    """
    numpy = sys.modules["numpy"]
    dtype = array.dtype
    if dtype.kind == "V":
        raise Unserializable(
            f"an array of {dtype.name} (records) has no form on the wire: send its columns, each as an array"
        )
    if dtype.name not in _DTYPES:
        return None
    if array.ndim > DIMENSIONS:
        raise Unserializable(
            f"an array of {array.ndim} dimensions, and at most {DIMENSIONS} have a form on the wire"
        )
    order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    little = numpy.asarray(array, dtype.newbyteorder("<"), order=order)
    flat = (little.T if order == "F" else little).reshape(-1).view(numpy.uint8)
    return _ext(dtype.name, array.shape, order, flat)


def raw_to_wire(array: RawArray) -> Ext:
    """An array as it came."""
    return _ext(array.dtype, array.shape, array.order, array.data)


def _ext(dtype: str, shape: tuple[int, ...], order: str, data: Any) -> Ext:
    # A document of four, whose last is written by hand, so that large data are copied once only.
    head = _encode((dtype, shape, order))
    length = memoryview(data).nbytes
    if length < 1 << 8:
        bin_head = b"\xc4" + length.to_bytes(1, "big")
    elif length < 1 << 16:
        bin_head = b"\xc5" + length.to_bytes(2, "big")
    else:
        bin_head = b"\xc6" + length.to_bytes(4, "big")
    return Ext(ARRAY, b"".join((b"\x94", head[1:], bin_head, data)))


def array_from_wire(data: memoryview) -> Any:
    """An array of numpy where the program has imported it, else a `RawArray`.

    Raises:
        msgspec.ValidationError: If it is not what it says.
    """
    dtype, shape, order, elements = _parse(data)
    numpy = sys.modules.get("numpy")
    if numpy is None or not hasattr(numpy, "frombuffer"):
        return RawArray(dtype, shape, order, bytes(elements))
    return _numpy_array(numpy, dtype, shape, order, elements)


def lists_from_wire(data: memoryview) -> Any:
    """An array as nested lists, for a type that asks for lists.

    Raises:
        msgspec.ValidationError: If it is not what it says.
    """
    return nested_lists(*_parse(data))


def _parse(data: memoryview) -> tuple[str, tuple[int, ...], str, memoryview]:
    try:
        dtype, shape, order, elements = _read(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise msgspec.ValidationError(f"Expected an array of numbers, got other bytes: {error}") from None
    size = _DTYPES.get(dtype, (0, ""))[0]
    present = prod(length for length in shape if length)
    if (
        not size
        or order not in ("C", "F")
        or len(shape) > DIMENSIONS
        or min(shape, default=0) < 0
        or prod(shape) * size != len(elements)
        or (not all(shape) and present > EMPTY_LIMIT)
    ):
        raise msgspec.ValidationError(
            f"Expected an array of numbers, got one of {dtype[:32]!r} and shape {shape[:DIMENSIONS]} "
            f"with {len(elements)} bytes of data"
        )
    return dtype, shape, order, elements


def _numpy_array(numpy: Any, dtype: str, shape: tuple[int, ...], order: str, elements: Any) -> Any:
    # Copied: what arrived is aligned to nothing and belongs to the call, and a tool may change its argument.
    flat = numpy.frombuffer(bytearray(elements), numpy.dtype(dtype).newbyteorder("<"))
    if dtype == "bool":
        flat = flat.view(numpy.uint8) != 0
    if sys.byteorder == "big":
        flat = flat.astype(dtype)
    return flat.reshape(shape, order=order)


def nested_lists(dtype: str, shape: tuple[int, ...], order: str, elements: Any) -> Any:
    """The elements as nested lists; of an array without dimensions the element itself."""
    size, form = _DTYPES[dtype]
    data = bytes(elements)
    if sys.byteorder == "big":
        width = size // 2 if dtype.startswith("complex") else size
        data = b"".join(data[start : start + width][::-1] for start in range(0, len(data), width))
    flat: list[Any]
    if dtype == "bool":
        flat = [byte != 0 for byte in data]
    else:
        flat = memoryview(data).cast(form).tolist()  # type: ignore[call-overload]
        if dtype.startswith("complex"):
            flat = [complex(*pair) for pair in zip(flat[::2], flat[1::2], strict=True)]
    return _nest(flat, shape, 0, _strides(shape, order)) if shape else flat[0]


def _strides(shape: tuple[int, ...], order: str) -> list[int]:
    axes = range(len(shape))
    return [prod(shape[axis + 1 :]) if order == "C" else prod(shape[:axis]) for axis in axes]


def _nest(flat: list[Any], shape: tuple[int, ...], start: int, strides: list[int]) -> list[Any]:
    length, stride = shape[0], strides[0]
    if len(shape) == 1:
        return flat[start : start + length * stride : stride] if length else []
    return [_nest(flat, shape[1:], start + index * stride, strides[1:]) for index in range(length)]
