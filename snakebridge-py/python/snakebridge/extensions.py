"""Values without a natural form in MessagePack: they travel as its extension types, see `docs/protocol.md`.

The hooks here are called by msgspec for what it does not know, and for nothing else. Timestamps are no matter
of theirs: msgspec reads and writes them by itself.
"""

from __future__ import annotations

import struct
import sys
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.msgpack import Ext

from snakebridge.errors import Unserializable

if TYPE_CHECKING:
    from collections.abc import Callable

INTEGER, COMPLEX, ARRAY, ARROW, OBJECT, STREAM, OPAQUE, CALLABLE = range(1, 9)
"""The extension types of the protocol."""

INTEGER_BYTES = 4096
"""Most bytes of an integer: 32 768 bits."""

_COMPLEX = struct.Struct(">dd")


class _Mark(msgspec.Struct):
    type: str
    repr: str | None = None


class Opaque:
    """The mark of an object that had no form on the wire.

    Attributes:
        type_name: The type of the object, such as ``threading.Thread``.
        text: What `repr` gave, as much of it as was sent, or None.
    """

    __module__ = "snakebridge"

    # No structure of msgspec's, which would leave as a map.
    def __init__(self, type_name: str, text: str | None = None) -> None:
        self.type_name, self.text = type_name, text

    def __repr__(self) -> str:
        return f"<{self.type_name}>" if self.text is None else self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Opaque) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.type_name, self.text))


class ArrowStream:
    """A table as an Arrow IPC stream, in a program that has not imported pyarrow.

    Attributes:
        data: The stream, for `pyarrow.ipc.open_stream`.
    """

    __module__ = "snakebridge"

    def __init__(self, data: bytes) -> None:
        self.data = data


def integer_to_wire(value: int) -> Ext:
    """An integer beyond 64 bits.

    Raises:
        Unserializable: If it has too many bits.
    """
    length = (value + (value < 0)).bit_length() // 8 + 1
    if length > INTEGER_BYTES:
        raise Unserializable(
            f"an integer of {value.bit_length()} bits, and at most {INTEGER_BYTES * 8} have a form"
        )
    return Ext(INTEGER, value.to_bytes(length, "big", signed=True))


def extension_to_wire(value: Any) -> Ext | None:
    """A value as an extension, or None where it is none of those."""
    kind = type(value)
    if isinstance(value, complex):
        return Ext(COMPLEX, _COMPLEX.pack(value.real, value.imag))
    library = kind.__module__.partition(".")[0]
    if library == "numpy" and kind.__name__ == "ndarray":
        from snakebridge.conversion.arrays import array_to_wire

        return array_to_wire(value)
    if library == "pyarrow" and kind.__name__ in ("Table", "RecordBatch"):
        return Ext(ARROW, _arrow_stream(value))
    if library == "snakebridge":
        if kind is ArrowStream:
            return Ext(ARROW, value.data)
        if kind is Opaque:
            return Ext(OPAQUE, _encode_mark(_Mark(value.type_name, value.text)))
        raw = sys.modules.get("snakebridge.conversion.arrays")
        if raw is not None and kind is raw.RawArray:
            return raw.raw_to_wire(value)  # type: ignore[no-any-return]
    return None


def _arrow_stream(table: Any) -> bytes:
    pyarrow = sys.modules["pyarrow"]
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write(table)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def from_extension(code: int, data: memoryview) -> Any:
    """Make the value of an extension: msgspec's hook.

    Raises:
        msgspec.ValidationError: If it means nothing, or its data are not what they should be.
    """
    read = _READERS.get(code)
    if read is None:
        raise msgspec.ValidationError(f"Expected a value, got {_NAMES.get(code, f'`ext` of type {code}')}")
    return read(data)


def _integer(data: memoryview) -> int:
    if not 1 <= len(data) <= INTEGER_BYTES:
        raise msgspec.ValidationError(
            f"Expected `int` of 1 to {INTEGER_BYTES} bytes, got `ext` of {len(data)} bytes"
        )
    return int.from_bytes(data, "big", signed=True)


def _complex(data: memoryview) -> complex:
    if len(data) != _COMPLEX.size:
        raise msgspec.ValidationError(f"Expected `complex` of 16 bytes, got `ext` of {len(data)} bytes")
    return complex(*_COMPLEX.unpack(data))


def _array(data: memoryview) -> Any:
    from snakebridge.conversion.arrays import array_from_wire

    return array_from_wire(data)


def _arrow(data: memoryview) -> Any:
    pyarrow = sys.modules.get("pyarrow")
    if pyarrow is None or not hasattr(pyarrow, "ipc"):
        return ArrowStream(bytes(data))
    try:
        table = pyarrow.ipc.open_stream(pyarrow.py_buffer(bytes(data))).read_all()
        table.validate()
    except (pyarrow.ArrowException, OSError, EOFError) as error:
        raise msgspec.ValidationError(f"Expected a stream of Arrow, got other bytes: {error}") from None
    return table


_encode_mark = msgspec.msgpack.Encoder().encode
_decode_mark = msgspec.msgpack.Decoder(_Mark).decode


def _mark(data: memoryview) -> Opaque:
    try:
        mark = _decode_mark(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise msgspec.ValidationError(f"Expected the mark of an object, got other bytes: {error}") from None
    return Opaque(mark.type, mark.repr)


_READERS: dict[int, Callable[[memoryview], Any]] = {
    INTEGER: _integer,
    COMPLEX: _complex,
    ARRAY: _array,
    ARROW: _arrow,
    OPAQUE: _mark,
}
_NAMES = {STREAM: "a stream, which a parameter takes that is annotated as an iterator"}

decode = msgspec.msgpack.Decoder(ext_hook=from_extension).decode
"""Decode one document of any type."""
