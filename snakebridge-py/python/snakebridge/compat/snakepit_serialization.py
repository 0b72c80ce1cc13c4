"""Snakepit's `TypeSerializer`, for adapters that use it themselves. Nothing in this package does."""

from __future__ import annotations

from typing import Any

import msgspec

TYPE_PREFIX = "type.googleapis.com/snakepit."

_CHECKS: dict[str, Any] = {"float": float, "integer": int, "string": str, "boolean": bool}


class AnyMessage(msgspec.Struct):
    """What snakepit has as ``google.protobuf.Any``: a type's name, and the value as JSON."""

    type_url: str
    value: bytes


class TypeSerializer:
    """Values as JSON with the name of their type. Large ones as well: nothing is pickled."""

    @staticmethod
    def encode_any(value: Any, var_type: str) -> tuple[AnyMessage, bytes | None]:
        """Encode a value of a type; the second part, binary data, is always None here.

        Raises:
            ValueError: If the value is not of the type.
        """
        encoded = msgspec.json.encode(_converted(value, var_type), enc_hook=lambda other: other.tolist())
        return AnyMessage(TYPE_PREFIX + var_type, encoded), None

    @staticmethod
    def decode_any(message: AnyMessage, binary_data: bytes | None = None) -> Any:  # noqa: ARG004
        """Decode what `encode_any` gave."""
        return _converted(msgspec.json.decode(message.value), message.type_url.rpartition(".")[2])


def _converted(value: Any, var_type: str) -> Any:
    kind = _CHECKS.get(var_type)
    if kind is None:
        return value
    if var_type == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ValueError(f"{value!r} is no {var_type}: {error}") from None
