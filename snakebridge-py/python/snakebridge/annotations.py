"""Annotations as text, as JSON Schema, and whether arguments can be decoded into them."""

from __future__ import annotations

import types
import typing
from typing import Any

import msgspec


def type_text(annotation: Any) -> str:
    """An annotation as a reader writes it, such as ``dict[str, any] | None``; ``any`` where there is none.

    Example:
        >>> type_text(typing.Optional[typing.Dict[str, Any]])
        'dict[str, any] | None'
    """
    if annotation is Any:
        return "any"
    if annotation is None or annotation is types.NoneType:
        return "None"
    if isinstance(annotation, str):
        return annotation
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return type_text(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return " | ".join(type_text(argument) for argument in arguments)
    if origin is typing.Literal:
        return f"Literal[{', '.join(repr(argument) for argument in arguments)}]"
    if origin is not None:
        inner = ", ".join("..." if argument is ... else type_text(argument) for argument in arguments)
        name = getattr(origin, "__name__", str(origin))
        return f"{name}[{inner}]" if inner else name
    return str(getattr(annotation, "__name__", annotation))


def description_of(annotation: Any) -> str:
    """The description in ``Annotated[..., msgspec.Meta(description=...)]``, else an empty text."""
    for extra in getattr(annotation, "__metadata__", ()):
        if isinstance(extra, msgspec.Meta) and extra.description:
            return extra.description
    return ""


def json_schema(annotation: Any) -> dict[str, Any] | None:
    """The JSON Schema of an annotation, or None where JSON Schema cannot say it."""
    if isinstance(annotation, str):
        return None
    try:
        return msgspec.json.schema(annotation)
    except Exception:  # the schema informs; the tool works without it
        return None


def undecodable(annotation: Any) -> str | None:
    """Why arguments cannot be decoded into an annotation, or None where they can."""
    try:
        info = msgspec.inspect.type_info(annotation)
    except Exception as error:
        return str(error)
    custom = _custom_type(info, set())
    return None if custom is None else f"`{custom}` has no form in MessagePack"


def _custom_type(info: Any, seen: set[int]) -> str | None:
    """The first type inside which msgspec leaves to the program, by a walk over msgspec's own description."""
    if isinstance(info, msgspec.inspect.CustomType):
        # msgspec checks such a value by isinstance, and everything is an object.
        return None if info.cls is object else f"{info.cls.__module__}.{info.cls.__qualname__}"
    if id(info) in seen:
        return None
    seen.add(id(info))
    children: list[Any] = []
    if isinstance(info, msgspec.Struct):
        children = [getattr(info, field) for field in info.__struct_fields__]
    elif isinstance(info, tuple):
        children = list(info)
    return next((found for child in children if (found := _custom_type(child, seen))), None)
